/**
 * Index builds that are cut off. After each fault: no row lost, the old index still serves, apply converges, and searches find what an
 * exact scan finds.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { postmasterPid } from '../../infra/adapters/localServer/probe';
import { systemClock } from '../../infra/adapters/systemClock';
import { BuildInterrupted } from '../../infra/ops/indexes/build';
import type { Session } from '../../infra/ops/ports';
import { fillClustered } from '../support/clusteredRows';
import { SLOW, SPEED, apply, buildUnderWay, expectConvergence, indexNames, rowsOf } from '../support/indexRuns';
import { CHECKOUT, recordedProgress } from '../support/machine';
import { asSuperuser, startTestServer, type RunningTestServer } from '../support/server';
import { createTestDatabase, type TestDatabase } from '../support/template';

const LIVE = { idx_test_documents_embedding: true, idx_test_steps_embedding: true };
let server: RunningTestServer;
let db: TestDatabase;
let before: unknown;
const extra: Session[] = [];
const SPEED_WITH_OTHER_M = { ...SPEED, m: 12 };

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());

beforeEach(async () => {
  db = await createTestDatabase(server);
  await asSuperuser(server, db.name, (session) => fillClustered(session, { documents: 1200 }));
  await apply(db.database, SPEED);
  before = await rowsOf(db.database);
});
afterEach(async () => {
  await Promise.all(extra.splice(0).map((session) => session.close()));
  await db.drop();
});

/** The old indexes are whole, beside whatever else there is. */
async function expectOldServes(): Promise<void> {
  expect(await indexNames(db.database)).toMatchObject(LIVE);
  expect(await rowsOf(db.database)).toEqual(before);
}

const killed = async (): Promise<void> => {
  const pid = postmasterPid(server.dataDir);
  if (pid === undefined) throw new Error('the server does not run');
  process.kill(pid, 'SIGKILL');
  while (postmasterPid(server.dataDir) !== undefined) await systemClock.sleep(20);
};

describe('the server is killed in the middle of a build', () => {
  it('tells how to go on, and the next apply removes the INVALID index and builds again', async () => {
    const run = apply(db.database, SLOW, { reconnectMs: 500 });
    const settled = expect(run).rejects.toThrow(/does not answer since the connection was lost/);
    await buildUnderWay(db.database);
    await killed();
    await settled;
    await server.cluster.start();
    const left = Object.entries(await indexNames(db.database)).filter(([, valid]) => !valid);
    expect(left.map(([name]) => name)).toEqual([
      expect.stringMatching(/^idx_test_documents_embedding_build_[0-9a-f]{8}$/),
    ]);
    await expectOldServes();
    const result = await expectConvergence(db.database, SLOW);
    expect(result.dropped).toContain(left[0]?.[0]);
  });

  it('goes on by itself where the server comes back in time', async () => {
    const run = apply(db.database, SLOW, { reconnectMs: 60_000 });
    await buildUnderWay(db.database);
    await killed();
    await server.cluster.start();
    expect((await run).indexes.map(({ outcome }) => outcome)).toEqual(['built', 'built']);
    expect(await rowsOf(db.database)).toEqual(before);
    await expectConvergence(db.database, SLOW);
  });
});

describe('the build is ended', () => {
  it('by pg_cancel_backend: says so, leaves nothing behind, and the old index serves', async () => {
    const run = apply(db.database, SLOW);
    const settled = expect(run).rejects.toThrow(
      /the build of idx_test_documents_embedding failed: canceling statement due to user request; nothing was left behind, the old index still serves/,
    );
    const { pid } = await buildUnderWay(db.database);
    await asSuperuser(server, db.name, (session) => session.query('SELECT pg_cancel_backend($1)', [pid]));
    await settled;
    expect(await indexNames(db.database)).toEqual(LIVE);
    await expectOldServes();
    await expectConvergence(db.database, SLOW);
  });

  it('by pg_terminate_backend: builds again in the same run', async () => {
    const progress = recordedProgress();
    const run = apply(db.database, SLOW, { progress });
    const { pid } = await buildUnderWay(db.database);
    await asSuperuser(server, db.name, (session) => session.query('SELECT pg_terminate_backend($1)', [pid]));
    await run;
    expect(progress.lines.join('\n')).toMatch(/the connection was lost/);
    await expectConvergence(db.database, SLOW);
  });

  it('by the user: is cancelled in the server and leaves nothing behind', async () => {
    const interrupt = new AbortController();
    const run = apply(db.database, SLOW, { signal: interrupt.signal });
    const settled = expect(run).rejects.toThrow(BuildInterrupted);
    await buildUnderWay(db.database);
    interrupt.abort();
    await settled;
    expect(await indexNames(db.database)).toEqual(LIVE);
    await expectConvergence(db.database, SLOW);
  });
});

