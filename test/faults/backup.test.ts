/**
 * The native engine over a real server: backups of each type, points in time, and what is refused. Proves that a restored server has the
 * rows of its point and no others. Each test leaves the repository good.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keptEvidence } from '../../infra/adapters/keptEvidence';
import { systemClock } from '../../infra/adapters/systemClock';
import { drill } from '../../infra/ops/backup/drill';
import type { BackupSet } from '../../infra/ops/backup/engine';
import { readBackupInfo } from '../../infra/ops/backup/info';
import { restoreBackup } from '../../infra/ops/backup/restore';
import { judgeEvidence, readBackupEvidence } from '../../infra/ops/review/backupEvidence';
import { judge, type Finding } from '../../infra/ops/monitoring/judge';
import { measure } from '../../infra/ops/monitoring/measure';
import { NO_MEMORY } from '../../infra/ops/monitoring/observation';
import { resolveThresholds } from '../../infra/ops/thresholds';
import { labelTime } from '../../infra/ops/backup/label';
import { recoveryWindows } from '../../infra/ops/backup/window';
import { takeBackup } from '../../infra/ops/backup/take';
import { fillClustered } from '../support/clusteredRows';
import { recordedProgress } from '../support/machine';
import { archivedWal, inRestored, sessionOf, startBackedUp, type BackedUp } from '../support/nativeBackups';
import { runQbench } from '../support/qbenchCli';
import { ownedByServer } from '../support/localFaults';
import { asSuperuser } from '../support/server';

let stack: BackedUp;
let dir: string;
let full: BackupSet;
let between: string;

const target = (name: string): string => join(dir, name);
const documents = 'SELECT count(*)::int AS n FROM test_documents';
const cli = (...args: string[]): ReturnType<typeof runQbench> =>
  runQbench('', ['--stack', 'test', ...args], { env: { QBENCH_STATE_DIR: stack.stateDir, DATABASE_URL: '' } });
const refused = (to: string, folder = target('refused')): Promise<unknown> =>
  restoreBackup(
    stack.engine(),
    {
      to,
      target: folder,
      ownDataDir: stack.server.dataDir,
      confirm: (word) => Promise.reject(new Error(`type ${word}`)),
    },
    systemClock,
    recordedProgress(),
  );

beforeAll(async () => {
  stack = await startBackedUp();
  dir = mkdtempSync(join(tmpdir(), 'qbench-restore-'));
  ownedByServer(dir);
  await asSuperuser(stack.server, 'mlb_qbench', async (session) => {
    await fillClustered(session, { documents: 300 });
    await session.query(
      'CREATE INDEX idx_test_documents_embedding ON test_documents USING hnsw (embedding vector_cosine_ops)',
    );
  });
});

afterAll(async () => {
  await stack.stop();
  rmSync(dir, { recursive: true, force: true });
});

describe('before the first backup', () => {
  it('no WAL is kept, and every verb says what to do', async () => {
    await stack.sql('SELECT pg_switch_wal()');
    const info = await readBackupInfo(stack.engine(), new Date());
    expect(info).toMatchObject({ backups: [], windows: [], archive: { segments: 0 } });
    await expect(refused('latest')).rejects.toMatchObject({ next: expect.stringContaining('qbench backup') as string });
    await expect(stack.engine().check()).rejects.toMatchObject({
      message: expect.stringContaining('no backup yet') as string,
    });
  });
});

describe('backups', () => {
  it('are full where there is nothing to build upon, and the CLI tells of them', async () => {
    const taken = await cli('backup', '--type', 'diff', '--json');
    expect(taken.stderr).toContain('becomes a full one');
    expect(taken.code).toBe(0);
    full = (JSON.parse(taken.stdout) as { backup: BackupSet }).backup;
    expect(full).toMatchObject({ type: 'full', needs: [] });
    expect(full.name).toMatch(/^\d{8}-\d{6}F$/);
    expect((await cli('info')).stdout).toContain(full.name);
  });

  it('hold what changed since the last full one, or since the last one', async () => {
    await stack.sql(`INSERT INTO test_documents (test_case_id, uid, title) VALUES (9001, 'A', 'before')`);
    const diff = await takeBackup(stack.engine(), { type: 'diff' }, systemClock, recordedProgress());
    between =
      (
        await stack.sql<{ at: string }>(
          "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US+00') AS at",
        )
      )[0]?.at ?? '';
    await stack.sql(`INSERT INTO test_documents (test_case_id, uid, title) VALUES (9002, 'B', 'after')`);
    const incr = await takeBackup(stack.engine(), { type: 'incr' }, systemClock, recordedProgress());
    expect(diff.backup.needs).toEqual([full.name]);
    expect(incr.backup.needs).toEqual([full.name, diff.backup.name]);
    expect(diff.backup.storedBytes).toBeLessThan(full.storedBytes / 2);
    const names = (await stack.engine().state()).backups.map(({ name }) => name);
    expect(names).toEqual([full.name, diff.backup.name, incr.backup.name]);
  });

  it('have labels that grow also where the clock was set back', async () => {
    const past = { ...systemClock, now: () => new Date('2020-01-01T00:00:00Z') };
    const made = await stack.engine({ clock: past }).backup({ type: 'incr' }, recordedProgress());
    const names = (await stack.engine().state()).backups.map(({ name }) => name);
    expect(names.at(-1)).toBe(made.name);
    expect(labelTime(made.name)).toBeGreaterThan(labelTime(names.at(-2) ?? ''));
    rmSync(join(stack.repositoryDir, 'backups', made.name), { recursive: true });
  });
});

describe('a restore', () => {
  it('to a time between two inserts has the first and not the second, by the CLI', async () => {
    await stack.engine().check();
    const done = await cli('restore', '--to', between, '--target', target('pitr'), '--start', '--json');
    expect(done.stderr).toContain('replaying WAL');
    expect(done.code, done.stderr).toBe(0);
    const { restored } = JSON.parse(done.stdout) as { restored: Parameters<typeof sessionOf>[0] };
    const session = await sessionOf(restored);
    try {
      const { rows } = await session.query<{ uid: string }>("SELECT uid FROM test_documents WHERE uid IN ('A', 'B')");
      expect(rows).toEqual([{ uid: 'A' }]);
      // It is a database like any other now, and archives nothing into the repository it came from.
      await session.query("INSERT INTO test_documents (test_case_id, uid, title) VALUES (9003, 'C', 'new')");
      expect((await session.query("SELECT current_setting('archive_mode') AS mode")).rows).toEqual([{ mode: 'off' }]);
    } finally {
      await session.close();
      await stack.engine().discard(restored);
    }
  });

  it('to a time after the last commit, and to the latest, has all of them', async () => {
    await stack.engine().check();
    const end = recoveryWindows(await stack.engine().state()).at(-1)?.to;
    for (const to of [end?.toISOString() ?? '', 'latest']) {
      const rows = await inRestored(stack.engine(), { to, target: target('all') }, (session) =>
        session.query(documents),
      );
      expect(rows.rows, to).toEqual(await stack.sql(documents));
    }
  });

  it('of one backup stops at its end', async () => {
    const found = await inRestored(stack.engine(), { to: full.name, target: target('named') }, (session) =>
      session.query("SELECT uid FROM test_documents WHERE uid IN ('A', 'B')"),
    );
    expect(found.rows).toEqual([]);
  });

  it.each([
    ['2026-11-22 20:45:00', 'has no zone'],
    ['yesterday', 'is no time'],
    ['2026-02-30T00:00:00Z', 'not in the calendar'],
    ['2999-01-01T00:00:00Z', 'lies in the future'],
    ['2001-01-01T00:00:00+02:00', 'before the end of the oldest good backup'],
    ['20010101-000000F', 'there is no backup'],
    ['../../etc', 'is no time'],
  ])('to %s is refused with the recovery window', async (to, words) => {
    const error = (await refused(to).catch((thrown: unknown) => thrown)) as {
      message: string;
      allowed?: string;
      next?: string;
    };
    expect(error.message).toContain(words);
    expect(`${error.allowed ?? ''} ${error.next ?? ''}`).toContain('the recovery window is');
    expect(existsSync(target('refused'))).toBe(false);
  });

  it('never goes onto a running server, and asks before it moves anything aside', async () => {
    await expect(refused('latest', stack.server.dataDir)).rejects.toMatchObject({
      message: expect.stringMatching(/a server runs on .* \(pid \d+\)/) as string,
    });
    const folder = target('filled');
    mkdirSync(folder);
    writeFileSync(join(folder, 'mine'), 'mine');
    await expect(refused('latest', folder)).rejects.toThrow(`type ${folder}`);
    const unattended = await cli('restore', '--target', folder);
    expect(unattended).toMatchObject({ code: 2, stderr: expect.stringContaining('--yes') as string });
    const done = await cli('restore', '--target', folder, '--yes', '--json');
    expect(done.code, done.stderr).toBe(0);
    const { setAside } = JSON.parse(done.stdout) as { setAside: string };
    expect(readFileSync(join(setAside, 'mine'), 'utf8')).toBe('mine');
    // Of this cluster, stopped, and not the stack's own: still asked for.
    await expect(refused('latest', folder)).rejects.toThrow(`type ${folder}`);
  });
});

describe('a drill', () => {
  it('proves the restore, keeps the record, and removes the copy', async () => {
    const folder = target('drill');
    const record = await drill(
      stack.engine(),
      { to: 'latest', target: folder, source: () => Promise.resolve(undefined), copy: sessionOf },
      systemClock,
      recordedProgress(),
    );
    expect(record.error).toBeUndefined();
    expect(record.checks.filter(({ passed }) => !passed)).toEqual([]);
    expect(record.checks.map(({ name }) => name)).toContain('idx_test_documents_embedding recall@10');
    expect(record).toMatchObject({ passed: true, rtoSeconds: expect.any(Number) as number });
    expect(existsSync(folder)).toBe(false);
    const { metrics, lastProvenRestore } = await readBackupInfo(stack.engine(), new Date(Date.now() + 3_600_000));
    expect(lastProvenRestore?.backup).toBe(record.backup);
    expect(metrics.provenRestoreAgeSeconds).toBeGreaterThan(3_500);
  });

  it('is the evidence that qbench info keeps, and by which production may destroy something for a day', async () => {
    const place = { checkout: dir, stateDir: stack.stateDir };
    const before = readBackupEvidence(keptEvidence(place, 'test') ?? '');
    expect(before.verifiedAt).toBeUndefined();
    expect((await cli('info')).code).toBe(0);
    const evidence = readBackupEvidence(keptEvidence(place, 'test') ?? '');
    const of = { stack: 'test', repository: (await stack.engine().state()).repository };
    const now = Date.now();
    expect(judgeEvidence(evidence, of, new Date(now))).toMatchObject({ fresh: true });
    expect(judgeEvidence(evidence, of, new Date(now + 25 * 3_600_000)).why).toMatch(/was proven 25 hours ago/);
    expect(judgeEvidence(evidence, { ...of, stack: 'other' }, new Date(now)).fresh).toBe(false);
  });

  it('gives monitoring the ages of backup and proven restore, which are told once they are too great', async () => {
    const { stdout, stderr } = await cli('monitor', '--no-probe', '--json', '--state', join(dir, 'monitor.json'));
    expect(stderr).toBe('');
    const round = JSON.parse(stdout) as { values: Record<string, { value: number }>; findings: Finding[] };
    for (const name of ['backupAge', 'restoreAge']) expect(round.values[name]?.value, name).toBeLessThan(3600);
    const planned = { clientConnections: 100, diskBytes: 1, databaseBytes: 1, parameters: {} };
    const told = async (days: number): Promise<string[]> => {
      const now = new Date(Date.now() + days * 86_400_000);
      const { metrics } = await readBackupInfo(stack.engine(), now);
      const backup = { backupAgeSeconds: metrics.backupAgeSeconds, restoreAgeSeconds: metrics.provenRestoreAgeSeconds };
      const values = measure({ at: now.toISOString(), backup }, planned, NO_MEMORY);
      return judge(values, resolveThresholds(planned))
        .filter(({ name }) => name !== 'databaseUnreachable')
        .map(({ name, severity }) => `${severity} ${name}`);
    };
    expect(await told(0)).toEqual([]);
    expect(await told(1.5)).toEqual(['warning backupAge']);
    expect(await told(9)).toEqual(['critical backupAge', 'warning restoreAge']);
  });

  it('fails where the restored index does not answer, and does not count as proven', async () => {
    const before = (await readBackupInfo(stack.engine(), new Date())).lastProvenRestore;
    const record = await drill(
      stack.engine(),
      {
        to: 'latest',
        target: target('drill'),
        source: () => Promise.resolve(undefined),
        copy: async (restored) => {
          const session = await sessionOf(restored);
          await session.query(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'idx_test_documents_embedding'::regclass",
          );
          return session;
        },
      },
      systemClock,
      recordedProgress(),
    );
    expect(record.passed).toBe(false);
    expect(record.checks.find(({ name }) => name === 'indexes valid')?.found).toContain('NOT VALID');
    expect((await readBackupInfo(stack.engine(), new Date())).lastProvenRestore).toEqual(before);
  });
});

describe('expire', () => {
  const later = (days: number): { clock: typeof systemClock } => ({
    clock: { ...systemClock, now: () => new Date(Date.now() + days * 86_400_000) },
  });

  it('never removes the only good full backup, nor its WAL, however old it is', async () => {
    const before = archivedWal(stack.repositoryDir).filter((name) => name >= full.startWal);
    expect((await stack.engine(later(400)).expire()).backups).toEqual([]);
    expect(archivedWal(stack.repositoryDir)).toEqual(expect.arrayContaining(before));
  });

  it('removes what a newer good full backup made needless, with its WAL', async () => {
    const { backup } = await takeBackup(
      stack.engine(),
      { type: 'full', expire: false },
      systemClock,
      recordedProgress(),
    );
    await stack.engine().check();
    expect((await stack.engine(later(6)).expire()).backups).toEqual([]);
    const expired = await stack.engine(later(8)).expire();
    expect(expired.backups).toContain(full.name);
    expect((await stack.engine().state()).backups.map(({ name }) => name)).toEqual([backup.name]);
    expect(archivedWal(stack.repositoryDir)[0]?.localeCompare(backup.startWal)).toBeGreaterThanOrEqual(0);
    const { rows } = await inRestored(stack.engine(), { to: 'latest', target: target('kept') }, (session) =>
      session.query(documents),
    );
    expect(rows).toEqual(await stack.sql(documents));
  });
});

describe('in place', () => {
  it('brings a stack back whose data folder was lost, and archiving goes on', async () => {
    await stack.engine().check();
    const rows = await stack.sql(documents);
    await stack.server.cluster.stop();
    rmSync(stack.server.dataDir, { recursive: true });
    const done = await cli('restore', '--to', 'latest', '--target', stack.server.dataDir);
    expect(done.code, done.stderr).toBe(0);
    expect(done.stdout).toContain('server start --stack test');
    await stack.server.cluster.start();
    expect(await stack.sql(documents)).toEqual(rows);
    await stack.engine().check();
    const { backup } = await takeBackup(
      stack.engine(),
      { type: 'incr', expire: false },
      systemClock,
      recordedProgress(),
    );
    expect(backup.stopWal.slice(0, 8)).toBe('00000002');
    expect((await stack.engine().state()).archive.gaps).toEqual([]);
  });
});
