/** The application's contract of tables, indexes and rights, asked of the database as the application's role, in plain SQL. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { Row, Session } from '../../infra/ops/ports';
import { asSuperuser } from '../support/server';
import { createTestDatabase, type TestDatabase } from '../support/template';

const server = inject('server');
let database: TestDatabase;
let app: Session;

beforeAll(async () => {
  database = await createTestDatabase(server);
  app = await database.database.connect({ role: 'app' });
});

afterAll(async () => {
  await app.close();
  await database.drop();
});

async function ask<R = Row>(text: string, values?: unknown[]): Promise<R[]> {
  return (await app.query<R>(text, values)).rows;
}

/** name, type, nullable, default: as information_schema says them. */
function columnsOf(table: string): Promise<string[]> {
  const text = `SELECT concat_ws(' ', column_name, coalesce(udt_name, ''), character_maximum_length, is_nullable, column_default) AS line
                  FROM information_schema.columns WHERE table_schema = 'public' AND table_name = $1 ORDER BY ordinal_position`;
  return ask<{ line: string }>(text, [table]).then((rows) => rows.map(({ line }) => line));
}

describe('tables', () => {
  it('test_documents has the columns, types, nullability and defaults of the contract', async () => {
    expect(await columnsOf('test_documents')).toEqual([
      "id int4 NO nextval('test_documents_id_seq'::regclass)",
      'test_case_id int4 NO',
      'uid varchar 255 NO',
      'jira_key varchar 50 YES',
      'title text NO',
      'description text YES',
      'summary text YES',
      'embedding vector YES',
      'test_type varchar 50 YES',
      'priority varchar 20 YES',
      'platforms _text YES',
      'tags _text YES',
      'folder_structure text YES',
      'suite_id int4 YES',
      'section_id int4 YES',
      'project_id int4 YES',
      'source varchar 255 YES',
      'ingested_at timestamp YES now()',
      'updated_at timestamp YES now()',
      'is_automated bool YES false',
      'refs text YES',
      'custom_fields jsonb YES',
    ]);
  });

  it('test_steps too', async () => {
    expect(await columnsOf('test_steps')).toEqual([
      "id int4 NO nextval('test_steps_id_seq'::regclass)",
      'test_document_id int4 NO',
      'step_index int4 NO',
      'action text YES',
      'expected _text YES',
      'data text YES',
      'embedding vector YES',
    ]);
  });

  it('take embeddings of 1536 dimensions and no others', async () => {
    const rows = await ask(
      "SELECT attrelid::regclass::text AS \"table\", format_type(atttypid, atttypmod) AS type FROM pg_attribute WHERE attname = 'embedding' AND attrelid IN ('test_documents'::regclass, 'test_steps'::regclass) ORDER BY 1",
    );
    expect(rows).toEqual([
      { table: 'test_documents', type: 'vector(1536)' },
      { table: 'test_steps', type: 'vector(1536)' },
    ]);
    await expect(
      ask("INSERT INTO test_documents (test_case_id, uid, title, embedding) VALUES (1, 'a', 'b', '[1,2]')"),
    ).rejects.toThrow(/expected 1536 dimensions, not 2/);
  });

  it('keep test_case_id, uid and the place of a step unique, and delete steps with their document', async () => {
    await ask("INSERT INTO test_documents (test_case_id, uid, title) VALUES (901, 'unique', 't')");
    const [document] = await ask<{ id: number }>("SELECT id FROM test_documents WHERE uid = 'unique'");
    await ask('INSERT INTO test_steps (test_document_id, step_index) VALUES ($1, 0)', [document?.id]);
    await expect(
      ask("INSERT INTO test_documents (test_case_id, uid, title) VALUES (901, 'other', 't')"),
    ).rejects.toThrow(/test_documents_test_case_id_key/);
    await expect(
      ask("INSERT INTO test_documents (test_case_id, uid, title) VALUES (902, 'unique', 't')"),
    ).rejects.toThrow(/test_documents_uid_key/);
    await expect(
      ask('INSERT INTO test_steps (test_document_id, step_index) VALUES ($1, 0)', [document?.id]),
    ).rejects.toThrow(/test_steps_test_document_id_step_index_key/);
    await expect(ask('INSERT INTO test_steps (test_document_id, step_index) VALUES (-1, 0)')).rejects.toThrow(
      /foreign key/,
    );
    await ask("DELETE FROM test_documents WHERE uid = 'unique'");
    expect(await ask('SELECT FROM test_steps WHERE test_document_id = $1', [document?.id])).toEqual([]);
  });

  it('set updated_at on every update, whatever is written there', async () => {
    await ask(
      "INSERT INTO test_documents (test_case_id, uid, title, ingested_at, updated_at) VALUES (903, 'old', 't', '2001-01-01', '2001-01-01')",
    );
    await ask("UPDATE test_documents SET title = 'new', updated_at = '2002-02-02' WHERE uid = 'old'");
    expect(
      await ask(
        "SELECT updated_at > now()::timestamp - interval '1 hour' AS fresh, ingested_at::text FROM test_documents WHERE uid = 'old'",
      ),
    ).toEqual([{ fresh: true, ingested_at: '2001-01-01 00:00:00' }]);
  });
});

