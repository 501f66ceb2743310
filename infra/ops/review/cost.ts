/** What the resources of a stack cost a month, each by itself. What is not known is said; it is never counted as nothing. */
import { PRICES_AS_OF, PRICES_SOURCE, instanceTypeNamed } from '../../capacity/instanceTypes';
import {
  GP3_BASE_IOPS,
  GP3_BASE_MIBPS,
  gp3UsdPerMonth,
  instanceUsdPerMonth,
  s3UsdPerMonth,
  serviceUsdPerMonth,
  type FixedService,
} from '../../capacity/prices';
import { formatBytes, GIB } from '../../capacity/units';
import { numberOf, textOf, valueAt } from './values';
import type { Inputs } from './preview';

/** A resource that may cost something: its type token, logical name and inputs. */
export interface Priced {
  type: string;
  name: string;
  inputs: Inputs;
}

export interface CostItem {
  name: string;
  type: string;
  /** USD a month; undefined where it is not known. */
  usdPerMonth: number | undefined;
  /** What the price is of, or why there is none. */
  basis: string;
}

export interface Cost {
  items: CostItem[];
  /** Sum of what is known, in USD a month. */
  knownUsdPerMonth: number;
  /** Names of the resources whose price is not known. */
  unknown: string[];
  region: string | undefined;
  pricesAsOf: string;
  pricesSource: string;
}

/** What the prices depend on beside the inputs. */
export interface CostContext {
  /** Region; without it nothing of AWS has a price. */
  region: string | undefined;
  /** Bytes that the backup repository is planned to hold. */
  backupBytes?: number | undefined;
}

const FIXED: Readonly<Record<string, readonly [service: FixedService, basis: string]>> = {
  'aws:ec2/natGateway:NatGateway': ['natGateway', 'by the hour; what it carries is not in it'],
  'aws:ec2/eip:Eip': ['publicIpv4', 'a public IPv4 address'],
  'aws:kms/key:Key': ['kmsKey', 'a key; requests are not in it'],
  'aws:secretsmanager/secret:Secret': ['secret', 'a secret; requests are not in it'],
  'aws:cloudwatch/dashboard:Dashboard': ['dashboard', 'beyond the three of an account that are free'],
};

/** Types by whose number nothing is paid. */
const FREE =
  /^(aws:(iam|vpc)\/|aws:ec2\/(vpc|defaultSecurityGroup|securityGroup|securityGroupRule|internetGateway|subnet|routeTable|route|routeTableAssociation|networkInterface|volumeAttachment|mainRouteTableAssociation|tag):|aws:kms\/(alias|grant|keyPolicy):|aws:s3\/bucket(?!:|V2:|ObjectV2:)\w+:|aws:secretsmanager\/(secretVersion|secretPolicy|secretRotation):|aws:ssm\/(document|association):|aws:lambda\/(permission|functionEventInvokeConfig|alias|layerVersion|eventSourceMapping):|aws:scheduler\/scheduleGroup:|aws:sns\/(topicPolicy|topicSubscription):|aws:sqs\/queuePolicy:|aws:cloudwatch\/(event(Rule|Target|BusPolicy)|logMetricFilter|logResourcePolicy|compositeAlarm):|aws:budgets\/budget:|aws:cloudwatch\/eventPermission:|random:|command:|postgresql:|pulumi:|qbench:)/;

/** Paid by use, which no preview knows. */
const BY_USE: Readonly<Record<string, string>> = {
  'aws:lambda/function:Function': 'by requests and seconds',
  'aws:cloudwatch/logGroup:LogGroup': 'by what is logged',
  'aws:sns/topic:Topic': 'by messages',
  'aws:sqs/queue:Queue': 'by requests',
  'aws:scheduler/schedule:Schedule': 'by invocations; 14 million a month are free',
  'aws:backup/vault:Vault': 'by what is kept',
  'aws:dlm/lifecyclePolicy:LifecyclePolicy': 'by the blocks that change between snapshots',
  'aws:cloudwatch/monitoring': 'by use; a preview names them (--preview)',
};

const cents = (usd: number): number => Math.round(usd * 100) / 100;

function unknown(basis: string): Pick<CostItem, 'usdPerMonth' | 'basis'> {
  return { usdPerMonth: undefined, basis };
}

function priced(
  usdPerMonth: number | undefined,
  basis: string,
  region: string,
): Pick<CostItem, 'usdPerMonth' | 'basis'> {
  return usdPerMonth === undefined ? unknown(`the price table has no prices of ${region}`) : { usdPerMonth, basis };
}

function instanceCost(inputs: Inputs, region: string): Pick<CostItem, 'usdPerMonth' | 'basis'> {
  const name = textOf(inputs, 'instanceType') ?? 'not known yet';
  const type = instanceTypeNamed(name);
  if (type === undefined) return unknown(`the price table does not have the instance type ${name}`);
  const root = Number(valueAt(inputs, 'rootBlockDevice.volumeSize'));
  const host = instanceUsdPerMonth(type, region);
  const disk = Number.isFinite(root) ? gp3Cost(root, GP3_BASE_IOPS, GP3_BASE_MIBPS, region) : undefined;
  const sum = host === undefined || disk === undefined ? undefined : cents(host + disk);
  return priced(sum, `${name}, always on, and ${root} GiB of root volume`, region);
}

