/** What can be wrong with a server on this machine: each has a name, none costs data, and the next apply converges. */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { probeLocalServer, strayPids } from '../../infra/adapters/localServer/probe';
import {
  cleanup,
  clusterOf,
  inside,
  machine,
  ownedByServer,
  pidOf,
  progress,
  remember,
  remembered,
  up,
} from '../support/localFaults';

/** Every file below a folder with its size and time: what "nothing was changed" means. */
function inventory(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => {
      const { size, mtimeMs } = statSync(join(dir, name));
      return `${name} ${size} ${mtimeMs}`;
    });
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

describe('a server that is already installed', () => {
  it('is run from its own folder', async () => {
    const wheel = await up();
    const binDir = wheel.record?.binDir ?? '';
    await wheel.destroy();
    const cluster = await up({ source: { kind: 'installed', binDir } });
    expect(cluster.record).toMatchObject({ binDir, postgresVersion: '18.6', pgvectorVersion: '0.8.6' });
    await remember(cluster);
    expect(await remembered(cluster)).toBe(100);
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
    await clusterOf().destroy();
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
    await clusterOf().destroy();
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

  it('is not moved to by changing local.dataDir', async () => {
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
    await clusterOf().destroy();
    expect(strayPids(cluster.layout.dataDir)).toEqual([]);
    if (process.platform === 'linux') expect(existsSync(`/proc/${pid}/cwd`)).toBe(false);
    expect(existsSync(cluster.layout.dir)).toBe(false);
    await up();
    expect(pidOf(cluster)).toBeGreaterThan(0);
  });

  it.runIf(process.platform === 'linux')(
    'or moved away takes no process with it that destroy does not end',
    async () => {
      const cluster = await up();
      const pid = pidOf(cluster);
      const moved = `${cluster.layout.dataDir}.moved`;
      renameSync(cluster.layout.dataDir, moved);
      expect(strayPids(cluster.layout.dataDir)).toContain(pid);
      await clusterOf().destroy();
      expect(existsSync(`/proc/${pid}/cwd`)).toBe(false);
    },
  );
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
      await clusterOf().destroy();
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
