/** The verbs of the guide's section 9, and migrate and schema, as people run them: exit codes, answers, and what they refuse. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { migrationManifest } from '../../infra/ops/migrations/manifest';
import { SQL_ROOT } from '../../infra/ops/sqlText';
import type { CommandResult, Row } from '../../infra/ops/ports';
import { databaseUrl, runQbench } from '../support/qbenchCli';
import { asSuperuser } from '../support/server';
import { createTestDatabase, type TestDatabase } from '../support/template';

const server = inject('server');
let test: TestDatabase;

async function use(migrated: boolean): Promise<void> {
  test = await createTestDatabase(server, { migrated });
}

beforeEach(() => use(true));
afterEach(() => test.drop());

function qbench(args: string[], stdin?: string, role: 'owner' | 'app' | 'superuser' = 'owner'): Promise<CommandResult> {
  return runQbench(databaseUrl(server, test.name, role), args, stdin === undefined ? {} : { stdin });
}

function ask<R = Row>(text: string): Promise<R[]> {
  return asSuperuser(server, test.name, async (session) => (await session.query<R>(text)).rows);
}

const fill = (): Promise<Row[]> =>
  ask("INSERT INTO test_documents (test_case_id, uid, title) SELECT n, 'u' || n, 't' FROM generate_series(1, 3) AS n");
const documents = async (): Promise<number> => (await ask('SELECT FROM test_documents')).length;

describe('qbench migrate', () => {
  it('applies what the Pulumi program declared, tells each file, and has nothing to do the second time', async () => {
    await test.drop();
    await use(false);
    const declared = JSON.stringify({ database: test.name, migrations: migrationManifest() });
    const first = await qbench(['migrate', '--declared', '--json'], declared);
    expect(first).toMatchObject({ code: 0 });
    const report = JSON.parse(first.stdout) as { applied: { file: string }[] };
    expect(report.applied.map(({ file }) => file)).toEqual(migrationManifest().map(({ file }) => file));
    expect(first.stderr).toContain('migration 000002-test-documents.sql');
    const second = await qbench(['migrate', '--declared'], declared);
    expect(second).toMatchObject({ code: 0, stderr: '' });
    expect(second.stdout).toMatch(/all \d+ migrations are applied; nothing to do/);
  });

  it('refuses files that are not the declared ones, and input that declares none', async () => {
    const [first, ...others] = migrationManifest();
    const edited = { migrations: [{ ...first, sha256: '0'.repeat(64) }, ...others] };
    const refused = await qbench(['migrate', '--declared'], JSON.stringify(edited));
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(
      /000001-requirements\.sql is not the declared one: declared sha256 0{64}, file sha256 [0-9a-f]{64}\n {2}next:/,
    );
    for (const input of ['', '{}', '{"migrations": [1]}']) {
      expect(await qbench(['migrate', '--declared'], input)).toMatchObject({ code: 2, stdout: '' });
    }
  });

  it('tells the state of each file, and what would be applied', async () => {
    const status = await qbench(['migrate', '--status', '--json']);
    const states = JSON.parse(status.stdout) as { file: string; state: string }[];
    expect(states.map(({ file, state }) => [file, state])).toEqual(
      migrationManifest().map(({ file }) => [file, 'applied']),
    );
    expect(await qbench(['migrate', '--dry-run'])).toMatchObject({ code: 0, stdout: 'nothing to apply\n' });
    await ask("UPDATE qbench.migrations SET sha256 = repeat('0', 64) WHERE id = 1");
    const edited = await qbench(['migrate', '--status']);
    expect(edited).toMatchObject({ code: 1 });
    expect(edited.stdout).toMatch(/000001-requirements\.sql +edited/);
  });

  it('refuses --status with --dry-run', async () => {
    expect(await qbench(['migrate', '--status', '--dry-run'])).toMatchObject({ code: 2 });
  });
});

describe('verbs that destroy', () => {
  it.each(['db-clear', 'postgres-clean'])(
    '%s refuses at once without a terminal and without --yes, naming what would go',
    async (verb) => {
      await fill();
      const refused = await qbench([verb]);
      expect(refused).toMatchObject({ code: 2, stdout: '' });
      expect(refused.stderr).toMatch(/3 rows.*only a restore brings them back[^]*--yes/);
      expect(await documents()).toBe(3);
    },
  );

  it('db-clear empties the tables', async () => {
    await fill();
    const cleared = await qbench(['db-clear', '--yes', '--json']);
    expect(cleared).toMatchObject({ code: 0 });
    expect(JSON.parse(cleared.stdout)).toMatchObject({
      cleared: expect.arrayContaining([{ table: '"public"."test_documents"', rows: 3 }]) as unknown,
    });
    expect(await documents()).toBe(0);
  });

  it('db-clear changes nothing while the tables stay in use, and says so', async () => {
    const reader = await test.database.connect({ role: 'app' });
    try {
      await reader.query('BEGIN');
      await reader.query('SELECT FROM test_documents');
      const refused = await qbench(['db-clear', '--yes']);
      expect(refused).toMatchObject({ code: 1 });
      expect(refused.stderr).toMatch(/stayed in use for 10 s; nothing was changed/);
    } finally {
      await reader.close();
    }
  });

  it('postgres-clean remakes everything', async () => {
    await fill();
    expect(await qbench(['postgres-clean', '--yes'])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/dropped \d+ objects; applied \d+ migrations/) as string,
    });
    expect(await documents()).toBe(0);
    expect(await qbench(['migrate', '--status'])).toMatchObject({ code: 0 });
  });
});

describe('qbench migrate-test', () => {
  it('rehearses as superuser, and says why another role cannot', async () => {
    const done = await qbench(['migrate-test'], undefined, 'superuser');
    expect(done).toMatchObject({ code: 0 });
    expect(done.stdout).toMatch(/ok {6}columns[^]*ok {6}look-up indexes[^]*ok {6}sample rows/);
    const refused = await qbench(['migrate-test']);
    expect(refused).toMatchObject({ code: 1 });
    expect(refused.stderr).toMatch(/scratch database could not be made|cannot connect/);
  });
});

describe('qbench schema', () => {
  /** On the server of a stack, found by its record. */
  const schema = (...args: string[]): Promise<CommandResult> =>
    runQbench('', ['--stack', 'test', 'schema', ...args], {
      env: { QBENCH_STATE_DIR: join(server.dataDir, '..', '..', '..') },
    });

  it('prints what the migrations make, which is what sql/schema.sql says', async () => {
    expect(await schema()).toMatchObject({ code: 0, stdout: readFileSync(join(SQL_ROOT, 'schema.sql'), 'utf8') });
    expect(await schema('--check')).toMatchObject({ code: 0, stdout: 'sql/schema.sql is up to date\n' });
  });

  it('refuses --write with --check, and a stack without a server', async () => {
    expect(await schema('--write', '--check')).toMatchObject({ code: 2 });
    const elsewhere = await runQbench('', ['--stack', 'none', 'schema'], {
      env: { QBENCH_STATE_DIR: join(server.dataDir, '..') },
    });
    expect(elsewhere).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('stack "none" has no server') as string,
    });
  });
});

