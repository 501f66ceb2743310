/** `qbench search` on the demo corpus with real indexes: right against exact comparison, and honest about how it answered. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { systemClock } from '../../infra/adapters/systemClock';
import { openInput } from '../../infra/ops/load/input';
import { servingIndex, type PlanNode } from '../../infra/ops/search/explain';
import type { SearchAnswer, SearchRequest } from '../../infra/ops/search/request';
import { search } from '../../infra/ops/search/search';
import { parseVector, vectorLiteral } from '../../infra/ops/search/vectorText';
import { DEMO_DOCUMENTS, DEMO_QUERIES } from '../../scripts/support/demo';
import { embedding, loadFile, loadLines } from '../support/loading';
import { databaseUrl, runQbench } from '../support/qbenchCli';
import { asSuperuser } from '../support/server';
import { createTestDatabase, type TestDatabase } from '../support/template';

const server = inject('server');
let db: TestDatabase;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'qbench-search-'));
  db = await createTestDatabase(server);
  await loadFile(db.database, DEMO_DOCUMENTS);
  await loadLines(db.database, [
    { uid: 'zero', title: 'zzz zero vector', embedding: embedding([]) },
    { uid: 'none', title: 'zzz none' },
  ]);
  await asSuperuser(server, db.name, async (session) => {
    for (const table of ['test_documents', 'test_steps']) {
      await session.query(
        `CREATE INDEX idx_${table}_embedding ON public.${table} USING hnsw (embedding vector_cosine_ops)`,
      );
    }
    await session.query('ANALYZE');
  });
});
afterAll(async () => {
  await db.drop();
  rmSync(folder, { recursive: true, force: true });
});

const DEFAULTS = { target: 'documents', filters: {}, limit: 10, explain: false } as const;

/** Searches in a session of its own, as the CLI does; `settings` are SETs before it. */
async function run(
  request: Partial<SearchRequest> & Pick<SearchRequest, 'source'>,
  settings: readonly string[] = [],
): Promise<SearchAnswer> {
  const session = await db.database.connect({ role: 'readonly' });
  try {
    for (const setting of settings) await session.query(setting);
    return await search(session, { ...DEFAULTS, ...request }, systemClock);
  } finally {
    await session.close();
  }
}

const EXACT = ['SET enable_indexscan = off'];
/** The corpus is small; what is proven is that the index answers rightly, not that the planner prefers it at any size. */
const BY_INDEX = { useIndex: true } as const;

async function demoQueries(): Promise<Float32Array[]> {
  const input = await openInput(DEMO_QUERIES);
  const all = Array.from({ length: 12 }, () => input.embeddings?.documents.next() ?? new Float32Array());
  input.close();
  return all;
}

describe('the order', () => {
  it.each(['documents', 'steps'] as const)(
    'of %s by index is that of comparing every row, for every demo query',
    async (target) => {
      for (const values of await demoQueries()) {
        const source = { kind: 'vector', values, pad: true, name: 'query' } as const;
        const exact = await run({ source, target }, EXACT);
        const indexed = await run({ source, target, efSearch: 400, ...BY_INDEX });
        expect(exact.index).toBeNull();
        expect(indexed.index).toBe(`idx_test_${target}_embedding`);
        expect(indexed.hits).toHaveLength(10);
        expect(indexed.hits.map((hit) => hit.similarity)).toEqual(
          exact.hits.map((hit) => expect.closeTo(hit.similarity, 6) as number),
        );
        expect(new Set(indexed.hits.map((hit) => hit.uid))).toEqual(new Set(exact.hits.map((hit) => hit.uid)));
      }
    },
  );

  it('is by similarity, from the most similar down', async () => {
    const { hits } = await run({ source: { kind: 'uid', uid: 'pypy3' } });
    const similarities = hits.map((hit) => hit.similarity);
    expect(similarities).toEqual(similarities.toSorted((a, b) => b - a));
    expect(similarities[0]).toBeLessThan(1);
  });
});

