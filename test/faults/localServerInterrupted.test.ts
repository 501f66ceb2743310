/** Runs over a local server that are killed, meet each other, or come after its end: the next one always converges. */
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { LocalCluster } from '../../infra/adapters/localServer/cluster';
import { withLock } from '../../infra/adapters/localServer/lock';
import { postmasterPid, strayPids } from '../../infra/adapters/localServer/probe';
import { existingSegments, notedSegments } from '../../infra/adapters/localServer/sharedMemory';
import { systemClock } from '../../infra/adapters/systemClock';
import { clusterOf, DESIRED, inside, machine, PASSWORD, pidOf, remember, remembered, up } from '../support/localFaults';
import { CHECKOUT } from '../support/machine';

/** `qbench server apply` as the Pulumi program runs it. */
function applyByCli(killAfterMs?: number): Promise<number | null> {
  const child = spawn(
    process.execPath,
    [join(CHECKOUT, 'scripts', 'qbench.mjs'), 'server', 'apply', '--stack', 'test'],
    {
      env: { ...process.env, QBENCH_STATE_DIR: machine.context.stateDir, QBENCH_SUPERUSER_PASSWORD: PASSWORD },
      stdio: ['pipe', 'ignore', 'inherit'],
    },
  );
  child.stdin.on('error', () => undefined);
  child.stdin.end(JSON.stringify(DESIRED));
  const timer = killAfterMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfterMs);
  return new Promise((resolve) => {
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve(code);
    });
  });
}

describe('an apply that is killed', () => {
  it('at any point is finished by the next one: one server, one cluster, the password, no leftovers', async () => {
    const cluster = clusterOf();
    let killed = 0;
    for (let round = 0; round < 2; round++) {
      // A whole run takes one to a few seconds here: from before initdb to after the start.
      for (const ms of [400, 600, 750, 900, 1050, 1200, 1400, 1700].map((at) => at + round * 40)) {
        if ((await applyByCli(ms)) === null) killed++;
      }
      expect(await applyByCli()).toBe(0);
      expect(await inside(cluster, async (session) => (await session.query('SELECT 1 AS one')).rows)).toEqual([
        { one: 1 },
      ]);
      const names = readdirSync(cluster.layout.dir).sort();
      expect(names).toEqual(['configuration.good', 'data', 'log', 'server.json', 'shared-memory', 'socket']);
      if (process.platform === 'linux') {
        const postmasters = strayPids(cluster.layout.dataDir).filter((pid) => !isChild(pid, cluster));
        expect(postmasters).toEqual([pidOf(cluster)]);
      }
      if (round < 1) await cluster.destroy();
    }
    expect(killed).toBeGreaterThan(3);
  });

  it('never leaves the password in clear on the disk', async () => {
    const found: string[] = [];
    for (const ms of [500, 800, 1000, 1300]) {
      await applyByCli(ms);
      const dir = machine.context.stateDir ?? '';
      for (const name of readdirSync(dir, { recursive: true, encoding: 'utf8' })) {
        const path = join(dir, name);
        if (existsSync(path) && statSync(path).isFile() && readFileSync(path).includes(PASSWORD)) found.push(name);
      }
    }
    expect(found).toEqual([]);
    expect(await applyByCli()).toBe(0);
  });
});

function isChild(pid: number, cluster: LocalCluster): boolean {
  return new RegExp(`^PPid:\\s*${pidOf(cluster)}$`, 'm').test(readFileSync(`/proc/${pid}/status`, 'utf8'));
}

describe('two at once', () => {
  it('make one server: the second waits for the first', async () => {
    await Promise.all([applyByCli(), applyByCli()]).then((codes) => expect(codes).toEqual([0, 0]));
    expect(await inside(clusterOf(), async (session) => (await session.query('SELECT 1 AS one')).rows)).toEqual([
      { one: 1 },
    ]);
  });

  it('keep to the lock: a living holder is named, a dead one is taken over, also where its number lives on', async () => {
    const cluster = await up();
    const { lock } = cluster.layout;
    const second = (): Promise<void> => withLock(lock, 0, systemClock, () => Promise.resolve());
    await withLock(lock, 0, systemClock, () => expect(second()).rejects.toThrow(`another run (pid ${process.pid})`));
    const dead = spawnSync('true').pid;
    writeFileSync(cluster.layout.lock, `${dead} 1\n`);
    await up();
    expect(existsSync(cluster.layout.lock)).toBe(false);
    // The number of a living process, but of one that began at another time.
    if (process.platform === 'linux') {
      writeFileSync(cluster.layout.lock, `${process.ppid} 1\n`);
      await up();
      expect(existsSync(cluster.layout.lock)).toBe(false);
    }
  });
});

describe('destroy', () => {
  it('leaves no process, no port and no file, and twice is once', async () => {
    const cluster = await up();
    const { port = 0 } = cluster.record ?? {};
    const pid = pidOf(cluster);
    await cluster.destroy();
    await cluster.destroy();
    expect(postmasterPid(cluster.layout.dataDir)).toBeUndefined();
    expect(strayPids(cluster.layout.dataDir)).toEqual([]);
    // A zombie that nobody has reaped yet has no working folder.
    if (process.platform === 'linux') expect(existsSync(`/proc/${pid}/cwd`)).toBe(false);
    expect(existsSync(cluster.layout.dir)).toBe(false);
    const probe = createServer();
    await new Promise<void>((resolve, reject) => {
      probe.once('error', reject).listen(port, '127.0.0.1', resolve);
    });
    await new Promise((done) => probe.close(done));
  });

  it('works when the server was killed, and when its files are gone', async () => {
    const cluster = await up();
    process.kill(pidOf(cluster), 'SIGKILL');
    await cluster.destroy();
    expect(strayPids(cluster.layout.dataDir)).toEqual([]);
    expect(existsSync(cluster.layout.dir)).toBe(false);
    await up();
    await cluster.stop();
    rmSync(cluster.layout.dir, { recursive: true });
    await cluster.destroy();
  });

  it.runIf(process.platform === 'linux')(
    'removes the shared memory of a killed server whose start was cut off before its note of it',
    async () => {
      const cluster = await up();
      const { dir } = cluster.layout;
      const segments = notedSegments(dir);
      expect(segments).not.toEqual([]);
      rmSync(join(dir, 'shared-memory'));
      await up();
      expect(notedSegments(dir)).toEqual(segments);
      process.kill(pidOf(cluster), 'SIGKILL');
      await cluster.destroy();
      expect(existingSegments(segments)).toEqual([]);
    },
  );

  it('takes a new superuser password, and forgets the old one', async () => {
    const cluster = await up();
    await remember(cluster);
    const password = randomBytes(12).toString('hex');
    await up({}, password);
    expect(await remembered(cluster, password)).toBe(100);
    await expect(inside(cluster, () => Promise.resolve(), PASSWORD)).rejects.toThrow(/password authentication failed/);
    expect(readFileSync(cluster.layout.logFile, 'utf8')).not.toContain(password);
  });
});
