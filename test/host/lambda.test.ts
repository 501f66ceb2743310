/**
 * The Lambdas from their zips against a booted host: SSM is stood in for, and its commands run on the host as they are. A real backup lands
 * in a real S3 server, and a real snapshot comes back.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { prepareDatabase, urlOf } from '../support/bootedHost';
import type { Guest } from '../support/guest';
import { backups, HostStage, noHostsBecause } from '../support/hostStage';
import { ended, LambdaHost, metricsOf } from '../support/lambdaHost';
import { must } from '../support/must';
import { runQbench } from '../support/qbenchCli';

let reason: string | undefined;
let stage: HostStage;
let host: Guest;
let lambdas: LambdaHost;
const undone: (() => Promise<void>)[] = [];

beforeAll(async () => {
  reason = await noHostsBecause();
  if (reason !== undefined) return;
  stage = await HostStage.open();
  undone.push(() => stage.close());
  host = await stage.boot({ disks: [stage.volume('data')] });
  await host.reaches('ready');
  const file = 'f=$(mktemp) && cat >"$f" && chmod 700 "$f" && "$f"; code=$?; rm -f "$f"; exit "$code"';
  lambdas = await LambdaHost.start({
    server: { port: 5432, database: 'mlb_qbench' },
    executor: (script) => host.run(file, { stdin: script, timeoutMs: 600_000 }),
  });
  undone.push(() => lambdas.stop());
});
afterAll(async () => {
  // Also where the beginning failed half-way.
  for (const undo of undone.reverse()) await undo();
});
beforeEach(({ skip }) => {
  if (reason !== undefined) skip(reason);
});

describe('a slot', () => {
  const slot = { kind: 'slot', type: 'full', at: new Date().toISOString() };

  it('becomes a backup in the repository, which is then expired, verified and reported', async () => {
    await lambdas.invoke('backup', slot);
    const told = new Set<string>();
    for (;;) {
      await lambdas.settled();
      const next = lambdas.commands('backup').find(({ id }) => !told.has(id));
      if (next === undefined) break;
      expect(next, next.stderr).toMatchObject({ status: 'Success' });
      told.add(next.id);
      await lambdas.invoke('backup', ended(next));
    }
    expect((await backups(host)).map(({ type }) => type)).toEqual(['full']);
    const report = must(lambdas.commands('backup').at(-1));
    expect(report.parameters['Step']).toEqual(['report']);
    const metrics = metricsOf(await lambdas.invoke('backup', ended(report)));
    expect(metrics).toMatchObject({ BackupCount: 1, DamagedBackups: 0, BackupHeartbeat: 1 });
    expect(metrics['BackupSizeBytes']).toBeGreaterThan(1_000_000);
  });

  it('is remembered by the repository, where SSM has forgotten it', async () => {
    lambdas.ssm.commands.length = 0;
    await lambdas.invoke('backup', slot);
    await lambdas.settled();
    expect(lambdas.commands('backup').at(-1)?.stdout).toContain('nothing to do');
    expect(await backups(host)).toHaveLength(1);
  });
});

describe('a snapshot', () => {
  it('comes back from the host with its database and its disk', async () => {
    await prepareDatabase(host);
    const migrated = await runQbench(urlOf(host, stage.authority, join(stage.dir, 'ca.crt')), ['migrate']);
    expect(migrated.code, migrated.stderr).toBe(0);
    await lambdas.invoke('monitor', { kind: 'snapshot', comparisons: 1 });
    await lambdas.settled();
    const told = await lambdas.invoke('monitor', ended(must(lambdas.commands('monitor').at(-1))));
    const metrics = metricsOf(told);
    expect(metrics, told.lines.join('\n')).toMatchObject({ DatabaseUnreachable: 0, MonitorHeartbeat: 1 });
    expect(metrics['DataAtRisk']).toBeGreaterThanOrEqual(0);
    expect(metrics['DiskUsed']).toBeGreaterThan(0);
  });
});