describe('the program that builds is ended', () => {
  function cli(): ChildProcess {
    const url = `postgresql://postgres@localhost:${server.port}/${db.name}?host=${server.socketDir}`;
    const args = [
      'index',
      'apply',
      '--m',
      String(SLOW.m),
      '--ef-construction',
      String(SLOW.efConstruction),
      '--ef-search',
      '100',
    ];
    return spawn(
      process.execPath,
      [join(CHECKOUT, 'scripts', 'qbench.mjs'), ...args, '--memory', '256', '--workers', '1'],
      {
        env: { ...process.env, DATABASE_URL: url, QBENCH_STACK: 'faults' },
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    );
  }

  it('by SIGKILL: the server goes on building, and the next apply waits for it instead of building again', async () => {
    const child = cli();
    const { pid } = await buildUnderWay(db.database);
    child.kill('SIGKILL');
    await once(child, 'close');
    const progress = recordedProgress();
    const result = await apply(db.database, SLOW, { progress });
    expect(progress.lines).toContain(
      `wait   for the build of idx_test_documents_embedding that runs already (pid ${pid})`,
    );
    expect(result.indexes.map(({ name, outcome }) => [name, outcome])).toEqual([
      ['idx_test_documents_embedding', 'adopted'],
      ['idx_test_steps_embedding', 'built'],
    ]);
    expect(await rowsOf(db.database)).toEqual(before);
    await expectConvergence(db.database, SLOW);
  });

  it('by SIGKILL, and something else is wanted now: the build is cancelled', async () => {
    const child = cli();
    await buildUnderWay(db.database);
    child.kill('SIGKILL');
    await once(child, 'close');
    await expectConvergence(db.database, SPEED);
    expect(await indexNames(db.database)).toEqual(LIVE);
  });

  it('by SIGINT: cancels the build, leaves nothing behind and ends with 130', async () => {
    const child = cli();
    await buildUnderWay(db.database);
    child.kill('SIGINT');
    expect(await once(child, 'close')).toEqual([130, null]);
    expect(await indexNames(db.database)).toEqual(LIVE);
  });
});

describe('another session is in the way', () => {
  it('an old snapshot: gives up in bounded time and names the session', async () => {
    const blocker = await db.database.connect({ role: 'app', applicationName: 'old report' });
    extra.push(blocker);
    await blocker.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await blocker.query('SELECT count(*) FROM pg_class');
    const attempt = apply(db.database, SPEED_WITH_OTHER_M, { waitMs: 1_500 });
    await expect(attempt).rejects.toThrow(
      new RegExp(
        `the build of idx_test_documents_embedding gave up after waiting 2 s for pid ${blocker.backendPid} ` +
          '\\(role qbench_app, application_name "old report", idle in transaction, transaction open for \\d+ s\\)',
      ),
    );
    await expectOldServes();
    await blocker.query('ROLLBACK');
    await expectConvergence(db.database, SPEED_WITH_OTHER_M);
  });

  it('a transaction that holds the table: gives up in bounded time and names the session', async () => {
    const blocker = await db.database.connect({ role: 'owner', applicationName: 'by hand' });
    extra.push(blocker);
    await blocker.query('BEGIN');
    await blocker.query('LOCK TABLE test_documents IN SHARE UPDATE EXCLUSIVE MODE');
    await expect(apply(db.database, SPEED_WITH_OTHER_M, { waitMs: 1_500 })).rejects.toThrow(
      /lock timeout|waiting 2 s for pid/,
    );
    await blocker.query('ROLLBACK');
    await expectOldServes();
    await expectConvergence(db.database, SPEED_WITH_OTHER_M);
  });

  it('another apply: the second ends at once and names the first, which is unharmed', async () => {
    const first = apply(db.database, SLOW);
    await buildUnderWay(db.database);
    await expect(apply(db.database, SPEED)).rejects.toThrow(
      /another run is changing the indexes already \(pid \d+ of the server, qbench index, since 2\d{3}-/,
    );
    expect((await first).indexes.map(({ outcome }) => outcome)).toEqual(['built', 'built']);
    await expectConvergence(db.database, SLOW);
  });
});