describe('the source', () => {
  it('of a text is the stored document with that title, then the one most like it', async () => {
    const exact = await run({ source: { kind: 'text', text: 'python3-bottle-beaker' } });
    expect(exact.searchedWith).toEqual({ uid: 'python3-bottle-beaker', title: 'python3-bottle-beaker' });
    expect(exact.hits[0]).toMatchObject({ uid: 'python3-bottle-beaker', similarity: expect.closeTo(1, 5) as number });
    const near = await run({ source: { kind: 'text', text: 'bottle plugin beaker' } });
    expect(near.searchedWith?.uid).toBe('python3-bottle-beaker');
  });

  it('of a uid leaves that document out', async () => {
    const { hits, searchedWith } = await run({ source: { kind: 'uid', uid: 'pypy3' }, limit: 400 });
    expect(searchedWith?.uid).toBe('pypy3');
    expect(hits.map((hit) => hit.uid)).not.toContain('pypy3');
  });

  it.each([
    [{ kind: 'text', text: 'qqqqqqqq' }, /no stored document is like this text/],
    [{ kind: 'uid', uid: 'nowhere' }, /there is no document with uid "nowhere"/],
    [{ kind: 'uid', uid: 'none' }, /the document "none" has no embedding yet/],
    [{ kind: 'uid', uid: 'zero' }, /the embedding of "zero" is a zero vector/],
    [{ kind: 'vector', values: new Float32Array(5).fill(1), pad: false, name: 'v.json' }, /v\.json has 5 dimensions/],
    [
      { kind: 'vector', values: new Float32Array(1537).fill(1), pad: true, name: 'v.json' },
      /v\.json has 1537 dimensions/,
    ],
    [{ kind: 'vector', values: new Float32Array(1536), pad: false, name: 'v.json' }, /v\.json is a zero vector/],
  ] as const)('%o is refused', async (source, message) => {
    await expect(run({ source })).rejects.toThrow(message);
  });
});

describe('filters', () => {
  const source = { kind: 'uid', uid: 'pypy3' } as const;

  it('leave only what passes, and still fill the limit', async () => {
    const { hits, iterativeScan } = await run({
      source,
      filters: { priority: 'High', folder: 'Packages/' },
      limit: 20,
      ...BY_INDEX,
    });
    expect(iterativeScan).toBe('strict_order');
    expect(hits).toHaveLength(20);
    expect(new Set(hits.map((hit) => hit.priority))).toEqual(new Set(['High']));
  });

  it('give by index what they give by comparing every row', async () => {
    const filters = { tags: ['library'], platform: 'server' };
    const exact = await run({ source, filters, limit: 15 }, EXACT);
    const indexed = await run({ source, filters, limit: 15, efSearch: 400, ...BY_INDEX });
    expect(indexed.hits.map((hit) => hit.uid).sort()).toEqual(exact.hits.map((hit) => hit.uid).sort());
    expect(exact.hits.every((hit) => hit.tags?.includes('library'))).toBe(true);
  });

  it('take several tags as any of them', async () => {
    const one = await run({ source, filters: { tags: ['library'] }, limit: 1000 });
    const both = await run({ source, filters: { tags: ['library', 'program'] }, limit: 1000 });
    expect(both.hits.length).toBeGreaterThan(one.hits.length);
  });

  it('work on steps by their documents', async () => {
    const { hits } = await run({ source, target: 'steps', filters: { priority: 'Critical' }, limit: 5 });
    expect(hits).toHaveLength(5);
    expect(hits[0]).toMatchObject({
      step_index: expect.any(Number) as number,
      action: expect.stringMatching(/^Install /) as string,
    });
  });
});

describe('how it was answered', () => {
  it('ends with the transaction: no setting stays in the session', async () => {
    const session = await db.database.connect({ role: 'readonly' });
    const source = { kind: 'uid', uid: 'pypy3' } as const;
    const answer = await search(
      session,
      { ...DEFAULTS, source, efSearch: 333, iterativeScan: 'relaxed_order', ...BY_INDEX },
      systemClock,
    );
    expect(answer).toMatchObject({ efSearch: 333, iterativeScan: 'relaxed_order' });
    const { rows } = await session.query(
      "SELECT current_setting('hnsw.ef_search') AS ef, current_setting('hnsw.iterative_scan') AS scan, current_setting('enable_sort') AS sort",
    );
    await session.close();
    expect(rows).toEqual([{ ef: '40', scan: 'off', sort: 'on' }]);
  });

  it('names the index only where the order comes from it', () => {
    const index: PlanNode = { 'Node Type': 'Index Scan', 'Index Name': 'by_vector' };
    const bitmap: PlanNode = {
      'Node Type': 'Bitmap Heap Scan',
      Plans: [{ 'Node Type': 'Bitmap Index Scan', 'Index Name': 'by_tag' }],
    };
    expect(servingIndex({ 'Node Type': 'Limit', Plans: [index] })).toBe('by_vector');
    expect(
      servingIndex({ 'Node Type': 'Limit', Plans: [{ 'Node Type': 'Nested Loop', Plans: [index, bitmap] }] }),
    ).toBe('by_vector');
    expect(servingIndex({ 'Node Type': 'Limit', Plans: [{ 'Node Type': 'Sort', Plans: [index] }] })).toBeNull();
    expect(servingIndex({ 'Node Type': 'Limit', Plans: [bitmap] })).toBeNull();
  });

  it('shows measured rows and buffers when asked', async () => {
    const { plan } = await run({ source: { kind: 'uid', uid: 'pypy3' }, explain: true, ...BY_INDEX });
    expect(plan).toMatchObject({ 'Node Type': 'Limit', 'Actual Rows': 10 });
    expect(plan?.['Shared Hit Blocks']).toBeGreaterThan(0);
  });
});

