/**
 * The backup Lambda from its zip in a process of its own, its commands really run by a shell; pgBackRest is stood in for here
 * (test/host has the real one). Proves what events of every order start, and what the ends of steps are told as.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ended, LambdaHost, metricsOf } from '../support/lambdaHost';
import type { RecordedCommand } from '../support/ssmServer';

let host: LambdaHost;

beforeEach(async () => {
  host = await LambdaHost.start();
});
afterEach(() => host.stop());

const HOUR_MS = 3_600_000;
const ago = (hours: number): string => new Date(Date.now() - hours * HOUR_MS).toISOString();
const slot = (type: 'full' | 'diff', at: string): object => ({ kind: 'slot', type, at });
const nameOf = (type: string, at: string): string => `${type}-${at.slice(0, 16)}Z`;

/** Delivers the end of each command until nothing new is started. */
async function deliverAll(): Promise<void> {
  const told = new Set<string>();
  for (;;) {
    await host.settled();
    const next = host.commands('backup').find(({ id }) => !told.has(id));
    if (next === undefined) return;
    told.add(next.id);
    await host.invoke('backup', ended(next));
  }
}

const last = (): RecordedCommand => {
  const found = host.commands('backup').at(-1);
  if (found === undefined) throw new Error('nothing was started');
  return found;
};

/** An earlier time for what was started so far, as if hours had passed since. */
function passHours(hours: number): void {
  for (const command of host.ssm.commands) {
    command.requestedAt = new Date(command.requestedAt.getTime() - hours * HOUR_MS);
  }
}

describe('a slot of the schedule', () => {
  it('is backed up, expired, verified and reported, each step by the event of the one before', async () => {
    const at = ago(0);
    const answer = await host.invoke('backup', slot('full', at));
    expect(answer.result).toMatchObject({ started: { step: 'backup', slot: nameOf('full', at) } });
    await deliverAll();
    expect(host.backrest).toEqual([`backup full ${nameOf('full', at)}`, 'expire', 'verify']);
    expect(last().parameters['Step']).toEqual(['report']);
    const report = await host.invoke('backup', ended(last()));
    expect(report.error).toBeUndefined();
    const metrics = metricsOf(report);
    expect(metrics).toMatchObject({
      BackupHeartbeat: 1,
      BackupCount: 1,
      BackupDurationSeconds: 91,
      BackupSizeBytes: 4_096_000,
      BackupRepositoryBytes: 1024,
      DamagedBackups: 0,
    });
    expect(metrics['BackupAgeSeconds']).toBeLessThan(60);
    expect(metrics['FullBackupAgeSeconds']).toBe(metrics['BackupAgeSeconds']);
  });

  it('starts nothing when its event comes twice, at once or after the backup', async () => {
    const event = slot('diff', ago(0));
    await host.invoke('backup', event);
    const again = await host.invoke('backup', event);
    expect(again.result).toMatchObject({ why: expect.stringContaining('started before') as string });
    expect(metricsOf(again)['BackupSlotsSkipped']).toBe(1);
    await deliverAll();
    await host.invoke('backup', event);
    expect(host.backrest.filter((line) => line.startsWith('backup'))).toHaveLength(1);
  });

  it('is backed up once even where SSM has forgotten the first command: the repository remembers', async () => {
    const event = slot('diff', ago(0));
    await host.invoke('backup', event);
    await host.settled();
    host.ssm.commands.length = 0;
    await host.invoke('backup', event);
    await host.settled();
    expect(last()).toMatchObject({ status: 'Success', stdout: expect.stringContaining('nothing to do') as string });
    expect(host.backrest).toHaveLength(1);
  });

  it('is left to the next one when it comes half a day late, or after a newer one', async () => {
    expect((await host.invoke('backup', slot('full', ago(13)))).result).toMatchObject({
      why: expect.stringContaining('too late') as string,
    });
    await host.invoke('backup', slot('diff', ago(0)));
    await deliverAll();
    const older = await host.invoke('backup', slot('full', ago(2)));
    expect(older.result).toMatchObject({ why: expect.stringContaining('newer') as string });
    expect(host.backrest.filter((line) => line.startsWith('backup'))).toHaveLength(1);
  });

  it('waits for nothing: while a backup runs the next slot is left out, and a step that runs is not started again', async () => {
    host.fault('slow', true);
    await host.invoke('backup', slot('full', ago(3)));
    const next = await host.invoke('backup', slot('diff', ago(0)));
    expect(next.result).toMatchObject({ why: expect.stringContaining('still running') as string });
    const early = await host.invoke('backup', ended(last()));
    expect(early.result).toMatchObject({ why: expect.stringContaining('still running') as string });
    host.fault('slow', false);
    await deliverAll();
    expect(host.backrest).toHaveLength(3);
  });

  it('that a wrong clock puts ahead is taken, and the skew is told', async () => {
    const answer = await host.invoke('backup', slot('diff', ago(-1)));
    expect(answer.result).toMatchObject({ started: { step: 'backup' } });
    expect(metricsOf(answer)['ClockSkewSeconds']).toBeGreaterThan(3500);
  });
});

