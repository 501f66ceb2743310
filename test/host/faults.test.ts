/**
 * What goes wrong around a living host: its package source, its repository, its disk, its configuration, its backups. The image has
 * no database packages, so that the setup installs them as it does on EC2, from the package source of this machine.
 */
import { closeSync, openSync, readdirSync, readSync, statSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { configurationScript } from '../../infra/postgres/configurationScript';
import type { CloudInitInput } from '../../infra/postgres/cloudInit';
import { hostFiles } from '../../infra/postgres/hostFiles';
import type { VerifyReport } from '../../infra/ops/backup/engine';
import type { CommandResult } from '../../infra/ops/ports';
import { until, type Disk, type Guest } from '../support/guest';
import { HostCli, ssmOf } from '../support/hostCli';
import { PackageForwarder } from '../support/hostPackages';
import { backups, HostStage, noHostsBecause, pgbackrest } from '../support/hostStage';
import { lostVolume } from './restores';

let reason: string | undefined;
let packages: PackageForwarder;
let stage: HostStage;
let volume: Disk;
let host: Guest;
const undone: (() => Promise<void>)[] = [];

beforeAll(async () => {
  reason = await noHostsBecause();
  if (reason !== undefined) return;
  packages = await PackageForwarder.start();
  undone.push(() => packages.stop());
  packages.down();
  stage = await HostStage.open({ packageUrl: packages.url });
  undone.push(() => stage.close());
  volume = stage.volume('data', 1024);
  host = await stage.boot({
    image: 'bare',
    disks: [volume],
    files: packages.files,
  });
});
afterAll(async () => {
  // Also where the beginning failed half-way.
  for (const undo of undone.reverse()) await undo();
});
beforeEach(({ skip }) => {
  if (reason !== undefined) skip(reason);
});

const health = (): Promise<CommandResult> => host.run('systemctl start qbench-health.service');
const startedAt = (): Promise<string> => host.sql('SELECT pg_catalog.pg_postmaster_start_time()');

describe('a package source that is down', () => {
  it('is named as the reason, and tried again until the host is ready', async () => {
    const status = await host.reaches('failed');
    expect(status).toMatchObject({ step: '40-packages' });
    expect(status.reason).toMatch(
      /^the package source http \S+debian does not answer$|^the package source http:\S+ does not answer$/,
    );
    await stage.tagged(/^failed in 40-packages: the package source/);
    packages.up();
    await host.reaches('ready');
    expect(await host.sql("SELECT 'served'")).toBe('served');
  });

  it('gave the database’s packages alone, and what they need', async () => {
    // The line after the installed version names where it comes from.
    const origin = (name: string): Promise<string> => host.must(`apt-cache policy ${name} | grep -A1 '^ [*][*][*]'`);
    expect(await origin('postgresql-18')).toContain('forky');
    for (const name of ['systemd', 'awscli', 'cloud-init']) expect(await origin(name)).toContain('trixie');
    expect(await host.must('apt-get -s upgrade | grep -c "^Inst.*forky" || :')).toBe('0');
  });
});

describe('a repository that cannot be reached', () => {
  it('stops no commit, is reported, and is caught up with without a gap', async () => {
    await host.sql('CREATE TABLE written (i int PRIMARY KEY)');
    await stage.s3.down();
    for (const i of [1, 2, 3]) {
      await host.sql(`INSERT INTO written VALUES (${i})`);
      await host.sql('SELECT pg_catalog.pg_switch_wal()');
    }
    await until(
      'archiving fails',
      300_000,
      async () => (await host.sql('SELECT failed_count > 0 FROM pg_catalog.pg_stat_archiver')) === 't',
    );
    expect((await health()).code).not.toBe(0);
    expect((await host.status()).reason).toMatch(/WAL archiving fails since [0-9A-F]{24}/);
    await stage.tagged(/^unhealthy: WAL archiving fails/);
    await stage.s3.up();
    const last = await host.sql('SELECT pg_catalog.pg_walfile_name(pg_catalog.pg_switch_wal())');
    await until(
      'everything is archived',
      300_000,
      async () => (await host.sql('SELECT last_archived_wal FROM pg_catalog.pg_stat_archiver')) >= last,
    );
    const archived = readdirSync(join(stage.s3.folder, 'booted/archive/qbench'), { recursive: true, encoding: 'utf8' })
      .map((name) => /([0-9A-F]{24})-[0-9a-f]{40}/.exec(name)?.[1])
      .filter((name) => name !== undefined)
      .map((name) => Number.parseInt(name.slice(8, 16), 16) * 256 + Number.parseInt(name.slice(16), 16))
      .sort((a, b) => a - b);
    expect(archived.filter((segment, i) => i > 0 && segment !== (archived[i - 1] ?? 0) + 1)).toEqual([]);
    expect((await health()).code).toBe(0);
    expect((await host.status()).state).toBe('ready');
  });
});

describe('a data volume', () => {
  it('that is full stops writes cleanly, is reported, and serves again with room', async () => {
    await host.must(
      'fallocate -l "$(df --output=avail -B1 /srv/postgresql | tail -n 1)" /srv/postgresql/ballast; sync; cat /dev/zero >/srv/postgresql/ballast2 2>/dev/null; true',
    );
    const failed = await host.run(
      `cd / && runuser -u postgres -- psql -XqAt -v ON_ERROR_STOP=1 -c "CREATE TABLE large AS SELECT repeat('x', 1000) FROM generate_series(1, 100000)"`,
    );
    expect(failed.code).not.toBe(0);
    expect(failed.stderr).toMatch(/No space left on device|server closed the connection/);
    expect((await health()).code).not.toBe(0);
    expect((await host.status()).reason).toMatch(/the data volume is (9\d|100) % full|the data volume is 100/);
    await host.must('rm -f /srv/postgresql/ballast /srv/postgresql/ballast2');
    await until('it takes writes again', 120_000, async () => {
      const { code } = await host.run(
        `cd / && runuser -u postgres -- psql -XqAt -v ON_ERROR_STOP=1 -c 'INSERT INTO written VALUES (100)'`,
      );
      return code === 0;
    });
    expect(await host.sql('SELECT pg_catalog.count(*) FROM written')).toBe('4');
    expect((await health()).code).toBe(0);
  });

  it('that grew is used while the server runs', async () => {
    const started = await startedAt();
    await host.grow(volume.serial, 3072);
    await health();
    const size = Number(await host.must('df --output=size -m /srv/postgresql | tail -n 1'));
    expect(size).toBeGreaterThan(2800);
    expect(await startedAt()).toBe(started);
  });
});

describe('a changed configuration', () => {
  /** What SSM runs on the living host. */
  const change = (overrides: CloudInitInput['overrides']): Promise<CommandResult> =>
    host.run(configurationScript(hostFiles({ ...stage.input, overrides })).join('\n'));

  it('is in force after a reload, or a restart where it must', async () => {
    const started = await startedAt();
    expect(await change({ deadlock_timeout: '7s' })).toMatchObject({ code: 0 });
    expect(await host.sql('SHOW deadlock_timeout')).toBe('7s');
    expect(await startedAt()).toBe(started);
    expect(await change({ deadlock_timeout: '7s', wal_buffers: '8MB' })).toMatchObject({ code: 0 });
    expect(await host.sql('SHOW wal_buffers')).toBe('8MB');
    expect(await startedAt()).not.toBe(started);
  });
});

describe('a stack with a backup,', () => {
  beforeAll(async () => {
    if (reason === undefined) await pgbackrest(host, '--type=full', 'backup');
  });

  lostVolume(() => (reason === undefined ? { stage, host } : undefined));
});

describe('damaged backups', () => {
  /** Files of one backup in the repository, largest first. */
  const files = (label: string): string[] => {
    const folder = join(stage.s3.folder, 'booted/backup/qbench', label);
    return readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .map((name) => join(folder, name))
      .filter((file) => statSync(file).isFile() && !/backup\.manifest/.test(file))
      .sort((a, b) => statSync(b).size - statSync(a).size);
  };

  it('are named by qbench verify and refused by qbench restore, which offers the one before; that one restores', async () => {
    await pgbackrest(host, '--type=full', 'backup');
    const [good, bad] = await backups(host);
    if (good === undefined || bad === undefined) throw new Error('two backups were expected');
    // A damaged file is no better when it is read for the third time, fifteen seconds later.
    const once = '/etc/pgbackrest/conf.d/once.conf';
    await host.must(`printf '[global]\\njob-retry=0\\n' >${once} && chgrp postgres ${once}`);
    const [flipped = '', cut = ''] = files(bad.label);
    flip(flipped, Math.floor(statSync(flipped).size / 2));
    // Its last bytes alone: pgBackRest asks for each part of a bundle by itself, and again and again where this S3 server has none of it.
    truncateSync(cut, statSync(cut).size - 100);
    const ssm = await ssmOf(host);
    undone.push(() => ssm.stop());
    const cli = await HostCli.of(stage, host, ssm);
    const verified = await cli.run('verify', '--json');
    expect(verified.code, verified.stderr).toBe(1);
    const { damages, backups: read } = JSON.parse(verified.stdout) as VerifyReport;
    expect(read).toBe(2);
    expect(new Set(damages.map(({ where }) => where))).toEqual(new Set([bad.label]));
    const target = '/srv/postgresql/18/tried';
    const restore = (label: string): Promise<CommandResult> =>
      cli.run('restore', '--to', label, '--target', target, '--json');
    const refused = await restore(bad.label);
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain(`backup ${bad.label} is damaged`);
    expect(refused.stderr).toContain(`--to ${good.label}`);
    const restored = await restore(good.label);
    expect(restored.code, restored.stderr).toBe(0);
    expect(JSON.parse(restored.stdout)).toMatchObject({ restored: { dataDir: target, running: false } });
    expect(await host.must(`cat ${target}/PG_VERSION`)).toBe('18');
  });
});

/** Changes one byte in the middle of a file. */
function flip(file: string, at: number): void {
  const open = openSync(file, 'r+');
  const byte = Buffer.alloc(1);
  readSync(open, byte, 0, 1, at);
  byte[0] = (byte[0] ?? 0) ^ 0xff;
  writeSync(open, byte, 0, 1, at);
  closeSync(open);
}
