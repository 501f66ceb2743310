/** Programs of this machine: how they end, and what is left of one that is interrupted. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ProcessRunner } from '../../infra/adapters/processRunner';

let dir: string;
const runner = new ProcessRunner(process.env);

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'qbench-runner-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('a program', () => {
  it('gives its exit code, its output and its errors', async () => {
    expect(await runner.run('sh', ['-c', 'cat; echo wrong >&2; exit 3'], { stdin: 'right' })).toEqual({
      code: 3,
      stdout: 'right',
      stderr: 'wrong\n',
    });
  });

  it('that there is not is an error', async () => {
    await expect(runner.run(join(dir, 'nothing'), [])).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('that is interrupted has ended before that is told, however long it takes', async () => {
    const stop = new AbortController();
    const [started, ended] = [join(dir, 'started'), join(dir, 'ended')];
    const script = `trap 'sleep 0.3; touch ${ended}; exit 0' TERM; touch ${started}; while :; do sleep 0.05; done`;
    const running = runner.run('sh', ['-c', script], { signal: stop.signal });
    const told = expect(running).rejects.toMatchObject({ name: 'AbortError' });
    await expect.poll(() => existsSync(started), { timeout: 10_000 }).toBe(true);
    stop.abort();
    await told;
    expect(existsSync(ended)).toBe(true);
  });

  it('is not begun where the interruption came first', async () => {
    const file = join(dir, 'begun');
    const told = runner.run('touch', [file], { signal: AbortSignal.abort() });
    await expect(told).rejects.toMatchObject({ name: 'AbortError' });
    expect(existsSync(file)).toBe(false);
  });
});
