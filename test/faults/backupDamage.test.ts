/** The native engine under faults: damage in the repository, runs at once, runs that are killed, a repository that is gone or full. */
import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { baseBackupPids } from '../../infra/adapters/localServer/probe';
import { systemClock } from '../../infra/adapters/systemClock';
import type { BackupSet } from '../../infra/ops/backup/engine';
import { restoreBackup } from '../../infra/ops/backup/restore';
import { CHECKOUT, recordedProgress } from '../support/machine';
import { ownedByServer } from '../support/localFaults';
import { archivedWal, inRestored, largestFile, startBackedUp, type BackedUp } from '../support/nativeBackups';
import { runQbench } from '../support/qbenchCli';

let stack: BackedUp;
let dir: string;
let undo: (() => void)[] = [];

beforeAll(async () => {
  stack = await startBackedUp();
  dir = mkdtempSync(join(tmpdir(), 'qbench-damage-'));
  ownedByServer(dir);
  await stack.sql('CREATE TABLE kept (id int PRIMARY KEY, text text)');
  await stack.sql("INSERT INTO kept SELECT g, repeat('x', 200) FROM generate_series(1, 5000) AS g");
});

afterEach(() => {
  for (const each of undo.reverse()) each();
  undo = [];
});

afterAll(async () => {
  await stack.stop();
  rmSync(dir, { recursive: true, force: true });
});

const env = (): Record<string, string> => ({ QBENCH_STATE_DIR: stack.stateDir, DATABASE_URL: '' });
const backup = (type: BackupSet['type']): Promise<BackupSet> => stack.engine().backup({ type }, recordedProgress());
const restore = (to: string): Promise<unknown> =>
  restoreBackup(
    stack.engine(),
    { to, target: join(dir, 'target'), ownDataDir: undefined, confirm: () => Promise.reject(new Error('asked')) },
    systemClock,
    recordedProgress(),
  );
const partials = (): string => join(stack.repositoryDir, 'backups');

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await systemClock.sleep(50);
}

/** A run of `qbench backup` whose copying program is held, so that it is surely still running. */
async function heldBackup(): Promise<{ child: ReturnType<typeof spawn>; ended: Promise<number | null>; pid: number }> {
  const child = spawn(
    process.execPath,
    [join(CHECKOUT, 'scripts/qbench.mjs'), '--stack', 'test', 'backup', '--type', 'full'],
    {
      env: { ...process.env, ...env() },
      stdio: 'ignore',
    },
  );
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  await until(() => baseBackupPids(partials()).length > 0);
  const [pid = 0] = baseBackupPids(partials());
  process.kill(pid, 'SIGSTOP');
  return { child, ended, pid };
}