describe('writes of the application', () => {
  const literal = (n: number): string =>
    `[${Array.from({ length: 1536 }, (_, i) => ((n * 31 + i) % 17) / 17 + 0.01).join(',')}]`;

  async function upsert(count: number, title: string): Promise<void> {
    const rows = Array.from(
      { length: count },
      (_, n) => `($${n * 4 + 1}::int, $${n * 4 + 2}, $${n * 4 + 3}, $${n * 4 + 4}::vector)`,
    );
    const values = Array.from({ length: count }, (_, n) => [
      10_000 + n,
      `batch-${n}`,
      `${title} ${n}`,
      literal(n),
    ]).flat();
    await ask(
      `INSERT INTO test_documents (test_case_id, uid, title, embedding) VALUES ${rows.join(', ')}
       ON CONFLICT (test_case_id) DO UPDATE SET title = EXCLUDED.title, embedding = EXCLUDED.embedding`,
      values,
    );
  }

  it('upserts hundreds of documents by test_case_id, embeddings as text literals', async () => {
    await upsert(300, 'first');
    await upsert(400, 'second');
    expect(
      await ask(
        "SELECT count(*)::int AS all, count(*) FILTER (WHERE title LIKE 'second %')::int AS updated, count(embedding)::int AS embedded FROM test_documents WHERE uid LIKE 'batch-%'",
      ),
    ).toEqual([{ all: 400, updated: 400, embedded: 400 }]);
    const [one] = await ask<{ same: boolean }>(
      "SELECT embedding = $1::vector AS same FROM test_documents WHERE uid = 'batch-7'",
      [literal(7)],
    );
    expect(one?.same).toBe(true);
  });

  it('upserts hundreds of steps by document and place', async () => {
    const text = `INSERT INTO test_steps (test_document_id, step_index, action, expected, embedding)
                  SELECT d.id, s, $1, ARRAY['seen', 'heard'], d.embedding FROM test_documents AS d, generate_series(0, 2) AS s WHERE d.uid LIKE 'batch-%'
                  ON CONFLICT (test_document_id, step_index) DO UPDATE SET action = EXCLUDED.action`;
    await ask(text, ['click']);
    await ask(text, ['tap']);
    expect(
      await ask("SELECT count(*)::int AS all, count(*) FILTER (WHERE action = 'tap')::int AS updated FROM test_steps"),
    ).toEqual([{ all: 1200, updated: 1200 }]);
  });

  it('keeps NULL embeddings', async () => {
    await ask("INSERT INTO test_documents (test_case_id, uid, title, embedding) VALUES (904, 'none', 't', NULL)");
    expect(
      await ask('SELECT count(*)::int AS n FROM test_documents WHERE embedding IS NULL AND uid = $1', ['none']),
    ).toEqual([{ n: 1 }]);
  });
});

