/** The capacity plan: from a workload and a host to sizes, memory, parameters, hosts, prices and a forecast. */
import { CapacityError, CapacityInputError } from './errors';
import { evaluate, type Problem } from './evaluate';
import { forecast, type Forecast } from './forecast';
import { hostMistakes, type Host } from './host';
import { hostOfInstance, smallestAuroraClass, smallestHost, type HostOffer } from './hosts';
import type { IndexPlan } from './indexPlan';
import { INSTANCE_TYPES, REFERENCE_REGION, instanceTypeNamed } from './instanceTypes';
import type { MemoryPlan } from './memory';
import type { ServerParameters } from './parameters';
import { GP3_MAX_GIB, s3UsdPerMonth } from './prices';
import { hostParameters, type HostParameters } from './server';
import {
  backupSizes,
  sumBytes,
  tableRows,
  walSizes,
  type BackupSizes,
  type DiskSizes,
  type RelationSize,
  type TableRows,
  type WalSizes,
} from './storage';
import { GIB } from './units';
import { degradePath, waysOut, type DegradeStep, type WayOut } from './waysOut';
import {
  grownWorkload,
  inputMistakes,
  resolveIndex,
  resolveWorkload,
  type IndexChoice,
  type IndexRequest,
  type ResolvedWorkload,
  type Workload,
} from './workload';

export { CapacityError, CapacityInputError } from './errors';
export type { Problem, ProblemKind } from './evaluate';
export type { Host } from './host';
export { hostOfInstance, type HostOffer } from './hosts';
export type { IndexPlan } from './indexPlan';
export type { MemoryPlan, MemorySum } from './memory';
export { PARAMETER_ROWS } from './parameters';
export type { ParameterRow, ParameterUnit, ServerParameters } from './parameters';
export type { HostParameters } from './server';
export type { DegradeStep, WayOut } from './waysOut';
export { DEFAULT_WORKLOAD } from './workload';
export type { IndexChoice, IndexRequest, Workload } from './workload';

/** What a plan is asked for. */
export interface PlanRequest {
  workload: Workload;
  index: IndexRequest;
  /** @default the smallest AWS host that fits at the horizon */
  host?: Host;
  /** Region of the prices. @default us-east-1 */
  region?: string;
  /** Hours within which a lost host must be back; a single host's restore that takes longer makes aurora the answer. @default 4 */
  recoveryTimeObjectiveHours?: number;
}

/** The workload and what it takes after the horizon. */
export interface HorizonPlan {
  months: number;
  documents: number;
  databaseBytes: number;
  vectorIndexBytes: number;
  requiredDiskBytes: number;
  fitsThisHost: boolean;
  smallestHost: HostOffer | undefined;
}

export interface CapacityPlan {
  /** Whether the workload of today fits the host; growth is in `forecast` and `horizon`. */
  fits: boolean;
  /** The numbers that break; empty where it fits. */
  problems: Problem[];
  /** Three ways out where it does not fit, each with its own numbers; else empty. */
  waysOut: WayOut[];
  /** Lines a person should read although the plan fits. */
  warnings: string[];
  workload: ResolvedWorkload;
  index: IndexChoice;
  host: Host;
  tables: readonly TableRows[];
  relations: RelationSize[];
  /** Sums of `relations`, maps included, in bytes. */
  sizes: {
    tableBytes: number;
    toastBytes: number;
    secondaryIndexBytes: number;
    vectorIndexBytes: number;
    databaseBytes: number;
  };
  wal: WalSizes;
  backup: BackupSizes & { s3UsdPerMonth: number | undefined };
  indexes: IndexPlan[];
  memory: MemoryPlan;
  server: ServerParameters;
  hostParameters: HostParameters;
  disk: DiskSizes;
  /** Disk of the host, or the size it needs at the horizon where none was given. */
  diskGiB: number;
  smallestHost: HostOffer | undefined;
  horizon: HorizonPlan;
  forecast: Forecast;
  degradePath: DegradeStep[];
  /** Whether and why the aurora tier is the answer, and the smallest class that fits there. */
  aurora: { advised: boolean; reasons: string[]; smallestClass: string | undefined };
}

/** The host a plan is made for where none was given: what fits at the horizon, else now, else the largest of the table. */
function chosenHost(workload: ResolvedWorkload, index: IndexChoice, region: string): Host {
  const offer =
    smallestHost(grownWorkload(workload, workload.horizonMonths), index, region) ??
    smallestHost(workload, index, region);
  const type = offer === undefined ? undefined : instanceTypeNamed(offer.instanceType);
  const biggest = INSTANCE_TYPES.reduce((most, candidate) => (candidate.memoryGiB > most.memoryGiB ? candidate : most));
  return hostOfInstance(type ?? biggest);
}

function horizonPlan(workload: ResolvedWorkload, index: IndexChoice, host: Host, region: string): HorizonPlan {
  const grown = grownWorkload(workload, workload.horizonMonths);
  const evaluation = evaluate(grown, index, host);
  return {
    months: workload.horizonMonths,
    documents: grown.documents,
    databaseBytes: evaluation.databaseBytes,
    vectorIndexBytes: sumBytes(evaluation.relations, ({ kind }) => kind === 'vector index'),
    requiredDiskBytes: evaluation.disk.requiredBytes,
    fitsThisHost: evaluation.problems.length === 0,
    smallestHost: smallestHost(grown, index, region),
  };
}

