/** The functions of the application's contract, called as the application's role: columns, meaning, and that they search by the vector index. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { Row, Session } from '../../infra/ops/ports';
import { asSuperuser } from '../support/server';
import { createTestDatabase, type TestDatabase } from '../support/template';

const server = inject('server');
let database: TestDatabase;
let app: Session;

/** Rows of a suite: enough that the planner takes the vector index, few enough to be built in a second. */
const ROWS = 2_000;

/** 16 of 1536 dimensions vary, so that rows have near neighbours, which independent random vectors have not. */
const FILL = `
  INSERT INTO test_documents (test_case_id, uid, title, description, embedding, priority, tags, platforms, folder_structure)
  SELECT n, 'd-' || n, 'title ' || n, 'about ' || n,
         (SELECT array_agg(CASE WHEN i <= 16 THEN random() - 0.5 + 0 * n ELSE 0 END)::vector FROM generate_series(1, 1536) AS i),
         CASE WHEN n % 5 = 0 THEN 'High' ELSE 'Low' END,
         CASE WHEN n % 500 = 0 THEN ARRAY['rare', 'all'] ELSE ARRAY['all'] END,
         CASE WHEN n % 2 = 0 THEN ARRAY['ios'] ELSE ARRAY['android', 'web'] END,
         CASE WHEN n % 10 = 0 THEN 'A_/x%/' || n ELSE 'AB/x/' || n END
    FROM generate_series(1, ${ROWS}) AS n`;

const STEPS = `
  INSERT INTO test_steps (test_document_id, step_index, action, expected, embedding)
  SELECT id, 0, 'do ' || uid, ARRAY['see ' || uid], embedding FROM test_documents`;

beforeAll(async () => {
  database = await createTestDatabase(server);
  await asSuperuser(server, database.name, async (session) => {
    await session.query('SELECT setseed(0.42)');
    await session.query(FILL);
    await session.query(STEPS);
    await session.query("SET maintenance_work_mem = '64MB'");
    for (const table of ['test_documents', 'test_steps']) {
      await session.query(`CREATE INDEX idx_${table}_embedding ON ${table} USING hnsw (embedding vector_cosine_ops)`);
      await session.query(`VACUUM ANALYZE ${table}`);
    }
  });
  app = await database.database.connect({ role: 'app' });
});

afterAll(async () => {
  await app.close();
  await database.drop();
});

async function ask<R = Row>(text: string, values?: unknown[]): Promise<R[]> {
  return (await app.query<R>(text, values)).rows;
}

function embeddingOf(uid: string): Promise<string> {
  return ask<{ embedding: string }>('SELECT embedding::text FROM test_documents WHERE uid = $1', [uid]).then(
    (rows) => rows[0]?.embedding ?? '',
  );
}

/** uids nearest to the embedding by comparing every row. */
function exact(embedding: string, condition: string, limit: number): Promise<string[]> {
  const text = `WITH d AS MATERIALIZED (SELECT uid, embedding <=> $1::vector AS distance FROM test_documents WHERE embedding IS NOT NULL AND ${condition}) SELECT uid FROM d ORDER BY distance LIMIT $2`;
  return ask<{ uid: string }>(text, [embedding, limit]).then((rows) => rows.map(({ uid }) => uid));
}

/** Runs a question and tells how often it scanned an index; in a session of its own, whose counters begin at nought. */
async function scansOf<R>(index: string, text: string, values: unknown[]): Promise<{ rows: R[]; scans: number }> {
  const session = await database.database.connect({ role: 'app' });
  try {
    await session.query('BEGIN');
    const { rows } = await session.query<R>(text, values);
    const counted = await session.query<{ scans: string }>('SELECT pg_stat_get_xact_numscans($1::regclass) AS scans', [
      index,
    ]);
    return { rows, scans: Number(counted.rows[0]?.scans) };
  } finally {
    await session.close();
  }
}

interface Hit {
  uid: string;
  similarity: number;
}

