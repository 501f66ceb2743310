/** The capacity formulas against indexes and tables that a real server builds. The full grid is the benchmark `capacity`. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { openSession } from '../../infra/adapters/postgresDatabase';
import { elementsPerPage, hnswPages, hnswSpillTuples, pagesPerElement } from '../../infra/capacity/hnsw';
import { ivfflatPages } from '../../infra/capacity/ivfflat';
import { hnswElements } from '../../infra/capacity/storage';
import { planCapacity } from '../../infra/capacity/plan';
import { DEFAULT_WORKLOAD, resolveIndex, type VectorType } from '../../infra/capacity/workload';
import { actualCapacity } from '../../infra/ops/capacity/actual';
import type { Session } from '../../infra/ops/ports';
import { compared } from '../../scripts/commands/plan';
import { addressOf } from '../support/server';
import { createTestDatabase, type TestDatabase } from '../support/template';

const server = inject('server');
const ROWS = 2000;

/** The expression of an index over the first dimensions of the column, and its operator class. */
const INDEXED: Readonly<Record<VectorType, (dimensions: number) => string>> = {
  vector: (d) => `(subvector(e, 1, ${d})::vector(${d})) vector_cosine_ops`,
  halfvec: (d) => `(subvector(e, 1, ${d})::halfvec(${d})) halfvec_cosine_ops`,
  bit: (d) => `(binary_quantize(subvector(e, 1, ${d}))::bit(${d})) bit_hamming_ops`,
};

let database: TestDatabase;
let session: Session;
const notices: string[] = [];

/** Builds an index on rows with id <= `rows`, returns its pages and drops it again. */
async function builtPages(method: string, expression: string, options: string, rows: number): Promise<number> {
  await session.query(`CREATE INDEX probe ON v USING ${method} (${expression}) WITH (${options}) WHERE id <= ${rows}`);
  const result = await session.query<{ pages: string }>("SELECT pg_catalog.pg_relation_size('probe') / 8192 AS pages");
  await session.query('DROP INDEX probe');
  return Number(result.rows[0]?.pages);
}

beforeAll(async () => {
  database = await createTestDatabase(server);
  session = await openSession(addressOf(server, database.name));
  session.onNotice(({ message }) => notices.push(message));
  await session.query('CREATE TABLE v (id int PRIMARY KEY, e vector(1536))');
  await session.query('SELECT pg_catalog.setseed(0.5)');
  await session.query(
    `INSERT INTO v SELECT g, (SELECT pg_catalog.array_agg(pg_catalog.random_normal()) FROM pg_catalog.generate_series(1, 1536) WHERE g > 0)::vector
       FROM pg_catalog.generate_series(1, ${ROWS}) AS g`,
  );
  await session.query('VACUUM ANALYZE v');
  await session.query("SET maintenance_work_mem = '256MB'");
});

afterAll(async () => {
  await session.close();
  await database.drop();
});

describe('HNSW pages predicted and built', () => {
  const grid = ([256, 640, 1024, 1536] as const).flatMap((dimensions) =>
    ([8, 16, 48] as const).map((m) => [dimensions, m] as const),
  );

  it.each(grid)('are the same for vector and halfvec, %i dimensions, m = %i', async (dimensions, m) => {
    const rows = 400;
    for (const type of ['vector', 'halfvec'] as const) {
      const built = await builtPages('hnsw', INDEXED[type](dimensions), `m = ${m}, ef_construction = ${2 * m}`, rows);
      const predicted = hnswPages(rows, type, dimensions, m);
      // The server draws levels at random. Where they can cost a page, that many pages vary as counts do: four sigma.
      const byChance = rows * (pagesPerElement(type, dimensions, m) - 1 / elementsPerPage(type, dimensions, m));
      const luck = byChance < 1e-4 ? 0 : 1 + Math.ceil(4 * Math.sqrt(byChance));
      expect(Math.abs(predicted - built), `${type}: predicted ${predicted}, built ${built}`).toBeLessThanOrEqual(luck);
    }
  });

  it('leave no luck at 1536 dimensions with m = 16: a page a vector, half a page a halfvec', () => {
    expect(pagesPerElement('vector', 1536, 16)).toBe(1);
    expect(pagesPerElement('halfvec', 1536, 16)).toBeCloseTo(0.5, 9);
  });

  it.each([
    [256, 8],
    [768, 48],
    [1024, 16],
    [1536, 16],
  ] as const)('differ by one percent at most for bit, %i dimensions, m = %i', async (dimensions, m) => {
    const built = await builtPages('hnsw', INDEXED.bit(dimensions), `m = ${m}, ef_construction = ${2 * m}`, ROWS);
    expect(Math.abs(hnswPages(ROWS, 'bit', dimensions, m) - built)).toBeLessThanOrEqual(Math.ceil(built * 0.01) + 1);
  });

  it.each([
    [16, 64],
    [16, 32],
  ])('count NULL and copies as the plan does, m = %i, ef_construction = %i', async (m, efConstruction) => {
    await session.query(
      'CREATE TABLE copies AS SELECT g AS id, CASE WHEN g % 4 > 0 THEN v.e END::vector(1536) AS e FROM pg_catalog.generate_series(1, 800) AS g LEFT JOIN v ON v.id = g % 400',
    );
    await session.query(
      `CREATE INDEX copies_e ON copies USING hnsw (e vector_cosine_ops) WITH (m = ${m}, ef_construction = ${efConstruction})`,
    );
    const { rows } = await session.query<{ pages: string }>(
      "SELECT pg_catalog.pg_relation_size('copies_e') / 8192 AS pages",
    );
    await session.query('DROP TABLE copies');
    const index = resolveIndex({ profile: 'speed', m, efConstruction });
    const elements = hnswElements({ table: 'test_steps', rows: 800, embeddedRows: 600, elements: 300 }, index);
    expect(Number(rows[0]?.pages)).toBe(hnswPages(elements, 'vector', 1536, 16));
  });
});