function auroraAdvice(plan: Omit<CapacityPlan, 'aurora' | 'warnings'>, objectiveHours: number): CapacityPlan['aurora'] {
  const reasons: string[] = [];
  const restoreHours = plan.backup.restoreSeconds / 3600;
  if (restoreHours > objectiveHours) {
    reasons.push(
      `restoring one host takes ${restoreHours.toFixed(1)} h, more than the objective of ${objectiveHours} h`,
    );
  }
  if (plan.smallestHost === undefined) reasons.push('no single listed host fits today');
  else if (plan.horizon.smallestHost === undefined)
    reasons.push(`no single listed host fits in ${plan.horizon.months} months`);
  if (plan.horizon.requiredDiskBytes > GP3_MAX_GIB * GIB)
    reasons.push(`the disk outgrows one gp3 volume of ${GP3_MAX_GIB} GiB`);
  return { advised: reasons.length > 0, reasons, smallestClass: smallestAuroraClass(plan.workload, plan.index) };
}

function warningsOf(plan: Omit<CapacityPlan, 'aurora' | 'warnings'>): string[] {
  const warnings: string[] = [];
  const { memory, host, forecast: ahead, horizon } = plan;
  const serial = plan.indexes.filter((index) => index.parallelWorkers === 0 && host.cores > 1);
  if (serial.length > 0) {
    warnings.push(
      `/dev/shm (${host.devShmMiB ?? 0} MiB) cannot give a parallel build its ${memory.wantedBuildMiB} MiB: the build runs serially; enlarge /dev/shm`,
    );
  }
  if (plan.fits && !horizon.fitsThisHost) {
    const months = Math.min(ahead.monthsUntilMemoryFull ?? Infinity, ahead.monthsUntilDiskFull ?? Infinity);
    warnings.push(
      Number.isFinite(months)
        ? `outgrown in ${months} months, before the horizon of ${horizon.months}`
        : `outgrown before the horizon of ${horizon.months} months`,
    );
  }
  if (plan.index.type === 'bit')
    warnings.push('bit finds candidates only: search through the SQL function that reranks');
  return warnings;
}

/**
 * Makes the plan.
 *
 * @throws CapacityInputError where the numbers given make no sense, with every mistake; a plan that does not fit is no error but a
 *   value with `fits: false`, see {@link assertFits}
 */
export function planCapacity(request: PlanRequest): CapacityPlan {
  const index = resolveIndex(request.index);
  const mistakes = [
    ...inputMistakes(request.workload, index),
    ...(request.host === undefined ? [] : hostMistakes(request.host)),
  ];
  if (mistakes.length > 0) throw new CapacityInputError(mistakes);
  const workload = resolveWorkload(request.workload);
  const region = request.region ?? REFERENCE_REGION;
  const host = request.host ?? chosenHost(workload, index, region);
  const evaluation = evaluate(workload, index, host);
  const { relations, problems, indexes, memory } = evaluation;
  const wal = walSizes(workload, index);
  const backup = backupSizes(relations, wal);
  const horizon = horizonPlan(workload, index, host, region);
  const diskGiB = host.diskGiB ?? Math.max(evaluation.diskGiB, Math.ceil(horizon.requiredDiskBytes / GIB));
  const plan = {
    fits: problems.length === 0,
    problems,
    waysOut: waysOut(workload, index, evaluation, region),
    workload,
    index,
    host,
    tables: tableRows(workload),
    relations,
    sizes: {
      tableBytes: sumBytes(relations, ({ kind }) => kind === 'heap'),
      toastBytes: sumBytes(relations, ({ kind }) => kind === 'toast'),
      secondaryIndexBytes: sumBytes(relations, ({ kind }) => kind === 'btree' || kind === 'gin'),
      vectorIndexBytes: sumBytes(relations, ({ kind }) => kind === 'vector index'),
      databaseBytes: evaluation.databaseBytes,
    },
    wal,
    backup: { ...backup, s3UsdPerMonth: s3UsdPerMonth(backup.repositoryBytes / GIB, region) },
    indexes,
    memory,
    server: evaluation.server,
    hostParameters: hostParameters(memory, indexes),
    disk: evaluation.disk,
    diskGiB,
    smallestHost: smallestHost(workload, index, region),
    horizon,
    forecast: forecast(workload, index, host),
    degradePath: degradePath(workload, index, host, region),
  };
  return { ...plan, warnings: warningsOf(plan), aurora: auroraAdvice(plan, request.recoveryTimeObjectiveHours ?? 4) };
}

/**
 * Stops a preview whose plan does not fit.
 *
 * @throws CapacityError with the numbers that break and three ways out, in readable lines
 */
export function assertFits(plan: CapacityPlan): void {
  if (!plan.fits) throw new CapacityError(plan.problems, plan.waysOut);
}