describe('qbench migrate-optimized', () => {
  it('loads the demo corpus, builds both indexes, and does it again with a confirmation because indexes are dropped', async () => {
    const first = await qbench(['migrate-optimized', '--demo', '--pad', '--json']);
    expect(first.stderr).not.toMatch(/Error/);
    expect(first).toMatchObject({ code: 0 });
    const report = JSON.parse(first.stdout) as { loads: { inserted: number }[]; droppedIndexes: string[] };
    expect(report.droppedIndexes).toEqual([]);
    expect(await documents()).toBe(report.loads[0]?.inserted);
    const valid = (): Promise<Row[]> =>
      ask(
        "SELECT c.relname AS name FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid JOIN pg_am AS a ON a.oid = c.relam WHERE a.amname = 'hnsw' AND i.indisvalid ORDER BY 1",
      );
    const both = [{ name: 'idx_test_documents_embedding' }, { name: 'idx_test_steps_embedding' }];
    expect(await valid()).toEqual(both);

    const unconfirmed = await qbench(['migrate-optimized', '--demo', '--pad']);
    expect(unconfirmed).toMatchObject({ code: 2 });
    expect(unconfirmed.stderr).toContain('drops idx_test_documents_embedding and idx_test_steps_embedding');
    const again = await qbench(['migrate-optimized', '--demo', '--pad', '--yes']);
    expect(again).toMatchObject({ code: 0 });
    expect(again.stdout).toMatch(/vector indexes +2 built/);
    expect(await valid()).toEqual(both);
  });

  it('builds the indexes again where the load fails, and tells the cause', async () => {
    await qbench(['migrate-optimized', '--demo', '--pad']);
    const failed = await qbench(['migrate-optimized', '/nonexistent.jsonl', '--yes']);
    expect(failed.code).not.toBe(0);
    expect(failed.stderr).toContain('nonexistent.jsonl');
    expect(
      await ask("SELECT FROM pg_class WHERE relname IN ('idx_test_documents_embedding', 'idx_test_steps_embedding')"),
    ).toHaveLength(2);
  });

  it('wants files or the demo corpus, not both', async () => {
    expect(await qbench(['migrate-optimized'])).toMatchObject({ code: 2 });
    expect(await qbench(['migrate-optimized', 'a.jsonl', '--demo'])).toMatchObject({ code: 2 });
  });
});
