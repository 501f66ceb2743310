/** First steps: `pulumi new` from a copy of the repository, `qbench init` in what it makes, and a preview of both. */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ProcessRunner } from '../../infra/adapters/processRunner';
import type { CommandResult } from '../../infra/ops/ports';
import { Toolchain } from '../../scripts/toolchain/toolchain';
import { CHECKOUT, recordedProgress, testMachine } from '../support/machine';
import { expectSuccess } from '../support/stack';

const machine = testMachine();
const root = mkdtempSync(join(tmpdir(), 'qbench-new-'));
const project = join(root, 'project');

beforeAll(async () => {
  const listed = await new ProcessRunner(process.env).run('git', ['ls-files', '-z'], { cwd: CHECKOUT });
  const template = join(root, 'template');
  for (const name of expectSuccess(listed)
    .stdout.split('\0')
    .filter((each) => each !== '' && existsSync(join(CHECKOUT, each)))) {
    mkdirSync(dirname(join(template, name)), { recursive: true });
    copyFileSync(join(CHECKOUT, name), join(template, name));
  }
  mkdirSync(project);
  const context = { ...machine.context, env: { ...process.env, QBENCH_STATE_DIR: machine.context.stateDir } };
  const toolchain = await Toolchain.ensure(context, recordedProgress());
  expectSuccess(await toolchain.capture(['new', template, '--yes', '--generate-only', '--non-interactive'], project));
  // What `npm run up` would install first.
  symlinkSync(join(CHECKOUT, 'node_modules'), join(project, 'node_modules'));
});

afterAll(() => {
  machine.remove();
  rmSync(root, { recursive: true, force: true });
});

function inProject(script: string, ...args: string[]): Promise<CommandResult> {
  const env = { ...process.env, QBENCH_STATE_DIR: join(root, 'state'), QBENCH_STACK: 'dev' };
  return new ProcessRunner(env).run(process.execPath, [join(project, 'scripts', script), ...args], { cwd: project });
}

const init = (...args: string[]): Promise<CommandResult> => inProject('qbench.mjs', 'init', ...args);

describe('pulumi new', () => {
  it('makes a project of its own, without the question about it, that previews at once', async () => {
    const text = readFileSync(join(project, 'Pulumi.yaml'), 'utf8');
    expect(text).toMatch(/^name: qbench-postgres$/m);
    expect(text).not.toMatch(/^template:/m);
    const preview = expectSuccess(await inProject('bootstrap.mjs', 'preview'));
    expect(preview.stdout).toMatch(/\+ \d+ to create/);
    expect(existsSync(join(root, 'state', 'stacks'))).toBe(false);
  });
});

describe('qbench init', () => {
  it('writes a stack file that the program takes, with the memory that its documents need', async () => {
    const written = JSON.parse(expectSuccess(await init('big', '--documents', '60000', '--json')).stdout) as {
      usdPerMonth: number;
      config: { local: { memoryMiB: number } };
    };
    expect(written.usdPerMonth).toBe(0);
    expect(written.config.local.memoryMiB).toBeGreaterThan(1_024);
    const preview = await inProject('bootstrap.mjs', 'preview', '--stack', 'big');
    expect(preview.stdout, preview.stderr).toMatch(/\+ \d+ to create/);
  });

  it('replaces no file without being told so', async () => {
    const file = join(project, 'Pulumi.big.yaml');
    writeFileSync(file, '# mine\n');
    const refused = await init('big');
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/Pulumi\.big\.yaml exists\n.*--yes/s);
    expect(readFileSync(file, 'utf8')).toBe('# mine\n');
    expectSuccess(await init('big', '--yes'));
    expect(readFileSync(file, 'utf8')).toMatch(/qbench-postgres:tier: local/);
  });

  it('shows size and monthly price of a stack on AWS, and writes nothing in a dry run', async () => {
    const aws = ['--tier', 'ec2', '--region', 'us-east-1', '--owner', 'platform', '--documents', '500000'];
    const shown = expectSuccess(await init('prod', ...aws, '--dry-run', '--budget', '5000'));
    expect(shown.stdout).toMatch(/about \d+ USD \(prices of \d{4}-\d\d\)/);
    expect(shown.stdout).toMatch(/budgetUsdPerMonth: 5000/);
    expect(existsSync(join(project, 'Pulumi.prod.yaml'))).toBe(false);
    // Without a price for the region nothing is made up.
    const unknown = await init('prod', ...aws, '--dry-run', '--region', 'eu-central-1');
    expect(unknown.stdout).toMatch(/a month\s+not known for this region\n/);
    const poor = await init('prod', ...aws, '--budget', '5');
    expect(poor.code).toBe(2);
    expect(poor.stderr).toMatch(/500,000 documents cost about \d+ USD a month.*\n.*5 USD/);
  });

  it('names every setting that is missing or wrong at once, and asks nobody where nobody sits', async () => {
    const result = await init('prod', '--tier', 'ec2', '--documents', '500000');
    expect(result.code).toBe(2);
    expect(result.stderr).toMatch(/owner/);
    expect(result.stderr).toMatch(/aws\.region/);
    expect((await init('x', '--region', 'eu-central-1')).stderr).toMatch(/mean nothing on this machine/);
    expect((await init('../x')).code).toBe(2);
  });
});
