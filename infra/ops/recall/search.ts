/** Searches near stored rows: by one index, or by comparing everything. Nothing outlives its transaction. */
import { indexesOf, type PlanNode } from './explain';
import { sqlWith } from '../indexes/text';
import { sqlText, quoteIdent } from '../sqlText';
import type { Session } from '../ports';
import type { IndexMethod, VectorType } from '../indexes/desired';

/** An index as searches see it. */
export interface SearchTarget {
  name: string;
  table: string;
  column: string;
  type: VectorType;
  method: IndexMethod;
  dimensions: number;
}

export interface Neighbour {
  id: number;
  /** Cosine distance of the full vectors. */
  distance: number;
}

/** An index that could answer instead of the one that is asked. */
export interface Rival {
  oid: number;
  name: string;
}

/**
 * How rivals are kept out of a transaction. `hide` needs a superuser and disturbs nobody; `drop` takes the table's lock until
 * the transaction is rolled back, so the work must be short.
 */
export interface RivalHandling {
  rivals: readonly Rival[];
  by: 'hide' | 'drop';
}

export interface SearchOptions {
  /** hnsw.ef_search or ivfflat.probes. @default what the session has */
  breadth?: number | undefined;
  /** statement_timeout of each statement, in milliseconds. */
  timeoutMs?: number | undefined;
  rivals?: RivalHandling | undefined;
  /** Forbids sequential scans, so that a small table is searched by its index all the same. @default true */
  force?: boolean | undefined;
}

/** Parameter that says how widely an index of a method searches, with its largest value (pgvector src/hnsw.h, src/ivfflat.h). */
export const BREADTH: Readonly<Record<IndexMethod, { parameter: string; maximum: number }>> = {
  hnsw: { parameter: 'hnsw.ef_search', maximum: 1000 },
  ivfflat: { parameter: 'ivfflat.probes', maximum: 32_768 },
};

/** Longest wait for the table's lock where rivals are dropped in a transaction: searches queue behind it. */
const DROP_LOCK_MS = 200;

async function setLocal(session: Session, parameter: string, value: string | number): Promise<void> {
  await session.query('SELECT pg_catalog.set_config($1, $2, true)', [parameter, String(value)]);
}

/** Runs searches in a transaction that is always rolled back. */
export async function inSearch<T>(
  session: Session,
  target: SearchTarget,
  options: SearchOptions,
  work: () => Promise<T>,
): Promise<T> {
  // The parameters of pgvector exist once its library is loaded, which reading a vector does.
  await session.query("SELECT '[1]'::public.vector");
  await session.query('BEGIN');
  try {
    const { rivals, by } = options.rivals ?? { rivals: [], by: 'hide' };
    if (rivals.length > 0 && by === 'hide') {
      await session.query(sqlText('maintenance/index-hide'), [rivals.map(({ oid }) => oid)]);
    } else if (rivals.length > 0) {
      await setLocal(session, 'lock_timeout', DROP_LOCK_MS);
      await session.query(`DROP INDEX ${rivals.map(({ name }) => quoteIdent(name)).join(', ')}`);
    }
    if (options.force ?? true) await setLocal(session, 'enable_seqscan', 'off');
    if (options.breadth !== undefined) await setLocal(session, BREADTH[target.method].parameter, options.breadth);
    if (options.timeoutMs !== undefined)
      await setLocal(session, 'statement_timeout', Math.max(1, Math.ceil(options.timeoutMs)));
    return await work();
  } finally {
    await session.query('ROLLBACK').catch(() => undefined);
  }
}

/** Runs exact comparisons in a transaction that is always rolled back. */
export async function inExactSearch<T>(session: Session, timeoutMs: number, work: () => Promise<T>): Promise<T> {
  await session.query('BEGIN');
  try {
    await setLocal(session, 'enable_indexscan', 'off');
    await setLocal(session, 'statement_timeout', Math.max(1, Math.ceil(timeoutMs)));
    return await work();
  } finally {
    await session.query('ROLLBACK').catch(() => undefined);
  }
}

function searchText(target: SearchTarget): string {
  const { table, column, dimensions } = target;
  return sqlWith(`queries/recall-search-${target.type}`, { table, column, dimensions });
}

/** Candidates that a bit index hands to the reranking: as many as one scan gives. */
async function candidates(session: Session, target: SearchTarget, k: number): Promise<number> {
  if (target.method !== 'hnsw') return Math.max(20 * k, 200);
  const { rows } = await session.query<{ ef: string }>("SELECT pg_catalog.current_setting('hnsw.ef_search') AS ef");
  return Math.max(k, Number(rows[0]?.ef ?? 0));
}

async function searchValues(session: Session, target: SearchTarget, id: number, k: number): Promise<number[]> {
  return target.type === 'bit' ? [id, k, await candidates(session, target, k)] : [id, k];
}

/** The `k` rows that the index finds near row `id`, itself included. Call it within `inSearch`. */
export async function searchNear(session: Session, target: SearchTarget, id: number, k: number): Promise<Neighbour[]> {
  const { rows } = await session.query<Neighbour>(searchText(target), await searchValues(session, target, id, k));
  return rows;
}

/** The `k` nearest rows of row `id`, itself included, by comparing all. Call it within `inExactSearch`. */
export async function searchExactly(
  session: Session,
  target: SearchTarget,
  id: number,
  k: number,
): Promise<Neighbour[]> {
  const { table, column } = target;
  const { rows } = await session.query<Neighbour>(sqlWith('queries/recall-exact', { table, column }), [id, k]);
  return rows.filter(({ distance }) => !Number.isNaN(distance));
}

/** Names of the indexes that the planner would use for a search near row `id`. Call it within `inSearch`. */
export async function plannedIndexes(session: Session, target: SearchTarget, id: number, k: number): Promise<string[]> {
  const { rows } = await session.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
    `EXPLAIN (FORMAT JSON) ${searchText(target)}`,
    await searchValues(session, target, id, k),
  );
  const plan = rows[0]?.['QUERY PLAN'][0]?.Plan;
  return plan === undefined ? [] : indexesOf(plan);
}