describe('the end of a step', () => {
  it('comes twice and in another order, and starts each step once all the same', async () => {
    await host.invoke('backup', slot('full', ago(0)));
    await host.settled();
    const backup = last();
    await host.invoke('backup', ended(backup));
    await host.settled();
    const expire = last();
    // The end of expire before the second delivery of the backup's, and both twice.
    for (const event of [ended(expire), ended(backup), ended(expire), ended(backup)])
      await host.invoke('backup', event);
    await deliverAll();
    expect(host.backrest.filter((line) => line !== 'verify')).toHaveLength(2);
    expect(host.commands('backup').filter(({ parameters }) => parameters['Step']?.[0] === 'expire')).toHaveLength(1);
  });

  it('that is lost is taken up by the hourly look, which also asks for a report when nothing is left', async () => {
    await host.invoke('backup', slot('full', ago(0)));
    await host.settled();
    const taken = await host.invoke('backup', { kind: 'reconcile' });
    expect(taken.result).toMatchObject({ started: { step: 'expire' } });
    await deliverAll();
    const idle = await host.invoke('backup', { kind: 'reconcile' });
    expect(idle.result).toMatchObject({ why: expect.stringContaining('complete') as string });
    expect(last().parameters).toMatchObject({ Step: ['report'], Slot: [expect.stringMatching(/^report-/) as string] });
    await host.settled();
    expect(metricsOf(await host.invoke('backup', ended(last())))).toMatchObject({ BackupHeartbeat: 1 });
  });

  it('of a report tells how old the last restore is that a drill proved, whatever failed since', async () => {
    const day = 86_400_000;
    const before = (days: number): string => new Date(Date.now() - days * day).toISOString();
    host.keepDrill({ passed: true, finishedAt: before(9) });
    host.keepDrill({ passed: true, finishedAt: before(2) });
    host.keepDrill({ passed: false, finishedAt: before(1) });
    await host.invoke('backup', { kind: 'reconcile' });
    await host.settled();
    const age = metricsOf(await host.invoke('backup', ended(last())))['RestoreAgeSeconds'];
    expect(age).toBeGreaterThan(1.9 * 86_400);
    expect(age).toBeLessThan(2.1 * 86_400);
  });

  it('of another command, or of one that nobody knows, starts nothing', async () => {
    await host.invoke('backup', slot('full', ago(0)));
    await host.settled();
    const stranger = { ...last(), id: '00000000-0000-4000-8000-000000000000' };
    expect((await host.invoke('backup', ended(stranger))).result).toMatchObject({
      why: expect.stringContaining('no run of this backup') as string,
    });
  });
});

