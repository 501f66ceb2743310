/** Migrations against a real server: refusals before anything runs, locks, leftovers of builds, and the verbs around them. */
import { appendFileSync, cpSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { nodePgMigrateEngine } from '../../infra/adapters/migrationRunner';
import { systemClock } from '../../infra/adapters/systemClock';
import { ADVISORY_LOCKS } from '../../infra/naming';
import { MIGRATIONS_DIR, migrationManifest, readMigrations } from '../../infra/ops/migrations/manifest';
import { migrate, migrationStatus, type MigrateOptions, type MigrateReport } from '../../infra/ops/migrations/migrate';
import { refuseUnbackedDrops } from '../../infra/ops/review/migrations';
import { rehearseMigrations } from '../../infra/ops/migrations/rehearse';
import { applicationObjects, clearRows, countRows, remakeObjects } from '../../infra/ops/migrations/reset';
import type { Row, Session } from '../../infra/ops/ports';
import { recordedProgress } from '../support/machine';
import { asSuperuser } from '../support/server';
import { createTestDatabase, type TestDatabase } from '../support/template';

const server = inject('server');

let dir: string;
let test: TestDatabase;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'qbench-migrations-'));
  cpSync(MIGRATIONS_DIR, dir, { recursive: true });
  test = await createTestDatabase(server);
});

afterEach(async () => {
  await test.drop();
  rmSync(dir, { recursive: true });
});

const progress = recordedProgress();

function run(options: MigrateOptions = {}): Promise<MigrateReport> {
  return migrate(test.database, nodePgMigrateEngine, systemClock, progress, { dir, ...options });
}

function ask<R = Row>(text: string, values?: unknown[]): Promise<R[]> {
  return asSuperuser(server, test.name, async (session) => (await session.query<R>(text, values)).rows);
}

function add(name: string, text: string): void {
  writeFileSync(join(dir, name), text);
}

/** A number behind every file of this checkout. */
const NEXT = '900001';

describe('migrate', () => {
  it('has nothing to do in a migrated database, and keeps one ledger row with the hash of each file', async () => {
    expect(await run()).toEqual({ applied: [], alreadyApplied: readMigrations().length });
    const rows = await ask<{ file: string; sha256: string }>(
      "SELECT name || '.sql' AS file, sha256 FROM qbench.migrations ORDER BY id",
    );
    expect(rows).toEqual(migrationManifest());
  });

  it('needs no superuser: the owner applied every file', async () => {
    expect(await ask('SELECT DISTINCT applied_by FROM qbench.migrations')).toEqual([{ applied_by: 'qbench_owner' }]);
    expect(
      await ask("SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = 'qbench_owner'"),
    ).toEqual([{ rolsuper: false, rolcreatedb: false, rolcreaterole: false }]);
  });

  it('applies a new file, then nothing', async () => {
    add(`${NEXT}-more.sql`, 'CREATE TABLE public.more (a int);\nCREATE TABLE public.still_more (a int);');
    expect((await run()).applied.map(({ file }) => file)).toEqual([`${NEXT}-more.sql`]);
    expect((await run()).applied).toEqual([]);
    expect(await ask("SELECT to_regclass('public.still_more') IS NOT NULL AS made")).toEqual([{ made: true }]);
  });

  it('leaves nothing of a file that fails, names file and line, and applies it once it is mended', async () => {
    add(`${NEXT}-more.sql`, 'CREATE TABLE public.more (a int);\nSELECT nothing;');
    await expect(run()).rejects.toThrow(
      new RegExp(`migration ${NEXT}-more\\.sql failed: column "nothing" does not exist \\(line 2\\)`),
    );
    expect(await ask("SELECT to_regclass('public.more') AS made")).toEqual([{ made: null }]);
    expect(await ask('SELECT FROM qbench.migrations WHERE name LIKE $1', [`${NEXT}%`])).toEqual([]);
    add(`${NEXT}-more.sql`, 'CREATE TABLE public.more (a int);');
    expect((await run()).applied).toHaveLength(1);
  });

  it('names the missing extension in a database that pulumi up did not prepare', async () => {
    const bare = await createTestDatabase(server, { migrated: false });
    try {
      await asSuperuser(server, bare.name, (session) => session.query('DROP EXTENSION pg_trgm'));
      const attempt = migrate(bare.database, nodePgMigrateEngine, systemClock, progress);
      await expect(attempt).rejects.toThrow(/extensions are missing in database \w+: pg_trgm/);
      await expect(attempt).rejects.toMatchObject({ next: expect.stringContaining('pulumi up') as string });
      await asSuperuser(server, bare.name, (session) => session.query('CREATE EXTENSION pg_trgm SCHEMA public'));
      expect((await migrate(bare.database, nodePgMigrateEngine, systemClock, progress)).applied).toHaveLength(
        readMigrations().length,
      );
    } finally {
      await bare.drop();
    }
  });
});

