/** Prices of disks, backups, hosts and fixed services in USD a month. Unknown is undefined, never 0. As of PRICES_AS_OF, list prices. */
import type { InstanceType } from './instanceTypes';
import { HOURS_PER_MONTH } from './units';

interface RegionPrices {
  gp3UsdPerGiBMonth: number;
  /** For each IOPS above 3000. */
  gp3UsdPerIopsMonth: number;
  /** For each MiB/s above 125. */
  gp3UsdPerMiBpsMonth: number;
  /** S3 Standard, first 50 TB. */
  s3UsdPerGiBMonth: number;
  /** A NAT gateway without what it carries. */
  natGatewayUsdPerHour: number;
  /** A public IPv4 address, in use or not. */
  publicIpv4UsdPerHour: number;
  /** An interface endpoint in one zone. */
  interfaceEndpointUsdPerHour: number;
}

/** The same in every commercial region. */
const EVERYWHERE = {
  /** A customer managed key; each rotation of the first two years adds as much. */
  kmsKeyUsdPerMonth: 1,
  secretUsdPerMonth: 0.4,
  /** A standard-resolution alarm on one metric. */
  alarmUsdPerMonth: 0.1,
  /** Beyond the first three of an account. */
  dashboardUsdPerMonth: 3,
  /** A custom metric, the first 10,000. */
  metricUsdPerMonth: 0.3,
} as const;

const REGIONS: Readonly<Record<string, RegionPrices | undefined>> = {
  'us-east-1': {
    gp3UsdPerGiBMonth: 0.08,
    gp3UsdPerIopsMonth: 0.005,
    gp3UsdPerMiBpsMonth: 0.04,
    s3UsdPerGiBMonth: 0.023,
    natGatewayUsdPerHour: 0.045,
    publicIpv4UsdPerHour: 0.005,
    interfaceEndpointUsdPerHour: 0.01,
  },
  'eu-central-1': {
    gp3UsdPerGiBMonth: 0.0952,
    gp3UsdPerIopsMonth: 0.006,
    gp3UsdPerMiBpsMonth: 0.048,
    s3UsdPerGiBMonth: 0.0245,
    natGatewayUsdPerHour: 0.052,
    publicIpv4UsdPerHour: 0.005,
    interfaceEndpointUsdPerHour: 0.012,
  },
};

/** Included in a gp3 volume's price. */
export const GP3_BASE_IOPS = 3000;
export const GP3_BASE_MIBPS = 125;

/** Largest gp3 volume a plan counts on, in GiB. */
export const GP3_MAX_GIB = 16_384;

export interface Gp3Volume {
  sizeGiB: number;
  iops: number;
  throughputMiBps: number;
}

/** Monthly price of a gp3 volume; undefined in a region whose prices are not known. */
export function gp3UsdPerMonth(volume: Gp3Volume, region: string): number | undefined {
  const prices = REGIONS[region];
  if (prices === undefined) return undefined;
  return cents(
    volume.sizeGiB * prices.gp3UsdPerGiBMonth +
      Math.max(0, volume.iops - GP3_BASE_IOPS) * prices.gp3UsdPerIopsMonth +
      Math.max(0, volume.throughputMiBps - GP3_BASE_MIBPS) * prices.gp3UsdPerMiBpsMonth,
  );
}

/** Monthly price of bytes in S3 Standard; undefined in a region whose prices are not known. */
export function s3UsdPerMonth(sizeGiB: number, region: string): number | undefined {
  const prices = REGIONS[region];
  return prices === undefined ? undefined : cents(sizeGiB * prices.s3UsdPerGiBMonth);
}

/** What is paid by the month or the hour, whatever it does. */
export type FixedService =
  'natGateway' | 'publicIpv4' | 'interfaceEndpoint' | 'kmsKey' | 'secret' | 'alarm' | 'dashboard' | 'metric';

/** Monthly price of one of a service; undefined in a region whose prices are not known. */
export function serviceUsdPerMonth(service: FixedService, region: string): number | undefined {
  const prices = REGIONS[region];
  if (prices === undefined) return undefined;
  switch (service) {
    case 'natGateway':
      return cents(prices.natGatewayUsdPerHour * HOURS_PER_MONTH);
    case 'publicIpv4':
      return cents(prices.publicIpv4UsdPerHour * HOURS_PER_MONTH);
    case 'interfaceEndpoint':
      return cents(prices.interfaceEndpointUsdPerHour * HOURS_PER_MONTH);
    case 'kmsKey':
      return EVERYWHERE.kmsKeyUsdPerMonth;
    case 'secret':
      return EVERYWHERE.secretUsdPerMonth;
    case 'alarm':
      return EVERYWHERE.alarmUsdPerMonth;
    case 'dashboard':
      return EVERYWHERE.dashboardUsdPerMonth;
    case 'metric':
      return EVERYWHERE.metricUsdPerMonth;
  }
}

/** Monthly on-demand price of an instance; undefined where the region's price is not known. */
export function instanceUsdPerMonth(type: InstanceType, region: string): number | undefined {
  const usdPerHour = type.usdPerHour[region];
  return usdPerHour === undefined ? undefined : cents(usdPerHour * HOURS_PER_MONTH);
}

/** A sum in which one unknown makes the whole unknown. */
export function sumOfKnown(prices: readonly (number | undefined)[]): number | undefined {
  return prices.reduce<number | undefined>(
    (sum, price) => (sum === undefined || price === undefined ? undefined : cents(sum + price)),
    0,
  );
}

function cents(usd: number): number {
  return Math.round(usd * 100) / 100;
}