describe('IVFFlat pages predicted and built', () => {
  it.each([
    ['vector', 256, 10],
    ['vector', 1536, 20],
    ['halfvec', 1024, 20],
    ['bit', 1536, 5],
  ] as const)('differ by one percent at most: %s(%i) in %i lists', async (type, dimensions, lists) => {
    const built = await builtPages('ivfflat', INDEXED[type](dimensions), `lists = ${lists}`, ROWS);
    const predicted = ivfflatPages(ROWS, type, dimensions, lists);
    // A page a list of luck: whether the last row of a list opens a page.
    expect(Math.abs(predicted - built)).toBeLessThanOrEqual(Math.max(2, built * 0.01));
  });
});

describe('the spill point', () => {
  it('of a parallel build is where the formula says, to 0.1 percent', async () => {
    notices.length = 0;
    await session.query('ALTER TABLE v SET (parallel_workers = 1)');
    await session.query("SET maintenance_work_mem = '12MB'");
    await builtPages('hnsw', 'e vector_cosine_ops', 'm = 16, ef_construction = 32', ROWS);
    await session.query("SET maintenance_work_mem = '256MB'");
    const observed = Number(
      /no longer fits into maintenance_work_mem after (\d+) tuples/.exec(notices.join('\n'))?.[1],
    );
    const predicted = hnswSpillTuples(12, 'vector', 1536, 16);
    expect(Math.abs(predicted / observed - 1)).toBeLessThanOrEqual(0.001 + 1 / observed);
  });
});

describe('the size of a database', () => {
  it('with documents, steps and all indexes is predicted within five percent', async () => {
    const documents = 800;
    // English of the server's own: the comments of its functions, several a text.
    await session.query(
      'CREATE TEMP TABLE texts AS SELECT (pg_catalog.row_number() OVER (ORDER BY objoid, classoid, objsubid)) - 1 AS n, description FROM pg_catalog.pg_description',
    );
    const text = (row: string, parts: number): string =>
      `(SELECT pg_catalog.string_agg(t.description, ' ') FROM pg_catalog.generate_series(1, ${parts}) AS i JOIN texts AS t ON t.n = (${row} * 31 + i * 977) % (SELECT count(*) FROM texts))`;
    await session.query(
      `INSERT INTO test_documents (test_case_id, uid, jira_key, title, description, embedding, test_type, priority, platforms, tags, suite_id, section_id, project_id, source, folder_structure, custom_fields)
       SELECT g, 'TC-case-' || g, 'QB-' || g, ${text('g', 2)}, ${text('g', 12)}, v.e, 'functional', 'P' || g % 4, ARRAY['ios','web'], ARRAY['smoke','t' || g % 9], g % 20, g % 90, 1, 'import', 'a/b' || g % 30, pg_catalog.jsonb_build_object('k', g % 7)
         FROM pg_catalog.generate_series(1, ${documents}) AS g JOIN v ON v.id = g`,
    );
    await session.query(
      `INSERT INTO test_steps (test_document_id, step_index, action, expected, embedding)
       SELECT d.id, s, ${text('d.test_case_id', 4)}, ARRAY[${text('d.test_case_id', 3)}], v.e
         FROM test_documents AS d CROSS JOIN pg_catalog.generate_series(1, 2) AS s
         JOIN v ON v.id = ${documents} + 2 * (d.test_case_id - (d.test_case_id + 2) / 3) - s + 1
        WHERE d.test_case_id % 3 <> 1`,
    );
    await session.query('CREATE INDEX ON test_documents USING hnsw (embedding vector_cosine_ops)');
    await session.query('CREATE INDEX ON test_steps USING hnsw (embedding vector_cosine_ops)');
    await session.query('DROP TABLE v');
    await session.query('VACUUM ANALYZE test_documents, test_steps');
    const actual = await actualCapacity(session);
    expect(actual.index).toEqual({ profile: 'speed', type: 'vector', m: 16, efConstruction: 64 });
    expect(actual.workload).toMatchObject({
      documents,
      stepsPerDocument: 2,
      shareOfStepsEmbedded: 1,
      dimensions: 1536,
    });
    const workload = { ...DEFAULT_WORKLOAD, ...actual.workload };
    const plan = planCapacity({ workload, index: { profile: 'speed', ...actual.index } });
    const planned = plan.sizes.databaseBytes;
    expect(Math.abs(planned / actual.databaseBytes - 1), `${planned} / ${actual.databaseBytes}`).toBeLessThan(0.05);

    // What holds the embeddings is predicted to the page; every relation is known to both sides.
    const relations = compared(plan, actual);
    const missing = relations.filter(
      ({ plannedBytes, actualBytes }) => plannedBytes === undefined || actualBytes === undefined,
    );
    expect(missing).toEqual([]);
    const exact = relations.filter(({ name }) => name === 'embedding' || name === 'toast');
    expect(exact.map(({ plannedBytes }) => plannedBytes)).toEqual(exact.map(({ actualBytes }) => actualBytes));
  });
});
