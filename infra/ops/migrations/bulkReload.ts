/**
 * The quickest way to load much: schema, rows without vector indexes, then the indexes whole, then statistics. A vector index that
 * grows row by row takes several times as long as one that is built over all rows, and is no better.
 */
import { applyIndexes, type ApplyOptions, type ApplyResult } from '../indexes/apply';
import { readIndexes } from '../indexes/catalog';
import { CONTRACT_INDEXES } from '../indexes/desired';
import { dropIndexes } from '../indexes/drop';
import type { LoadInput } from '../load/input';
import { load, type LoadOptions, type LoadSummary } from '../load/load';
import type { Clock, Database, ProgressSink } from '../ports';
import { sqlText } from '../sqlText';
import { migrate, type MigrateReport, type MigrationEngine } from './migrate';

export interface BulkReload {
  engine: MigrationEngine;
  clock: Clock;
  progress: ProgressSink;
  signal: AbortSignal;
  /** Opened one after the other, and closed. */
  inputs: readonly (() => Promise<LoadInput>)[];
  loadOptions: LoadOptions;
  indexes: Pick<ApplyOptions, 'state' | 'host'>;
}

export interface BulkReloadReport {
  migrations: MigrateReport['applied'];
  droppedIndexes: string[];
  loads: LoadSummary[];
  indexes: ApplyResult;
  /** Duration of each phase. */
  seconds: { migrate: number; load: number; indexes: number; analyze: number };
}

const TABLES = [...new Set(CONTRACT_INDEXES.map(({ table }) => table))];
/** How long an index is waited for that some search uses. */
const DROP_WAIT_MS = 30_000;

/** Names of the vector indexes that a reload would drop first. */
export async function vectorIndexes(database: Database): Promise<string[]> {
  const session = await database.connect({ role: 'owner', applicationName: 'qbench migrate-optimized' });
  try {
    return (await readIndexes(session, TABLES)).map(({ name }) => name);
  } finally {
    await session.close();
  }
}

/**
 * Until the indexes are built again every vector search compares all rows: right, and slow. They are built also where a load fails;
 * after an interruption `qbench index apply` builds them, or the same command again.
 * @throws OperatorError from the phase that failed; rows that were committed stay
 */
export async function reloadInBulk(database: Database, reload: BulkReload): Promise<BulkReloadReport> {
  const { clock, progress, signal, engine } = reload;
  const timed = async <T>(work: () => Promise<T>): Promise<{ result: T; seconds: number }> => {
    const start = clock.monotonicMs();
    return { result: await work(), seconds: (clock.monotonicMs() - start) / 1000 };
  };
  const migrated = await timed(() => migrate(database, engine, clock, progress, { signal }));
  const droppedIndexes = await dropIndexes(database, await vectorIndexes(database), TABLES, clock, DROP_WAIT_MS);
  for (const name of droppedIndexes) progress.note(`dropped ${name}; it is built again when the rows are in`);

  const buildIndexes = (): Promise<ApplyResult> =>
    applyIndexes(database, { ...reload.indexes, clock, progress, signal });
  const loaded = await timed(() => loadAll(database, reload)).catch(async (error: unknown) => {
    // The cause stays the load's; that the indexes could not be built either is only told.
    if (!signal.aborted)
      await buildIndexes().catch((second: unknown) => progress.note(`the indexes were not built: ${String(second)}`));
    throw error;
  });
  signal.throwIfAborted();
  const built = await timed(buildIndexes);
  const analyzed = await timed(() => analyze(database));
  return {
    migrations: migrated.result.applied,
    droppedIndexes,
    loads: loaded.result,
    indexes: built.result,
    seconds: { migrate: migrated.seconds, load: loaded.seconds, indexes: built.seconds, analyze: analyzed.seconds },
  };
}

async function loadAll(
  database: Database,
  { inputs, loadOptions, clock, progress, signal }: BulkReload,
): Promise<LoadSummary[]> {
  const summaries: LoadSummary[] = [];
  for (const open of inputs) {
    signal.throwIfAborted();
    const input = await open();
    try {
      summaries.push(await load(database, input, loadOptions, { clock, progress, signal }));
    } finally {
      input.close();
    }
  }
  return summaries;
}

async function analyze(database: Database): Promise<void> {
  const session = await database.connect({
    role: 'owner',
    applicationName: 'qbench migrate-optimized',
    statementTimeoutMs: 0,
  });
  try {
    for (const table of TABLES)
      await session.query(sqlText(`maintenance/vacuum-analyze-${table.replaceAll('_', '-')}`));
  } finally {
    await session.close();
  }
}
