/** What indexes and builds there are. Reads only. */
import type { Queryable } from '../ports';
import { sqlText } from '../sqlText';
import { sqlWith } from './text';
import type { DesiredIndex } from './desired';
import type { ServerLimits } from './resources';

/** An index of the catalog: every vector index of the tables, and every invalid one. */
export interface ActualIndex {
  oid: number;
  name: string;
  table: string;
  /** hnsw, ivfflat, or another for an invalid index. */
  method: string;
  valid: boolean;
  ready: boolean;
  /** One key, no predicate. */
  simple: boolean;
  /** Enforces a constraint; never dropped here. */
  constrains: boolean;
  operatorClass: string;
  /** The key as PostgreSQL prints it. */
  definition: string;
  /** Storage parameters with pgvector's defaults filled in. */
  options: Record<string, number>;
  sizeBytes: number;
  /** Index scans since the statistics were reset. */
  scans: number;
}

/** A build that runs now: CREATE INDEX or REINDEX. */
export interface RunningBuild {
  pid: number;
  /** Undefined in its first moments, before the catalog names it. */
  name: string | undefined;
  table: string;
  command: string;
  phase: string;
  lockersTotal: number;
  lockersDone: number;
  /** Backend that it waits for. */
  lockerPid: number | undefined;
  blocksTotal: number;
  blocksDone: number;
  tuplesTotal: number;
  tuplesDone: number;
  workers: number;
  runningSeconds: number | undefined;
}

/** pgvector's defaults (src/hnsw.h, src/ivfflat.h): an index made with them has no storage parameters in the catalog. */
const DEFAULT_OPTIONS: Readonly<Record<string, Record<string, number>>> = {
  hnsw: { m: 16, ef_construction: 64 },
  ivfflat: { lists: 100 },
};

interface CatalogRow {
  oid: string;
  name: string;
  table: string;
  method: string;
  valid: boolean;
  ready: boolean;
  live: boolean;
  simple: boolean;
  constrains: boolean;
  operator_class: string;
  definition: string;
  options: string;
  size_bytes: string;
  scans: string;
}

/** Vector indexes of these tables, and invalid ones of any kind. The session's search_path must begin with `public`. */
export async function readIndexes(session: Queryable, tables: readonly string[]): Promise<ActualIndex[]> {
  const { rows } = await session.query<CatalogRow>(sqlText('queries/index-catalog'), [[...new Set(tables)]]);
  return rows.map((row) => ({
    oid: Number(row.oid),
    name: row.name,
    table: row.table,
    method: row.method,
    valid: row.valid,
    ready: row.ready && row.live,
    simple: row.simple,
    constrains: row.constrains,
    operatorClass: row.operator_class,
    definition: row.definition,
    options: { ...DEFAULT_OPTIONS[row.method], ...parseOptions(JSON.parse(row.options) as string[]) },
    sizeBytes: Number(row.size_bytes),
    scans: Number(row.scans),
  }));
}

function parseOptions(options: readonly string[]): Record<string, number> {
  return Object.fromEntries(
    options.map((option) => {
      const [key = '', value = ''] = option.split('=');
      return [key, Number(value)];
    }),
  );
}

interface BuildRow {
  pid: number;
  name: string | null;
  table: string;
  command: string;
  phase: string;
  lockers_total: string | null;
  lockers_done: string | null;
  current_locker_pid: string | null;
  blocks_total: string | null;
  blocks_done: string | null;
  tuples_total: string | null;
  tuples_done: string | null;
  workers: number;
  running_seconds: number | null;
}

export async function readBuilds(session: Queryable): Promise<RunningBuild[]> {
  const { rows } = await session.query<BuildRow>(sqlText('queries/index-builds'));
  return rows.map((row) => ({
    pid: row.pid,
    name: row.name ?? undefined,
    table: row.table,
    command: row.command,
    phase: row.phase,
    lockersTotal: Number(row.lockers_total ?? 0),
    lockersDone: Number(row.lockers_done ?? 0),
    // The view says 0 for nobody.
    lockerPid: Number(row.current_locker_pid ?? 0) || undefined,
    blocksTotal: Number(row.blocks_total ?? 0),
    blocksDone: Number(row.blocks_done ?? 0),
    tuplesTotal: Number(row.tuples_total ?? 0),
    tuplesDone: Number(row.tuples_done ?? 0),
    workers: row.workers,
    runningSeconds: row.running_seconds ?? undefined,
  }));
}

