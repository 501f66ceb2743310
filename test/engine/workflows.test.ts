/**
 * The job `preview` of the workflows on this machine: its own commands in its own order, with the shell and the conditions of a runner.
 * Not proven: that GitHub reads the file the same way; actionlint judges that.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ProcessRunner } from '../../infra/adapters/processRunner';
import { CHECKOUT } from '../support/machine';
import { SMALL, TestStack } from '../support/stack';

interface Step {
  id?: string;
  run?: string;
  if?: string;
  'continue-on-error'?: boolean;
}

interface Ran {
  command: string;
  outcome: 'success' | 'failure' | 'skipped';
  said: string;
}

/** A stack of its own file, so that nothing is carried into the checkout. */
const OWN = { ...SMALL, environment: 'test', ephemeral: true };
const yaml = createRequire(__filename)('js-yaml') as { load(text: string): unknown };
const workflow = yaml.load(readFileSync(join(CHECKOUT, '.github', 'workflows', 'preview.yml'), 'utf8')) as {
  jobs: Record<string, { steps: Step[] }>;
};

let stack: TestStack;
let dir: string;

beforeAll(async () => {
  stack = await TestStack.create('preview', OWN);
  dir = mkdtempSync(join(tmpdir(), 'qbench-workflow-'));
});
afterAll(async () => {
  await stack.remove();
  rmSync(dir, { recursive: true });
});

/** Runs the steps of the job as a runner does; @returns each, and whether the job fails. */
async function runJob(): Promise<{ ran: Ran[]; failed: boolean }> {
  const env = {
    ...stack.env,
    QBENCH_STACK: stack.name,
    PULL: '7',
    LABELS: '',
    GITHUB_TOKEN: '',
    PULUMI_ENABLE_STREAMING_JSON_PREVIEW: 'true',
  };
  const ran: Ran[] = [];
  const steps: Record<string, { outcome: string }> = {};
  let failed = false;
  for (const step of workflow.jobs['preview']?.steps ?? []) {
    if (step.run === undefined || step.run.startsWith('npm ci')) continue;
    const words = step.if?.replace(/^\$\{\{(.*)\}\}$/s, '$1') ?? 'success()';
    const asked = { steps, success: () => !failed, failure: () => failed, cancelled: () => false, always: () => true };
    let outcome: Ran['outcome'] = 'skipped';
    let said = '';
    // A condition that asks for no status means that nothing has failed so far.
    const wanted = /(success|failure|cancelled|always)\(/.test(words) ? words : `success() && (${words})`;
    if (runInNewContext(wanted, asked) === true) {
      const command = step.run.replace(/\b(preview\.json|report\.md)\b/g, (file) => join(dir, file));
      const result = await new ProcessRunner(env).run('bash', ['-e', '-c', command], { cwd: CHECKOUT });
      outcome = result.code === 0 ? 'success' : 'failure';
      said = result.stdout + result.stderr;
      if (outcome === 'failure' && step['continue-on-error'] !== true) failed = true;
    }
    if (step.id !== undefined) steps[step.id] = { outcome };
    ran.push({ command: step.run, outcome, said });
  }
  return { ran, failed };
}

/** The verbs, each with how it ended. */
function outcomes(ran: readonly Ran[]): string[] {
  return ran.map(
    ({ command, outcome }) => `${/ -- (info|preview-report|github)/.exec(command)?.[1] ?? 'preview'}: ${outcome}`,
  );
}

describe('the job preview', () => {
  it('goes on to the comment where the preview fails, which says why, and fails in the end', async () => {
    stack.configure({ ...OWN, workload: { documents: 50_000_000, horizonMonths: 6, connections: 30 } });
    const { ran, failed } = await runJob();
    expect(outcomes(ran), JSON.stringify(ran)).toEqual([
      'info: failure',
      'preview: failure',
      'preview-report: failure',
      'github: success',
    ]);
    expect(ran.at(-1)?.said).toMatch(/Preview of stack `preview`: 🛑 failed[\s\S]*the workload does not fit its host/);
    expect(failed).toBe(true);
  });

  it('says what would be made of a stack that is not there yet, and passes', async () => {
    stack.configure(OWN);
    const { ran, failed } = await runJob();
    expect(outcomes(ran), JSON.stringify(ran)).toEqual([
      'info: failure',
      'preview: success',
      'preview-report: success',
      'github: success',
    ]);
    expect(ran.at(-1)?.said).toContain('local-server');
    expect(failed).toBe(false);
  });

  it('says so where the preview told nothing', async () => {
    const result = await stack.qbench(['preview-report'], { stdin: 'error: no stack\n' });
    expect(result.code).toBe(2);
    expect(result.stdout).toContain('## There is no preview');
  });
});
