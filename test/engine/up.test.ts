/**
 * `npm run up` as a person runs it, in clones of the working tree: twice, two clones side by side, and as another user
 * where the tests run as root. Proves that the checkout stays clean.
 */
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { serverUser } from '../../infra/adapters/localServer/identity';
import { ProcessRunner, type Identity } from '../../infra/adapters/processRunner';
import type { CommandResult } from '../../infra/ops/ports';
import { CHECKOUT } from '../support/machine';
import { postmastersBelow } from '../support/processes';
import { expectSuccess } from '../support/stack';

const clones: { dir: string; identity?: Identity }[] = [];

/** Home of the other user: apart from his clone, so that what npm keeps there is not taken for a file of the clone. */
function homeOf(dir: string): string {
  return `${dir}-home`;
}

/** A clone with the files of the working tree, committed, and the installed dependencies of this one. */
async function clone(identity?: Identity): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'qbench-clone-'));
  chmodSync(dir, 0o755);
  const git = new ProcessRunner(process.env);
  const listed = expectSuccess(
    await git.run('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: CHECKOUT }),
  );
  for (const name of listed.stdout.split('\0').filter((file) => file !== '' && existsSync(join(CHECKOUT, file)))) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    copyFileSync(join(CHECKOUT, name), join(dir, name));
  }
  symlinkSync(join(CHECKOUT, 'node_modules'), join(dir, 'node_modules'));
  mkdirSync(homeOf(dir));
  if (identity !== undefined) for (const path of [dir, homeOf(dir)]) own(path, identity);
  const runner = new ProcessRunner(process.env, identity);
  const author = ['-c', 'user.name=test', '-c', 'user.email=test@example.com'];
  const env = { HOME: homeOf(dir) };
  expectSuccess(await runner.run('git', ['init', '-q'], { cwd: dir, env }));
  expectSuccess(await runner.run('git', ['add', '-A'], { cwd: dir, env }));
  expectSuccess(await runner.run('git', [...author, 'commit', '-qm', 'clone'], { cwd: dir, env }));
  clones.push({ dir, ...(identity === undefined ? {} : { identity }) });
  return dir;
}

function own(path: string, { uid, gid }: Identity): void {
  if (lstatSync(path).isSymbolicLink()) return;
  chownSync(path, uid, gid);
  if (lstatSync(path).isDirectory()) for (const name of readdirSync(path)) own(join(path, name), { uid, gid });
}

/** Runs an npm script in a clone, with no terminal and nothing of this checkout's in the environment. */
function npm(dir: string, script: string, args: string[] = [], identity?: Identity): Promise<CommandResult> {
  const env = { ...process.env, QBENCH_STATE_DIR: '', QBENCH_STACK: 'dev' };
  const home = identity === undefined ? {} : { HOME: homeOf(dir), XDG_CACHE_HOME: join(homeOf(dir), '.cache') };
  const cache = process.env['QBENCH_CACHE_DIR'] ?? (identity === undefined ? undefined : '/var/cache/qbench-postgres');
  return new ProcessRunner(env, identity).run('npm', ['run', '--silent', script, '--', ...args], {
    cwd: dir,
    env: { ...home, ...(cache === undefined ? {} : { QBENCH_CACHE_DIR: cache }) },
  });
}

async function gitStatus(dir: string, identity?: Identity): Promise<string> {
  const result = await new ProcessRunner(process.env, identity).run('git', ['status', '--porcelain'], {
    cwd: dir,
    env: { HOME: homeOf(dir) },
  });
  return expectSuccess(result)
    .stdout.split('\n')
    .filter((line) => !line.endsWith(' node_modules'))
    .join('\n');
}

function expectShown(result: CommandResult): void {
  expectSuccess(result);
  const text = result.stdout + result.stderr;
  expect(text).toContain('npm run qbench -- psql');
  expect(text).toMatch(/idx_test_documents_embedding/);
  expect(text).toMatch(/\d ms/);
}

afterAll(async () => {
  for (const { dir, identity } of clones) {
    await npm(dir, 'destroy', ['--yes'], identity);
    for (const path of [dir, homeOf(dir)]) rmSync(path, { recursive: true, force: true });
  }
});

describe('npm run up', () => {
  it('serves two clones side by side, each with its own server, and leaves both clean', async () => {
    const [one, two] = [await clone(), await clone()];
    const results = await Promise.all([npm(one, 'up'), npm(two, 'up')]);
    results.forEach(expectShown);
    expect(postmastersBelow(one)).toHaveLength(1);
    expect(postmastersBelow(two)).toHaveLength(1);
    expect(await gitStatus(one)).toBe('');

    const again = await npm(one, 'up');
    expectShown(again);
    expect(again.stdout + again.stderr).toMatch(/\d+ unchanged/);
    expect(again.stdout + again.stderr).not.toMatch(/\d+ (created|updated|replaced|deleted)/);

    expectSuccess(await npm(one, 'destroy', ['--yes']));
    expect(postmastersBelow(one)).toEqual([]);
    expect(postmastersBelow(two)).toHaveLength(1);
    expect(await gitStatus(one)).toBe('');
  });

  it('works for a user who is not root', async (test) => {
    const { identity } = serverUser();
    if (identity === undefined) return test.skip('the tests themselves run as a user who is not root');
    const dir = await clone(identity);
    expectShown(await npm(dir, 'up', [], identity));
    expect(postmastersBelow(dir)).toHaveLength(1);
    expect(await gitStatus(dir, identity)).toBe('');
    expectSuccess(await npm(dir, 'destroy', ['--yes'], identity));
    expect(postmastersBelow(dir)).toEqual([]);
  });
});
