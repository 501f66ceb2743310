/** The toolchain's decisions: which CLI, which backend, stack files kept clean, stale locks. No network, no engine. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MachineContext } from '../../infra/adapters/localServer/layout';
import { chooseBackend } from '../../scripts/toolchain/backend';
import { makePaths, toolchainPaths } from '../../scripts/toolchain/paths';
import { choosePlugins, describePlugins, writeWrappers } from '../../scripts/toolchain/plugins';
import { findPulumi, onPath, type PulumiCli } from '../../scripts/toolchain/pulumiCli';
import { initApart, pullStackFile, pushStackFile } from '../../scripts/toolchain/stackFile';
import { removeStaleLocks } from '../../scripts/toolchain/toolchain';
import { splitStack } from '../../scripts/support/stackArgument';
import { recordedProgress } from '../support/machine';

let dir: string;
let context: MachineContext;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'qbench-toolchain-'));
  mkdirSync(join(dir, 'checkout'));
  context = {
    checkout: join(dir, 'checkout'),
    cacheDir: join(dir, 'cache'),
    home: join(dir, 'home'),
    tmp: dir,
    uid: 1000,
    env: { PATH: join(dir, 'bin') },
  };
});

afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

function script(name: string, text: string): string {
  const file = join(dir, name);
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, `#!/bin/sh\n${text}\n`);
  chmodSync(file, 0o755);
  return file;
}

describe('the Pulumi CLI', () => {
  it('is the one on PATH', async () => {
    const file = script('bin/pulumi', 'echo v3.260.1');
    expect(await findPulumi(context, recordedProgress(), false)).toEqual({
      file,
      args: [],
      from: 'path',
      version: 'v3.260.1',
    });
  });

  it('is never one of an npm package or of this checkout', () => {
    script('checkout/bin/pulumi', 'echo v3.260.1');
    script('elsewhere/node_modules/.bin/pulumi', 'echo v3.260.1');
    const env = { PATH: [join(dir, 'checkout', 'bin'), join(dir, 'elsewhere', 'node_modules', '.bin')].join(':') };
    expect(onPath('pulumi', env, [context.checkout])).toEqual([]);
  });

  it('is taken from npm where there is none on PATH', async () => {
    mkdirSync(join(context.checkout, 'node_modules', 'pulumi'), { recursive: true });
    writeFileSync(join(context.checkout, 'node_modules', 'pulumi', 'run.js'), "console.log('v3.265.0')");
    expect(await findPulumi(context, recordedProgress(), false)).toMatchObject({ from: 'npm', version: 'v3.265.0' });
  });

  it('is an error that lists everything tried where none works', async () => {
    script('bin/pulumi', 'echo v2.0.0');
    mkdirSync(join(context.checkout, 'node_modules', 'pulumi'), { recursive: true });
    writeFileSync(
      join(context.checkout, 'node_modules', 'pulumi', 'run.js'),
      "console.error('fetch failed'); process.exit(1)",
    );
    const refused = findPulumi(context, recordedProgress(), false);
    await expect(refused).rejects.toThrow(/path: .*v2\.0\.0 is too old/);
    await expect(refused).rejects.toThrow(/npm: .*fetch failed/);
    await expect(refused).rejects.toThrow(/built: .*no program "go" on PATH/);
    await expect(refused).rejects.toHaveProperty('next', expect.stringContaining('Go >= 1.25'));
  });
});

describe('the plugins', () => {
  const built: PulumiCli = { file: '/nowhere/pulumi', args: [], from: 'built', version: 'v3.250.0' };

  it('are the stand-ins with a CLI that brings no language host, and one line says so', async () => {
    const choice = await choosePlugins(built, context, recordedProgress());
    expect(choice).toEqual({ language: 'offline', resources: 'offline' });
    expect(describePlugins(choice)?.split('\n')).toHaveLength(1);
  });

  it('are the official ones where they can be installed', async () => {
    const file = script('bin/pulumi', 'exit 0');
    script('bin/pulumi-language-nodejs', 'exit 0');
    for (const plugin of ['command', 'postgresql', 'random']) {
      mkdirSync(join(context.checkout, 'node_modules', '@pulumi', plugin), { recursive: true });
      writeFileSync(join(context.checkout, 'node_modules', '@pulumi', plugin, 'package.json'), '{"version":"1.2.3"}');
    }
    const cli: PulumiCli = { file, args: [], from: 'path', version: 'v3.260.0' };
    const choice = await choosePlugins(cli, context, recordedProgress());
    expect(choice).toEqual({ language: 'official', resources: 'official' });
    expect(describePlugins(choice)).toBeUndefined();

    script('bin/pulumi', 'exit 1');
    expect(await choosePlugins(cli, context, recordedProgress())).toEqual({
      language: 'official',
      resources: 'offline',
    });
  });

  it('are what QBENCH_PLUGINS says, and nothing else it could say', async () => {
    const forced = (value: string): MachineContext => ({ ...context, env: { ...context.env, QBENCH_PLUGINS: value } });
    expect(await choosePlugins(built, forced('official'), recordedProgress())).toEqual({
      language: 'official',
      resources: 'official',
    });
    await expect(choosePlugins(built, forced('both'), recordedProgress())).rejects.toThrow(/QBENCH_PLUGINS is "both"/);
  });

  it('get wrappers only for the stand-ins that are used', () => {
    const paths = toolchainPaths(context);
    makePaths(paths);
    writeWrappers({ language: 'official', resources: 'offline' }, context, paths);
    expect(existsSync(join(paths.plugins, 'pulumi-resource-command'))).toBe(true);
    expect(existsSync(join(paths.plugins, 'pulumi-language-nodejs'))).toBe(false);
  });
});

describe('the backend', () => {
  it('is a folder of the checkout with a passphrase of mode 0600 where the user chose nothing, and stays the same', () => {
    const paths = toolchainPaths(context);
    makePaths(paths);
    const { own, env } = chooseBackend(context, paths);
    expect(own).toBe(true);
    expect(env['PULUMI_BACKEND_URL']).toBe(`file://${paths.backend}`);
    expect(env['PULUMI_CONFIG_PASSPHRASE_FILE']).toBe(paths.passphrase);
    expect(statSync(paths.passphrase).mode & 0o777).toBe(0o600);
    expect(statSync(paths.dir).mode & 0o777).toBe(0o700);
    const passphrase = readFileSync(paths.passphrase, 'utf8');
    chooseBackend(context, paths);
    expect(readFileSync(paths.passphrase, 'utf8')).toBe(passphrase);
  });

  it.each([
    ['PULUMI_BACKEND_URL', { PULUMI_BACKEND_URL: 's3://state' }, 's3://state', true],
    ['an access token', { PULUMI_ACCESS_TOKEN: 'pul-x' }, 'https://api.pulumi.com', false],
    [
      'a passphrase of his own',
      { PULUMI_BACKEND_URL: 's3://state', PULUMI_CONFIG_PASSPHRASE: '' },
      's3://state',
      false,
    ],
  ])("is the user's with %s", (_, env, url, ownPassphrase) => {
    const paths = toolchainPaths(context);
    makePaths(paths);
    const backend = chooseBackend({ ...context, env: { ...context.env, ...env } }, paths);
    expect(backend).toMatchObject({ own: false, ownPassphrase });
    expect(backend.env['PULUMI_BACKEND_URL']).toBe(url);
    expect(existsSync(paths.passphrase)).toBe(ownPassphrase);
  });

  it("is the user's where he has logged in", () => {
    mkdirSync(join(context.home, '.pulumi'), { recursive: true });
    writeFileSync(join(context.home, '.pulumi', 'credentials.json'), '{"current":"https://api.pulumi.com"}');
    const paths = toolchainPaths(context);
    makePaths(paths);
    expect(chooseBackend(context, paths)).toMatchObject({ own: false, ownPassphrase: false });
  });
});

describe('the stack file', () => {
  const tracked = 'config:\n  qbench-postgres:tier: local\n';

  function files(): { tracked: string; copy: string } {
    const pair = { tracked: join(dir, 'Pulumi.dev.yaml'), copy: join(dir, 'copy.yaml') };
    writeFileSync(pair.tracked, tracked);
    return pair;
  }

  it('keeps the salt in the copy and out of the tracked file', () => {
    const pair = files();
    writeFileSync(pair.copy, 'encryptionsalt: v1:abc=\nconfig:\n  old: 1\n');
    pushStackFile(pair);
    expect(readFileSync(pair.copy, 'utf8')).toBe(`encryptionsalt: v1:abc=\n${tracked}`);
    pullStackFile(pair);
    expect(readFileSync(pair.tracked, 'utf8')).toBe(tracked);
  });

  it('carries what `pulumi config set` wrote back to the tracked file', () => {
    const pair = files();
    writeFileSync(pair.copy, `encryptionsalt: v1:abc=\n${tracked}  qbench-postgres:owner: me\n`);
    pullStackFile(pair);
    expect(readFileSync(pair.tracked, 'utf8')).toBe(`${tracked}  qbench-postgres:owner: me\n`);
  });

  it('is initialised in a folder apart', async () => {
    writeFileSync(join(context.checkout, 'Pulumi.yaml'), 'name: somewhere\nruntime: nodejs\nmain: infra/\n');
    const pair = files();
    let seen = '';
    await initApart(context, pair, 'dev', (apart) => {
      seen = apart;
      writeFileSync(join(apart, 'Pulumi.dev.yaml'), 'encryptionsalt: v1:new=\n');
      return Promise.resolve();
    });
    expect(seen).not.toContain(context.checkout);
    expect(existsSync(seen)).toBe(false);
    expect(readFileSync(pair.copy, 'utf8')).toBe(`encryptionsalt: v1:new=\n${tracked}`);
    expect(existsSync(join(context.checkout, 'Pulumi.dev.yaml'))).toBe(false);
  });
});

describe('a lock of the local backend', () => {
  function lock(name: string, content: object): string {
    const folder = join(dir, '.pulumi', 'locks', 'organization', 'p', 'dev');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, name), JSON.stringify(content));
    return join(folder, name);
  }

  it('is removed when its process on this machine is gone, and only then', () => {
    const dead = lock('dead.json', { pid: 2 ** 22 + 1, hostname: hostname() });
    const alive = lock('alive.json', { pid: process.pid, hostname: hostname() });
    const elsewhere = lock('elsewhere.json', { pid: 2 ** 22 + 1, hostname: 'another-machine' });
    expect(removeStaleLocks(dir)).toHaveLength(1);
    expect([dead, alive, elsewhere].map((file) => existsSync(file))).toEqual([false, true, true]);
  });

  it('is removed when its process was killed, though nobody has waited for its end', async () => {
    // The shell becomes a program that knows nothing of the child it had: once killed, that stays in the list of processes.
    const parent = spawn('sh', ['-c', 'sleep 600 & echo $!; exec sleep 600'], { stdio: ['ignore', 'pipe', 'ignore'] });
    try {
      const [said] = (await once(parent.stdout, 'data')) as [Buffer];
      const pid = Number(said.toString());
      const file = lock('unreaped.json', { pid, hostname: hostname() });
      expect(removeStaleLocks(dir)).toEqual([]);
      await expect.poll(() => readFileSync(`/proc/${parent.pid ?? 0}/comm`, 'utf8').trim()).toBe('sleep');
      process.kill(pid, 'SIGKILL');
      await expect.poll(() => readFileSync(`/proc/${pid}/stat`, 'utf8')).toMatch(/\) Z /);
      expect(removeStaleLocks(dir)).toHaveLength(1);
      expect(existsSync(file)).toBe(false);
    } finally {
      parent.kill('SIGKILL');
    }
  });
});

describe('the stack of an npm script', () => {
  it.each([
    [['--stack', 'a', '--diff'], 'a', ['--diff']],
    [['-s', 'a'], 'a', []],
    [['--stack=a', '--yes'], 'a', ['--yes']],
    [['--yes'], 'dev', ['--yes']],
  ])('is taken out of %j', (args, stack, rest) => {
    expect(splitStack(args, {})).toEqual({ stack, rest });
  });
});
