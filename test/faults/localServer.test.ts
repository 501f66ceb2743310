/** What can be wrong with a server on this machine: each has a name, none costs data, and the next apply converges. */
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LocalCluster, type DesiredServer } from '../../infra/adapters/localServer/cluster';
import { serverUser } from '../../infra/adapters/localServer/identity';
import { withLock } from '../../infra/adapters/localServer/lock';
import { postmasterPid, probeLocalServer, strayPids } from '../../infra/adapters/localServer/probe';
import { openSession } from '../../infra/adapters/postgresDatabase';
import { systemClock } from '../../infra/adapters/systemClock';
import type { Session } from '../../infra/ops/ports';
import { postgresqlConf } from '../../infra/postgres/parameters';
import { CHECKOUT, recordedProgress, testMachine, type TestMachine } from '../support/machine';
import { desiredServer } from '../support/server';
import { DEV_PLAN } from '../support/serverParameters';

const PASSWORD = 'canary-superuser-1';
const DESIRED = desiredServer({
  parameters: postgresqlConf({ tier: 'local', plan: { ...DEV_PLAN, sharedBuffersMiB: 64 } }).parameters,
});

let machine: TestMachine;
let progress: ReturnType<typeof recordedProgress>;
let cleanup: (() => unknown)[];

beforeEach(() => {
  machine = testMachine();
  progress = recordedProgress();
  cleanup = [];
});

afterEach(async () => {
  for (const undo of cleanup.reverse()) await undo();
  await clusterOf().destroy(false);
  machine.remove();
});

function clusterOf(desired: Partial<DesiredServer> = {}): LocalCluster {
  return new LocalCluster(machine.context, 'test', systemClock, progress, desired);
}

async function up(change: Partial<DesiredServer> = {}, password = PASSWORD): Promise<LocalCluster> {
  const desired = { ...DESIRED, ...change };
  const cluster = clusterOf(desired);
  await cluster.apply(desired, password);
  return cluster;
}

async function inside<T>(
  cluster: LocalCluster,
  work: (session: Session) => Promise<T>,
  password = PASSWORD,
): Promise<T> {
  const { record } = cluster;
  if (record === undefined) throw new Error('there is no server');
  const session = await openSession({
    host: record.host,
    port: record.port,
    database: 'postgres',
    user: 'postgres',
    password,
  });
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}

/** A table whose rows show later whether the data is the same. */
const remember = (cluster: LocalCluster): Promise<unknown> =>
  inside(cluster, (session) =>
    session.query('CREATE TABLE kept AS SELECT g FROM pg_catalog.generate_series(1, 100) AS g'),
  );

const remembered = (cluster: LocalCluster, password?: string): Promise<unknown> =>
  inside(
    cluster,
    async (session) => (await session.query<{ n: number }>('SELECT count(*)::int AS n FROM kept')).rows[0]?.n,
    password,
  );

function pidOf(cluster: LocalCluster): number {
  const pid = postmasterPid(cluster.layout.dataDir);
  if (pid === undefined) throw new Error('no postmaster runs');
  return pid;
}

/** Every file below a folder with its size and time: what "nothing was changed" means. */
function inventory(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => {
      const { size, mtimeMs } = statSync(join(dir, name));
      return `${name} ${size} ${mtimeMs}`;
    });
}

function ownedByServer(path: string): void {
  const { identity } = serverUser();
  if (identity !== undefined) chownSync(path, identity.uid, identity.gid);
}

describe('a port that is taken', () => {
  it('is named with its holder, for a new server and for a changed port, and the running one keeps running', async () => {
    const squatter = createServer();
    cleanup.push(() => new Promise((done) => squatter.close(done)));
    const port = await new Promise<number>((resolve) => {
      squatter.listen(0, '127.0.0.1', () => resolve((squatter.address() as { port: number }).port));
    });
    const cluster = await up();
    const before = cluster.record?.port ?? 0;
    const pid = pidOf(cluster);
    await cluster.reserve(port);
    const holder = process.platform === 'linux' ? ` by pid ${process.pid} ` : '';
    await expect(up()).rejects.toThrow(`port ${port} on 127.0.0.1 is taken${holder}`);
    expect(pidOf(cluster)).toBe(pid);
    // Operations by the socket still find the server where it is.
    expect((await cluster.parameters()).find((state) => state.name === 'port')).toMatchObject({ live: String(before) });
    squatter.close();
    await up();
    expect((await cluster.parameters()).find((state) => state.name === 'port')).toMatchObject({ live: String(port) });
    await cluster.stop();
    const second = createServer().listen(port, '127.0.0.1');
    cleanup.push(() => new Promise((done) => second.close(done)));
    await expect(clusterOf().start()).rejects.toThrow(`port ${port} on 127.0.0.1 is taken`);
  });
});