describe('files that differ from the ledger are refused before anything runs', () => {
  beforeEach(() => add(`${NEXT}-more.sql`, 'CREATE TABLE public.more (a int);'));
  const first = readMigrations()[0];
  const second = readMigrations()[1];

  it.each([
    [
      'edited',
      () => appendFileSync(join(dir, '000002-test-documents.sql'), '\n'),
      new RegExp(`000002-test-documents\\.sql was edited .*applied sha256 ${second?.sha256}, file sha256 [0-9a-f]{64}`),
    ],
    [
      'deleted',
      () => rmSync(join(dir, '000001-requirements.sql')),
      new RegExp(`000001-requirements\\.sql was applied .* missing: applied sha256 ${first?.sha256}, file sha256 none`),
    ],
    [
      'renamed',
      () => renameSync(join(dir, '000001-requirements.sql'), join(dir, '000001-needs.sql')),
      /000001-needs\.sql was never applied|000001-requirements\.sql was applied/,
    ],
    [
      'out of order',
      () => add('000000-late.sql', 'SELECT 1;'),
      /000000-late\.sql was never applied, but \d{6}-.*\.sql \(sha256 [0-9a-f]{64}\), which comes after it, was: applied sha256 none, file sha256 [0-9a-f]{64}/,
    ],
    [
      'not as declared',
      () => undefined,
      new RegExp(`${NEXT}-more\\.sql is not the declared one: declared sha256 none, file sha256 [0-9a-f]{64}`),
    ],
  ])('%s', async (what, change, message) => {
    change();
    await expect(run(what === 'not as declared' ? { declared: migrationManifest() } : {})).rejects.toThrow(message);
    expect(await ask("SELECT to_regclass('public.more') AS made")).toEqual([{ made: null }]);
  });

  it('and status tells each', async () => {
    appendFileSync(join(dir, '000002-test-documents.sql'), '\n');
    const states = await migrationStatus(test.database, dir);
    expect(states.filter(({ state }) => state !== 'applied').map(({ file, state }) => [file, state])).toEqual([
      ['000002-test-documents.sql', 'edited'],
      [`${NEXT}-more.sql`, 'pending'],
    ]);
  });
});

describe('a migration that drops something in production', () => {
  const proven = { fresh: true, why: 'a restore of F1 was proven' };
  const allows = (backup: typeof proven): MigrateOptions => ({
    allows: (pending) => refuseUnbackedDrops(pending, backup),
  });

  it('is refused before anything runs, until a restore was proven', async () => {
    add(`${NEXT}-more.sql`, 'CREATE TABLE public.more (a int);');
    add('900002-drop.sql', 'ALTER TABLE public.more DROP COLUMN a;');
    const stale = { fresh: false, why: 'no restore of F1 was proven' };
    await expect(run(allows(stale))).rejects.toThrow(
      new RegExp(`nothing is dropped without a backup: 900002-drop\\.sql drops column .*a, and no restore of F1`),
    );
    expect(await ask("SELECT to_regclass('public.more') AS made")).toEqual([{ made: null }]);
    expect((await run(allows(proven))).applied).toHaveLength(2);
  });
});

