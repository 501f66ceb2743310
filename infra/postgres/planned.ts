/** Parameters whose values the capacity plan computes from the workload and the host; here is how they are written and why they matter. */
import { PARAMETER_ROWS, type ParameterRow, type ServerParameters } from '../capacity/parameters';
import type { ParameterRule } from './rules';

type Reason = readonly [page: string, why: string, kind?: 'mandatory'];

/** One reason a number of the plan; the compiler asks for the missing one when the plan gets another. */
const REASONS: Readonly<Record<keyof ServerParameters, Reason>> = {
  maxConnections: [
    'connection',
    'the plan’s memory sum counts this many work_mem; set workload.connections instead',
    'mandatory',
  ],
  superuserReservedConnections: ['connection', 'the superuser gets in when everything else is taken'],
  reservedConnections: ['connection', 'monitoring and backups get in when the pools have taken the rest'],
  sharedBuffersMiB: ['resource', 'searches collapse once the hot part of the vector index no longer fits'],
  effectiveCacheSizeMiB: ['query', 'tells the planner how much of the indexes is likely in memory'],
  workMemKiB: [
    'resource',
    'for each sort or hash of each session: too much of it times max_connections is more than the host has',
  ],
  hashMemMultiplier: ['resource', 'hashes may take this many work_mem'],
  maintenanceWorkMemMiB: [
    'resource',
    'for vacuum and small indexes; builds of vector indexes set their own in their session',
  ],
  autovacuumWorkMemMiB: ['resource', 'each autovacuum worker may take it at the same time'],
  tempBuffersMiB: ['resource', 'temporary tables of one session'],
  hugePages: ['resource', 'fewer page-table entries for large shared_buffers; try falls back where the host has none'],
  maxWorkerProcesses: ['resource', 'the pool that all parallel workers come from'],
  maxParallelWorkers: ['resource', 'how many of the pool may serve queries and builds'],
  maxParallelWorkersPerGather: ['resource', 'vector index scans are never parallel; exact scans are'],
  maxParallelMaintenanceWorkers: ['resource', 'workers of one index build'],
  ioWorkers: ['resource', 'processes that read ahead (PostgreSQL 18)'],
  walBuffersMiB: ['wal', 'one HNSW insert writes several full pages; small buffers make sessions write WAL themselves'],
  minWalSizeMiB: ['wal', 'segments kept for reuse'],
  maxWalSizeMiB: [
    'wal',
    'an index build writes gigabytes of WAL; too little here starts a checkpoint every few seconds',
  ],
  checkpointTimeoutSeconds: [
    'wal',
    'longer means fewer full-page images and a longer recovery; it has nothing to do with PITR',
  ],
  checkpointCompletionTarget: ['wal', 'spreads the writes of a checkpoint'],
  maxSlotWalKeepSizeMiB: ['replication', 'a dead replication slot cannot fill the disk'],
  maxWalSenders: ['replication', 'base backups stream through them'],
  maxReplicationSlots: ['replication', 'pg_basebackup and receivers hold WAL by them'],
  tempFileLimitMiB: ['resource', 'one query cannot fill the disk'],
  randomPageCost: [
    'query',
    'on SSDs and in memory a random read costs hardly more; too high a value keeps the planner off the vector index',
  ],
  effectiveIoConcurrency: ['resource', 'reads in flight for one bitmap scan'],
  maintenanceIoConcurrency: ['resource', 'reads in flight for vacuum and analyze'],
  jit: ['query', 'a vector scan’s estimated cost triggers compilation that takes longer than the search', 'mandatory'],
  defaultStatisticsTarget: ['query', 'sample size of ANALYZE; filters beside a vector search need good estimates'],
  autovacuumMaxWorkers: ['vacuum', 'each may take autovacuum_work_mem'],
  autovacuumVacuumScaleFactor: [
    'vacuum',
    'vacuum of an HNSW index costs several reindexes when many rows are dead: earlier is cheaper',
  ],
  autovacuumVacuumInsertScaleFactor: ['vacuum', 'keeps the visibility map fresh after loads'],
  autovacuumAnalyzeScaleFactor: ['vacuum', 'estimates follow the data'],
  autovacuumVacuumCostLimit: ['vacuum', 'how fast autovacuum may read and write'],
  autovacuumVacuumCostDelayMs: ['vacuum', 'how long autovacuum rests between its rounds'],
};

/** A number of the plan as postgresql.conf spells it: the largest unit that keeps it whole. */
function plannedText(row: Pick<ParameterRow, 'unit'>, value: number | boolean | string): string {
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  if (typeof value === 'string') return value;
  switch (row.unit) {
    case 'KiB':
      return largest(value, [
        ['GB', 1024 ** 2],
        ['MB', 1024],
        ['kB', 1],
      ]);
    case 'MiB':
      return largest(value, [
        ['GB', 1024],
        ['MB', 1],
      ]);
    case 's':
      return largest(value, [
        ['min', 60],
        ['s', 1],
      ]);
    case 'ms':
      return `${value}ms`;
    default:
      return String(value);
  }
}

function largest(value: number, units: readonly (readonly [unit: string, size: number])[]): string {
  // -1 and 0 mean "as another parameter says", "none" or "no limit": they carry no unit.
  if (value <= 0) return String(value);
  const [unit, size] = units.find(([, of]) => value % of === 0) ?? units[units.length - 1] ?? ['', 1];
  return `${value / size}${unit}`;
}

export const PLANNED_RULES: readonly ParameterRule[] = PARAMETER_ROWS.map((row) => {
  const [page, why, kind] = REASONS[row.field];
  // On a person's own machine the huge pages, if there are any, were set aside for somebody else.
  const value: ParameterRule['value'] = ({ plan, tier }) =>
    row.field === 'hugePages' && tier === 'local' ? 'off' : plannedText(row, plan[row.field]);
  return { name: row.parameter, kind: kind ?? 'default', value, why, page };
});
