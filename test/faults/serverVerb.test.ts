/**
 * `qbench server status|start|stop|logs`, and what `npm run destroy` does with a server that no state knows of: on a real server
 * that was made without Pulumi.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { postmasterPid } from '../../infra/adapters/localServer/probe';
import { notedSegments, systemVExists, systemVSegment } from '../../infra/adapters/localServer/sharedMemory';
import { ProcessRunner } from '../../infra/adapters/processRunner';
import type { CommandResult } from '../../infra/ops/ports';
import { Toolchain } from '../../scripts/toolchain/toolchain';
import { clusterOf, machine, pidOf, progress, up } from '../support/localFaults';
import { CHECKOUT } from '../support/machine';
import { eventually } from '../support/processes';
import { expectSuccess } from '../support/stack';

function run(script: string, ...args: string[]): Promise<CommandResult> {
  const env = { ...process.env, DATABASE_URL: '', QBENCH_STATE_DIR: machine.context.stateDir };
  const register = join(CHECKOUT, 'infra', 'register.cjs');
  return new ProcessRunner(env).run(
    process.execPath,
    ['--require', register, join(CHECKOUT, 'scripts', script), ...args],
    {
      cwd: CHECKOUT,
    },
  );
}

const server = (...args: string[]): Promise<CommandResult> => run('cli.ts', '--stack', 'test', 'server', ...args);

describe('qbench server', () => {
  it('says that there is none where there is none', async () => {
    expect((await server('status')).stdout).toBe('stack test: no server on this machine\n');
    expect((await server('logs')).stderr).toMatch(/no log yet/);
    const none = await server('stop');
    expect(none.code).toBe(1);
    expect(none.stderr).toMatch(/stack test has no server on this machine/);
  });

  it('says where the server is, stops it, starts it and shows its log', async () => {
    const cluster = await up();
    const { port } = cluster.record ?? { port: 0 };
    const running = JSON.parse(expectSuccess(await server('status', '--json')).stdout) as Record<string, unknown>;
    expect(running).toMatchObject({ stack: 'test', running: true, pid: pidOf(cluster), dataMissing: false, port });
    expect(expectSuccess(await server('stop')).stdout).toBe('stopped\n');
    expect((await server('status')).stdout).toMatch(new RegExp(`stack test: down at 127.0.0.1:${port}`));
    expect(expectSuccess(await server('start')).stdout).toBe(`running at 127.0.0.1:${port}\n`);
    expect(pidOf(cluster)).toBeDefined();
    const log = expectSuccess(await server('logs', '--lines', '5')).stdout;
    expect(log.trimEnd().split('\n')).toHaveLength(5);
    expect(log).toMatch(/ready to accept connections/);
    expect((await server('logs', '--lines', '0')).code).toBe(2);
  });

  it('names a data folder that is gone, and does not make a new one in its place', async () => {
    const cluster = await up();
    const { dataDir } = cluster.record ?? { dataDir: '' };
    await cluster.stop();
    renameSync(dataDir, `${dataDir}.away`);
    expect((await server('status')).stdout).toContain(`data ${dataDir} IS GONE`);
    expect((await server('stop')).stdout).toContain(`its data folder ${dataDir} IS GONE`);
    const start = await server('start');
    expect(start.code).toBe(1);
    expect(start.stderr).toMatch(/the data folder ".*" of stack test is gone\n.*next: .*put the folder back/s);
    expect(existsSync(dataDir)).toBe(false);
    renameSync(`${dataDir}.away`, dataDir);
  });
});

describe('the shared memory of a server that was killed', () => {
  it('goes when the server is stopped for good, and stays while it lives', async () => {
    const cluster = await up();
    const { dataDir } = cluster.record ?? { dataDir: '' };
    const segments = notedSegments(cluster.layout.dir);
    const systemV = systemVSegment(dataDir);
    const present = (): string[] => segments.filter((name) => existsSync(join('/dev/shm', name)));
    expect(present()).toEqual(segments);
    expect(segments.length).toBeGreaterThan(0);
    process.kill(pidOf(cluster), 'SIGKILL');
    await eventually('it is down', () => postmasterPid(dataDir) === undefined);
    expect(present()).toEqual(segments);
    await cluster.stop();
    expect(present()).toEqual([]);
    expect(systemV !== undefined && systemVExists(systemV)).toBe(false);
  });
});

describe('npm run destroy, of a server that no state knows of', () => {
  it('leaves it where the data is protected, and takes it where it is not', async () => {
    const cluster = await up();
    const env = { ...process.env, QBENCH_STATE_DIR: machine.context.stateDir };
    const toolchain = await Toolchain.ensure({ ...machine.context, env }, progress);
    await toolchain.ensureStack('test', false);
    const file = join(toolchain.paths.config, 'Pulumi.test.yaml');
    const salt = readFileSync(file, 'utf8').match(/^encryptionsalt:.*$/m)?.[0] ?? '';
    // Without a word about it data is protected; a test stack's is not, and its file is never carried into the checkout.
    const unprotected = "  qbench-postgres:ephemeral: 'true'\n  qbench-postgres:protectData: 'false'\n";
    writeFileSync(file, `${salt}\n`);
    const config = ['--stack', 'test', '--yes', '--skip-preview', '--non-interactive', '--config-file', file];
    const kept = expectSuccess(await run('destroy.ts', ...config));
    expect(kept.stderr).toMatch(/a server that this state does not know is left/);
    expect(pidOf(cluster)).toBeDefined();

    writeFileSync(file, `${salt}\nconfig:\n${unprotected}`);
    const gone = expectSuccess(await run('destroy.ts', ...config));
    expect(gone.stderr).toMatch(/removed the server of an interrupted run/);
    expect(clusterOf().record).toBeUndefined();
    expect(existsSync(cluster.layout.dir)).toBe(false);
  });
});
