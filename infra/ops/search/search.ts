/** `qbench search`: nearest documents or steps of an embedding, with the index that served them. */
import { OperatorError } from '../errors';
import type { VectorType } from '../indexes/desired';
import type { Clock, Session } from '../ports';
import { sqlText } from '../sqlText';
import type { PlanNode } from './explain';
import { chooseStatement, explainPlan } from './statement';
import { vectorLiteral } from './vectorText';

export type SearchTarget = 'documents' | 'steps';

/** hnsw.iterative_scan: how pgvector goes on where filters left fewer rows than asked for. */
export type IterativeScan = 'off' | 'strict_order' | 'relaxed_order';

export interface SearchFilters {
  priority?: string;
  /** Any of them. */
  tags?: readonly string[];
  platform?: string;
  /** Beginning of folder_structure. */
  folder?: string;
}

/** Where the query embedding comes from. There is no embedding model here: a text only finds a stored document. */
export type SearchSource =
  | { kind: 'text'; text: string }
  | { kind: 'uid'; uid: string }
  | { kind: 'vector'; values: Float32Array; pad: boolean; name: string };

export interface SearchRequest {
  source: SearchSource;
  target: SearchTarget;
  filters: SearchFilters;
  /** Rows wanted. */
  limit: number;
  /** hnsw.ef_search. @default the session's own, or `limit` where that is more */
  efSearch?: number;
  /** @default strict_order where there are filters or `limit` is beyond ef_search, else off */
  iterativeScan?: IterativeScan;
  /** Keeps the planner from comparing every row, which it prefers in a small table. @default false */
  useIndex?: boolean;
  /** Also runs the statement under EXPLAIN (ANALYZE, BUFFERS). */
  explain: boolean;
}

export interface SearchHit {
  uid: string;
  title: string;
  /** 1 - cosine distance: 1 is the same direction, 0 unrelated. */
  similarity: number;
  description?: string | null;
  priority?: string | null;
  tags?: string[] | null;
  folder_structure?: string | null;
  step_index?: number;
  action?: string | null;
  expected?: string[] | null;
}

export interface SearchAnswer {
  /** The stored document whose embedding was searched with. */
  searchedWith?: { uid: string; title: string };
  hits: SearchHit[];
  /** Index that gave the order; null for an exact scan. */
  index: string | null;
  /** What that index is built over; null for an exact scan. */
  indexType: VectorType | null;
  /** For bit only: at most so many candidates by Hamming distance were reranked by the full vectors. */
  candidates?: number;
  efSearch: number;
  iterativeScan: IterativeScan;
  /** From sending the statement to its last row. */
  latencyMs: number;
  /** Plan with measured rows, times and buffers, where it was asked for. */
  plan?: PlanNode;
}

/** The most that pgvector allows for hnsw.ef_search (HNSW_MAX_EF_SEARCH in its hnsw.h). */
export const MAX_EF_SEARCH = 1000;
const DEFAULT_EF_SEARCH = 40;

/**
 * Searches in one read-only transaction, so that its settings end with it.
 * @throws OperatorError where the stored document is not there or has no embedding; UsageError for an embedding that does not fit
 */
export async function search(session: Session, request: SearchRequest, clock: Clock): Promise<SearchAnswer> {
  await session.query('BEGIN READ ONLY');
  try {
    const { literal, document } = await queryVector(session, request);
    const settings = await applySettings(session, request);
    const { index, indexType, candidates, ...statement } = await chooseStatement(
      session,
      request,
      literal,
      settings.efSearch,
    );
    const started = clock.monotonicMs();
    const { rows } = await session.query<SearchHit>(statement.text, statement.values);
    const latencyMs = clock.monotonicMs() - started;
    const plan = request.explain
      ? await explainPlan(session, 'EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)', statement)
      : undefined;
    return {
      ...(document === undefined ? {} : { searchedWith: document }),
      hits: rows,
      index,
      indexType,
      ...(candidates === undefined ? {} : { candidates }),
      ...settings,
      latencyMs: Math.round(latencyMs * 100) / 100,
      ...(plan === undefined ? {} : { plan }),
    };
  } finally {
    await session.query('ROLLBACK').catch(() => undefined);
  }
}

interface StoredDocument {
  uid: string;
  title: string;
  embedding: string | null;
}

async function queryVector(
  session: Session,
  { source, target }: SearchRequest,
): Promise<{ literal: string; document?: { uid: string; title: string } }> {
  if (source.kind === 'vector') {
    const { rows } = await session.query<{ table_name: string; dimensions: number }>(
      sqlText('queries/search-dimensions'),
    );
    const dimensions = rows.find((row) => row.table_name === `test_${target}`)?.dimensions ?? -1;
    return {
      literal: vectorLiteral(
        source.values,
        dimensions === -1 ? source.values.length : dimensions,
        source.pad,
        source.name,
      ),
    };
  }
  const byText = source.kind === 'text';
  const name = byText ? 'queries/search-by-text' : 'queries/search-by-uid';
  const { rows } = await session.query<StoredDocument>(sqlText(name), [byText ? source.text : source.uid]);
  const found = rows[0];
  if (found === undefined) {
    throw byText
      ? new OperatorError('no stored document is like this text', {
          next: 'there is no embedding model here: name (part of) the title of a stored document, or give a vector with --vector FILE',
        })
      : new OperatorError(`there is no document with uid "${source.uid}"`);
  }
  if (found.embedding === null) throw new OperatorError(`the document "${found.uid}" has no embedding yet`);
  if (/^\[(-?0,)*-?0\]$/.test(found.embedding)) {
    throw new OperatorError(`the embedding of "${found.uid}" is a zero vector: it has no cosine distance to anything`);
  }
  return { literal: found.embedding, document: { uid: found.uid, title: found.title } };
}

async function applySettings(
  session: Session,
  request: SearchRequest,
): Promise<{ efSearch: number; iterativeScan: IterativeScan }> {
  // Absent until pgvector's library is loaded, which the first vector of a session does.
  const { rows } = await session.query<{ ef: string | null }>(
    "SELECT pg_catalog.current_setting('hnsw.ef_search', true) AS ef",
  );
  const current = Number(rows[0]?.ef ?? DEFAULT_EF_SEARCH);
  const efSearch = request.efSearch ?? Math.min(MAX_EF_SEARCH, Math.max(current, request.limit));
  const filtered = Object.values(request.filters).some((value) => value !== undefined) || request.source.kind === 'uid';
  const iterativeScan = request.iterativeScan ?? (filtered || request.limit > efSearch ? 'strict_order' : 'off');
  await session.query(
    "SELECT pg_catalog.set_config('hnsw.ef_search', $1, true), pg_catalog.set_config('hnsw.iterative_scan', $2, true)",
    [String(efSearch), iterativeScan],
  );
  if (request.useIndex === true) {
    await session.query(
      "SELECT pg_catalog.set_config('enable_seqscan', 'off', true), pg_catalog.set_config('enable_sort', 'off', true)",
    );
  }
  return { efSearch, iterativeScan };
}
