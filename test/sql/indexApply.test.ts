/** What apply refuses, and how it works with less than a superuser, with empty tables, and through the CLI. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { PostgresDatabase } from '../../infra/adapters/postgresDatabase';
import { ROLE_NAMES } from '../../infra/naming';
import { dropIndexes } from '../../infra/ops/indexes/drop';
import { systemClock } from '../../infra/adapters/systemClock';
import type { Database, ProgressSink } from '../../infra/ops/ports';
import { fillClustered } from '../support/clusteredRows';
import { BIT, IVFFLAT, SPEED, apply, expectConvergence, indexNames, rowsOf, stateOf } from '../support/indexRuns';
import { CHECKOUT } from '../support/machine';
import { addressOf, asSuperuser } from '../support/server';
import { createTestDatabase, type TestDatabase } from '../support/template';

const server = inject('server');
const DOCUMENTS = 'idx_test_documents_embedding';
const STEPS = 'idx_test_steps_embedding';
const LIVE = { [DOCUMENTS]: true, [STEPS]: true };
let db: TestDatabase;

beforeEach(async () => {
  db = await createTestDatabase(server);
});
afterEach(() => db.drop());

const fill = (documents: number): Promise<void> =>
  asSuperuser(server, db.name, (session) => fillClustered(session, { documents }));

/** The same database where nobody may be superuser, as on a managed service. */
function withoutSuperuser(): Database {
  return new PostgresDatabase('managed', ({ role = 'app' }) => {
    if (role === 'superuser') throw new Error('no superuser here');
    return addressOf(server, db.name, ROLE_NAMES[role]);
  });
}

async function databaseSettings(): Promise<string[]> {
  const { rows } = await asSuperuser(server, db.name, (session) =>
    session.query<{ setconfig: string[] }>(
      'SELECT setconfig FROM pg_db_role_setting AS s JOIN pg_database AS d ON d.oid = s.setdatabase WHERE d.datname = current_database()',
    ),
  );
  return rows.flatMap(({ setconfig }) => setconfig);
}

