/** The smallest AWS host for a workload, and its price. */
import { evaluate } from './evaluate';
import type { Host } from './host';
import {
  AURORA_CLASSES,
  INSTANCE_TYPES,
  PRICES_AS_OF,
  PRICES_SOURCE,
  SMALLEST_HOST_GIB,
  type Architecture,
  type InstanceType,
} from './instanceTypes';
import { relationSizes, sumBytes, tableRows } from './storage';
import { requiredBuildMemoryMiB } from './indexPlan';
import { volumePerformance } from './server';
import { GP3_MAX_GIB, gp3UsdPerMonth, instanceUsdPerMonth, sumOfKnown, type Gp3Volume } from './prices';
import { GIB, KIB, MIB } from './units';
import type { IndexChoice, ResolvedWorkload } from './workload';

/** Fewer cores than this serve searches and a build at the same time badly. */
const MINIMUM_VCPUS = 2;

/** Firmware and kernel keep this share of an instance's nominal memory. */
const KERNEL_SHARE = 0.03;

/** An instance and its data volume. Prices are undefined where the region's are not known. */
export interface HostOffer {
  instanceType: string;
  architecture: Architecture;
  vCpus: number;
  memoryGiB: number;
  localNvmeGB: number | undefined;
  volume: Gp3Volume;
  region: string;
  instanceUsdPerHour: number | undefined;
  instanceUsdPerMonth: number | undefined;
  volumeUsdPerMonth: number | undefined;
  totalUsdPerMonth: number | undefined;
  pricesAsOf: string;
  pricesSource: string;
}

/** The host that an instance type makes: its usable memory, with huge pages reserved as the ec2 tier does. */
export function hostOfInstance(type: InstanceType, diskGiB?: number): Host {
  return {
    memoryMiB: Math.floor(type.memoryGiB * KIB * (1 - KERNEL_SHARE)),
    cores: type.vCpus,
    hugePages: true,
    instanceType: type.name,
    ...(diskGiB === undefined ? {} : { diskGiB }),
  };
}

/** Describes an instance type with a data volume of the size the workload needs. */
function offerOf(type: InstanceType, requiredBytes: number, databaseBytes: number, region: string): HostOffer {
  const volume = {
    sizeGiB: Math.max(20, Math.ceil(requiredBytes / GIB / 10) * 10),
    ...volumePerformance(databaseBytes),
  };
  const usdPerMonth = instanceUsdPerMonth(type, region);
  const volumeUsdPerMonth = gp3UsdPerMonth(volume, region);
  return {
    instanceType: type.name,
    architecture: type.architecture,
    vCpus: type.vCpus,
    memoryGiB: type.memoryGiB,
    localNvmeGB: type.localNvmeGB,
    volume,
    region,
    instanceUsdPerHour: type.usdPerHour[region],
    instanceUsdPerMonth: usdPerMonth,
    volumeUsdPerMonth,
    totalUsdPerMonth: sumOfKnown([usdPerMonth, volumeUsdPerMonth]),
    pricesAsOf: PRICES_AS_OF,
    pricesSource: PRICES_SOURCE,
  };
}

/** Whether a type serves the workload without a problem, on a volume of the size it needs. */
export function instanceFits(workload: ResolvedWorkload, index: IndexChoice, type: InstanceType): boolean {
  if (type.memoryGiB < SMALLEST_HOST_GIB) return false;
  const evaluation = evaluate(workload, index, hostOfInstance(type));
  return type.vCpus >= MINIMUM_VCPUS && evaluation.problems.length === 0 && evaluation.diskGiB <= GP3_MAX_GIB;
}

/** The cheapest type of the table (by the reference region's prices) that fits; undefined where none does. */
export function smallestHost(workload: ResolvedWorkload, index: IndexChoice, region: string): HostOffer | undefined {
  const type = INSTANCE_TYPES.find((candidate) => instanceFits(workload, index, candidate));
  if (type === undefined) return undefined;
  const evaluation = evaluate(workload, index, hostOfInstance(type));
  return offerOf(type, evaluation.disk.requiredBytes, evaluation.databaseBytes, region);
}

/**
 * The smallest Aurora class whose buffer cache (three quarters of the memory by default, less what a build takes) holds the
 * vector indexes; undefined where none does.
 */
export function smallestAuroraClass(workload: ResolvedWorkload, index: IndexChoice): string | undefined {
  const hotMiB = sumBytes(relationSizes(workload, index), ({ kind }) => kind === 'vector index') / MIB;
  const buildMiB = Math.max(
    ...tableRows(workload).map((rows) => requiredBuildMemoryMiB(rows, workload.dimensions, index, false)),
  );
  return AURORA_CLASSES.find(
    ({ memoryGiB }) => hotMiB * 1.1 <= memoryGiB * KIB * 0.65 && buildMiB <= memoryGiB * KIB * 0.2,
  )?.name;
}