describe('hybrid_search', () => {
  it('returns the columns of the contract', async () => {
    const [hit] = await ask('SELECT * FROM hybrid_search($1)', [await embeddingOf('d-10')]);
    expect(hit).toEqual({
      id: expect.any(Number) as number,
      test_case_id: 10,
      uid: 'd-10',
      jira_key: null,
      title: 'title 10',
      description: 'about 10',
      similarity: expect.closeTo(1, 6) as number,
      priority: 'High',
      tags: ['all'],
      folder_structure: 'A_/x%/10',
    });
  });

  it('searches by the vector index, ten rows unless told, most similar first', async () => {
    const query = await embeddingOf('d-77');
    const { rows, scans } = await scansOf<Hit>('idx_test_documents_embedding', 'SELECT * FROM hybrid_search($1)', [
      query,
    ]);
    expect(scans).toBe(1);
    expect(rows.map(({ uid }) => uid)).toEqual(await exact(query, 'true', 10));
    expect(rows.map(({ similarity }) => similarity)).toEqual(
      rows.map(({ similarity }) => similarity).toSorted((a, b) => b - a),
    );
  });

  it('still searches by the index in the sixth call of a session, when PostgreSQL would try a generic plan', async () => {
    const query = await embeddingOf('d-78');
    const session = await database.database.connect({ role: 'app' });
    try {
      await session.query('BEGIN');
      for (let call = 1; call <= 8; call++)
        await session.query('SELECT * FROM hybrid_search($1, search_limit => 3)', [query]);
      const { rows } = await session.query<{ scans: string }>(
        "SELECT pg_stat_get_xact_numscans('idx_test_documents_embedding'::regclass) AS scans",
      );
      expect(Number(rows[0]?.scans)).toBe(8);
    } finally {
      await session.close();
    }
  });

  it('gives more rows than hnsw.ef_search when asked', async () => {
    await expect(
      ask('SELECT uid FROM hybrid_search($1, search_limit => 150)', [await embeddingOf('d-1')]),
    ).resolves.toHaveLength(150);
  });

  it.each([
    ['priority', "filter_priority => 'High'", "priority = 'High'"],
    ['overlap of tags', "filter_tags => '{rare,none}'", "tags && '{rare}'"],
    ['overlap of platforms', "filter_platforms => '{web}'", "platforms && '{web}'"],
    ['beginning of the folder, taken literally', "filter_folder => 'A_/x%'", "folder_structure LIKE 'A\\_/x\\%%'"],
    [
      'all of them',
      "filter_priority => 'High', filter_tags => '{all}', filter_platforms => '{ios}', filter_folder => 'A_/'",
      "priority = 'High' AND n_even AND folder_structure LIKE 'A\\_/%'",
    ],
  ])('filters by %s, and finds every row that passes up to the limit', async (_, filter, condition) => {
    const query = await embeddingOf('d-55');
    const hits = await ask<Hit>(`SELECT uid FROM hybrid_search($1, ${filter}, search_limit => 12)`, [query]);
    expect(hits.map(({ uid }) => uid)).toEqual(
      await exact(query, condition.replace('n_even', "platforms && '{ios}'"), 12),
    );
  });

  it('finds the few that pass also where the index scan stops before it meets them', async () => {
    const query = await embeddingOf('d-55');
    await ask('SET hnsw.max_scan_tuples = 1');
    try {
      const hits = await ask<Hit>("SELECT uid FROM hybrid_search($1, filter_folder => 'A_/x%/2000')", [query]);
      expect(hits).toEqual([{ uid: 'd-2000' }]);
      const many = await ask<Hit>("SELECT uid FROM hybrid_search($1, filter_folder => 'A_/', search_limit => 100)", [
        query,
      ]);
      expect(many.map(({ uid }) => uid)).toEqual(await exact(query, "folder_structure LIKE 'A\\_/%'", 100));
    } finally {
      await ask('RESET hnsw.max_scan_tuples');
    }
  });

  it('leaves out documents without a usable embedding', async () => {
    await asSuperuser(server, database.name, (session) =>
      session.query(
        `INSERT INTO test_documents (test_case_id, uid, title, tags, embedding) VALUES (900001, 'null', 't', '{odd}', NULL), (900002, 'zero', 't', '{odd}', array_fill(0, ARRAY[1536])::vector)`,
      ),
    );
    expect(await ask("SELECT uid FROM hybrid_search($1, filter_tags => '{odd}')", [await embeddingOf('d-1')])).toEqual(
      [],
    );
  });

  it('refuses a zero vector, a wrong dimension and a limit below one', async () => {
    const zero = `[0${',0'.repeat(1535)}]`;
    await expect(ask('SELECT * FROM hybrid_search($1)', [zero])).rejects.toThrow(/zero vector/);
    await expect(ask('SELECT * FROM hybrid_search($1)', ['[1,2,3]'])).rejects.toThrow(
      /different vector dimensions|expected 1536 dimensions/,
    );
    await expect(ask('SELECT * FROM hybrid_search($1, search_limit => 0)', [await embeddingOf('d-1')])).rejects.toThrow(
      /search_limit is 0/,
    );
  });

  it('runs with the rights and names of its caller only', async () => {
    const functions = await ask(
      "SELECT proname, prosecdef, provolatile, proconfig @> ARRAY['search_path=pg_catalog, public, pg_temp'] AS fixed_path FROM pg_proc WHERE proname IN ('hybrid_search', 'search_steps', 'upsert_test_document') ORDER BY 1",
    );
    expect(functions).toEqual([
      { proname: 'hybrid_search', prosecdef: false, provolatile: 's', fixed_path: true },
      { proname: 'search_steps', prosecdef: false, provolatile: 's', fixed_path: true },
      { proname: 'upsert_test_document', prosecdef: false, provolatile: 'v', fixed_path: true },
    ]);
  });
});