describe('apply', () => {
  it('builds in empty tables, with nothing to prove', async () => {
    const result = await apply(db.database, SPEED);
    expect(result.indexes.map(({ proof }) => proof?.planner)).toEqual(['empty table', 'empty table']);
    expect(await indexNames(db.database)).toEqual(LIVE);
    await expectConvergence(db.database, SPEED);
  });

  it('really builds in parallel although the heap is small, and leaves no trace of it in the table', async () => {
    await fill(3000);
    const result = await apply(db.database, SPEED);
    expect(result.indexes[0]?.build).toMatchObject({ workers: 1 });
    await expectConvergence(db.database, SPEED);
  });

  it('sets what searches of new sessions start with, for the database and for nobody else', async () => {
    await apply(db.database, SPEED);
    expect(await databaseSettings()).toEqual(['hnsw.ef_search=100']);
    const app = await db.database.connect({ role: 'app' });
    expect((await app.query("SELECT '[1]'::vector, current_setting('hnsw.ef_search') AS ef")).rows).toMatchObject([
      { ef: '100' },
    ]);
    await app.close();
    await apply(db.database, { ...IVFFLAT, lists: 9 });
    expect(await databaseSettings()).toEqual(['hnsw.ef_search=100', 'ivfflat.probes=3']);
  });

  it('refuses to replace an index by one that finds less, and keeps the old one', async () => {
    await fill(1200);
    await apply(db.database, SPEED);
    // Few clusters, one probe: recall falls by far more than the tolerance.
    await expect(apply(db.database, { ...IVFFLAT, lists: 60, probes: 1 })).rejects.toThrow(
      /the new idx_test_documents_embedding was not put in place: its recall@10 is 0\.\d+, the old one's is (1\.000|0\.9\d+).*the old index still serves/,
    );
    expect(await indexNames(db.database)).toEqual(LIVE);
    expect(await databaseSettings()).toEqual(['hnsw.ef_search=100']);
    await expectConvergence(db.database, SPEED);
  });

  it('refuses a build that would spill, names the point and the ways out, and spills only when told to', async () => {
    await fill(2500);
    const small = { state: stateOf(SPEED, { maintenanceWorkMemMiB: 12 }) };
    const refused = apply(db.database, SPEED, small);
    await expect(refused).rejects.toThrow(
      /no room to build: idx_test_documents_embedding needs \d+ MiB of build memory, the session may use 12 MiB: it would spill after [\d,]+ of 2,500 rows/,
    );
    expect(await indexNames(db.database)).toEqual({});
    const notes: string[] = [];
    const progress: ProgressSink = { update: () => undefined, note: (message) => void notes.push(message) };
    const result = await apply(db.database, SPEED, { ...small, allowSpill: true, progress });
    expect(result.indexes[0]?.build).toMatchObject({ spilled: true, maintenanceWorkMemMiB: 12 });
    expect(notes.join('\n')).toMatch(/NOTICE: hnsw graph no longer fits into maintenance_work_mem after \d+ tuples/);
    await expectConvergence(db.database, SPEED);
  });

  it('refuses a name that something else bears, and a missing table', async () => {
    await asSuperuser(server, db.name, (session) => session.query(`CREATE TABLE ${DOCUMENTS} (id int)`));
    await expect(apply(db.database, SPEED)).rejects.toThrow(`a name is taken: ${DOCUMENTS} is no index`);
    await asSuperuser(server, db.name, (session) =>
      session.query(`DROP TABLE ${DOCUMENTS}; DROP TABLE test_steps CASCADE`),
    );
    await expect(apply(db.database, SPEED)).rejects.toThrow('there is no table test_steps in schema public');
  });

  it('proves and swaps without a superuser too, and tells what only the owner of the database may set', async () => {
    await fill(1200);
    const database = withoutSuperuser();
    await apply(database, SPEED);
    const before = await rowsOf(database);
    const result = await apply(database, { ...SPEED, m: 24 });
    for (const { proof } of result.indexes) {
      expect(proof?.recall?.queries).toBe(10);
      expect(proof?.previousRecall?.recall).toBeGreaterThan(0.9);
    }
    expect(await indexNames(database)).toEqual(LIVE);
    expect(await rowsOf(database)).toEqual(before);

    await asSuperuser(server, db.name, (session) =>
      session.query(
        `ALTER DATABASE ${db.name} OWNER TO postgres; GRANT CONNECT ON DATABASE ${db.name} TO ${ROLE_NAMES.owner}`,
      ),
    );
    const warned = await apply(database, { ...SPEED, m: 24, efSearch: 55 });
    expect(warned.warnings).toEqual(['hnsw.ef_search should be 55; only the owner of the database can set it']);
  });

  it('says which queries an index over bits does not serve', async () => {
    await fill(600);
    await apply(db.database, SPEED);
    const result = await apply(db.database, BIT, { state: { ...stateOf(BIT), recallTolerance: 1 } });
    expect(result.warnings).toContain(
      `${DOCUMENTS} is over bit: it serves hybrid_search, search_steps and queries that cast as it does, not ORDER BY embedding <=> $1::vector`,
    );
  });
});

describe('drop', () => {
  it('drops vector indexes of these tables only, and succeeds where there is nothing', async () => {
    await apply(db.database, SPEED);
    const drop = (names: string[]): Promise<string[]> =>
      dropIndexes(db.database, names, ['test_documents', 'test_steps'], systemClock, 5_000);
    expect(await drop(['test_documents_pkey', 'pg_class_oid_index'])).toEqual([]);
    expect(await drop([DOCUMENTS, STEPS])).toEqual([DOCUMENTS, STEPS]);
    expect(await drop([DOCUMENTS, STEPS])).toEqual([]);
    expect(await indexNames(db.database)).toEqual({});
  });

  it('waits for a transaction that uses the index no longer than told, and names it', async () => {
    await apply(db.database, SPEED);
    const reader = await db.database.connect({ role: 'app', applicationName: 'reader' });
    await reader.query('BEGIN');
    await reader.query('SELECT count(*) FROM test_documents');
    const attempt = dropIndexes(db.database, [DOCUMENTS], ['test_documents'], systemClock, 400);
    await expect(attempt).rejects.toThrow(
      new RegExp(
        `lock timeout; open transactions: .*pid ${reader.backendPid} \\(role qbench_app, application_name "reader"`,
      ),
    );
    await reader.close();
    await expectConvergence(db.database, SPEED);
  });
});

