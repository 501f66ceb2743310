/** `qbench search` follows the live index, whatever type `qbench index apply` built it over, and says which one answered. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { systemClock } from '../../infra/adapters/systemClock';
import type { IndexSettingsLike } from '../../infra/ops/indexes/desired';
import { openInput } from '../../infra/ops/load/input';
import { servingIndex, type PlanNode } from '../../infra/ops/search/explain';
import type { SearchAnswer, SearchRequest } from '../../infra/ops/search/request';
import { search } from '../../infra/ops/search/search';
import { DEMO_DOCUMENTS, DEMO_QUERIES } from '../../scripts/support/demo';
import { BIT, HALFVEC, SPEED, apply, stateOf } from '../support/indexRuns';
import { embedding, loadFile, loadLines } from '../support/loading';
import { databaseUrl, runQbench } from '../support/qbenchCli';
import { createTestDatabase, type TestDatabase } from '../support/template';

const server = inject('server');
let db: TestDatabase;
let queries: Float32Array[];

beforeAll(async () => {
  db = await createTestDatabase(server);
  await loadFile(db.database, DEMO_DOCUMENTS);
  await loadLines(db.database, [{ uid: 'zero', title: 'zzz zero vector', embedding: embedding([]) }]);
  const input = await openInput(DEMO_QUERIES);
  queries = Array.from({ length: 12 }, () => input.embeddings?.documents.next() ?? new Float32Array());
  input.close();
});
afterAll(() => db.drop());

type Request = Partial<SearchRequest> & Pick<SearchRequest, 'source'>;

async function run(request: Request, settings: readonly string[] = []): Promise<SearchAnswer> {
  const session = await db.database.connect({ role: 'readonly' });
  try {
    for (const setting of settings) await session.query(setting);
    const defaults = { target: 'documents', filters: {}, limit: 10, explain: false } as const;
    return await search(session, { ...defaults, ...request }, systemClock);
  } finally {
    await session.close();
  }
}

const exactly = (request: Request): Promise<SearchAnswer> => run(request, ['SET enable_indexscan = off']);
/** More candidates than the corpus has rows: what is proven is that the index answers rightly, not how little of it is enough. */
const byIndex = (request: Request): Promise<SearchAnswer> => run({ efSearch: 400, useIndex: true, ...request });
const vector = (values: Float32Array) => ({ kind: 'vector', values, pad: true, name: 'query' }) as const;
const keys = ({ hits }: SearchAnswer): string[] => hits.map((hit) => `${hit.uid} ${hit.step_index ?? ''}`).sort();
const TARGETS = ['documents', 'steps'] as const;

