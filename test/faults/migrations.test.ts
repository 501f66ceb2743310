/**
 * Migrators and backends killed at the worst moments, above all between a migration and its ledger row. After each: the ledger is true,
 * nothing is applied twice, and a rerun converges. A trigger on the ledger holds a run at the moment that is wanted.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { nodePgMigrateEngine } from '../../infra/adapters/migrationRunner';
import { systemClock } from '../../infra/adapters/systemClock';
import { checkContractShape } from '../../infra/ops/migrations/contract';
import { ensureLedger } from '../../infra/ops/migrations/ledger';
import { MIGRATIONS_DIR, migrationManifest } from '../../infra/ops/migrations/manifest';
import { migrate, type MigrateReport } from '../../infra/ops/migrations/migrate';
import type { Row } from '../../infra/ops/ports';
import { CHECKOUT, recordedProgress } from '../support/machine';
import { asSuperuser, startTestServer, type RunningTestServer } from '../support/server';
import { createTestDatabase, type TestDatabase } from '../support/template';

const TABLE = '000002-test-documents';
const INDEX = '000006-tags-index';
const MIGRATOR = "application_name = 'qbench migrate'";
const PATIENCE = { timeout: 30_000, interval: 50 };

let server: RunningTestServer;
let test: TestDatabase;
let children: ChildProcess[] = [];

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());

beforeEach(async () => {
  test = await createTestDatabase(server, { migrated: false });
});
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  children = [];
  await test.drop();
});

function ask<R = Row>(text: string, values?: unknown[]): Promise<R[]> {
  return asSuperuser(server, test.name, async (session) => (await session.query<R>(text, values)).rows);
}

/** Key of the advisory lock that holds runs for as long as a test keeps it. */
const HOLD = 4711;

/**
 * Whoever writes the ledger row of this migration stops just before.
 * @returns lets everybody go on
 */
async function holdBeforeLedgerRow(name: string): Promise<() => Promise<void>> {
  const session = await test.database.connect({ role: 'owner', applicationName: 'test' });
  await ensureLedger(session);
  await session.query(`CREATE FUNCTION qbench.hold() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      WHILE EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = ${HOLD}) LOOP PERFORM pg_sleep(0.2); END LOOP;
      RETURN NEW;
    END $$`);
  const trigger = `CREATE TRIGGER hold BEFORE INSERT ON qbench.migrations FOR EACH ROW WHEN (NEW.name = '${name}')`;
  await session.query(`${trigger} EXECUTE FUNCTION qbench.hold()`);
  await session.query(`SELECT pg_advisory_lock(${HOLD})`);
  return () => session.close();
}

/** The server noticed that the migrator is dead: its transaction ended and its locks are free. */
async function gone(pid: number): Promise<void> {
  await expect.poll(() => ask('SELECT FROM pg_stat_activity WHERE pid = $1', [pid]), PATIENCE).toEqual([]);
}

/** `qbench migrate` as a process of its own. */
function startMigrator(): ChildProcess {
  const url = `postgresql://qbench_owner@localhost:${server.port}/${test.name}?host=${encodeURIComponent(server.socketDir)}`;
  const child = spawn(process.execPath, [join(CHECKOUT, 'scripts', 'qbench.mjs'), 'migrate'], {
    cwd: CHECKOUT,
    env: { ...process.env, DATABASE_URL: url },
    stdio: 'ignore',
  });
  children.push(child);
  return child;
}

/** Waits until a migrator is held, and returns its backend. */
async function heldBackend(): Promise<number> {
  const find = (): Promise<{ pid: number }[]> =>
    ask(
      `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND ${MIGRATOR} AND wait_event = 'PgSleep'`,
    );
  await expect.poll(find, PATIENCE).toHaveLength(1);
  return (await find())[0]?.pid ?? 0;
}

async function ended(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return child.exitCode;
}

function rerun(): Promise<MigrateReport> {
  return migrate(test.database, nodePgMigrateEngine, systemClock, recordedProgress());
}

const ledger = (): Promise<Row[]> => ask("SELECT name || '.sql' AS file, sha256 FROM qbench.migrations ORDER BY id");
const exists = async (name: string): Promise<boolean> =>
  (await ask<{ made: boolean }>('SELECT to_regclass($1) IS NOT NULL AS made', [name]))[0]?.made === true;

/** Everything applied exactly once, in order, and the contract kept. */
async function expectWhole(): Promise<void> {
  expect(await ledger()).toEqual(migrationManifest());
  expect((await checkContractShape(test.database)).flatMap(({ problems }) => problems)).toEqual([]);
  expect(await ask('SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid')).toEqual([]);
  expect((await rerun()).applied).toEqual([]);
}