describe('locks', () => {
  it('waits for another migrator a bounded time, and names its pid', async () => {
    const holder = await test.database.connect({ role: 'owner', applicationName: 'the other one' });
    try {
      await holder.query('SELECT pg_advisory_lock($1::bigint)', [ADVISORY_LOCKS.migrate.toString()]);
      const lines = recordedProgress();
      const attempt = migrate(test.database, nodePgMigrateEngine, systemClock, lines, { dir, migratorWaitMs: 1 });
      await expect(attempt).rejects.toThrow(
        new RegExp(`another migrator is still at work: pid ${holder.backendPid}, the other one, qbench_owner`),
      );
      await expect(attempt).rejects.toMatchObject({
        next: expect.stringContaining(`pg_terminate_backend(${holder.backendPid})`) as string,
      });
      expect(lines.lines.join('\n')).toContain(`another migrator is at work: pid ${holder.backendPid}`);
    } finally {
      await holder.close();
    }
    expect((await run()).applied).toEqual([]);
  });

  it('lets two migrators at once apply everything exactly once', async () => {
    const bare = await createTestDatabase(server, { migrated: false });
    try {
      const both = await Promise.all(
        [1, 2].map(() => migrate(bare.database, nodePgMigrateEngine, systemClock, recordedProgress())),
      );
      expect(both.map(({ applied }) => applied.length).sort((a, b) => a - b)).toEqual([0, readMigrations().length]);
    } finally {
      await bare.drop();
    }
  });

  it('gives up on a table that stays in use, names who uses it, and never queues for longer than lock_timeout', async () => {
    add(`${NEXT}-more.sql`, 'ALTER TABLE public.test_steps ADD COLUMN more int;');
    const reader = await test.database.connect({ role: 'app', applicationName: 'long reader' });
    try {
      await reader.query('BEGIN');
      await reader.query('SELECT FROM test_steps');
      const attempt = run({ lockTimeoutMs: 2_500, attempts: 1 });
      await expect(attempt).rejects.toThrow(new RegExp(`lock timeout; it waited for pid ${reader.backendPid}\\b`));
      await reader.query('COMMIT');
    } finally {
      await reader.close();
    }
    expect((await run()).applied).toHaveLength(1);
  });

  it('tries again when a lock was taken only for a while', async () => {
    add(`${NEXT}-more.sql`, 'ALTER TABLE public.test_steps ADD COLUMN more int;');
    const reader = await test.database.connect({ role: 'app' });
    await reader.query('BEGIN');
    await reader.query('SELECT FROM test_steps');
    const lines = recordedProgress();
    const attempt = migrate(test.database, nodePgMigrateEngine, systemClock, lines, {
      dir,
      lockTimeoutMs: 100,
      attempts: 3,
    });
    await expect.poll(() => lines.lines.join('\n')).toMatch(/canceling statement due to lock timeout; attempt 1 of 3/);
    await reader.close();
    expect((await attempt).applied).toHaveLength(1);
  });
});

describe('an index build that was cut off', () => {
  const FILE = `${NEXT}-more-index.sql`;
  const build = '--! no-transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS idx_more ON public.test_steps (data);';

  const validity = (): Promise<Row[]> =>
    ask("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('public.idx_more')");

  /** A build waits for the transactions that are older; one of them is kept open. */
  async function blockBuild<T>(work: (blocker: Session) => Promise<T>): Promise<T> {
    const blocker = await test.database.connect({ role: 'app', applicationName: 'old transaction' });
    try {
      await blocker.query('BEGIN');
      await blocker.query("INSERT INTO test_documents (test_case_id, uid, title) VALUES (1, 'blocker', 'blocker')");
      await blocker.query('INSERT INTO test_steps (test_document_id, step_index) SELECT id, 0 FROM test_documents');
      return await work(blocker);
    } finally {
      await blocker.close();
    }
  }

  it('gives up behind an old transaction, naming it; the invalid index does not count as done and is built again', async () => {
    add(FILE, build);
    await blockBuild(async (blocker) => {
      await expect(run({ lockTimeoutMs: 2_500, attempts: 1 })).rejects.toThrow(
        new RegExp(`waited for pid ${blocker.backendPid}\\b`),
      );
    });
    expect(await validity()).toEqual([{ indisvalid: false }]);
    const lines = recordedProgress();
    const report = await migrate(test.database, nodePgMigrateEngine, systemClock, lines, { dir });
    expect(report.applied.map(({ file }) => file)).toEqual([FILE]);
    expect(lines.lines.join('\n')).toContain('index idx_more is invalid');
    expect(await validity()).toEqual([{ indisvalid: true }]);
  });

  it('is written down when only its ledger row is missing', async () => {
    add(FILE, build);
    await run();
    await ask('DELETE FROM qbench.migrations WHERE name = $1', [FILE.replace('.sql', '')]);
    expect((await run()).applied).toHaveLength(1);
    expect(await validity()).toEqual([{ indisvalid: true }]);
  });
});

