/** The server parameters that follow from a memory plan, the host's cores and its disk. */
import type { Host } from './host';
import { buildWorkers, type IndexPlan } from './indexPlan';
import { HASH_MEM_MULTIPLIER, RESERVED_CONNECTIONS, SUPERUSER_RESERVED_CONNECTIONS, type MemoryPlan } from './memory';
import type { ServerParameters } from './parameters';
import { GIB, KIB, MIB, clamp } from './units';

/** Walsenders: two streams of a base backup, an archiver such as pg_receivewal, and room for replicas. */
const MAX_WAL_SENDERS = 10;

/**
 * max_wal_size in MiB: a third of the database, so that a load or a build does not checkpoint on size every few seconds, from
 * 1 to 16 GiB; never more than a tenth of the disk.
 */
export function maxWalSizeMiB(databaseBytes: number, diskGiB: number | undefined): number {
  const wanted = clamp(databaseBytes / 3 / MIB, KIB, 16 * KIB);
  return Math.max(128, Math.floor(Math.min(wanted, diskGiB === undefined ? Infinity : (diskGiB * KIB) / 10)));
}

/**
 * Derives every sized parameter.
 *
 * @param diskGiB disk the server has, or is planned to have
 */
export function serverParameters(
  host: Host,
  memory: MemoryPlan,
  indexes: readonly IndexPlan[],
  walSizeMiB: number,
  diskGiB: number,
): ServerParameters {
  const { sharedBuffersMiB } = memory.serving;
  const workers = Math.max(0, buildWorkers(host.cores), ...indexes.map((index) => index.parallelWorkers));
  return {
    maxConnections: memory.connections,
    superuserReservedConnections: Math.min(SUPERUSER_RESERVED_CONNECTIONS, memory.connections - 1),
    reservedConnections: clamp(memory.connections - SUPERUSER_RESERVED_CONNECTIONS - 1, 0, RESERVED_CONNECTIONS),
    sharedBuffersMiB,
    effectiveCacheSizeMiB: Math.max(sharedBuffersMiB, Math.floor(memory.hostMemoryMiB * 0.75)),
    workMemKiB: memory.workMemKiB,
    hashMemMultiplier: HASH_MEM_MULTIPLIER,
    maintenanceWorkMemMiB: memory.maintenanceWorkMemMiB,
    autovacuumWorkMemMiB: memory.autovacuumWorkMemMiB,
    tempBuffersMiB: 8,
    hugePages: 'try',
    maxWorkerProcesses: Math.max(8, host.cores + 4),
    maxParallelWorkers: Math.max(host.cores, workers),
    // Vector scans are never parallel; this serves reports, and two workers leave cores for searches.
    maxParallelWorkersPerGather: clamp(Math.floor(host.cores / 2), 0, 2),
    maxParallelMaintenanceWorkers: workers,
    ioWorkers: clamp(Math.floor(host.cores / 4), 2, 8),
    walBuffersMiB: clamp(Math.floor(sharedBuffersMiB / 32), 4, 64),
    minWalSizeMiB: Math.max(80, Math.floor(walSizeMiB / 4)),
    maxWalSizeMiB: walSizeMiB,
    checkpointTimeoutSeconds: 900,
    checkpointCompletionTarget: 0.9,
    maxSlotWalKeepSizeMiB: walSizeMiB,
    maxWalSenders: MAX_WAL_SENDERS,
    maxReplicationSlots: MAX_WAL_SENDERS,
    tempFileLimitMiB: Math.max(KIB, Math.floor((diskGiB * KIB) / 20)),
    randomPageCost: 1.1,
    effectiveIoConcurrency: 200,
    maintenanceIoConcurrency: 200,
    jit: false,
    defaultStatisticsTarget: 100,
    autovacuumMaxWorkers: memory.autovacuumMaxWorkers,
    autovacuumVacuumScaleFactor: 0.05,
    autovacuumVacuumInsertScaleFactor: 0.1,
    autovacuumAnalyzeScaleFactor: 0.02,
    autovacuumVacuumCostLimit: host.cores >= 4 ? 2000 : 1000,
    autovacuumVacuumCostDelayMs: 2,
  };
}

/** What the host's kernel is told, where this project sets up the host. */
export interface HostParameters {
  /** vm.nr_hugepages: pages of 2 MiB for shared_buffers and the rest of the shared memory. */
  hugePages2MiB: number;
  /** Size of /dev/shm that the largest parallel build needs, in MiB. */
  devShmMiB: number;
  /** vm.overcommit_memory: 2 refuses instead of letting the kernel kill the server. */
  overcommitMemory: 2;
  /** vm.overcommit_ratio in percent. */
  overcommitRatioPercent: number;
  /** vm.swappiness. */
  swappiness: number;
}

/** Kernel settings for a memory plan. */
export function hostParameters(memory: MemoryPlan, indexes: readonly IndexPlan[]): HostParameters {
  const { sharedBuffersMiB, otherSharedMiB } = memory.serving;
  return {
    hugePages2MiB: Math.ceil((sharedBuffersMiB + otherSharedMiB) / 2),
    devShmMiB: Math.max(64, ...indexes.map((index) => index.devShmMiB)),
    overcommitMemory: 2,
    overcommitRatioPercent: 90,
    swappiness: 1,
  };
}

/** gp3 throughput and IOPS for a database: the base, and twice the throughput once a restore or a cold start reads more than 50 GiB. */
export function volumePerformance(databaseBytes: number): { iops: number; throughputMiBps: number } {
  if (databaseBytes > 500 * GIB) return { iops: 8000, throughputMiBps: 500 };
  if (databaseBytes > 50 * GIB) return { iops: 4000, throughputMiBps: 250 };
  return { iops: 3000, throughputMiBps: 125 };
}