describe('a server that died', () => {
  it('is found dead without a connection, and healed by apply with every row', async () => {
    const cluster = await up();
    await remember(cluster);
    process.kill(pidOf(cluster), 'SIGKILL');
    await expect.poll(() => probeLocalServer(machine.context, 'test')).toEqual({ generation: 1, running: false });
    await up({ generation: 1 });
    expect(await remembered(cluster)).toBe(100);
    expect(probeLocalServer(machine.context, 'test')).toEqual({ generation: 1, running: true });
  });

  it('and left a postmaster.pid of nobody, of another program, or of no sense is started', async () => {
    const cluster = await up();
    await remember(cluster);
    const file = join(cluster.layout.dataDir, 'postmaster.pid');
    for (const content of [4_194_303, process.pid, 'x']) {
      await cluster.stop();
      writeFileSync(file, `${content}\n${cluster.layout.dataDir}\n`);
      ownedByServer(file);
      await clusterOf().start();
      expect(await remembered(cluster)).toBe(100);
    }
  });

  it('cannot start in a folder that others may read, and says so in the server’s own words', async () => {
    const cluster = await up();
    await cluster.stop();
    chmodSync(cluster.layout.dataDir, 0o777);
    await expect(clusterOf().start()).rejects.toThrow(/data directory ".*" has invalid permissions/);
  });
});