describe('look-ups', () => {
  beforeAll(async () => {
    await asSuperuser(server, database.name, async (session) => {
      await session.query(`INSERT INTO test_documents (test_case_id, uid, title, description, jira_key, priority, test_type, suite_id, section_id, project_id, tags, platforms, custom_fields)
        SELECT 100000 + n, 'look-' || n, 'title ' || md5(n::text), 'about ' || md5('d' || n), 'QB-' || n, 'p' || n, 't' || n, n, n, n, ARRAY['tag-' || n], ARRAY['os-' || n], jsonb_build_object('k', n)
          FROM generate_series(1, 4000) AS n`);
      await session.query('VACUUM ANALYZE test_documents');
    });
  });

  it.each([
    ['test_documents_test_case_id_key', 'test_case_id = 100007'],
    ['test_documents_uid_key', "uid = 'look-7'"],
    ['idx_test_documents_jira_key', "jira_key = 'QB-7'"],
    ['idx_test_documents_priority', "priority = 'p7'"],
    ['idx_test_documents_test_type', "test_type = 't7'"],
    ['idx_test_documents_suite_id', 'suite_id = 7'],
    ['idx_test_documents_section_id', 'section_id = 7'],
    ['idx_test_documents_project_id', 'project_id = 7'],
    ['idx_test_documents_tags', "tags && ARRAY['tag-7', 'none']"],
    ['idx_test_documents_platforms', "platforms @> ARRAY['os-7']"],
    ['idx_test_documents_custom_fields', `custom_fields @> '{"k": 7}'`],
    ['idx_test_documents_title_trgm', "title ILIKE '%' || md5('7') || '%'"],
    ['idx_test_documents_description_trgm', "description LIKE '%' || md5('d7') || '%'"],
  ])('%s serves %s', async (index, condition) => {
    const plan = await ask<{ 'QUERY PLAN': string }>(
      `EXPLAIN (COSTS OFF) SELECT id FROM test_documents WHERE ${condition}`,
    );
    expect(plan.map((line) => line['QUERY PLAN']).join('\n')).toContain(index);
    expect(await ask(`SELECT uid FROM test_documents WHERE ${condition}`)).toEqual([{ uid: 'look-7' }]);
  });

  it('of the steps of a document are served by the unique key', async () => {
    await asSuperuser(server, database.name, (session) => session.query('VACUUM ANALYZE test_steps'));
    const plan = await ask<{ 'QUERY PLAN': string }>(
      'EXPLAIN (COSTS OFF) SELECT action FROM test_steps WHERE test_document_id = 7 ORDER BY step_index',
    );
    expect(plan.map((line) => line['QUERY PLAN']).join('\n')).toContain('test_steps_test_document_id_step_index_key');
  });
});

describe('the start of the application', () => {
  it('runs CREATE EXTENSION IF NOT EXISTS without any right to', async () => {
    expect(
      await ask(
        "SELECT rolsuper, has_database_privilege(current_database(), 'CREATE') AS may_create FROM pg_roles WHERE rolname = current_user",
      ),
    ).toEqual([{ rolsuper: false, may_create: false }]);
    await expect(ask('CREATE EXTENSION IF NOT EXISTS vector')).resolves.toEqual([]);
  });

  it('finds the type vector in schema public by name, and its names unqualified', async () => {
    expect(
      await ask(
        "SELECT n.nspname AS schema FROM pg_type AS t JOIN pg_namespace AS n ON n.oid = t.typnamespace WHERE t.typname = 'vector'",
      ),
    ).toEqual([{ schema: 'public' }]);
    expect(
      await ask(
        "SELECT 'vector'::regtype::text AS type, 'test_documents'::regclass::text AS \"table\", 'hybrid_search'::regproc::text AS function",
      ),
    ).toEqual([{ type: 'vector', table: 'test_documents', function: 'hybrid_search' }]);
  });

  it('needs no rights beyond rows: it can make, change and drop nothing', async () => {
    for (const text of [
      'CREATE TABLE more (a int)',
      'ALTER TABLE test_documents ADD COLUMN more int',
      'DROP TABLE test_steps',
      'TRUNCATE test_documents',
      'SELECT * FROM qbench.migrations',
      'CREATE SCHEMA more',
    ]) {
      await expect(ask(text), text).rejects.toThrow(/permission denied|must be owner/);
    }
  });
});