describe('a migrator killed between a migration and its ledger row', () => {
  it('leaves nothing of a file in a transaction; the rerun applies it', async () => {
    const release = await holdBeforeLedgerRow(TABLE);
    const child = startMigrator();
    const pid = await heldBackend();
    child.kill('SIGKILL');
    await gone(pid);
    await release();
    expect(await exists('public.test_documents')).toBe(false);
    expect((await rerun()).applied[0]?.file).toBe(`${TABLE}.sql`);
    await expectWhole();
  });

  it('leaves the index of a file outside a transaction; the rerun only writes it down', async () => {
    const release = await holdBeforeLedgerRow(INDEX);
    const child = startMigrator();
    const pid = await heldBackend();
    const built = await ask("SELECT 'public.idx_test_documents_tags'::regclass::oid AS oid");
    child.kill('SIGKILL');
    await gone(pid);
    await release();
    expect((await rerun()).applied[0]?.file).toBe(`${INDEX}.sql`);
    expect(await ask("SELECT 'public.idx_test_documents_tags'::regclass::oid AS oid")).toEqual(built);
    await expectWhole();
  });

  it.each([TABLE, INDEX])('by SIGINT in %s: exits with 130, frees the lock, and the rerun converges', async (name) => {
    const release = await holdBeforeLedgerRow(name);
    const child = startMigrator();
    const pid = await heldBackend();
    child.kill('SIGINT');
    expect(await ended(child)).toBe(130);
    await gone(pid);
    await release();
    await rerun();
    await expectWhole();
  });
});

describe('a backend killed between a migration and its ledger row', () => {
  it.each([TABLE, INDEX])('in %s: the migrator fails with the cause, and the rerun converges', async (name) => {
    const release = await holdBeforeLedgerRow(name);
    const failed = expect(rerun()).rejects.toThrow(
      new RegExp(`migration ${name}\\.sql failed: .*(terminat|closed|ended)`, 'i'),
    );
    await ask('SELECT pg_terminate_backend($1)', [await heldBackend()]);
    await failed;
    expect(await exists('public.test_documents')).toBe(name === INDEX);
    await release();
    await rerun();
    await expectWhole();
  });

  it('by SIGKILL, which restarts the whole server: the rerun converges', async () => {
    const release = await holdBeforeLedgerRow(TABLE);
    const failed = expect(rerun()).rejects.toThrow(/failed/);
    process.kill(await heldBackend(), 'SIGKILL');
    await failed;
    await expect.poll(() => ask('SELECT 1 AS up').catch(() => []), PATIENCE).toEqual([{ up: 1 }]);
    expect(await exists('public.test_documents')).toBe(false);
    await release();
    await rerun();
    await expectWhole();
  });
});

describe('two migrators', () => {
  it('when the first is killed while it holds the lock, the second goes on from where it was', async () => {
    const release = await holdBeforeLedgerRow(TABLE);
    const first = startMigrator();
    const pid = await heldBackend();
    const lines = recordedProgress();
    const second = migrate(test.database, nodePgMigrateEngine, systemClock, lines);
    await expect
      .poll(() => lines.lines.join('\n'), PATIENCE)
      .toContain(`another migrator is at work: pid ${pid}, qbench migrate`);
    first.kill('SIGKILL');
    await gone(pid);
    await release();
    expect((await second).applied[0]?.file).toBe(`${TABLE}.sql`);
    await expectWhole();
  });
});

describe('a migrator killed while an index is built', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'qbench-migrations-'));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  it('leaves an invalid index; the rerun does not take it for done', async () => {
    for (const { file } of migrationManifest().filter(({ file }) => file < INDEX)) {
      cpSync(join(MIGRATIONS_DIR, file), join(dir, file));
    }
    await migrate(test.database, nodePgMigrateEngine, systemClock, recordedProgress(), { dir });
    const old = await test.database.connect({ role: 'app', applicationName: 'old transaction' });
    try {
      await old.query('BEGIN');
      await old.query("INSERT INTO test_documents (test_case_id, uid, title) VALUES (1, 'a', 'b')");
      const child = startMigrator();
      const building = (): Promise<{ pid: number }[]> =>
        ask('SELECT pid FROM pg_stat_progress_create_index WHERE datname = current_database() AND lockers_total > 0');
      await expect.poll(building, PATIENCE).toHaveLength(1);
      const [build] = await building();
      child.kill('SIGKILL');
      await gone(build?.pid ?? 0);
      expect(
        await ask("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('public.idx_test_documents_tags')"),
      ).toEqual([{ indisvalid: false }]);
    } finally {
      await old.close();
    }
    expect((await rerun()).applied[0]?.file).toBe(`${INDEX}.sql`);
    await expectWhole();
  });
});
