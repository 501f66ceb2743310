/**
 * Builds without room, and indexes with a lost page: shared memory, disk and storage of a server of each test's own. Small tmpfs mounts
 * stand for small disks; only root may make them.
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, type TestContext } from 'vitest';
import { hostFactsOfThisMachine } from '../../infra/adapters/hostFacts';
import { systemClock } from '../../infra/adapters/systemClock';
import { verifyIndexes, type VerifyResult } from '../../infra/ops/indexes/verify';
import { fillClustered } from '../support/clusteredRows';
import { ACCURACY, SPEED, apply, expectConvergence, indexNames, rowsOf, stateOf } from '../support/indexRuns';
import { recordedProgress } from '../support/machine';
import { asSuperuser, desiredServer, startTestServer, type RunningTestServer } from '../support/server';
import { createTestDatabase, type TestDatabase } from '../support/template';

const MIB = 1024 * 1024;
const PAGE = 8192;
let cleanups: (() => void | Promise<void>)[];
beforeEach(() => {
  cleanups = [];
});
afterEach(async () => {
  for (const clean of cleanups.reverse()) await clean();
});

function needsRoot(context: TestContext): void {
  context.skip(
    process.getuid?.() !== 0 || process.platform !== 'linux',
    'only root of a Linux machine can mount a small tmpfs',
  );
}

/** A tmpfs of a size over a folder that is there. */
function mountSmall(dir: string, mib: number): void {
  const { uid, gid, mode } = statSync(dir);
  const options = `size=${mib}m,uid=${uid},gid=${gid},mode=${(mode & 0o777).toString(8)}`;
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', dir]);
  cleanups.push(() => void execFileSync('umount', ['-l', dir]));
}

async function startServer(overrides: Parameters<typeof startTestServer>[0] = {}): Promise<RunningTestServer> {
  const server = await startTestServer(overrides);
  cleanups.push(() => server.stop());
  return server;
}

async function databaseWithRows(server: RunningTestServer, documents: number): Promise<TestDatabase> {
  const db = await createTestDatabase(server);
  await asSuperuser(server, db.name, (session) => fillClustered(session, { documents }));
  return db;
}

function parameters(more: Record<string, string>): Record<string, string> {
  return { ...desiredServer().parameters, ...more };
}