describe('the verbs around migrations', () => {
  const fill = (): Promise<Row[]> =>
    ask(
      "INSERT INTO test_documents (test_case_id, uid, title) SELECT n, 'u' || n, 't' FROM generate_series(1, 5) AS n",
    );

  it('db-clear empties every table and keeps the schema and the ledger', async () => {
    await fill();
    expect(await countRows(test.database)).toContainEqual({ table: '"public"."test_documents"', rows: 5 });
    await clearRows(test.database);
    expect((await countRows(test.database)).every(({ rows }) => rows === 0)).toBe(true);
    expect((await run()).alreadyApplied).toBe(readMigrations().length);
  });

  it('postgres-clean drops everything of the application, nothing of an extension, and remakes it with its vector indexes', async () => {
    await fill();
    const index =
      'CREATE INDEX idx_test_documents_embedding ON public.test_documents USING hnsw (embedding public.vector_cosine_ops)';
    await ask(
      `${index}; COMMENT ON INDEX public.idx_test_documents_embedding IS 'it''s kept'; CREATE VIEW public.stray AS SELECT uid FROM test_documents`,
    );
    await ask('ALTER INDEX public.idx_test_documents_embedding OWNER TO qbench_owner');
    await ask('ALTER VIEW public.stray OWNER TO qbench_owner');
    const objects = (await applicationObjects(test.database)).map(({ name }) => name);
    expect(objects).toEqual(expect.arrayContaining(['test_documents', 'test_steps', 'stray']));
    // Names that begin as those of the three extensions do.
    expect(
      objects.filter((name) =>
        /^(vector|halfvec|sparsevec|hnsw|ivfflat|similarity|word_|gin_|gtrgm|pg_stat)/.test(name),
      ),
    ).toEqual([]);

    const report = await remakeObjects(test.database, nodePgMigrateEngine, systemClock, progress);
    expect(report.migrations).toHaveLength(readMigrations().length);
    expect(report.indexes).toEqual(['idx_test_documents_embedding']);
    expect(await ask("SELECT obj_description('public.idx_test_documents_embedding'::regclass) AS comment")).toEqual([
      { comment: "it's kept" },
    ]);
    expect(await ask('SELECT FROM test_documents')).toEqual([]);
    expect(await ask("SELECT to_regclass('public.stray') AS stray")).toEqual([{ stray: null }]);
    // The application's rights come back by default privileges.
    const app = await test.database.connect({ role: 'app' });
    await expect(
      app.query("INSERT INTO test_documents (test_case_id, uid, title) VALUES (1, 'a', 'b')"),
    ).resolves.toMatchObject({ rowCount: 1 });
    await app.close();
  });

  it('migrate-test rehearses in a scratch database, keeps the contract, and leaves nothing behind', async () => {
    await asSuperuser(server, 'postgres', (session) => session.query('CREATE DATABASE qbench_scratch_left'));
    const rehearsal = await rehearseMigrations(test.database, nodePgMigrateEngine, systemClock, progress);
    expect(rehearsal.checks.flatMap(({ problems }) => problems)).toEqual([]);
    expect(rehearsal).toMatchObject({ ok: true, migrations: { length: readMigrations().length } });
    expect(await ask("SELECT datname FROM pg_database WHERE datname LIKE 'qbench\\_scratch\\_%'")).toEqual([]);
  });

  it('migrate-test tells what a migration would break', async () => {
    add(
      `${NEXT}-break.sql`,
      'ALTER TABLE public.test_documents ALTER COLUMN priority TYPE text;\nDROP INDEX public.idx_test_documents_tags;\nALTER TABLE public.test_documents DISABLE TRIGGER USER;',
    );
    const rehearsal = await rehearseMigrations(test.database, nodePgMigrateEngine, systemClock, progress, { dir });
    expect(rehearsal.ok).toBe(false);
    const problems = rehearsal.checks.flatMap((check) => check.problems);
    expect(problems).toContain('test_documents.priority should be character varying(20); found text');
    expect(problems).toContain('test_documents(tags) should be gin; found none');
    expect(problems.at(-1)).toMatch(/structure of query does not match function result type/);
  });
});