describe('a data folder that is not this stack’s own', () => {
  const elsewhere = (): string => {
    const dir = join(machine.context.stateDir ?? '', 'elsewhere');
    mkdirSync(dir, { mode: 0o700 });
    ownedByServer(dir);
    return dir;
  };

  it('with other files is refused, and neither apply nor destroy touches it', async () => {
    const dataDir = elsewhere();
    writeFileSync(join(dataDir, 'thesis.txt'), 'years of work');
    const before = inventory(dataDir);
    await expect(up({ dataDir })).rejects.toThrow(/is not empty and holds no PostgreSQL cluster \(thesis\.txt/);
    await clusterOf().destroy(false);
    expect(inventory(dataDir)).toEqual(before);
    expect(progress.lines.join('\n')).toContain('is left as it is');
  });

  it('with another cluster is refused, and neither apply nor destroy touches it', async () => {
    const cluster = await up();
    await cluster.stop();
    const dataDir = elsewhere();
    rmSync(dataDir, { recursive: true });
    renameSync(cluster.layout.dataDir, dataDir);
    rmSync(cluster.layout.dir, { recursive: true });
    const before = inventory(dataDir);
    await expect(up({ dataDir })).rejects.toThrow(
      /holds another cluster \(system identifier \d+; this stack has none yet\)/,
    );
    await clusterOf().destroy(false);
    expect(inventory(dataDir)).toEqual(before);
  });

  it('from another major version is refused', async () => {
    const cluster = await up();
    await remember(cluster);
    await cluster.stop();
    const file = join(cluster.layout.dataDir, 'PG_VERSION');
    writeFileSync(file, '19\n');
    await expect(up()).rejects.toThrow(/was made by PostgreSQL 19; this server is 18\.\d+/);
    writeFileSync(file, '18\n');
    await up();
    expect(await remembered(cluster)).toBe(100);
  });

  it('is not moved to by changing local:dataDir', async () => {
    const cluster = await up();
    await remember(cluster);
    const dataDir = elsewhere();
    await expect(up({ dataDir })).rejects.toMatchObject({
      message: expect.stringContaining(`but the data of stack test lies in "${cluster.layout.dataDir}"`) as string,
      next: expect.stringContaining('mv ') as string,
    });
    expect(readdirSync(dataDir)).toEqual([]);
    await cluster.stop();
    rmSync(dataDir, { recursive: true });
    renameSync(cluster.layout.dataDir, dataDir);
    const moved = await up({ dataDir });
    expect(await remembered(moved)).toBe(100);
  });
});

describe('a data folder that was deleted', () => {
  it('is a loss, not a beginning; destroy then ends what is left of its server', async () => {
    const cluster = await up();
    const pid = pidOf(cluster);
    rmSync(cluster.layout.dataDir, { recursive: true });
    await expect(up()).rejects.toThrow(/the data folder ".*" of stack test is gone: it held cluster \d+/);
    expect(existsSync(cluster.layout.dataDir)).toBe(false);
    await clusterOf().destroy(false);
    expect(strayPids(cluster.layout.dataDir)).toEqual([]);
    if (process.platform === 'linux') expect(existsSync(`/proc/${pid}/cwd`)).toBe(false);
    expect(existsSync(cluster.layout.dir)).toBe(false);
    await up();
    expect(pidOf(cluster)).toBeGreaterThan(0);
  });
});

// A file system of a size of its own takes a mount, which only root may make.
describe.runIf(process.getuid?.() === 0 && process.platform === 'linux')('a full disk', () => {
  const mounted = (sizeMiB: number): { dir: string; resize(mib: number): void } => {
    const dir = machine.context.stateDir ?? '';
    const mount = (...args: string[]): void => {
      const result = spawnSync('mount', args, { encoding: 'utf8' });
      if (result.status !== 0) throw new Error(result.stderr);
    };
    mount('-t', 'tmpfs', '-o', `size=${sizeMiB}m,mode=755`, 'tmpfs', dir);
    cleanup.push(async () => {
      await clusterOf().destroy(false);
      spawnSync('umount', ['-l', dir]);
    });
    return { dir, resize: (mib) => mount('-o', `remount,size=${mib}m`, dir) };
  };

  it('during initdb is named, leaves nothing behind, and the next apply goes on', async () => {
    const disk = mounted(20);
    await expect(up()).rejects.toMatchObject({
      message: expect.stringMatching(/initdb failed: .*(No space left on device|Check free disk space)/) as string,
      next: expect.stringContaining('free some space') as string,
    });
    const cluster = clusterOf();
    expect(readdirSync(cluster.layout.dir).filter((name) => /data|verifier/.test(name))).toEqual([]);
    disk.resize(400);
    await up();
    expect(pidOf(cluster)).toBeGreaterThan(0);
  });

  it('under a running server costs no row that was acknowledged, is named at a start, and heals', async () => {
    const disk = mounted(200);
    const cluster = await up();
    await remember(cluster);
    const filler = join(disk.dir, 'filler');
    const full = (): void => void spawnSync('dd', ['if=/dev/zero', `of=${filler}`, 'bs=64k'], { stdio: 'ignore' });
    full();
    const insert = inside(cluster, (session) =>
      session.query(
        'CREATE TABLE big AS SELECT g, repeat(md5(g::text), 50) AS t FROM pg_catalog.generate_series(1, 200000) AS g',
      ),
    );
    await expect(insert).rejects.toThrow(/No space left|terminat|recovery|closed|reset/);
    await cluster.stop();
    full();
    await expect(clusterOf().start()).rejects.toMatchObject({
      message: expect.stringMatching(/No space left|free disk space|wrote only/) as string,
      next: expect.stringContaining('never by deleting files in it') as string,
    });
    rmSync(filler);
    await up();
    expect(await remembered(cluster)).toBe(100);
  });
});

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
      expect(names).toEqual(['configuration.good', 'data', 'log', 'server.json', 'socket']);
      if (process.platform === 'linux') {
        const postmasters = strayPids(cluster.layout.dataDir).filter((pid) => !isChild(pid, cluster));
        expect(postmasters).toEqual([pidOf(cluster)]);
      }
      if (round < 1) await cluster.destroy(false);
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
    await cluster.destroy(false);
    await cluster.destroy(false);
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
    await cluster.destroy(false);
    expect(strayPids(cluster.layout.dataDir)).toEqual([]);
    expect(existsSync(cluster.layout.dir)).toBe(false);
    await up();
    await cluster.stop();
    rmSync(cluster.layout.dir, { recursive: true });
    await cluster.destroy(false);
  });

  it('keeps protected data, and a later apply adopts it with a new password', async () => {
    const cluster = await up({ protectData: true });
    await remember(cluster);
    await cluster.destroy(true);
    expect(postmasterPid(cluster.layout.dataDir)).toBeUndefined();
    expect(progress.lines.join('\n')).toContain('data kept in');
    const password = randomBytes(12).toString('hex');
    await up({ protectData: true, generation: 1 }, password);
    expect(await remembered(cluster, password)).toBe(100);
    await expect(inside(cluster, () => Promise.resolve(), PASSWORD)).rejects.toThrow(/password authentication failed/);
    expect(readFileSync(cluster.layout.logFile, 'utf8')).not.toContain(password);
  });
});
