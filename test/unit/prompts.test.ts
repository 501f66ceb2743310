/** Questions to a person, on a real terminal (of `script`): wrong answers are asked again, and leaving changes nothing. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHECKOUT } from '../support/machine';

const QBENCH = join(CHECKOUT, 'scripts', 'qbench.mjs');
const CTRL_C = '\u0003';
const CTRL_D = '\u0004';
let stateDir: string;

beforeAll(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'qbench-prompts-'));
});
afterAll(() => rmSync(stateDir, { recursive: true, force: true }));

/** Runs qbench on a terminal and gives each answer when its question, or the words before it, stand there. */
function talk(
  args: string,
  answers: readonly (readonly [question: string, answer: string])[],
): Promise<{ code: number | null; shown: string }> {
  const child = spawn('script', ['-qec', `${process.execPath} ${QBENCH} ${args}`, '/dev/null'], {
    cwd: CHECKOUT,
    env: { ...process.env, QBENCH_STATE_DIR: stateDir, DATABASE_URL: '', TERM: 'dumb' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let shown = '';
  let from = 0;
  const left = [...answers];
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      shown += text;
      const [next] = left;
      const at = next === undefined ? -1 : shown.indexOf(next[0], from);
      if (next === undefined || at < 0) return;
      from = at + next[0].length;
      left.shift();
      child.stdin.write(next[1]);
    });
    child.on('close', (code) => {
      child.stdin.destroy();
      resolve({ code, shown });
    });
  });
}

describe.skipIf(process.platform !== 'linux')('a person at the terminal', () => {
  it('is asked again for what cannot be, and gets what stands in brackets', async () => {
    const { code, shown } = await talk('init prompted --dry-run', [
      ['local or ec2?', 'moon\r'],
      ['  local or ec2', 'ec2\r'],
      ['How many documents?', 'many\r'],
      ['a number above 0', '1_000_000\r'],
      ['AWS region?', 'us-east-1\r'],
      ['Who answers', '\r'],
      ['Most that it may cost', 'cheap\r'],
      ['a number above 0', 'none\r'],
    ]);
    expect(shown).toContain('1,000,000');
    expect(shown).toMatch(/owner: platform/);
    expect(shown).not.toContain('budgetUsdPerMonth');
    expect(code).toBe(0);
  });

  it.each([
    ['Ctrl-C', CTRL_C],
    ['Ctrl-D', CTRL_D],
  ])('leaves with %s: nothing is written, and no program’s own words are shown', async (_, key) => {
    const { code, shown } = await talk('init prompted', [['local or ec2?', key]]);
    expect(shown).toContain('interrupted: nothing was changed');
    expect(shown).not.toMatch(/\bat .*:\d+|AbortError/);
    expect(code).toBe(130);
    expect(existsSync(join(CHECKOUT, 'Pulumi.prompted.yaml'))).toBe(false);
  });
});
