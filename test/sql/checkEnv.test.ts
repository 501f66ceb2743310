/** `qbench check-env` and `qbench psql`: what is wrong is named, with what to do. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import {
  checkDatabase,
  checkNode,
  checkPgvector,
  checkSchema,
  compareVersions,
  type Check,
} from '../../infra/ops/environment';
import { databaseUrl, runQbench } from '../support/qbenchCli';
import { asSuperuser } from '../support/server';
import { createTestDatabase, type TestDatabase } from '../support/template';

const server = inject('server');
let db: TestDatabase;

beforeAll(async () => void (db = await createTestDatabase(server)));
afterAll(() => db.drop());

function named(checks: readonly Check[], name: string): Check | undefined {
  return checks.find((check) => check.name === name);
}

describe('versions', () => {
  it.each([
    ['0.8.4', '0.8.4', 0],
    ['0.8.10', '0.8.4', 1],
    ['0.8', '0.8.4', -1],
    ['1.0', '0.9.9', 1],
  ])('%s against %s', (a, b, wanted) => {
    expect(compareVersions(a, b)).toBe(wanted);
    expect(compareVersions(b, a)).toBe(wanted === 0 ? 0 : -wanted);
  });

  it('of pgvector and Node.js are gated', () => {
    expect(['0.8.3', '0.8.4', '0.8.5', '0.8.6', '0.9.0'].map((version) => checkPgvector(version).level)).toEqual([
      'fail',
      'warn',
      'warn',
      'ok',
      'ok',
    ]);
    expect(['20.19.0', '22.1.0', '24.21.0'].map((version) => checkNode(version).level)).toEqual(['fail', 'ok', 'ok']);
  });
});

describe('the schema', () => {
  it('fails for pending, edited and missing migrations, and says which', () => {
    const applied = { file: '000001-a.sql', state: 'applied' } as const;
    expect(checkSchema([applied])).toMatchObject({ level: 'ok', detail: 'all 1 migrations are applied' });
    expect(checkSchema([applied, { file: '000002-b.sql', state: 'pending' }])).toMatchObject({
      level: 'fail',
      detail: '1 of 2 migrations are pending',
    });
    expect(checkSchema([applied, { file: '000002-b.sql', state: 'edited' }])).toMatchObject({
      level: 'fail',
      detail: 'migration 000002-b.sql is edited',
    });
  });
});

describe('a database', () => {
  it('as pulumi up makes it has nothing that fails', async () => {
    const checks = await asSuperuser(server, db.name, checkDatabase);
    expect(checks.filter(({ level }) => level === 'fail')).toEqual([]);
    expect(named(checks, 'pgvector')).toMatchObject({ level: 'ok', detail: '0.8.6' });
    expect(named(checks, 'roles')).toMatchObject({ level: 'ok' });
    expect(checks.filter(({ level, next }) => level !== 'ok' && next === undefined)).toEqual([]);
  });

  it('without extensions fails for each of them', async () => {
    const bare = await asSuperuser(server, 'postgres', checkDatabase);
    expect(named(bare, 'pgvector')).toMatchObject({
      level: 'fail',
      detail: 'not in this database',
      next: 'pulumi up makes it',
    });
    expect(named(bare, 'pg_trgm')).toMatchObject({ level: 'fail' });
  });

  it('with vector in another schema, with a role that may too much, and with a loose setting is told so', async () => {
    const own = await createTestDatabase(server, { migrated: false });
    try {
      const checks = await asSuperuser(server, own.name, async (session) => {
        await session.query('CREATE SCHEMA elsewhere');
        await session.query('ALTER EXTENSION vector SET SCHEMA elsewhere');
        await session.query('SET password_encryption = md5');
        // Roles are the server's: seen only inside this transaction.
        await session.query('BEGIN');
        await session.query('ALTER ROLE qbench_monitor SUPERUSER');
        const inside = await checkDatabase(session);
        await session.query('ROLLBACK');
        return inside;
      });
      expect(named(checks, 'pgvector')).toMatchObject({
        level: 'fail',
        detail: 'in schema elsewhere; the application looks for it in public',
      });
      expect(named(checks, 'role qbench_monitor')).toMatchObject({
        level: 'warn',
        detail: 'has SUPERUSER, which its work does not need',
      });
      expect(named(checks, 'parameter password_encryption')).toMatchObject({
        level: 'warn',
        next: 'pulumi up sets it',
      });
    } finally {
      await own.drop();
    }
  });
});

describe('the command line', () => {
  it('lists every check and ends with 0 where nothing fails', async () => {
    const result = await runQbench(databaseUrl(server, db.name), ['check-env']);
    expect(result.stdout).toMatch(/^ok {4}Node\.js: \d+\.\d+\.\d+\n/);
    expect(result.stdout).toMatch(/^ok {4}schema: all \d+ migrations are applied$/m);
    expect(result.stdout).not.toMatch(/FAIL/);
    expect(result.code).toBe(0);
  });

  it.each([
    ['a URL that is none', 'not a url', /DATABASE_URL is not a URL/],
    ['a password with a bare #', 'postgresql://u:canary-pa#ss@h/db', /DATABASE_URL (is not a URL|names no database)/],
    [
      'sslmode=disable to a remote host',
      'postgresql://u:canary-pass@db.example.com/x?sslmode=disable',
      /asks for sslmode=disable to a remote host/,
    ],
    [
      'a server that is not there',
      'postgresql://u:canary-pass@127.0.0.1:1/x',
      /cannot connect to 127\.0\.0\.1:1\/x as u/,
    ],
  ])('fails for %s, says what to do, and repeats no password', async (_, url, message) => {
    const result = await runQbench(url, ['check-env', '--json']);
    const checks = JSON.parse(result.stdout) as Check[];
    expect(named(checks, 'database')).toMatchObject({
      level: 'fail',
      detail: expect.stringMatching(message) as string,
      next: expect.any(String) as string,
    });
    expect(`${result.stdout}${result.stderr}`).not.toMatch(/canary/);
    expect(result.code).toBe(1);
  });

  it('warns of PGOPTIONS, and fails for a passphrase file that is not there', async () => {
    const env = { PGOPTIONS: '-c work_mem=1GB', PULUMI_CONFIG_PASSPHRASE_FILE: '/nonexistent/passphrase' };
    const result = await runQbench(databaseUrl(server, db.name), ['check-env', '--json'], { env });
    const checks = JSON.parse(result.stdout) as Check[];
    expect(named(checks, 'PGOPTIONS')).toMatchObject({ level: 'warn' });
    expect(named(checks, 'passphrase')).toMatchObject({ level: 'fail' });
    expect(result.code).toBe(1);
  });
});

describe('qbench psql', () => {
  // A state folder without stacks: psql is looked for on PATH.
  const QBENCH_STATE_DIR = '/nonexistent';
  const env = { QBENCH_STATE_DIR, PATH: `${server.binDir}:${process.env['PATH'] ?? ''}` };

  it('runs statements as the role of the address and passes its exit code on', async () => {
    const url = databaseUrl(server, db.name, 'readonly');
    const result = await runQbench(url, ['psql', '--', '-Atc', 'SELECT current_user, current_database()'], { env });
    expect(result).toMatchObject({ code: 0, stdout: `qbench_readonly|${db.name}\n` });
    const failing = await runQbench(url, ['psql', '--', '-v', 'ON_ERROR_STOP=1', '-c', 'SELECT 1/0'], { env });
    expect(failing.stderr).toMatch(/division by zero/);
    expect(failing.code).toBe(1);
  });

  it('refuses a role that is none', async () => {
    const result = await runQbench(databaseUrl(server, db.name), ['psql', '--role', 'root'], { env });
    expect(result.stderr).toMatch(/Allowed choices are .*readonly/);
    expect(result.code).toBe(2);
  });

  it('says how to get a psql where there is none', async () => {
    const result = await runQbench(databaseUrl(server, db.name), ['psql'], {
      env: { QBENCH_STATE_DIR, PATH: '/nonexistent' },
    });
    expect(result.stderr).toMatch(/cannot start psql\n {2}next: {4}install psql/);
    expect(result.code).toBe(1);
  });
});
