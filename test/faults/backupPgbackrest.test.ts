/**
 * The pgbackrest engine over the real pgBackRest and a real server with the configuration that a host gets, its repository a folder.
 * Proves the verbs; not the repository on S3, which `test/host` proves.
 */
import { existsSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PgbackrestEngine } from '../../infra/adapters/backup/pgbackrest/engine';
import { systemClock } from '../../infra/adapters/systemClock';
import type { BackupSet } from '../../infra/ops/backup/engine';
import { readBackupInfo } from '../../infra/ops/backup/info';
import { restoreBackup, type RestoreOutcome } from '../../infra/ops/backup/restore';
import { takeBackup } from '../../infra/ops/backup/take';
import { STANZA } from '../../infra/postgres/pgbackrest';
import { noChroot } from '../support/debianChroot';
import { recordedProgress } from '../support/machine';
import { startPgbackrestCluster, type PgbackrestCluster } from '../support/pgbackrestCluster';
import { processesNaming } from '../support/processes';

const reason = noChroot();

describe.runIf(reason === undefined)(`pgBackRest${reason === undefined ? '' : ` (not here: ${reason})`}`, () => {
  let cluster: PgbackrestCluster | undefined;
  let engine: PgbackrestEngine;
  let path: PgbackrestCluster['path'];
  let sql: PgbackrestCluster['sql'];
  let full: BackupSet;
  const restore = (to: string, target = path('restored')): Promise<RestoreOutcome> =>
    restoreBackup(
      engine,
      {
        to,
        target,
        ownDataDir: path('data'),
        keepRunning: true,
        confirm: (word) => Promise.reject(new Error(`type ${word}`)),
      },
      systemClock,
      recordedProgress(),
    );

  beforeAll(async () => {
    cluster = await startPgbackrestCluster();
    ({ engine, path, sql } = cluster);
    await sql('CREATE TABLE kept (id int PRIMARY KEY, text text)');
    await sql('INSERT INTO kept SELECT g, repeat(md5(g::text), 10) FROM generate_series(1, 20000) AS g');
  });

  afterAll(() => cluster?.stop());

  it('checks, and takes full, diff and incr backups', async () => {
    expect((await engine.check()).segment).toMatch(/^[0-9A-F]{24}$/);
    const types = ['full', 'diff', 'incr'] as const;
    const made: BackupSet[] = [];
    for (const type of types) made.push((await takeBackup(engine, { type }, systemClock, recordedProgress())).backup);
    expect(made.map(({ type }) => type)).toEqual(['full', 'diff', 'incr']);
    expect(made[2]?.needs).toContain(made[0]?.name);
    full = made[0] as BackupSet;
    const info = await readBackupInfo(engine, new Date());
    expect(info.backups.map(({ name }) => name)).toEqual(made.map(({ name }) => name));
    expect(info).toMatchObject({ engine: 'pgbackrest', archive: { gaps: [] }, running: undefined });
    expect(info.windows[0]?.from).toEqual(made[0]?.stoppedAt);
    expect(info.systemIdentifier).toBe(
      (await sql<{ id: string }>('SELECT system_identifier::text AS id FROM pg_control_system()'))[0]?.id,
    );
    expect((await engine.verify(recordedProgress())).damages).toEqual([]);
  });

  it('restores to a time between two inserts', async () => {
    await systemClock.sleep(1_100);
    await sql("INSERT INTO kept VALUES (30001, 'before')");
    const at = (
      await sql<{ at: string }>(
        "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US+00') AS at",
      )
    )[0]?.at;
    await sql("INSERT INTO kept VALUES (30002, 'after')");
    await systemClock.sleep(1_100);
    await engine.check();
    const { restored } = await restore(at ?? '');
    try {
      expect(await sql('SELECT id FROM kept WHERE id > 30000', restored)).toEqual([{ id: 30001 }]);
    } finally {
      await engine.discard(restored);
    }
    expect(existsSync(path('restored'))).toBe(false);
    await expect(restore('2999-01-01T00:00:00Z')).rejects.toThrow('lies in the future');
    await expect(restore('latest', path('data'))).rejects.toThrow('a server runs on');
  });

  it('goes on without its repository, and catches up without a gap', async () => {
    const away = path('away');
    renameSync(path('repository'), away);
    try {
      await sql("INSERT INTO kept VALUES (40001, 'meanwhile')");
      await sql('SELECT pg_switch_wal()');
      while (((await sql<{ n: number }>('SELECT failed_count::int AS n FROM pg_stat_archiver'))[0]?.n ?? 0) === 0)
        await systemClock.sleep(100);
      const archiver = await engine.parts.archiver();
      expect(archiver?.waiting).toBeGreaterThan(0);
      expect(archiver?.secondsAtRisk).toBeGreaterThan(0);
    } finally {
      rmSync(path('repository'), { recursive: true, force: true });
      renameSync(away, path('repository'));
    }
    // By itself: a push that was on its way when the repository went gives up first, after archive-timeout.
    while (((await engine.parts.archiver())?.waiting ?? 1) > 0) await systemClock.sleep(100);
    await engine.check();
    expect((await engine.state()).archive.gaps).toEqual([]);
    const { restored } = await restore('latest');
    try {
      expect(await sql('SELECT text FROM kept WHERE id = 40001', restored)).toEqual([{ text: 'meanwhile' }]);
    } finally {
      await engine.discard(restored);
    }
  });

  it('a second backup ends naming the first', async () => {
    // Held from the moment it runs, by a stopped process.
    const first = engine.backup({ type: 'full' }, recordedProgress());
    const held = async (): Promise<number | undefined> => {
      const listed = await engine.parts.runner.run('ps', ['-eo', 'pid=,args=']);
      const line = listed.stdout
        .split('\n')
        .find((each) => /^\s*\d+ pgbackrest .*backup/.test(each) && each.includes(path()));
      return line === undefined ? undefined : Number.parseInt(line, 10);
    };
    let pid = await held();
    while (pid === undefined || (await engine.running()) === undefined) pid = await held();
    process.kill(pid, 'SIGSTOP');
    try {
      await expect(engine.backup({ type: 'incr' }, recordedProgress())).rejects.toThrow(
        new RegExp(`another backup is already running \\(pid ${pid}, since 20`),
      );
    } finally {
      // runuser stops with the program that it runs.
      for (const each of processesNaming(path()))
        if (each.command.includes('pgbackrest')) process.kill(each.pid, 'SIGCONT');
    }
    expect((await first).type).toBe('full');
  });

  it.each(['truncated', 'flipped'])(
    'names a %s file; restore refuses the backup and offers the previous',
    async (how) => {
      const state = await engine.state();
      const last = state.backups.at(-1) as BackupSet;
      const bundles = path('repository', 'backup', STANZA, last.name, 'bundle');
      const file = join(bundles, readdirSync(bundles).sort()[0] ?? '');
      const whole = readFileSync(file);
      const damaged = how === 'truncated' ? whole.subarray(0, Math.floor(whole.length / 2)) : Buffer.from(whole);
      if (how === 'flipped')
        damaged.writeUInt8(damaged.readUInt8(Math.floor(whole.length / 2)) ^ 0xff, Math.floor(whole.length / 2));
      writeFileSync(file, damaged);
      try {
        const { damages } = await engine.verify(recordedProgress());
        expect(damages.map(({ where }) => where)).toContain(last.name);
        await expect(restore(last.name)).rejects.toMatchObject({
          message: expect.stringContaining('is damaged') as string,
          next: expect.stringContaining(`--to ${state.backups.at(-2)?.name ?? ''}`) as string,
        });
        expect(existsSync(path('restored', 'PG_VERSION'))).toBe(false);
      } finally {
        writeFileSync(file, whole);
        rmSync(path('restored'), { recursive: true, force: true });
      }
    },
  );

  it('expires nothing that is needed', async () => {
    expect(await engine.expire()).toMatchObject({ backups: [] });
    expect((await engine.state()).backups.map(({ name }) => name)).toContain(full.name);
  });
});
