/** `qbench search`: nearest documents or steps of an embedding, with the index that served them. */
import { OperatorError } from '../errors';
import type { Clock, Session } from '../ports';
import { sqlText } from '../sqlText';
import type { IterativeScan, SearchAnswer, SearchHit, SearchRequest } from './request';
import { chooseStatement, explainPlan } from './statement';
import { vectorLiteral } from './vectorText';

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