export interface TableFacts {
  /** Rows with an embedding; counted, or estimated for a large table that was analysed. */
  rows: number;
  /** The table's own parallel_workers. */
  parallelWorkers: number | undefined;
}

/** Above this many rows the statistics are near enough and counting takes long. */
const COUNT_UP_TO_ROWS = 200_000;

export async function readTable(
  session: Queryable,
  index: Pick<DesiredIndex, 'table' | 'column'>,
): Promise<TableFacts | undefined> {
  const { rows } = await session.query<{ estimated_rows: number; null_share: number; parallel_workers: number | null }>(
    sqlText('queries/index-table'),
    [index.table, index.column],
  );
  const facts = rows[0];
  if (facts === undefined) return undefined;
  const parallelWorkers = facts.parallel_workers ?? undefined;
  if (facts.estimated_rows > COUNT_UP_TO_ROWS) {
    return { rows: Math.round(facts.estimated_rows * (1 - facts.null_share)), parallelWorkers };
  }
  const counted = await session.query<{ rows: string }>(
    sqlWith('queries/index-rows', { table: index.table, column: index.column }),
  );
  return { rows: Number(counted.rows[0]?.rows ?? 0), parallelWorkers };
}

export interface ServerFacts extends ServerLimits {
  dynamicSharedMemoryType: string;
  superuser: boolean;
  ownsDatabase: boolean;
}

export async function readServer(session: Queryable): Promise<ServerFacts> {
  const { rows } = await session.query<{
    max_parallel_workers: number;
    max_worker_processes: number;
    dynamic_shared_memory_type: string;
    superuser: boolean;
    owns_database: boolean;
  }>(sqlText('queries/index-server-limits'));
  const row = rows[0];
  return {
    maxParallelWorkers: row?.max_parallel_workers ?? 0,
    maxWorkerProcesses: row?.max_worker_processes ?? 0,
    dynamicSharedMemoryType: row?.dynamic_shared_memory_type ?? '',
    superuser: row?.superuser ?? false,
    ownsDatabase: row?.owns_database ?? false,
  };
}

/** What bears these names, where it is no index of the table it should be on. */
export async function readNameConflicts(session: Queryable, desired: readonly DesiredIndex[]): Promise<string[]> {
  const { rows } = await session.query<{ name: string; kind: string; table: string | null }>(
    sqlText('queries/index-name-owner'),
    [desired.map(({ name }) => name)],
  );
  return rows.flatMap((row) => {
    const wanted = desired.find(({ name }) => name === row.name);
    if (wanted === undefined || row.table === wanted.table) return [];
    return [
      row.table === null
        ? `${row.name} is no index`
        : `${row.name} is an index of ${row.table}, not of ${wanted.table}`,
    ];
  });
}

/** Search parameters that the database sets for new sessions. */
export async function readSearchSettings(session: Queryable): Promise<{ efSearch?: number; probes?: number }> {
  const { rows } = await session.query<{ ef_search: string | null; probes: string | null }>(
    sqlText('queries/index-search-settings'),
  );
  const { ef_search, probes } = rows[0] ?? { ef_search: null, probes: null };
  return {
    ...(ef_search === null ? {} : { efSearch: Number(ef_search) }),
    ...(probes === null ? {} : { probes: Number(probes) }),
  };
}

/** Who a backend is, in one phrase: "pid 123 (role app, application_name worker, idle in transaction for 12 min)". */
export async function describeBackend(session: Queryable, pid: number): Promise<string> {
  const { rows } = await session.query<{
    role: string | null;
    application_name: string | null;
    state: string | null;
    transaction_seconds: number | null;
  }>(sqlText('queries/index-blocker'), [pid]);
  const row = rows[0];
  if (row === undefined) return `pid ${pid} (gone since)`;
  const age =
    row.transaction_seconds === null
      ? 'age not visible to this role'
      : `transaction open for ${Math.round(row.transaction_seconds)} s`;
  const parts = [
    `role ${row.role ?? '?'}`,
    `application_name "${row.application_name ?? ''}"`,
    row.state ?? 'state not visible',
    age,
  ];
  return `pid ${pid} (${parts.join(', ')})`;
}
