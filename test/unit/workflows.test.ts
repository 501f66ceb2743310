/**
 * The workflows hold no logic of their own: each step is a verb of qbench or an npm script that runs on a laptop too. What the verbs
 * do is tested with them; here: that every step names one that exists, that actions are pinned, and that rights are the least.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { VERBS } from '../../scripts/commands/registry';
import { createContext } from '../../scripts/support/context';
import { CHECKOUT } from '../support/machine';

interface Step {
  uses?: string;
  run?: string;
  if?: string;
  with?: Record<string, unknown>;
  env?: Record<string, string>;
}

interface Job {
  if?: string;
  steps: Step[];
  permissions?: Record<string, string>;
  env?: Record<string, string>;
  environment?: string;
  'timeout-minutes'?: number;
}

interface Workflow {
  on: Record<string, unknown>;
  permissions: Record<string, string>;
  concurrency?: { 'cancel-in-progress': boolean };
  jobs: Record<string, Job>;
}

const FOLDER = join(CHECKOUT, '.github', 'workflows');
const yaml = createRequire(__filename)('js-yaml') as { load(text: string): unknown };
const files = readdirSync(FOLDER).sort();
const textOf = (file: string): string => readFileSync(join(FOLDER, file), 'utf8');
const read = (file: string): Workflow => yaml.load(textOf(file)) as Workflow;
const jobs = files.flatMap((file) =>
  Object.entries(read(file).jobs).map(([name, job]) => ({ file, name, job, workflow: read(file) })),
);
const runs = jobs.flatMap(({ file, job }) =>
  job.steps.flatMap(({ run }) =>
    run === undefined
      ? []
      : run
          .trim()
          .split('\n')
          .map((line) => ({ file, line })),
  ),
);
const scripts = (
  JSON.parse(readFileSync(join(CHECKOUT, 'package.json'), 'utf8')) as { scripts: Record<string, string> }
).scripts;

/** Actions that are used at all, each with what of it is needed. */
const ACTIONS = ['actions/checkout', 'actions/setup-node', 'aws-actions/configure-aws-credentials'];

/** Rights beyond reading the code, by job. */
const RIGHTS: Record<string, Record<string, string>> = {
  'checks.yml checks': {},
  'preview.yml mocks': {},
  'preview.yml preview': { 'id-token': 'write', 'pull-requests': 'write' },
  'test-stack.yml create': { 'id-token': 'write' },
  'test-stack.yml destroy': { 'id-token': 'write' },
  'sweep.yml sweep': { 'id-token': 'write' },
  'drift.yml drift': { 'id-token': 'write', issues: 'write' },
  'deploy.yml deploy': { 'id-token': 'write' },
};

describe('every workflow', () => {
  it('is one of those that are described', () => {
    expect(jobs.map(({ file, name }) => `${file} ${name}`).sort()).toEqual(Object.keys(RIGHTS).sort());
  });

  it('pins its actions to a commit and says which version that is; the same one everywhere', () => {
    const used = files.flatMap((file) => textOf(file).match(/uses: .*/g) ?? []);
    expect(used.length).toBeGreaterThan(files.length);
    for (const line of used) expect(line).toMatch(/^uses: [\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
    const names = [...new Set(used)].map((line) => line.replace(/^uses: ([^@]+)@.*/, '$1'));
    expect(names.sort()).toEqual(ACTIONS);
  });

  it.each(files)('%s may only read, unless a job says more; and never runs the code of a fork with rights', (file) => {
    const workflow = read(file);
    expect(workflow.permissions).toEqual({ contents: 'read' });
    expect(Object.keys(workflow.on)).not.toContain('pull_request_target');
    expect(workflow.concurrency).toBeDefined();
  });

  it.each(jobs)('$file $name has the least rights, and an end', ({ file, name, job }) => {
    expect({ contents: 'read', ...job.permissions }).toEqual({ contents: 'read', ...RIGHTS[`${file} ${name}`] });
    expect(job['timeout-minutes']).toBeLessThanOrEqual(120);
    const checkouts = job.steps.filter(({ uses }) => uses?.startsWith('actions/checkout') === true);
    for (const { with: options } of checkouts) expect(options).toEqual({ 'persist-credentials': false });
  });

  it.each(jobs.filter(({ workflow }) => 'pull_request' in workflow.on))(
    '$file $name gives a fork no secret and no account',
    ({ job }) => {
      const powerful =
        JSON.stringify(job).includes('secrets.') ||
        job.permissions?.['id-token'] === 'write' ||
        JSON.stringify(job).includes('github.token');
      if (powerful) expect(job.if).toContain('head.repo.full_name == github.repository');
      else expect(job.permissions).toBeUndefined();
    },
  );

  it('logs in to AWS by OIDC alone: no key is anybody’s secret', () => {
    for (const file of files) expect(textOf(file)).not.toMatch(/AWS_(ACCESS_KEY|SECRET)/i);
    const logins = jobs.flatMap(({ job }) => job.steps.filter(({ uses }) => uses?.startsWith('aws-actions') === true));
    for (const { with: options } of logins)
      expect(Object.keys(options ?? {})).toEqual(['role-to-assume', 'aws-region']);
  });

  it('never cuts off a run that changes something', () => {
    for (const file of ['test-stack.yml', 'sweep.yml', 'deploy.yml']) {
      expect(read(file).concurrency?.['cancel-in-progress'], file).toBe(false);
    }
    expect(read('deploy.yml').jobs['deploy']?.environment).toBe('production');
  });
});

describe('every step', () => {
  it.each(runs)(
    '$file: $line is an npm script with what its shell knows, nothing that a stranger wrote',
    ({ line }) => {
      // Expressions are put into the text of the script; variables are not.
      expect(line).not.toContain('${{');
      const script = /^npm (?:(ci)(?: --[a-z-]+)*|(test)(?: -- [a-z ]+)?|run (?:--silent )?([a-z]+)(?: -- .*)?)$/.exec(
        line,
      );
      expect(script, line).not.toBeNull();
      const [, ci, test, named] = script ?? [];
      if (ci === undefined) expect(Object.keys(scripts)).toContain(test ?? named);
    },
  );

  it.each(runs.filter(({ line }) => /npm run (--silent )?qbench /.test(line)))(
    '$file: $line is a verb with options that it has',
    async ({ line }) => {
      const words = (/ -- (.*)$/.exec(line)?.[1] ?? '').replace(/ >\S+$/, '').match(/"[^"]*"|\S+/g) ?? [];
      const entry = VERBS.find(({ name }) => name === words[0]);
      expect(entry, `verb ${words[0] ?? ''}`).toBeDefined();
      const program = new Command('qbench').option('-s, --stack <name>');
      const context = createContext(process);
      (await entry?.load())?.register(program, context);
      context.dispose();
      let command = program.commands.find((each) => each.name() === words[0]);
      for (const word of words.slice(1)) command = command?.commands.find((each) => each.name() === word) ?? command;
      const known = [...(command?.options ?? []), ...program.options].map(({ long }) => long);
      for (const option of words.filter((word) => word.startsWith('--'))) expect(known).toContain(option);
    },
  );
});
