/** `qbench lambda invoke`: a scheduled backup by the native engine on a real server, and the ways in which the verb refuses. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ProcessRunner } from '../../infra/adapters/processRunner';
import type { CommandResult } from '../../infra/ops/ports';
import { CHECKOUT } from '../support/machine';
import { startBackedUp, type BackedUp } from '../support/nativeBackups';

let backedUp: BackedUp;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'qbench-invoke-'));
  backedUp = await startBackedUp();
});
afterAll(async () => {
  await backedUp.stop();
  rmSync(folder, { recursive: true, force: true });
});

function invoke(name: string, event: unknown): Promise<CommandResult> {
  const file = join(folder, 'event.json');
  writeFileSync(file, typeof event === 'string' ? event : JSON.stringify(event));
  const { DATABASE_URL: _, ...env } = process.env;
  const runner = new ProcessRunner({ ...env, QBENCH_STATE_DIR: backedUp.stateDir });
  const qbench = join(CHECKOUT, 'scripts', 'qbench.mjs');
  return runner.run(process.execPath, [qbench, '--stack', 'test', 'lambda', 'invoke', name, '--event', file]);
}

describe('against a stack of this machine', () => {
  it('carries out a slot with every step, once', async () => {
    const slot = { kind: 'slot', type: 'full', at: new Date().toISOString() };
    const first = await invoke('backup', slot);
    expect(first.code, first.stderr).toBe(0);
    expect([...first.stdout.matchAll(/"step": "(\w+)"/g)].map(([, step]) => step)).toEqual([
      'backup',
      'expire',
      'verify',
      'report',
    ]);
    expect(first.stderr).toContain('"metric":"BackupAgeSeconds"');
    const { backups } = await backedUp.engine().state();
    expect(backups.map(({ type, damage }) => [type, damage])).toEqual([['full', undefined]]);
    const again = await invoke('backup', slot);
    expect(again.stdout).toContain('started before');
    expect((await backedUp.engine().state()).backups).toHaveLength(1);
  });

  it('tells a snapshot as metrics', async () => {
    const told = await invoke('monitor', { kind: 'snapshot', comparisons: 0 });
    expect(told.code, told.stderr).toBe(0);
    expect(told.stderr).toContain('"DatabaseUnreachable":0');
    expect(JSON.parse(told.stdout)).toMatchObject({ why: 'a snapshot came' });
  });
});

describe('what cannot be', () => {
  it.each([
    ['restore', {}, /no Lambda "restore"[\s\S]*backup, monitor/],
    ['backup', '{"kind":', /is no JSON/],
    ['backup', { kind: 'slot', type: 'weekly' }, /none of the backup's[\s\S]*allowed/],
    ['monitor', { kind: 'slot' }, /none of the monitor's[\s\S]*allowed/],
  ])('%s is refused in words', async (name, event, words) => {
    const { code, stderr } = await invoke(name, event);
    expect(code).toBe(2);
    expect(stderr).toMatch(words);
  });
});
