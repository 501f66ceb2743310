/** Whether a build has room, and with which memory and workers. Pure: numbers in, numbers and reasons out. */
import { OperatorError } from '../errors';
import type { ResolvedIndex } from './definition';
import type { BuildSession } from './desired';
import type { HostFacts } from './host';
import type { IndexSizing } from './sizing';

const MIB = 1024 * 1024;

/** Rows may arrive while the build runs; a little more memory than the formula's keeps them on the fast path. */
const GROWTH_MARGIN = 1.05;
/** Least maintenance_work_mem of a build, in MiB. */
const MINIMUM_MIB = 16;
/** Fewer rows are built before the workers have started. */
const PARALLEL_MINIMUM_ROWS = 1_000;
/** Share of the disk's free bytes that a build leaves: the table is written to while it runs. */
const DISK_RESERVE = 0.05;

/** Limits of the server that bound a session's wishes. */
export interface ServerLimits {
  maxParallelWorkers: number;
  maxWorkerProcesses: number;
}

export interface BuildPlan {
  rows: number;
  /** maintenance_work_mem of the session that builds. */
  maintenanceWorkMemMiB: number;
  /** What the formulas say the build needs. */
  neededMiB: number;
  /** Workers beside the leader, and `parallel_workers` of the table while it builds. */
  workers: number;
  indexBytes: number;
  /** Index and WAL. */
  diskBytes: number;
  /** Rows after which the build spills, where it will. */
  spillsAfterRows?: number;
}

export interface Shortage {
  resource: 'build memory' | 'memory' | 'shared memory' | 'disk';
  message: string;
  /** What would help. */
  next: string;
}

export function planBuild(
  index: ResolvedIndex,
  rows: number,
  session: BuildSession,
  limits: ServerLimits,
  sizing: IndexSizing,
): BuildPlan {
  const wanted = Math.min(session.maxParallelWorkers, limits.maxParallelWorkers, limits.maxWorkerProcesses);
  const workers = rows < PARALLEL_MINIMUM_ROWS ? 0 : Math.max(0, wanted);
  const neededMiB = sizing.buildMemoryMiB(index, rows, workers > 0);
  const comfortable = Math.max(MINIMUM_MIB, Math.ceil(neededMiB * GROWTH_MARGIN) + 1);
  const maintenanceWorkMemMiB = Math.max(1, Math.min(session.maintenanceWorkMemMiB, comfortable));
  const indexBytes = sizing.indexBytes(index, rows);
  const spill = neededMiB > maintenanceWorkMemMiB ? sizing.spillRows(index, maintenanceWorkMemMiB) : undefined;
  return {
    rows,
    maintenanceWorkMemMiB,
    neededMiB,
    workers,
    indexBytes,
    diskBytes: indexBytes + sizing.walBytes(index, rows),
    ...(spill === undefined ? {} : { spillsAfterRows: spill }),
  };
}

/** Everything the build lacks; an empty list where it may begin. */
export function shortages(index: ResolvedIndex, plan: BuildPlan, session: BuildSession, host: HostFacts): Shortage[] {
  const found: Shortage[] = [];
  const memoryBytes = plan.maintenanceWorkMemMiB * MIB;
  if (plan.neededMiB > session.maintenanceWorkMemMiB) {
    found.push({
      resource: 'build memory',
      message:
        `${index.name} needs ${mib(plan.neededMiB * MIB)} of build memory, the session may use ${mib(session.maintenanceWorkMemMiB * MIB)}` +
        (plan.spillsAfterRows === undefined
          ? ''
          : `: it would spill after ${plan.spillsAfterRows.toLocaleString('en')} of ${plan.rows.toLocaleString('en')} rows and be several times slower`),
      next:
        `give it more (workload.documents of the stack at the real number, or --memory ${plan.neededMiB}), build a smaller type (halfvec takes about half), ` +
        (index.method === 'hnsw' ? 'or accept the slow build with --allow-spill' : 'or set fewer lists'),
    });
  }
  if (host.memoryAvailableBytes !== undefined && memoryBytes > host.memoryAvailableBytes) {
    found.push({
      resource: 'memory',
      message: `${index.name} would take ${mib(memoryBytes)}, the machine has ${mib(host.memoryAvailableBytes)} left`,
      next: 'stop other work on the machine, build a smaller type, or take a machine with more memory (qbench plan names one)',
    });
  }
  if (plan.workers > 0 && host.sharedMemoryFreeBytes !== undefined && memoryBytes > host.sharedMemoryFreeBytes) {
    const place = host.sharedMemoryPlace ?? '/dev/shm';
    found.push({
      resource: 'shared memory',
      message: `a parallel build of ${index.name} takes ${mib(memoryBytes)} of ${place} at once, which has ${mib(host.sharedMemoryFreeBytes)} free`,
      next: `build serially (the setting index.buildWorkers: 0, or --workers 0 by hand), or enlarge it (mount -o remount,size=... ${place}; in Docker --shm-size)`,
    });
  }
  if (host.diskFreeBytes !== undefined && plan.diskBytes > host.diskFreeBytes * (1 - DISK_RESERVE)) {
    found.push({
      resource: 'disk',
      message: `${index.name} will write ${mib(plan.diskBytes)} (index ${mib(plan.indexBytes)}, the rest WAL), the disk has ${mib(host.diskFreeBytes)} free`,
      next: 'enlarge the disk, or build a smaller type (halfvec takes half, bit a sixteenth)',
    });
  }
  return found;
}

function mib(bytes: number): string {
  return `${Math.round(bytes / MIB).toLocaleString('en')} MiB`;
}

/** @throws OperatorError naming everything that is short, and what would help */
export function refuseShortages(all: readonly Shortage[], allowSpill: boolean): void {
  const short = all.filter(({ resource }) => resource !== 'build memory' || !allowSpill);
  if (short.length === 0) return;
  throw new OperatorError(`no room to build: ${short.map(({ message }) => message).join('; ')}`, {
    next: [...new Set(short.map(({ next }) => next))].join('; '),
  });
}