describe('search_steps', () => {
  it('returns the columns of the contract, nearest first, by the vector index', async () => {
    const query = await embeddingOf('d-31');
    const { rows, scans } = await scansOf<Row>('idx_test_steps_embedding', 'SELECT * FROM search_steps($1, 5)', [
      query,
    ]);
    expect(scans).toBe(1);
    expect(rows[0]).toEqual({
      step_id: expect.any(Number) as number,
      test_document_id: expect.any(Number) as number,
      step_index: 0,
      action: 'do d-31',
      expected: ['see d-31'],
      similarity: expect.closeTo(1, 6) as number,
    });
    expect(rows.map(({ action }) => action)).toEqual((await exact(query, 'true', 5)).map((uid) => `do ${uid}`));
  });

  it('gives ten unless told, and refuses a limit below one', async () => {
    const query = await embeddingOf('d-32');
    await expect(ask('SELECT * FROM search_steps($1)', [query])).resolves.toHaveLength(10);
    await expect(ask('SELECT * FROM search_steps($1, -1)', [query])).rejects.toThrow(/search_limit is -1/);
  });
});

describe('upsert_test_document', () => {
  const read = (uid: string): Promise<Row[]> =>
    ask(
      'SELECT test_case_id, title, description, priority, tags, is_automated, suite_id, custom_fields, embedding IS NULL AS empty FROM test_documents WHERE uid = $1',
      [uid],
    );

  it('inserts, then updates the row of the uid, keeping old values where the new ones are NULL', async () => {
    const embedding = await embeddingOf('d-1');
    const insert = `SELECT upsert_test_document(7001, 'up', 'first', $1, p_description => 'about', p_priority => 'High', p_tags => '{a}', p_suite_id => 3, p_is_automated => true, p_custom_fields => '{"k": 1}') AS id`;
    const [inserted] = await ask<{ id: number }>(insert, [embedding]);
    const [updated] = await ask<{ id: number }>(
      "SELECT upsert_test_document(7001, 'up', 'second', NULL, p_priority => 'Low') AS id",
    );
    expect(updated?.id).toBe(inserted?.id);
    expect(await read('up')).toEqual([
      {
        test_case_id: 7001,
        title: 'second',
        description: 'about',
        priority: 'Low',
        tags: ['a'],
        is_automated: true,
        suite_id: 3,
        custom_fields: { k: 1 },
        empty: false,
      },
    ]);
    await ask("SELECT upsert_test_document(NULL, 'up', NULL, NULL, p_is_automated => false)");
    expect(await read('up')).toMatchObject([{ test_case_id: 7001, title: 'second', is_automated: false }]);
  });

  it('gives a new row the defaults of the table', async () => {
    await ask("SELECT upsert_test_document(7002, 'plain', 't', NULL)");
    expect(await read('plain')).toMatchObject([{ is_automated: false, empty: true }]);
  });

  it('refuses a new row without title, and a test_case_id of another document', async () => {
    await expect(ask("SELECT upsert_test_document(7003, 'untitled', NULL, NULL)")).rejects.toThrow(
      /null value in column/,
    );
    await expect(ask("SELECT upsert_test_document(7002, 'other', 't', NULL)")).rejects.toThrow(
      /test_documents_test_case_id_key/,
    );
  });
});