describe('vectors from files', () => {
  it.each([
    ['json', '[1, "x"]', /value 1 is not a number/],
    ['json', '[1, 1e400]', /value 1 is NaN, infinite/],
    ['json', '{"a":1}', /is not an array/],
    ['json', '[0.123456789,', /is not JSON/],
    ['json', '[]', /holds no numbers/],
    ['f16', 'abc', /has 3 bytes, which are no whole number of f16 values/],
  ] as const)('%s %s', (format, text, message) => {
    expect(() => parseVector(Buffer.from(text), format, 'v')).toThrow(message);
    expect(() => parseVector(Buffer.from(text), format, 'v')).not.toThrow(/0\.123456789/);
  });

  it('keep their values on the way', () => {
    expect(vectorLiteral(parseVector(Buffer.from('\ufeff[0.5,-1e-7]'), 'json', 'v'), 3, true, 'v')).toMatch(
      /^\[0\.5,-1\.0000000116860974e-7,0\]$/,
    );
  });
});

describe('the command line', () => {
  const url = (): string => databaseUrl(server, db.name, 'readonly');

  it('shows a demo query, its answers, the index or the scan, and the latency', async () => {
    const { stdout, code } = await runQbench(url(), ['search', '--demo-query', '1']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^searching for "python3-bottle: fast and simple WSGI-framework for Python 3"/);
    expect(stdout).toMatch(/0\.\d{4} {2}python3-/);
    expect(stdout).toMatch(
      /10 found in [\d.]+ ms by (index idx_test_documents_embedding over vector, ef_search 40|exact scan)/,
    );
  });

  it('gives JSON without the embedding', async () => {
    const { stdout } = await runQbench(url(), [
      'search',
      'python3-bottle-beaker',
      '--json',
      '--limit',
      '3',
      '--explain',
    ]);
    const answer = JSON.parse(stdout) as SearchAnswer;
    expect(answer.hits).toHaveLength(3);
    expect(Object.keys(answer)).toEqual([
      'searchedWith',
      'hits',
      'index',
      'indexType',
      'efSearch',
      'iterativeScan',
      'latencyMs',
      'plan',
    ]);
    expect(stdout).not.toMatch(/\[-?0\.\d+,-?0\.\d+,/);
  });

  it('takes a vector from a file and from standard input', async () => {
    const [values = new Float32Array()] = await demoQueries();
    const json = JSON.stringify([...values]);
    const raw = join(folder, 'query.f32');
    writeFileSync(raw, Buffer.from(values.buffer));
    const f16 = join(folder, 'query.f16');
    writeFileSync(f16, readFileSync(DEMO_QUERIES.replace('.jsonl.gz', '.f16')).subarray(0, 768));
    const args = ['--pad', '--json'];
    const found = await Promise.all([
      runQbench(url(), ['search', '--vector', '-', ...args], { stdin: json }),
      runQbench(url(), ['search', '--vector', raw, ...args]),
      runQbench(url(), ['search', '--vector', f16, ...args]),
    ]);
    const uids = found.map(({ stdout }) => (JSON.parse(stdout) as SearchAnswer).hits.map((hit) => hit.uid));
    expect(uids[0]).toHaveLength(10);
    expect(uids[1]).toEqual(uids[0]);
    expect(uids[2]).toEqual(uids[0]);
  });

  it.each([
    [['search'], /nothing to search for was given/],
    [['search', 'a', '--uid', 'b'], /more than one thing to search for/],
    [['search', ' '], /the text to search for is empty/],
    [['search', 'a', '--limit', '0'], /--limit.*allowed: a whole number from 1 to 1000/s],
    [['search', 'a', '--limit', '-1'], /allowed: a whole number from 1 to 1000/],
    [['search', 'a', '--limit', '1e9'], /allowed: a whole number from 1 to 1000/],
    [['search', 'a', '--ef', '1001'], /allowed: a whole number from 1 to 1000/],
    [['search', 'a', '--iterative', 'on'], /Allowed choices are off, strict, relaxed/],
    [['search', '--vector', 'missing.json'], /cannot read missing\.json/],
    [['search', '--demo-query', '13'], /allowed: a whole number from 1 to 12/],
  ])('%j', async (args, message) => {
    const { stderr, code } = await runQbench(url(), args);
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
  });
});