describe('a fault', () => {
  it('of the repository is told, and tried again by the hourly look when it had time to pass, three times in all', async () => {
    host.fault('s3-down', true);
    await host.invoke('backup', slot('diff', ago(1)));
    await host.settled();
    const failed = await host.invoke('backup', ended(last()));
    expect(metricsOf(failed)).toMatchObject({ BackupFailures: 1 });
    expect(failed.lines.join('\n')).toContain('HTTP request failed with 503');
    expect((await host.invoke('backup', { kind: 'reconcile' })).result).toMatchObject({ started: { step: 'report' } });
    passHours(1);
    host.fault('s3-down', false);
    expect((await host.invoke('backup', { kind: 'reconcile' })).result).toMatchObject({ started: { step: 'backup' } });
    await deliverAll();
    expect(host.backrest.at(-1)).toBe('verify');
  });

  it('that stays is not tried for ever', async () => {
    host.fault('s3-down', true);
    await host.invoke('backup', slot('diff', ago(0)));
    for (let attempt = 0; attempt < 4; attempt++) {
      await host.settled();
      passHours(1);
      await host.invoke('backup', { kind: 'reconcile' });
    }
    const backups = host.commands('backup').filter(({ parameters }) => parameters['Step']?.[0] === 'backup');
    expect(backups).toHaveLength(3);
  });

  it('that verify finds is a failure, although pgBackRest ends well', async () => {
    host.fault('damaged', true);
    await host.invoke('backup', slot('full', ago(0)));
    await deliverAll();
    expect(last()).toMatchObject({ status: 'Failed', parameters: { Step: ['verify'] } });
    expect(metricsOf(await host.invoke('backup', ended(last())))).toMatchObject({ BackupFailures: 1 });
  });

  it('of AWS, which throttles, is waited out', async () => {
    host.ssm.throttle(3);
    expect((await host.invoke('backup', slot('full', ago(0)))).result).toMatchObject({ started: { step: 'backup' } });
  });

  it('that makes a step run longer than its document allows ends the step, is told, and the step is tried again', async () => {
    host.fault('slow', true);
    host.ssm.longestSeconds = 1;
    await host.invoke('backup', slot('full', ago(0)));
    await host.settled();
    expect(last()).toMatchObject({ status: 'TimedOut', details: 'ExecutionTimedOut' });
    const told = await host.invoke('backup', ended(last()));
    expect(metricsOf(told)).toMatchObject({ BackupFailures: 1 });
    expect(told.lines.join('\n')).toContain('ExecutionTimedOut');
    host.fault('slow', false);
    host.ssm.longestSeconds = Infinity;
    passHours(1);
    expect((await host.invoke('backup', { kind: 'reconcile' })).result).toMatchObject({ started: { step: 'backup' } });
    await deliverAll();
    expect(host.backrest.slice(-2)).toEqual(['expire', 'verify']);
  });

  it('of a host that is away is told by the end of the command, and of one that is gone by the call itself', async () => {
    const [instance] = host.ssm.instances;
    if (instance === undefined) throw new Error('there is no host');
    instance.ping = 'ConnectionLost';
    await host.invoke('backup', slot('full', ago(0)));
    expect(last()).toMatchObject({ status: 'TimedOut' });
    const told = await host.invoke('backup', ended(last()));
    expect(metricsOf(told)).toMatchObject({ BackupFailures: 1 });
    expect(told.lines.join('\n')).toContain('DeliveryTimedOut');
    host.ssm.instances.length = 0;
    passHours(1);
    const gone = await host.invoke('backup', { kind: 'reconcile' });
    expect(gone.error?.message).toContain('InvalidInstanceId');
  });
});

describe('an event', () => {
  it.each([
    {},
    null,
    'full',
    { kind: 'slot', type: 'incr', at: ago(0) },
    { kind: 'slot', type: 'full', at: '$(reboot)' },
  ])('that is none of its own is refused with what is: %j', async (event) => {
    const { error } = await host.invoke('backup', event);
    expect(error).toMatchObject({
      name: 'UsageError',
      message: expect.stringContaining('none of the backup') as string,
    });
    expect(host.commands('backup')).toEqual([]);
  });
});
