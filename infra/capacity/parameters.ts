/**
 * The server's parameters as numbers with their units in the names, and the table that says which
 * PostgreSQL parameter each is. `infra/postgres` turns them into text; nothing here knows the file format.
 */

/** Every parameter whose value follows from the workload, the host or its disk. */
export interface ServerParameters {
  maxConnections: number;
  superuserReservedConnections: number;
  /** For roles with pg_use_reserved_connections: monitoring and backup get in when the pools have taken the rest. */
  reservedConnections: number;

  sharedBuffersMiB: number;
  effectiveCacheSizeMiB: number;
  workMemKiB: number;
  hashMemMultiplier: number;
  /** The global value, for VACUUM and small indexes by hand. Vector builds set their own, larger one in their session. */
  maintenanceWorkMemMiB: number;
  autovacuumWorkMemMiB: number;
  tempBuffersMiB: number;
  hugePages: 'try' | 'on' | 'off';

  maxWorkerProcesses: number;
  maxParallelWorkers: number;
  maxParallelWorkersPerGather: number;
  maxParallelMaintenanceWorkers: number;
  /** Processes that read ahead with io_method = worker (PostgreSQL 18). */
  ioWorkers: number;

  walBuffersMiB: number;
  minWalSizeMiB: number;
  maxWalSizeMiB: number;
  checkpointTimeoutSeconds: number;
  checkpointCompletionTarget: number;
  /** Bounds the WAL a dead replication slot can hold back, so that it cannot fill the disk. */
  maxSlotWalKeepSizeMiB: number;
  maxWalSenders: number;
  maxReplicationSlots: number;

  /** Bounds the temporary files of one process, so that one query cannot fill the disk. */
  tempFileLimitMiB: number;
  randomPageCost: number;
  effectiveIoConcurrency: number;
  maintenanceIoConcurrency: number;
  jit: boolean;
  defaultStatisticsTarget: number;

  autovacuumMaxWorkers: number;
  autovacuumVacuumScaleFactor: number;
  autovacuumVacuumInsertScaleFactor: number;
  autovacuumAnalyzeScaleFactor: number;
  autovacuumVacuumCostLimit: number;
  autovacuumVacuumCostDelayMs: number;
}

/** Unit of a parameter's number. `count` and `ratio` are plain numbers; `boolean` is on or off; `word` is an enum value. */
export type ParameterUnit = 'KiB' | 'MiB' | 's' | 'ms' | 'count' | 'ratio' | 'boolean' | 'word';

/** One row of the table below. */
export interface ParameterRow {
  field: keyof ServerParameters;
  /** Name in postgresql.conf. */
  parameter: string;
  unit: ParameterUnit;
}

const UNITS: Readonly<Record<keyof ServerParameters, readonly [parameter: string, unit: ParameterUnit]>> = {
  maxConnections: ['max_connections', 'count'],
  superuserReservedConnections: ['superuser_reserved_connections', 'count'],
  reservedConnections: ['reserved_connections', 'count'],
  sharedBuffersMiB: ['shared_buffers', 'MiB'],
  effectiveCacheSizeMiB: ['effective_cache_size', 'MiB'],
  workMemKiB: ['work_mem', 'KiB'],
  hashMemMultiplier: ['hash_mem_multiplier', 'ratio'],
  maintenanceWorkMemMiB: ['maintenance_work_mem', 'MiB'],
  autovacuumWorkMemMiB: ['autovacuum_work_mem', 'MiB'],
  tempBuffersMiB: ['temp_buffers', 'MiB'],
  hugePages: ['huge_pages', 'word'],
  maxWorkerProcesses: ['max_worker_processes', 'count'],
  maxParallelWorkers: ['max_parallel_workers', 'count'],
  maxParallelWorkersPerGather: ['max_parallel_workers_per_gather', 'count'],
  maxParallelMaintenanceWorkers: ['max_parallel_maintenance_workers', 'count'],
  ioWorkers: ['io_workers', 'count'],
  walBuffersMiB: ['wal_buffers', 'MiB'],
  minWalSizeMiB: ['min_wal_size', 'MiB'],
  maxWalSizeMiB: ['max_wal_size', 'MiB'],
  checkpointTimeoutSeconds: ['checkpoint_timeout', 's'],
  checkpointCompletionTarget: ['checkpoint_completion_target', 'ratio'],
  maxSlotWalKeepSizeMiB: ['max_slot_wal_keep_size', 'MiB'],
  maxWalSenders: ['max_wal_senders', 'count'],
  maxReplicationSlots: ['max_replication_slots', 'count'],
  tempFileLimitMiB: ['temp_file_limit', 'MiB'],
  randomPageCost: ['random_page_cost', 'ratio'],
  effectiveIoConcurrency: ['effective_io_concurrency', 'count'],
  maintenanceIoConcurrency: ['maintenance_io_concurrency', 'count'],
  jit: ['jit', 'boolean'],
  defaultStatisticsTarget: ['default_statistics_target', 'count'],
  autovacuumMaxWorkers: ['autovacuum_max_workers', 'count'],
  autovacuumVacuumScaleFactor: ['autovacuum_vacuum_scale_factor', 'ratio'],
  autovacuumVacuumInsertScaleFactor: ['autovacuum_vacuum_insert_scale_factor', 'ratio'],
  autovacuumAnalyzeScaleFactor: ['autovacuum_analyze_scale_factor', 'ratio'],
  autovacuumVacuumCostLimit: ['autovacuum_vacuum_cost_limit', 'count'],
  autovacuumVacuumCostDelayMs: ['autovacuum_vacuum_cost_delay', 'ms'],
};

/** The table: one row a parameter, sorted by its PostgreSQL name. */
export const PARAMETER_ROWS: readonly ParameterRow[] = (Object.keys(UNITS) as (keyof ServerParameters)[])
  .map((field) => ({ field, parameter: UNITS[field][0], unit: UNITS[field][1] }))
  .sort((a, b) => (a.parameter < b.parameter ? -1 : 1));