describe('damaged files', () => {
  let first: BackupSet;
  let second: BackupSet;

  beforeAll(async () => {
    first = await backup('full');
    second = await backup('full');
  });

  it.each([
    ['truncated', (file: string) => truncateSync(file, readFileSync(file).length - 1)],
    [
      'flipped',
      (file: string) => {
        const content = readFileSync(file);
        content[100] = (content[100] ?? 0) ^ 1;
        writeFileSync(file, content);
      },
    ],
  ])('a %s one is named by verify; restore refuses the backup and offers the previous', async (_, damage) => {
    const data = join(stack.repositoryDir, 'backups', second.name, 'data');
    const name = largestFile(data);
    const whole = readFileSync(join(data, name));
    damage(join(data, name));
    await expect(restore('latest')).rejects.toMatchObject({
      message: expect.stringContaining(name) as string,
      next: expect.stringContaining('--to latest') as string,
    });
    expect(existsSync(join(dir, 'target', 'PG_VERSION'))).toBe(false);
    const verified = await runQbench('', ['--stack', 'test', 'verify', '--json'], { env: env() });
    expect(verified.code).toBe(1);
    expect(JSON.parse(verified.stdout)).toMatchObject({ damages: [{ where: second.name, file: name }] });
    // The previous good one, with the WAL since, still gives everything.
    const { rows } = await inRestored(stack.engine(), { to: 'latest', target: join(dir, 'target') }, (session) =>
      session.query('SELECT count(*)::int AS n FROM kept'),
    );
    expect(rows).toEqual([{ n: 5000 }]);
    await expect(restore(second.name)).rejects.toMatchObject({ next: expect.stringContaining(first.name) as string });
    // A damaged full backup is no reason to let the good one before it go.
    const later = { ...systemClock, now: () => new Date(Date.now() + 30 * 86_400_000) };
    expect((await stack.engine({ clock: later }).expire()).backups).toEqual([]);
    writeFileSync(join(data, name), whole);
    expect((await stack.engine().verify(recordedProgress())).damages).toEqual([]);
  });

  it('a damaged WAL segment is named, and stops a recovery instead of ending it early', async () => {
    await stack.sql("INSERT INTO kept VALUES (6000, 'after')");
    await stack.engine().check();
    const needed = archivedWal(stack.repositoryDir).filter((name) => name > second.stopWal);
    const file = join(stack.repositoryDir, 'wal', needed[0] ?? '');
    const whole = readFileSync(file);
    const broken = Buffer.from(whole);
    broken.fill(0x55, 40, 200);
    writeFileSync(file, broken);
    await expect(restore('latest')).rejects.toThrow(/could not restore file/);
    rmSync(join(dir, 'target'), { recursive: true });
    const report = await stack.engine().verify(recordedProgress());
    expect(report.damages).toMatchObject([{ where: 'archive', file: join('wal', needed[0] ?? '') }]);
    writeFileSync(file, whole);
    expect((await stack.engine().verify(recordedProgress())).damages).toEqual([]);
  });

  it('a gap in the WAL is named, ends the recovery window, and is not recovered across', async () => {
    await stack.sql("INSERT INTO kept VALUES (6001, 'before the gap')");
    const { segment } = await stack.engine().check();
    await stack.sql("INSERT INTO kept VALUES (6002, 'after the gap')");
    await stack.engine().check();
    await stack.engine().check();
    const file = join(stack.repositoryDir, 'wal', `${segment}.gz`);
    renameSync(file, join(dir, 'away'));
    undo.push(() => renameSync(join(dir, 'away'), file));
    const state = await stack.engine().state();
    expect(state.archive.gaps).toMatchObject([{ from: segment, to: segment }]);
    await expect(restore('latest')).rejects.toThrow(`WAL ${segment} to ${segment} is missing`);
    const past = state.archive.lastArchivedAt?.toISOString() ?? '';
    await expect(restore(past)).rejects.toMatchObject({
      allowed: expect.stringContaining('recovery window') as string,
    });
  });
});

describe('two at once', () => {
  it('the second ends at once and names the first, which is unharmed', async () => {
    const running = await heldBackup();
    const second = await runQbench('', ['--stack', 'test', 'backup'], { env: env() });
    expect(second.code).toBe(1);
    expect(second.stderr).toMatch(
      new RegExp(`a full backup is already running \\(pid ${running.child.pid ?? 0}, since 20`),
    );
    expect(running.child.exitCode).toBeNull();
    const told = JSON.parse(
      (await runQbench('', ['--stack', 'test', 'info', '--json'], { env: env() })).stdout,
    ) as unknown;
    expect(told).toMatchObject({ running: { what: 'full backup', pid: running.child.pid } });
    process.kill(running.pid, 'SIGCONT');
    expect(await running.ended).toBe(0);
  });
});

describe('a run that is killed half-way', () => {
  it('leaves no backup; the next one takes over its lock, ends its program and removes its files', async () => {
    const before = (await stack.engine().state()).backups.length;
    const running = await heldBackup();
    running.child.kill('SIGKILL');
    await running.ended;
    expect((await stack.engine().state()).backups).toHaveLength(before);
    const progress = recordedProgress();
    const made = await stack.engine().backup({ type: 'incr' }, progress);
    expect(progress.lines.join('\n')).toContain('removing what a backup that was cut off left');
    expect(existsSync(`/proc/${running.pid}/exe`)).toBe(false);
    expect((await stack.engine().verify(recordedProgress(), made.name)).damages).toEqual([]);
  });

  it('an interrupted one cleans up after itself', async () => {
    const running = await heldBackup();
    process.kill(running.pid, 'SIGCONT');
    running.child.kill('SIGINT');
    expect([130, 0]).toContain(await running.ended);
    expect(baseBackupPids(partials())).toEqual([]);
    expect((await stack.engine().running())?.pid).toBeUndefined();
  });
});

