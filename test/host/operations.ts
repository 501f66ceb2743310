/**
 * What is done to a booted host through SSM, by the Lambdas from their zips and by `qbench` on somebody's machine. SSM is stood in for, and
 * its commands run on the host as they are: a real backup lands in a real S3 server, a real snapshot comes back, a restore is proven.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DrillRecord } from '../../infra/ops/backup/evidence';
import { readBackupEvidence } from '../../infra/ops/review/backupEvidence';
import type { BackupInfo } from '../../infra/ops/backup/info';
import type { Guest } from '../support/guest';
import { guestExecutor, HostCli } from '../support/hostCli';
import { backups, type HostStage } from '../support/hostStage';
import { ended, INSTANCE, LambdaHost, metricsOf } from '../support/lambdaHost';
import { must } from '../support/must';
import { secretOf } from '../support/bootedHost';

const HOUR_SECONDS = 3600;

/** @param booted the host, its database with documents and indexes in it; undefined where no host can be booted here */
export function operations(booted: () => { stage: HostStage; host: Guest } | undefined, documents: number): void {
  let stage: HostStage;
  let host: Guest;
  let lambdas: LambdaHost;
  let cli: HostCli;
  const undone: (() => Promise<void>)[] = [];
  const slot = { kind: 'slot', type: 'full', at: new Date().toISOString() };

  beforeAll(async () => {
    const found = booted();
    if (found === undefined) return;
    ({ stage, host } = found);
    lambdas = await LambdaHost.start({
      server: { port: 5432, database: 'mlb_qbench' },
      secrets: (id) => secretOf(stage.input.stack, id),
      executor: guestExecutor(host),
    });
    undone.push(() => lambdas.stop());
    cli = await HostCli.of(stage, host, lambdas.ssm);
  });
  afterAll(async () => {
    for (const undo of undone) await undo();
  });

  /** Delivers the end of each step until nothing new is started. @returns the metrics of the report, which is the last one */
  async function reported(): Promise<Record<string, number>> {
    const told = new Set<string>();
    for (;;) {
      await lambdas.settled();
      const next = lambdas.commands('backup').find(({ id }) => !told.has(id));
      if (next === undefined) break;
      expect(next, next.stderr).toMatchObject({ status: 'Success' });
      told.add(next.id);
      await lambdas.invoke('backup', ended(next));
    }
    const report = must(lambdas.commands('backup').at(-1));
    expect(report.parameters['Step']).toEqual(['report']);
    return metricsOf(await lambdas.invoke('backup', ended(report)));
  }

  describe('a slot', () => {
    it('becomes a backup in the repository, which is then expired, verified and reported', async () => {
      await lambdas.invoke('backup', slot);
      const metrics = await reported();
      expect((await backups(host)).map(({ type }) => type)).toEqual(['full', 'diff', 'incr', 'full']);
      expect(metrics).toMatchObject({ BackupCount: 4, DamagedBackups: 0, BackupHeartbeat: 1 });
      expect(metrics['BackupSizeBytes']).toBeGreaterThan(1_000_000);
    });
  });

  describe('a snapshot', () => {
    it('comes back from the host with its database and its disk', async () => {
      await lambdas.invoke('monitor', { kind: 'snapshot', comparisons: 1 });
      await lambdas.settled();
      const told = await lambdas.invoke('monitor', ended(must(lambdas.commands('monitor').at(-1))));
      const metrics = metricsOf(told);
      expect(metrics, told.lines.join('\n')).toMatchObject({ DatabaseUnreachable: 0, MonitorHeartbeat: 1 });
      expect(metrics['DataAtRisk']).toBeGreaterThanOrEqual(0);
      expect(metrics['DiskUsed']).toBeGreaterThan(0);
    });
  });

  describe('qbench drill', () => {
    it('restores on the host beside the living server, asks the copy, keeps the record and leaves nothing else', async () => {
      const before = await host.must('ls /srv/postgresql');
      // What came after the backup is replayed from the repository.
      const handed = await cli.run('check');
      expect(handed, handed.stderr).toMatchObject({ code: 0 });
      const drilled = await cli.run('drill', '--json');
      expect(drilled.code, drilled.stderr + drilled.stdout).toBe(0);
      const record = JSON.parse(drilled.stdout) as DrillRecord;
      expect(record).toMatchObject({ passed: true, engine: 'pgbackrest' });
      expect(record.checks.find(({ name }) => name === 'documents')?.found).toBe(
        `${documents}, ${documents} in the living database now`,
      );
      expect(record.checks.filter(({ name }) => name.endsWith('recall@10'))).toHaveLength(1);
      expect(record.rtoSeconds).toBeGreaterThan(0);
      expect((await host.must('ls /srv/postgresql')).split('\n')).toEqual([...before.split('\n'), 'drills'].sort());
      expect(await host.must('ls /srv/postgresql/drills | wc -l')).toBe('1');
      // Pull requests may read that much.
      const published = readBackupEvidence(
        must(lambdas.ssm.parameters[`/qbench-postgres/${stage.input.stack}/backup-evidence`]),
      );
      expect(published).toMatchObject({ stack: stage.input.stack, label: record.backup });
      expect(published.objection).toBeUndefined();
      expect(published.verifiedAt?.toISOString()).toBe(record.finishedAt);
      expect((await host.run('pgrep --full "postgres.*drill-"')).stdout).toBe('');
    });

    it('is what the report of the Lambda and qbench info tell the age of', async () => {
      await lambdas.invoke('backup', { kind: 'reconcile' });
      const metrics = await reported();
      expect(metrics['RestoreAgeSeconds']).toBeGreaterThanOrEqual(0);
      expect(metrics['RestoreAgeSeconds']).toBeLessThan(HOUR_SECONDS);
      const told = await cli.run('info', '--json');
      expect(told.code, told.stderr).toBe(0);
      const info = JSON.parse(told.stdout) as BackupInfo;
      expect(info.lastProvenRestore?.passed).toBe(true);
    });
  });

  describe('a slot that SSM has forgotten', () => {
    it('is remembered by the repository', async () => {
      lambdas.ssm.commands.length = 0;
      await lambdas.invoke('backup', slot);
      await lambdas.settled();
      expect(lambdas.commands('backup').at(-1)?.stdout).toContain('nothing to do');
      expect(await backups(host)).toHaveLength(4);
    });
  });

  describe('qbench host', () => {
    const CONF = '/etc/qbench/postgresql/postgresql.conf';
    const startedAt = (): Promise<string> => host.sql('SELECT pg_catalog.pg_postmaster_start_time()');

    it('tells how the setup went, and shows the logs of the server', async () => {
      const told = await cli.run('host', 'status', '--json');
      expect(JSON.parse(told.stdout)).toMatchObject({ instanceId: INSTANCE, state: 'ready' });
      expect(told.code).toBe(0);
      expect((await cli.run('host', 'logs', 'setup')).stdout).toContain('qbench: ready');
      expect((await cli.run('host', 'logs', 'server', '--lines', '1')).stdout).toMatch(
        /^\d{4}-\d\d-\d\d .* UTC \[\d+\] /,
      );
    });

    it('apply gives a file that the server does not start with up for the last good one, once', async () => {
      await host.must(
        `cp ${CONF} /var/tmp/good.conf && sed -i "s/^shared_buffers = .*/shared_buffers = '900GB'/" ${CONF}`,
      );
      const applied = await cli.run('host', 'apply');
      expect(applied.code).toBe(1);
      expect(applied.stderr).toContain('the setup failed in 70-server');
      expect(applied.stderr).toContain('the last good one is in force again');
      expect(await host.sql('SHOW shared_buffers')).toBe(`${stage.input.plan.sharedBuffersMiB}MB`);
      const status = await cli.run('host', 'status');
      expect(status).toMatchObject({ code: 1 });
      expect(status.stdout).toContain('failed in 70-server: the new configuration was refused');
      await stage.tagged(/^failed in 70-server: the new configuration was refused/);
      // The setup goes on to try; that must not cut sessions every minute.
      const started = await startedAt();
      expect((await host.run('systemctl restart qbench-setup.service')).code).not.toBe(0);
      expect(await startedAt()).toBe(started);
      await host.must(`cp /var/tmp/good.conf ${CONF}`);
      expect(await cli.run('host', 'apply')).toMatchObject({ code: 0, stdout: 'the host is as its files say\n' });
      expect(await startedAt()).toBe(started);
      expect(await cli.run('host', 'status')).toMatchObject({ code: 0 });
    });

    it('restart brings a new server up', async () => {
      const started = await startedAt();
      const refused = await cli.run('host', 'restart');
      expect(refused.code).not.toBe(0);
      expect(await startedAt()).toBe(started);
      const restarted = await cli.run('host', 'restart', '--yes');
      expect(restarted, restarted.stderr).toMatchObject({ code: 0 });
      expect(await startedAt()).not.toBe(started);
    });
  });
}
