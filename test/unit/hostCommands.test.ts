/** The SSM documents of the Lambdas: what SSM takes of them, what a parameter can do to their scripts, and the scripts themselves. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decideNext } from '../../infra/ops/scheduledBackup/decide';
import { slotName, slotOf, type BackupRun } from '../../infra/ops/scheduledBackup/runs';
import { backupDocument, snapshotDocument } from '../../infra/postgres/hostCommands';
import { HOST_REFUSED_FILE, HOST_STATUS_FILE } from '../../infra/postgres/hostPaths';
import { longestGapMinutes } from '../../infra/settings/schedule';
import { CHECKOUT } from '../support/machine';
import { stepsOf, type SsmDocument } from '../support/ssmDocuments';

const documents = { backup: backupDocument(), snapshot: snapshotDocument({ port: 5432 }) };
const plain = (document: object): SsmDocument => JSON.parse(JSON.stringify(document)) as SsmDocument;

describe('a file that a host and its operator both name', () => {
  it.each([
    ['common.sh', `QB_STATE_DIR=${dirname(HOST_STATUS_FILE)}`],
    ['common.sh', `"$QB_STATE_DIR/${basename(HOST_STATUS_FILE)}"`],
    ['qbench-apply-configuration', `refused=${HOST_REFUSED_FILE}\n`],
  ])('%s writes it: %j', (name, words) => {
    expect(readFileSync(join(CHECKOUT, 'infra', 'postgres', 'templates', 'host', name), 'utf8')).toContain(words);
  });
});

describe('a document', () => {
  it.each(Object.entries(documents))('%s is no larger than SSM takes, and runs by bash', (_, document) => {
    expect(JSON.stringify(document).length).toBeLessThan(65_536);
    expect(document.mainSteps[0].inputs.runCommand[0]).toBe('#!/bin/bash');
  });

  it('takes the name of every slot, and the steps', () => {
    const Slot = [slotName({ type: 'full', at: new Date('2026-11-22T02:00:00Z') })];
    const [step] = stepsOf(plain(documents.backup), { Step: ['verify'], Slot });
    expect(step?.script).toContain("step='verify'\nslot='full-2026-11-22T02:00Z'");
    expect(slotOf(Slot[0] ?? '')).toEqual({ type: 'full', at: new Date('2026-11-22T02:00:00Z') });
  });

  it.each([
    { Step: ["x'; reboot #"], Slot: ['full-2026-11-22T02:00Z'] },
    { Step: ['backup'], Slot: ['full-2026-11-22T02:00Z\nreboot'] },
    { Step: ['backup'], Slot: ['$(reboot)'] },
    { Step: ['restore'], Slot: ['full-2026-11-22T02:00Z'] },
  ])('takes nothing that a shell would read otherwise: %j', (parameters) => {
    expect(() => stepsOf(plain(documents.backup), parameters)).toThrow(/not matching/);
  });

  it.each(Object.entries(documents))('%s passes shellcheck', (_, document) => {
    if (spawnSync('shellcheck', ['--version']).status !== 0) {
      // What cannot be checked here still has to be a script.
      const parsed = spawnSync('bash', ['-n'], { input: document.mainSteps[0].inputs.runCommand.join('\n') });
      expect(parsed.status).toBe(0);
      return;
    }
    const folder = mkdtempSync(join(tmpdir(), 'qbench-commands-'));
    const file = join(folder, 'script');
    writeFileSync(file, `${document.mainSteps[0].inputs.runCommand.join('\n')}\n`);
    // 2194: a parameter of the document is a constant to it.
    const result = spawnSync('shellcheck', ['--shell=bash', '--exclude=SC2194,SC2050', file], { encoding: 'utf8' });
    rmSync(folder, { recursive: true });
    expect(result.stdout).toBe('');
  });
});

describe('the next step of a slot', () => {
  const now = new Date('2026-11-22T12:00:00Z');
  const run = (
    step: BackupRun['step'],
    state: BackupRun['state'],
    minutes: number,
    slot = 'full-2026-11-22T02:00Z',
  ): BackupRun => ({
    id: `${step}${minutes}`,
    slot,
    step,
    state,
    status: state,
    startedAt: new Date(now.getTime() - minutes * 60_000),
  });

  it('is the same in whichever order its runs are listed', () => {
    const runs = [run('backup', 'failed', 500), run('backup', 'succeeded', 400), run('expire', 'succeeded', 300)];
    for (const order of [runs, [...runs].reverse()]) {
      expect(decideNext(order, now, false)).toMatchObject({ start: 'verify' });
    }
  });

  it('is of the newest slot: what an older one left lying is held by the newer backup', () => {
    const older = run('backup', 'failed', 2000, 'diff-2026-11-21T02:00Z');
    const done = (['backup', 'expire', 'verify', 'report'] as const).map((step, i) => run(step, 'succeeded', 400 - i));
    expect(decideNext([older, ...done], now, true).start).toBeUndefined();
  });

  it('is none for reports between the slots', () => {
    expect(decideNext([run('report', 'succeeded', 10, 'report-2026-11-22T11:50Z')], now, true).start).toBeUndefined();
  });

  it('waits while one is running, although another of the same step has succeeded', () => {
    expect(decideNext([run('backup', 'succeeded', 20), run('backup', 'running', 21)], now, true).start).toBeUndefined();
  });
});

describe('the longest gap of a schedule', () => {
  it.each([
    ['rate(5 minutes)', 5],
    ['rate(1 day)', 1440],
    ['cron(0/15 * * * ? *)', 15],
    ['cron(0 2 ? * MON-SAT *)', 2 * 1440],
    ['cron(0 2 ? * SUN *)', 7 * 1440],
  ])('of %s is %i minutes', (expression, minutes) => {
    expect(longestGapMinutes(expression)).toBe(minutes);
  });
});
