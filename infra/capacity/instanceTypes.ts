/**
 * AWS instance types that a plan may choose: current memory-optimised, general-purpose and storage-optimised families up to
 * 512 GiB. On-demand Linux list prices in USD an hour, from AWS's public price list; a region whose price is not known for
 * certain has none here, and a plan then shows none.
 */
export type Architecture = 'arm64' | 'x86_64';

/** When the prices were current, and whose they are. */
export const PRICES_AS_OF = '2025-10';
export const PRICES_SOURCE = 'AWS public on-demand list price';

/** Region whose prices are complete; the order "smallest by price" uses them everywhere, since regions differ by a common factor. */
export const REFERENCE_REGION = 'us-east-1';

export interface InstanceType {
  name: string;
  architecture: Architecture;
  vCpus: number;
  memoryGiB: number;
  /** Size of all local NVMe disks in GB (10^9 bytes); undefined where there is none. Their data is lost when the host stops. */
  localNvmeGB: number | undefined;
  /** USD an hour by region; an unknown price is absent. */
  usdPerHour: Readonly<Record<string, number | undefined>>;
}

/** Size name, vCPUs, GB of local NVMe. Memory and price of a family are proportional to its vCPUs. */
type Size = readonly [size: string, vCpus: number, localNvmeGB?: number];

const GRAVITON_SIZES: readonly Size[] = [
  ['medium', 1],
  ['large', 2],
  ['xlarge', 4],
  ['2xlarge', 8],
  ['4xlarge', 16],
  ['8xlarge', 32],
  ['12xlarge', 48],
  ['16xlarge', 64],
];
const INTEL_SIZES: readonly Size[] = GRAVITON_SIZES.slice(1);

const NVME_SIZES: readonly Size[] = [
  ['large', 2, 468],
  ['xlarge', 4, 937],
  ['2xlarge', 8, 1875],
  ['4xlarge', 16, 3750],
  ['8xlarge', 32, 7500],
  ['16xlarge', 64, 15_000],
];

const DENSE_NVME_SIZES: readonly Size[] = [
  ['large', 2, 1250],
  ['xlarge', 4, 2500],
  ['2xlarge', 8, 5000],
  ['3xlarge', 12, 7500],
  ['6xlarge', 24, 15_000],
  ['12xlarge', 48, 30_000],
];

interface Family {
  name: string;
  architecture: Architecture;
  memoryGiBPerVCpu: number;
  usdPerVCpuHour: Readonly<Record<string, number | undefined>>;
  sizes: readonly Size[];
}

const FAMILIES: readonly Family[] = [
  {
    name: 'r8g',
    architecture: 'arm64',
    memoryGiBPerVCpu: 8,
    usdPerVCpuHour: { 'us-east-1': 0.05891 },
    sizes: GRAVITON_SIZES,
  },
  {
    name: 'r7g',
    architecture: 'arm64',
    memoryGiBPerVCpu: 8,
    usdPerVCpuHour: { 'us-east-1': 0.05355 },
    sizes: GRAVITON_SIZES,
  },
  {
    name: 'r7i',
    architecture: 'x86_64',
    memoryGiBPerVCpu: 8,
    usdPerVCpuHour: { 'us-east-1': 0.06615 },
    sizes: INTEL_SIZES,
  },
  {
    name: 'm8g',
    architecture: 'arm64',
    memoryGiBPerVCpu: 4,
    usdPerVCpuHour: { 'us-east-1': 0.04488 },
    sizes: GRAVITON_SIZES,
  },
  {
    name: 'm7g',
    architecture: 'arm64',
    memoryGiBPerVCpu: 4,
    usdPerVCpuHour: { 'us-east-1': 0.0408, 'eu-central-1': 0.0488 },
    sizes: GRAVITON_SIZES,
  },
  {
    name: 'm7i',
    architecture: 'x86_64',
    memoryGiBPerVCpu: 4,
    usdPerVCpuHour: { 'us-east-1': 0.0504 },
    sizes: INTEL_SIZES,
  },
  {
    name: 'i8g',
    architecture: 'arm64',
    memoryGiBPerVCpu: 8,
    usdPerVCpuHour: { 'us-east-1': 0.0858 },
    sizes: NVME_SIZES,
  },
  {
    name: 'i4i',
    architecture: 'x86_64',
    memoryGiBPerVCpu: 8,
    usdPerVCpuHour: { 'us-east-1': 0.0858 },
    sizes: NVME_SIZES,
  },
  {
    name: 'i7ie',
    architecture: 'x86_64',
    memoryGiBPerVCpu: 8,
    usdPerVCpuHour: { 'us-east-1': 0.12995 },
    sizes: DENSE_NVME_SIZES,
  },
];

/** Prices to five decimals, as the price list gives them. */
function times(
  vCpus: number,
  prices: Readonly<Record<string, number | undefined>>,
): Record<string, number | undefined> {
  return Object.fromEntries(
    Object.entries(prices).map(([region, usd]) => [
      region,
      usd === undefined ? undefined : Math.round(usd * vCpus * 1e5) / 1e5,
    ]),
  );
}

/** GiB. Below it the hot indexes of today's 104,000 documents do not stay in memory beside everything else; tier ec2 takes no less. */
export const SMALLEST_HOST_GIB = 16;

/** All types, the cheapest in the reference region first; equal prices: more memory first. */
export const INSTANCE_TYPES: readonly InstanceType[] = FAMILIES.flatMap((family) =>
  family.sizes.map(([size, vCpus, localNvmeGB]) => ({
    name: `${family.name}.${size}`,
    architecture: family.architecture,
    vCpus,
    memoryGiB: vCpus * family.memoryGiBPerVCpu,
    localNvmeGB,
    usdPerHour: times(vCpus, family.usdPerVCpuHour),
  })),
).sort((a, b) => referencePrice(a) - referencePrice(b) || b.memoryGiB - a.memoryGiB || (a.name < b.name ? -1 : 1));

/** Price in the reference region, which every type of the table has. */
function referencePrice(type: InstanceType): number {
  return type.usdPerHour[REFERENCE_REGION] ?? Infinity;
}

/** An instance type by its name; undefined where the table does not have it. */
export function instanceTypeNamed(name: string): InstanceType | undefined {
  return INSTANCE_TYPES.find((type) => type.name === name);
}

/** Aurora's instance classes for PostgreSQL by memory; their prices vary by storage model and are not listed here. */
export const AURORA_CLASSES: readonly { name: string; vCpus: number; memoryGiB: number }[] = [
  { name: 'db.r8g.large', vCpus: 2, memoryGiB: 16 },
  { name: 'db.r8g.xlarge', vCpus: 4, memoryGiB: 32 },
  { name: 'db.r8g.2xlarge', vCpus: 8, memoryGiB: 64 },
  { name: 'db.r8g.4xlarge', vCpus: 16, memoryGiB: 128 },
  { name: 'db.r8g.8xlarge', vCpus: 32, memoryGiB: 256 },
  { name: 'db.r8g.12xlarge', vCpus: 48, memoryGiB: 384 },
  { name: 'db.r8g.16xlarge', vCpus: 64, memoryGiB: 512 },
  { name: 'db.r8g.24xlarge', vCpus: 96, memoryGiB: 768 },
  { name: 'db.r8g.48xlarge', vCpus: 192, memoryGiB: 1536 },
];