describe('the repository', () => {
  it('gone: commits go on, the lag is told, and it catches up without a gap', async () => {
    const away = `${stack.repositoryDir}.away`;
    renameSync(stack.repositoryDir, away);
    let back = false;
    undo.push(() => (back ? undefined : renameSync(away, stack.repositoryDir)));
    for (let i = 0; i < 3; i++) {
      await stack.sql(`INSERT INTO kept VALUES (${7000 + i}, 'while it was gone')`);
      await stack.sql('SELECT pg_switch_wal()');
    }
    await until(async () => ((await stack.engine().state()).archiver?.failures ?? 0) > 0);
    const { archiver } = await stack.engine().state();
    expect(archiver?.waiting).toBeGreaterThanOrEqual(3);
    expect(archiver?.secondsAtRisk).toBeGreaterThan(0);
    renameSync(away, stack.repositoryDir);
    back = true;
    await until(async () => (await stack.engine().state()).archiver?.waiting === 0);
    const state = await stack.engine().state();
    expect(state.archive.gaps).toEqual([]);
    const { rows } = await inRestored(stack.engine(), { to: 'latest', target: join(dir, 'caught-up') }, (session) =>
      session.query('SELECT count(*)::int AS n FROM kept WHERE id >= 7000'),
    );
    expect(rows).toEqual([{ n: 3 }]);
  });

  it('takes a segment again that it has, and never another of the same name', () => {
    const script = join(stack.stackDir, 'qbench-wal');
    const [segment = ''] = archivedWal(stack.repositoryDir);
    const name = segment.slice(0, -3);
    const same = join(dir, 'same');
    const push = (file: string): ReturnType<typeof spawnSync> =>
      spawnSync(script, ['push', file, name], { encoding: 'utf8' });
    expect(spawnSync(script, ['get', name, same]).status).toBe(0);
    expect(push(same).status).toBe(0);
    const other = join(dir, 'other');
    writeFileSync(other, 'other');
    expect(push(other)).toMatchObject({ status: 1, stderr: expect.stringContaining('with another content') as string });
    expect(spawnSync(script, ['get', `${name.slice(0, 16)}FFFFFFFF`, other]).status).toBe(1);
  });

  it('of another cluster is never written to', async () => {
    const file = join(stack.repositoryDir, 'repository.json');
    const own = readFileSync(file, 'utf8');
    writeFileSync(file, own.replace(/"systemIdentifier": "\d+"/, '"systemIdentifier": "1"'));
    undo.push(() => writeFileSync(file, own));
    await expect(backup('full')).rejects.toThrow('holds the backups of another cluster (system identifier 1');
  });

  // A file system of a size of its own takes a mount, which only root may make.
  it.runIf(process.getuid?.() === 0 && process.platform === 'linux')(
    'full: the backup is refused or ends with what to do, nothing half is kept, and the next one succeeds',
    async () => {
      const place = mkdtempSync(join(tmpdir(), 'qbench-full-'));
      const mount = (...args: string[]): void => {
        const result = spawnSync('mount', args, { encoding: 'utf8' });
        if (result.status !== 0) throw new Error(result.stderr);
      };
      mount('-t', 'tmpfs', '-o', 'size=40m,mode=755', 'tmpfs', place);
      undo.push(() => {
        spawnSync('umount', ['-l', place]);
        rmSync(place, { recursive: true, force: true });
      });
      const repositoryDir = join(place, 'backups');
      const engine = stack.engine({ repositoryDir });
      // Less than the database, so that the room that is left looks enough and is not.
      const small = await stack.sql<{ bytes: string }>(
        'SELECT sum(pg_database_size(oid))::text AS bytes FROM pg_database',
      );
      const bytes = Number(small[0]?.bytes);
      await expect(engine.backup({ type: 'full' }, recordedProgress())).rejects.toMatchObject({
        next: expect.stringContaining('free some space') as string,
      });
      expect((await engine.state()).backups).toEqual([]);
      mount('-o', `remount,size=${Math.ceil(bytes / 1024 ** 2) + 2}m`, place);
      await expect(engine.backup({ type: 'full' }, recordedProgress())).rejects.toMatchObject({
        message: expect.stringContaining('No space left on device') as string,
        next: expect.stringContaining('free some space') as string,
      });
      expect((await engine.state()).backups).toEqual([]);
      mount('-o', 'remount,size=400m', place);
      const made = await engine.backup({ type: 'full' }, recordedProgress());
      expect((await engine.state()).backups.map(({ name }) => name)).toEqual([made.name]);
    },
  );
});

it('keeps the script and the repository from other users', () => {
  chmodSync(stack.stackDir, 0o755);
  undo.push(() => chmodSync(stack.stackDir, 0o700));
  const mode = spawnSync('stat', ['-c', '%a', join(stack.stackDir, 'qbench-wal'), stack.repositoryDir], {
    encoding: 'utf8',
  });
  expect(mode.stdout.trim().split('\n')).toEqual(['700', '700']);
});