describe('qbench index', () => {
  async function qbench(args: string[], stdin = ''): Promise<{ code: number; stdout: string; stderr: string }> {
    const url = `postgresql://postgres@localhost:${server.port}/${db.name}?host=${server.socketDir}`;
    const child = spawn(process.execPath, [join(CHECKOUT, 'scripts', 'qbench.mjs'), 'index', ...args], {
      env: { ...process.env, DATABASE_URL: url, QBENCH_STACK: 'none' },
    });
    child.stdin.end(stdin);
    const [stdout, stderr, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close') as Promise<[number]>,
    ]);
    return { code, stdout, stderr };
  }

  it('verifies an index over an empty table, and says that it is empty', async () => {
    expect((await qbench(['apply'], JSON.stringify({ ...stateOf(SPEED), database: db.name }))).code).toBe(0);
    const { code, stdout } = await qbench(['verify']);
    expect(code).toBe(0);
    expect(stdout).toContain(`${DOCUMENTS}: valid, empty: test_documents has no row with an embedding\n`);
    expect(stdout).not.toContain('answers rightly');
  });

  it('plans without changing anything, applies the state of standard input, lists, verifies and drops', async () => {
    await fill(500);
    const state = JSON.stringify({ ...stateOf({ ...SPEED, m: 10 }), database: db.name });
    const plan = await qbench(['plan'], state);
    expect(plan.stdout).toMatch(
      /^build {2}idx_test_documents_embedding on test_documents\nbuild {2}idx_test_steps_embedding on test_steps\n/,
    );
    expect(await indexNames(db.database)).toEqual({});

    const applied = await qbench(['apply', '--json'], state);
    expect(JSON.parse(applied.stdout)).toMatchObject({
      changed: true,
      indexes: [
        { name: DOCUMENTS, outcome: 'built' },
        { name: STEPS, outcome: 'built' },
      ],
    });
    expect(applied.code).toBe(0);
    const listed = JSON.parse((await qbench(['list', '--json'])).stdout) as unknown;
    expect(listed).toMatchObject({
      indexes: [
        { name: DOCUMENTS, options: { m: 10 }, state: 'differs', differences: ['m 10, wanted 16'] },
        { name: STEPS },
      ],
      running: [],
    });
    expect((await qbench(['plan'], state)).stdout).toBe(`keep   ${DOCUMENTS}\nkeep   ${STEPS}\n`);
    expect((await qbench(['verify', '--json'])).code).toBe(0);

    expect(await qbench(['drop'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/There is no terminal to confirm it on/) as string,
    });
    expect(await qbench(['drop', '--yes'])).toMatchObject({ code: 0, stdout: `dropped ${DOCUMENTS}, ${STEPS}\n` });
    expect(await qbench(['verify'])).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/it is missing/) as string,
    });
  });

  it.each([
    [['apply'], '{"version":1}', /the desired indexes make no sense: indexes: /],
    [['apply'], 'not json', /standard input is not JSON/],
    [['plan', '--profile', 'sped'], '', /--profile speed/],
    [['apply', '--wait', '0'], '', /--wait 0/],
    [['plan', '--m', '101'], '', /--m: 101/],
    [['verify', '--min-recall', '2'], '', /--min-recall 2/],
    [['aply'], '', /unknown command 'aply'/],
  ])('refuses %j with exit code 2', async (args, stdin, message) => {
    const { code, stderr } = await qbench(args, stdin);
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
  });
});
