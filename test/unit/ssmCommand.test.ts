/**
 * Commands on a host by SSM: the adapter, with the real SDK, against the stand-in that really runs them in a shell of this
 * machine. Not proven: rights, signatures, and how AWS's agent differs from a shell.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { SSMClient } from '@aws-sdk/client-ssm';
import { findHost, onlineHost } from '../../infra/adapters/aws/ssmHost';
import { SsmCommandRunner } from '../../infra/adapters/aws/ssmCommandRunner';
import { systemClock } from '../../infra/adapters/systemClock';
import { writeExecutable } from '../../scripts/toolchain/plugins';
import { localShell } from '../support/ssmExecutor';
import { SsmServer } from '../support/ssmServer';

const HOST = 'i-0123456789abcdef0';
const bin = mkdtempSync(join(tmpdir(), 'qbench-bin-'));
const shell = localShell(bin);
let server: SsmServer;
let client: SSMClient;
let runner: SsmCommandRunner;

beforeAll(async () => {
  // This machine's users are not the host's: the stand-in says whom it was asked for, and runs the program as the caller.
  writeExecutable(join(bin, 'runuser'), '#!/bin/sh\nshift; RAN_AS=$1; export RAN_AS; shift 2; exec "$@"\n');
  server = await SsmServer.start({
    executor: shell,
    instances: [
      { id: HOST, tags: { project: 'qbench-postgres', stack: 'prod' } },
      {
        id: 'i-0aaaaaaaaaaaaaaaa',
        tags: { project: 'qbench-postgres', stack: 'lost' },
        ping: 'ConnectionLost',
        lastPing: new Date(Date.now() - 12 * 60_000),
      },
      { id: 'i-0bbbbbbbbbbbbbbbb', tags: { project: 'qbench-postgres', stack: 'stopped' }, ping: 'Inactive' },
    ],
  });
  client = new SSMClient({
    region: 'eu-central-1',
    endpoint: server.url,
    credentials: { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'example' },
    maxAttempts: 8,
  });
  runner = new SsmCommandRunner({ client, clock: systemClock, instanceId: HOST });
});
afterEach(() => server.throttle(0));
afterAll(async () => {
  client.destroy();
  await server.stop();
  shell.remove();
  rmSync(bin, { recursive: true });
});

describe('a program on the host', () => {
  it('brings its output, its errors and its exit code, whatever its arguments hold', async () => {
    const words = ["it's", 'two\nlines', '$HOME `id`', '', 'ä"\\'];
    const told = await runner.run('printf', ['%s|', ...words]);
    expect(told).toEqual({ code: 0, stdout: words.map((word) => `${word}|`).join(''), stderr: '' });
    expect(await runner.run('sh', ['-c', 'echo out; echo err >&2; exit 7'])).toEqual({
      code: 7,
      stdout: 'out\n',
      stderr: 'err\n',
    });
  });

  it('reads its input, runs in its folder and as its user', async () => {
    const input = 'line\n'.repeat(5000);
    const { stdout } = await runner
      .as('postgres')
      .run('sh', ['-c', 'pwd; echo "$RAN_AS"; wc -c'], { stdin: input, cwd: '/usr' });
    expect(stdout.split('\n').map((line) => line.trim())).toEqual(['/usr', 'postgres', String(input.length), '']);
    expect((await runner.run('pwd', [])).stdout).toBe('/\n');
  });

  it('brings output that SSM would cut, whole, and leaves nothing of it on the host', async () => {
    // Random digits: packing must not make them fit.
    const script = 'head -c 60000 /dev/urandom | od -An -tx1 | tee /dev/stderr | cksum >/dev/null; echo done';
    const { stdout, stderr } = await runner.run('sh', ['-c', script]);
    expect(stdout).toBe('done\n');
    expect(stderr.trimEnd().split(/\s+/)).toHaveLength(60_001);
    expect(server.commands.length).toBeGreaterThan(3);
    const { stdout: left } = await runner.run('sh', [
      '-c',
      'ls -d "$(dirname "$(readlink /proc/self/fd/1)")"/../qbench-command.*',
    ]);
    // Its own folder alone.
    expect(left.trim().split('\n')).toHaveLength(1);
  });

  it('is ended at its time limit, and what it said until then is brought', async () => {
    const told = await runner.run('sh', ['-c', 'echo begun; exec sleep 60'], { timeoutMs: 1000 });
    expect(told).toMatchObject({ code: 143, stdout: 'begun\n' });
  });

  it('is cancelled by an abort', async () => {
    const abort = new AbortController();
    const running = runner.run('sleep', ['60'], { signal: abort.signal });
    await expect.poll(() => server.commands.at(-1)?.status).toBe('InProgress');
    abort.abort(new Error('interrupted'));
    await expect(running).rejects.toThrow();
    await expect.poll(() => server.commands.at(-1)?.status).toBe('Cancelled');
  });

  it('gets no environment: AWS would record it', async () => {
    const before = server.commands.length;
    await expect(runner.run('true', [], { env: { PGPASSWORD: 'x' } })).rejects.toThrow(/PGPASSWORD/);
    expect(server.commands).toHaveLength(before);
  });

  it('can be started and waited for later, by another process', async () => {
    const id = await runner.start('echo', ['later']);
    const another = new SsmCommandRunner({ client, clock: systemClock, instanceId: HOST });
    expect(await another.wait(id)).toEqual({ code: 0, stdout: 'later\n', stderr: '' });
  });
});

describe('what goes wrong', () => {
  it('throttled calls are tried again', async () => {
    server.throttle(2);
    expect((await runner.run('echo', ['through'])).stdout).toBe('through\n');
  });

  it('names a host that is lost, stopped or unknown, and where to look', async () => {
    const at = (instanceId: string): SsmCommandRunner =>
      new SsmCommandRunner({ client, clock: systemClock, instanceId });
    await expect(at('i-0aaaaaaaaaaaaaaaa').run('true', [])).rejects.toMatchObject({
      message: 'host i-0aaaaaaaaaaaaaaaa is ConnectionLost in SSM; its agent last answered 12 min ago',
      next: expect.stringContaining('get-console-output') as string,
    });
    await expect(at('i-0bbbbbbbbbbbbbbbb').run('true', [])).rejects.toThrow(/is Inactive in SSM/);
    await expect(at('i-0cccccccccccccccc').run('true', [])).rejects.toThrow(/is not known to SSM/);
  });

  it('names a command that was cut off', async () => {
    const id = await runner.start('sleep', ['60']);
    await expect.poll(() => server.commands.at(-1)?.status).toBe('InProgress');
    server['aborts'].get(id)?.abort();
    await expect(runner.wait(id)).rejects.toThrow(new RegExp(`command ${id} .* was cut off \\(Cancelled\\)`));
  });

  it('refuses input that SSM cannot carry', async () => {
    const noise = Buffer.from(crypto.getRandomValues(new Uint8Array(60_000))).toString('latin1');
    await expect(runner.run('cat', [], { stdin: noise })).rejects.toThrow(/too large for SSM/);
  });
});

describe('the host of a stack', () => {
  it('is found by its tags', async () => {
    expect(await findHost(client, 'prod')).toMatchObject({ instanceId: HOST, online: true });
    expect(await findHost(client, 'lost')).toMatchObject({ online: false });
  });

  it('is asked for in words where there is none, or none that answers', async () => {
    await expect(findHost(client, 'nowhere')).rejects.toThrow('SSM knows no host of stack "nowhere"');
    await expect(onlineHost(client, 'lost', systemClock)).rejects.toThrow(/ConnectionLost/);
  });
});