describe('too little shared memory for a parallel build', () => {
  /** Its segments are files in the data folder, so that a small mount there is a small /dev/shm. */
  async function serverWithLittleSharedMemory(mib: number): Promise<RunningTestServer> {
    const server = await startServer({ parameters: parameters({ dynamic_shared_memory_type: 'mmap' }) });
    await server.cluster.stop();
    mountSmall(join(server.dataDir, 'pg_dynshmem'), mib);
    // The mount goes before the server's folders do.
    cleanups.push(() => server.cluster.stop());
    await server.cluster.start();
    return server;
  }

  it('is refused before the build where the machine can be asked, with what would help', async (context) => {
    needsRoot(context);
    const server = await serverWithLittleSharedMemory(12);
    const db = await databaseWithRows(server, 2000);
    const attempt = apply(db.database, SPEED, { host: hostFactsOfThisMachine(server.dataDir) });
    await expect(attempt).rejects.toThrow(
      /a parallel build of idx_test_documents_embedding takes \d+ MiB of .*pg_dynshmem at once, which has \d+ MiB free/,
    );
    await expect(attempt).rejects.toMatchObject({ next: expect.stringMatching(/--workers 0/) as string });
    expect(await indexNames(db.database)).toEqual({});
  });

  it('builds serially where only the failure tells, and says how to get the workers back', async (context) => {
    needsRoot(context);
    const server = await serverWithLittleSharedMemory(12);
    const db = await databaseWithRows(server, 2000);
    const before = await rowsOf(db.database);
    const progress = recordedProgress();
    const result = await apply(db.database, SPEED, { progress });
    expect(progress.lines.join('\n')).toMatch(
      /no \d+ MiB of shared memory for a parallel build \(could not resize shared memory segment.*building serially\. Enlarge \/dev\/shm/,
    );
    expect(result.indexes[0]).toMatchObject({ outcome: 'built', build: { workers: 0, spilled: false } });
    expect(await rowsOf(db.database)).toEqual(before);
    await expectConvergence(db.database, SPEED);
  });
});

describe('a full disk', () => {
  /** Fills the disk up to some MiB. @returns what empties it again */
  function fillUp(dir: string, leaveMib: number): () => void {
    const { bavail, bsize } = statfsSync(dir);
    const file = join(dir, 'filler');
    writeFileSync(file, Buffer.alloc(bavail * bsize - leaveMib * MIB));
    return () => rmSync(file);
  }

  async function serverOnSmallDisk(mib: number): Promise<{ server: RunningTestServer; disk: string }> {
    const disk = mkdtempSync(join(tmpdir(), 'qbench-disk-'));
    chmodSync(disk, 0o755);
    cleanups.push(() => rmSync(disk, { recursive: true, force: true }));
    mountSmall(disk, mib);
    const dataDir = join(disk, 'pg', 'data');
    mkdirSync(join(disk, 'pg'));
    const server = await startServer({
      dataDir,
      parameters: parameters({ min_wal_size: '80MB', max_wal_size: '96MB' }),
    });
    return { server, disk };
  }

  it('during a build: fails with the server’s words, loses no row, keeps the old index, and works when there is room', async (context) => {
    needsRoot(context);
    const { server, disk } = await serverOnSmallDisk(400);
    const db = await databaseWithRows(server, 1500);
    await apply(db.database, SPEED);
    const before = await rowsOf(db.database);
    await asSuperuser(server, db.name, (session) => session.query('CHECKPOINT'));
    const empty = fillUp(disk, 4);
    const attempt = apply(db.database, ACCURACY, { reconnectMs: 200 });
    await expect(attempt).rejects.toThrow(/No space left on device|does not answer since the connection was lost/);
    empty();
    // Where WAL itself found no room the server stopped; it comes back with everything that was acknowledged.
    await server.cluster.start();
    expect(await indexNames(db.database)).toMatchObject({
      idx_test_documents_embedding: true,
      idx_test_steps_embedding: true,
    });
    expect(await rowsOf(db.database)).toEqual(before);
    await expectConvergence(db.database, ACCURACY);
  });

  it('before a build: is refused with the numbers', async (context) => {
    needsRoot(context);
    const { server, disk } = await serverOnSmallDisk(300);
    const db = await databaseWithRows(server, 1500);
    const empty = fillUp(disk, 10);
    await expect(apply(db.database, SPEED, { host: hostFactsOfThisMachine(server.dataDir) })).rejects.toThrow(
      /idx_test_documents_embedding will write \d+ MiB \(index \d+ MiB, the rest WAL\), the disk has \d+ MiB free/,
    );
    empty();
    await expectConvergence(db.database, SPEED);
  });
});

describe('a page of an index is lost', () => {
  const verify = (db: TestDatabase, heal: boolean): Promise<VerifyResult> =>
    verifyIndexes(db.database, { state: stateOf(SPEED), clock: systemClock, progress: recordedProgress(), heal });

  /** Zeroes a page in the stopped server's file: checksums take a page of zeroes for a new one. */
  async function zeroPage(server: RunningTestServer, db: TestDatabase, page: number): Promise<void> {
    const path = await asSuperuser(server, db.name, async (session) => {
      await session.query('CHECKPOINT');
      return (
        await session.query<{ path: string }>("SELECT pg_relation_filepath('idx_test_documents_embedding') AS path")
      ).rows[0]?.path;
    });
    await server.cluster.stop();
    const file = openSync(join(server.dataDir, path ?? ''), 'r+');
    writeSync(file, Buffer.alloc(PAGE), 0, PAGE, page * PAGE);
    closeSync(file);
    await server.cluster.start();
  }

  it.each([
    ['the meta page', 0],
    ['the page of an element', 7],
  ])('%s: verify notices, --heal rebuilds it while it is in place', async (_name, page) => {
    const server = await startServer();
    const db = await databaseWithRows(server, 1000);
    await apply(db.database, SPEED);
    const before = await rowsOf(db.database);
    expect(await verify(db, false)).toMatchObject({ healthy: true });
    await zeroPage(server, db, page);

    const noticed = await verify(db, false);
    expect(noticed.healthy).toBe(false);
    expect(noticed.indexes.map(({ name, healthy }) => [name, healthy])).toEqual([
      ['idx_test_documents_embedding', false],
      ['idx_test_steps_embedding', true],
    ]);

    const healed = await verify(db, true);
    expect(healed).toMatchObject({ healthy: true, leftovers: [] });
    expect(healed.indexes.map((index) => index.healed)).toEqual([true, false]);
    expect(await rowsOf(db.database)).toEqual(before);
    expect(await apply(db.database, SPEED)).toMatchObject({ changed: false });
    await expectConvergence(db.database, SPEED);
  });
});