describe.each<[string, IndexSettingsLike]>([
  ['vector', SPEED],
  ['halfvec', HALFVEC],
  ['bit', BIT],
])('an index over %s', (type, profile) => {
  beforeAll(async () => {
    await apply(db.database, profile, { state: { ...stateOf(profile), recallTolerance: 0.5 } });
  });

  it.each(TARGETS)('gives %s as comparing every row does, for every demo query, and is named', async (target) => {
    for (const values of queries) {
      const source = vector(values);
      const exact = await exactly({ source, target });
      const indexed = await byIndex({ source, target });
      expect(exact).toMatchObject({ index: null, indexType: null });
      expect(exact.candidates).toBeUndefined();
      expect(indexed).toMatchObject({ index: `idx_test_${target}_embedding`, indexType: type });
      expect(indexed.candidates).toBe(type === 'bit' ? 400 : undefined);
      expect(keys(indexed)).toEqual(keys(exact));
      // Rounding to halfvec or to bits only chooses rows; similarity and order are those of the full vectors.
      expect(indexed.hits.map((hit) => hit.similarity)).toEqual(
        exact.hits.map((hit) => expect.closeTo(hit.similarity, 6) as number),
      );
    }
  });

  it.each(TARGETS)('keeps every filter on %s', async (target) => {
    const source = { kind: 'uid', uid: 'pypy3' } as const;
    for (const filters of [
      { priority: 'High' },
      { tags: ['library', 'program'] },
      { platform: 'server' },
      { folder: 'Packages/' },
      { priority: 'High', tags: ['library'], platform: 'server', folder: 'Packages/' },
      { folder: 'nowhere/' },
    ]) {
      const exact = await exactly({ source, target, filters, limit: 15 });
      const indexed = await byIndex({ source, target, filters, limit: 15 });
      expect(indexed).toMatchObject({ index: `idx_test_${target}_embedding`, iterativeScan: 'strict_order' });
      expect(keys(indexed)).toEqual(keys(exact));
      expect(indexed.hits.map((hit) => hit.uid)).not.toContain('pypy3');
    }
  });

  it('orders what it found from the most similar down, also with few candidates', async () => {
    const answer = await byIndex({ source: vector(queries[0] ?? new Float32Array()), efSearch: 10 });
    const similarities = answer.hits.map((hit) => hit.similarity);
    expect(similarities).toHaveLength(10);
    expect(similarities).toEqual(similarities.toSorted((a, b) => b - a));
    expect(answer.candidates).toBe(type === 'bit' ? 10 : undefined);
  });

  it('never gives a zero vector', async () => {
    const { hits } = await byIndex({ source: vector(queries[0] ?? new Float32Array()), limit: 400 });
    expect(hits.length).toBeGreaterThan(300);
    expect(hits.map((hit) => hit.uid)).not.toContain('zero');
  });

  it('takes a query of any length: cosine does not see it', async () => {
    const [values = new Float32Array()] = queries;
    const near = keys(await byIndex({ source: vector(values) }));
    for (const factor of [1e-12, 1e12]) {
      expect(keys(await byIndex({ source: vector(values.map((value) => value * factor)) }))).toEqual(near);
    }
  });

  it('is named on the command line with its type, and no value of an embedding is shown', async () => {
    const url = databaseUrl(server, db.name, 'readonly');
    const args = ['search', '--uid', 'pypy3', '--use-index', '--explain', '--ef', '300', '--iterative', 'relaxed'];
    const shown = await runQbench(url, args);
    expect(shown.stdout).toContain(
      `by index idx_test_documents_embedding over ${type}, ef_search 300, iterative scan relaxed_order` +
        (type === 'bit' ? ', up to 300 candidates reranked by the full vectors\n' : '\n'),
    );
    expect(shown.stdout).toContain('Index Scan on idx_test_documents_embedding (');
    const json = await runQbench(url, [...args, '--json']);
    const { plan, ...answer } = JSON.parse(json.stdout) as SearchAnswer;
    expect(answer).toMatchObject({ index: 'idx_test_documents_embedding', indexType: type, efSearch: 300 });
    expect(plan?.['Actual Rows']).toBe(10);
    for (const output of [shown.stdout, json.stdout]) expect(output).not.toMatch(/\[-?\d[\d.e-]*,-?\d|[01]{16}/);
  });
});

it('compares every row by the full vectors where a compact index is not taken', async () => {
  const source = vector(queries[3] ?? new Float32Array());
  const plain = await exactly({ source, explain: true });
  // The last type applied is bit; ordering all rows by their bits would cost as much and find less.
  expect(plain).toMatchObject({ index: null, indexType: null, plan: { 'Node Type': 'Limit' } });
  expect(plain.plan?.Plans?.[0]?.Plans?.[0]?.['Node Type']).toBe('Seq Scan');
});

it('names the index under a rerank, and none where the candidates themselves were sorted out', () => {
  const index: PlanNode = { 'Node Type': 'Index Scan', 'Index Name': 'by_bits' };
  const reranked = (candidates: PlanNode): PlanNode => ({
    'Node Type': 'Limit',
    Plans: [
      {
        'Node Type': 'Sort',
        Plans: [{ 'Node Type': 'Subquery Scan', Plans: [{ 'Node Type': 'Limit', Plans: [candidates] }] }],
      },
    ],
  });
  expect(servingIndex(reranked(index))).toBe('by_bits');
  expect(servingIndex(reranked({ 'Node Type': 'Nested Loop', Plans: [index] }))).toBe('by_bits');
  expect(servingIndex(reranked({ 'Node Type': 'Sort', Plans: [index] }))).toBeNull();
  expect(servingIndex(reranked({ 'Node Type': 'Seq Scan' }))).toBeNull();
});