function gp3Cost(sizeGiB: number, iops: number, throughputMiBps: number, region: string): number | undefined {
  return gp3UsdPerMonth({ sizeGiB, iops, throughputMiBps }, region);
}

function volumeCost(inputs: Inputs, region: string): Pick<CostItem, 'usdPerMonth' | 'basis'> {
  const size = numberOf(inputs, 'size');
  const type = textOf(inputs, 'type') ?? 'gp2';
  if (type !== 'gp3') return unknown(`the price table does not have volumes of type ${type}`);
  if (size === undefined) return unknown('its size is not known yet');
  const iops = numberOf(inputs, 'iops') ?? GP3_BASE_IOPS;
  const throughput = numberOf(inputs, 'throughput') ?? GP3_BASE_MIBPS;
  return priced(gp3Cost(size, iops, throughput, region), `gp3, ${size} GiB, ${iops} IOPS, ${throughput} MiB/s`, region);
}

function costOf(
  { type, inputs }: Priced,
  { region, backupBytes }: CostContext,
): Pick<CostItem, 'usdPerMonth' | 'basis'> | undefined {
  if (FREE.test(type)) return undefined;
  if (!type.startsWith('aws:')) return unknown(`the price table does not have ${type}`);
  if (region === undefined) return unknown('the region is not known');
  const fixed = FIXED[type];
  if (fixed !== undefined) return priced(serviceUsdPerMonth(fixed[0], region), fixed[1], region);
  switch (type) {
    case 'aws:ec2/instance:Instance':
      return instanceCost(inputs, region);
    case 'aws:ebs/volume:Volume':
      return volumeCost(inputs, region);
    case 'aws:s3/bucket:Bucket':
      if (backupBytes === undefined) return unknown('by what it holds');
      return priced(
        s3UsdPerMonth(backupBytes / GIB, region),
        `two full backups, ${formatBytes(backupBytes)}; WAL, old versions and requests are not in it`,
        region,
      );
    case 'aws:ec2/vpcEndpoint:VpcEndpoint':
      // Gateway endpoints cost nothing; the others by the hour and zone.
      if (textOf(inputs, 'vpcEndpointType') === 'Gateway') return undefined;
      return endpointCost(inputs, region);
    case 'aws:ssm/parameter:Parameter':
      return textOf(inputs, 'tier') === 'Advanced' ? unknown('an advanced parameter') : undefined;
    case 'aws:cloudwatch/metricAlarm:MetricAlarm':
      return alarmCost(inputs, region);
    default:
      return unknown(BY_USE[type] ?? `the price table does not have ${type}`);
  }
}

function endpointCost(inputs: Inputs, region: string): Pick<CostItem, 'usdPerMonth' | 'basis'> {
  const subnets = inputs['subnetIds'];
  if (!Array.isArray(subnets)) return unknown('its zones are not known');
  const one = serviceUsdPerMonth('interfaceEndpoint', region);
  const sum = one === undefined ? undefined : cents(one * subnets.length);
  return priced(sum, `an endpoint in ${subnets.length} zones; what it carries is not in it`, region);
}

/** An alarm is paid by the metrics it looks at. */
function alarmCost(inputs: Inputs, region: string): Pick<CostItem, 'usdPerMonth' | 'basis'> {
  const queries = inputs['metricQueries'];
  const metrics = Array.isArray(queries)
    ? queries.filter((query) => valueAt(query as Inputs, 'metric') !== undefined).length
    : 1;
  const one = serviceUsdPerMonth('alarm', region);
  const sum = one === undefined ? undefined : cents(one * Math.max(1, metrics));
  return priced(sum, metrics > 1 ? `an alarm on ${metrics} metrics` : 'an alarm', region);
}

/** Prices every resource that costs something; the dearest first, then the unknown. */
export function costOfResources(resources: readonly Priced[], context: CostContext): Cost {
  const items = resources.flatMap((resource): CostItem[] => {
    const cost = costOf(resource, context);
    return cost === undefined ? [] : [{ name: resource.name, type: resource.type, ...cost }];
  });
  items.sort(
    (a, b) => (b.usdPerMonth ?? -1) - (a.usdPerMonth ?? -1) || a.name.localeCompare(b.name, 'en', { numeric: true }),
  );
  const known = items.reduce((sum, { usdPerMonth }) => sum + (usdPerMonth ?? 0), 0);
  return {
    items,
    knownUsdPerMonth: cents(known),
    unknown: items.filter(({ usdPerMonth }) => usdPerMonth === undefined).map(({ name }) => name),
    region: context.region,
    pricesAsOf: PRICES_AS_OF,
    pricesSource: PRICES_SOURCE,
  };
}

/** "344.10 USD", or "at least 344.10 USD; not known: a, b". */
export function costText({ knownUsdPerMonth, unknown: names }: Cost, most = 5): string {
  const sum = `${knownUsdPerMonth.toFixed(2)} USD`;
  if (names.length === 0) return sum;
  const listed = names.slice(0, most).join(', ');
  const more = names.length > most ? ` and ${names.length - most} more` : '';
  return `at least ${sum}; not known: ${listed}${more}`;
}
