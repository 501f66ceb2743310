/** Which statement searches: an index over an expression answers only a query with that expression, so it follows the live index. */
import type { VectorType } from '../indexes/desired';
import type { Session } from '../ports';
import { sqlText } from '../sqlText';
import { servingIndex, withoutValues, type PlanNode } from './explain';
import type { SearchRequest, SearchTarget } from './request';

const FILES: Readonly<Record<SearchTarget, Readonly<Record<VectorType, string>>>> = {
  documents: {
    vector: 'queries/search-documents',
    halfvec: 'queries/search-documents-halfvec',
    bit: 'queries/search-documents-bit',
  },
  steps: {
    vector: 'queries/search-steps',
    halfvec: 'queries/search-steps-halfvec',
    bit: 'queries/search-steps-bit',
  },
};

/** Names of the live indexes, part of the application's contract. */
const LIVE_INDEX: Readonly<Record<SearchTarget, string>> = {
  documents: 'idx_test_documents_embedding',
  steps: 'idx_test_steps_embedding',
};

export interface SearchStatement {
  text: string;
  values: readonly unknown[];
  /** Index that gives the order; null for an exact scan. */
  index: string | null;
  /** What that index is built over; null for an exact scan. */
  indexType: VectorType | null;
  /** For bit only: at most so many candidates by Hamming distance are reranked by the full vectors. */
  candidates?: number;
}

/**
 * The statement for the type of the live index. Where the planner does not take that index, the plain statement: a scan of all
 * rows is exact with the full vectors, and costs no more than one with the compact ones, which are made from them.
 * @param literal the query embedding, as pgvector reads it
 * @param efSearch hnsw.ef_search of the transaction: one scan gives no more candidates, fewer would be thrown away unread
 */
export async function chooseStatement(
  session: Session,
  request: SearchRequest,
  literal: string,
  efSearch: number,
): Promise<SearchStatement> {
  const { rows } = await session.query<{ type: VectorType | null }>(sqlText('queries/search-index-type'), [
    LIVE_INDEX[request.target],
  ]);
  const live = rows[0]?.type ?? 'vector';
  if (live !== 'vector') {
    const compact = await planned(session, request, live, literal, efSearch);
    if (compact.index !== null) return compact;
  }
  return planned(session, request, 'vector', literal, efSearch);
}

async function planned(
  session: Session,
  request: SearchRequest,
  type: VectorType,
  literal: string,
  efSearch: number,
): Promise<SearchStatement> {
  const { filters, limit, source } = request;
  const text = sqlText(FILES[request.target][type]);
  const candidates = type === 'bit' ? Math.max(limit, efSearch) : undefined;
  const values = [
    literal,
    limit,
    filters.priority ?? null,
    filters.tags === undefined || filters.tags.length === 0 ? null : filters.tags,
    filters.platform ?? null,
    filters.folder ?? null,
    source.kind === 'uid' ? source.uid : null,
    ...(candidates === undefined ? [] : [candidates]),
  ];
  const index = servingIndex(await explainPlan(session, 'EXPLAIN (FORMAT JSON)', { text, values }));
  return {
    text,
    values,
    index,
    indexType: index === null ? null : type,
    ...(candidates === undefined ? {} : { candidates }),
  };
}

/** @returns the plan without the values in it, see withoutValues */
export async function explainPlan(
  session: Session,
  how: 'EXPLAIN (FORMAT JSON)' | 'EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)',
  { text, values }: Pick<SearchStatement, 'text' | 'values'>,
): Promise<PlanNode> {
  const { rows } = await session.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(`${how} ${text}`, values);
  const plan = rows[0]?.['QUERY PLAN'][0].Plan;
  if (plan === undefined) throw new Error('EXPLAIN gave no plan');
  return withoutValues(plan);
}
