/**
 * Every file under sql/ is executed. Migrations by the template database and `schema.sql` in an empty one; each query in a read-only
 * transaction, so that a question changes nothing; each maintenance statement in a database of its own.
 * A file that takes parameters declares them, see sql/README.md.
 */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { nodePgMigrateEngine } from '../../infra/adapters/migrationRunner';
import { ProcessRunner } from '../../infra/adapters/processRunner';
import { systemClock } from '../../infra/adapters/systemClock';
import { ROLE_NAMES } from '../../infra/naming';
import { migrate } from '../../infra/ops/migrations/migrate';
import { dumpSchema, firstDifference } from '../../infra/ops/migrations/schemaDump';
import { withScratchDatabase } from '../../infra/ops/migrations/scratch';
import { SQL_ROOT } from '../../infra/ops/sqlText';
import { CHECKOUT, recordedProgress } from '../support/machine';
import { asSuperuser, databaseAt, type TestServer } from '../support/server';
import { createTestDatabase, type TestDatabase } from '../support/template';
import { parseHeader } from '../support/sqlHeader';

const server = inject('server');
const files = readdirSync(SQL_ROOT, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.sql'));
const inFolder = (folder: string): string[] => files.filter((name) => name.startsWith(`${folder}/`)).sort();
const read = (name: string): string => readFileSync(join(SQL_ROOT, name), 'utf8');

// Also makes the roles, which a scratch database needs.
let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase(server);
});
afterAll(() => database.drop());

/** A question must change nothing; the transaction of every query is read-only, unless it says that it writes, and is never committed. */
async function runQuery(name: string): Promise<void> {
  const { parameters, role, after, writes, text } = parseHeader(name, read(name));
  const session = await database.database.connect({ role });
  try {
    await session.query('BEGIN');
    for (const file of after) await session.query(read(`${file}.sql`));
    if (!writes) await session.query('SET TRANSACTION READ ONLY');
    await session.query(text, parameters.length === 0 ? undefined : parameters);
  } finally {
    await session.close();
  }
}

async function runMaintenance(own: TestDatabase, name: string): Promise<void> {
  const { parameters, role, text } = parseHeader(name, read(name));
  const session = await own.database.connect({ role });
  try {
    // Without parameters the whole file goes as one text, as `psql -c` sends it.
    await session.query(text, parameters.length === 0 ? undefined : parameters);
  } finally {
    await session.close();
  }
}

it('lies in a folder that is executed', () => {
  const known = ['migrations', 'queries', 'maintenance'].flatMap(inFolder);
  expect(files.filter((name) => !known.includes(name))).toEqual(['schema.sql']);
  expect(known.length).toBeGreaterThan(20);
});

describe('queries', () => {
  it.each(inFolder('queries'))('%s runs', async (name) => {
    await runQuery(name);
  });
});

describe('maintenance', () => {
  it.each(inFolder('maintenance'))('%s runs', async (name) => {
    const own = await createTestDatabase(server);
    try {
      await runMaintenance(own, name);
    } finally {
      await own.drop();
    }
  });
});

it.each([...inFolder('queries'), ...inFolder('maintenance')])('%s says in its first line what it is for', (name) => {
  expect(read(name)).toMatch(/^-- \S/);
});

describe('migrations', () => {
  it('pass squawk, with the exceptions that .squawk.toml and the files give reasons for', async () => {
    const squawk = join(CHECKOUT, 'node_modules', '.bin', 'squawk');
    const paths = inFolder('migrations').map((name) => join(SQL_ROOT, name));
    const { stdout } = await promisify(execFile)(squawk, ['--reporter', 'gcc', ...paths], { cwd: CHECKOUT });
    expect(stdout).toBe('');
  });
});

describe('schema.sql', () => {
  const dump = (from: TestServer, database: string): Promise<string> =>
    dumpSchema(new ProcessRunner(process.env), {
      binDir: from.binDir,
      host: from.socketDir,
      port: from.port,
      user: ROLE_NAMES.superuser,
      database,
    });

  it('is what the migrations make (else: npm run qbench -- schema --write)', async () => {
    const committed = existsSync(join(SQL_ROOT, 'schema.sql')) ? read('schema.sql') : '';
    const fresh = await withScratchDatabase(
      databaseAt(server, 'postgres'),
      systemClock,
      recordedProgress(),
      async (scratch, name) => {
        await migrate(scratch, nodePgMigrateEngine, systemClock, recordedProgress());
        return dump(server, name);
      },
    );
    expect(firstDifference(fresh, committed)).toBeUndefined();
  });

  it('makes the same schema again when it is executed', async () => {
    const name = 't_from_schema_sql';
    await asSuperuser(server, 'postgres', (session) => session.query(`CREATE DATABASE ${name} TEMPLATE template0`));
    try {
      await asSuperuser(server, name, (session) => session.query(read('schema.sql')));
      expect(firstDifference(await dump(server, name), read('schema.sql'))).toBeUndefined();
    } finally {
      await asSuperuser(server, 'postgres', (session) => session.query(`DROP DATABASE ${name}`));
    }
  });
});
