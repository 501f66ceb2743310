/** The command line as a whole process: usage, exit codes, pipes, signals. What each verb does is tested with the verb. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ProcessRunner } from '../../infra/adapters/processRunner';
import type { CommandResult } from '../../infra/ops/ports';
import { VERBS } from '../../scripts/commands/registry';
import { parseDatabaseUrl } from '../../scripts/support/endpoint';
import { CHECKOUT } from '../support/machine';

const QBENCH = join(CHECKOUT, 'scripts', 'qbench.mjs');
let stateDir: string;

beforeAll(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'qbench-cli-'));
});

afterAll(() => {
  rmSync(stateDir, { recursive: true, force: true });
});

function qbench(args: string[], env: Record<string, string> = {}): Promise<CommandResult> {
  const runner = new ProcessRunner({ ...process.env, DATABASE_URL: '', QBENCH_STATE_DIR: stateDir, ...env });
  return runner.run(process.execPath, [QBENCH, ...args], { timeoutMs: 25_000 });
}

describe('wrong usage ends with 2, says what is wrong and what is allowed', () => {
  it.each([
    ['no verb', [], /Usage: qbench/],
    ['an unknown verb', ['serch'], /"serch" is not a verb of qbench; did you mean "search"\?/],
    ['an unknown option', ['health', '--jsn'], /unknown option '--jsn'/],
    ['an option without its value', ['search', '--uid'], /argument missing/],
    ['a limit of 0', ['search', 'x', '--limit', '0'], /--limit.*'0' is invalid.*from 1 to 1000/s],
    ['a negative limit', ['search', 'x', '--limit', '-1'], /--limit/],
    ['an enormous limit', ['search', 'x', '--limit', '1e9'], /'1e9' is invalid/],
    ['options that exclude each other', ['search', 'x', '--uid', 'y'], /more than one thing to search for/],
    [
      'a database of another kind',
      ['search', 'x'],
      /DATABASE_URL begins with "mysql:"/,
      { DATABASE_URL: 'mysql://h/d' },
    ],
    [
      'a remote host without TLS',
      ['search', 'x'],
      /sslmode=disable to a remote host/,
      { DATABASE_URL: 'postgresql://u@db.example.com/d?sslmode=disable' },
    ],
  ] as [string, string[], RegExp, Record<string, string>?][])('%s', async (_, args, message, env) => {
    const result = await qbench(args, env);
    expect(result.stderr).toMatch(message);
    expect(result.code).toBe(2);
    expect(result.stdout).toBe('');
  });
});

describe('a stack whose data folder is gone', () => {
  it.each(['status', 'health', 'connections', 'queries', 'space', 'indexes', 'monitor'])('%s says so', async (verb) => {
    const folder = join(stateDir, 'stacks', 'lost');
    mkdirSync(folder, { recursive: true });
    const dataDir = join(folder, 'data');
    const record = { version: 1, stack: 'lost', state: 'initialised', host: '127.0.0.1', port: 1, generation: 0 };
    writeFileSync(
      join(folder, 'server.json'),
      JSON.stringify({ ...record, dataDir, socketDir: join(folder, 'socket'), logFile: join(folder, 'log') }),
    );
    const { code, stderr } = await qbench([verb, '--stack', 'lost']);
    expect(stderr).toContain(`the data folder of stack "lost" is missing: ${dataDir}`);
    expect(stderr).toContain('restore a backup into it');
    expect(code).not.toBe(0);
  });
});

describe('a remote host', () => {
  it.each([
    'postgresql://u:canary@localhost/d?host=db.example.com',
    'postgresql://u:canary@127.0.0.1/d?host=db.example.com&sslmode=disable',
  ])('hidden in a parameter of %s is held to the same rule', (url) => {
    const strict = url.includes('disable');
    if (strict) expect(() => parseDatabaseUrl(url)).toThrow(/sslmode=disable to a remote host/);
    else expect(parseDatabaseUrl(url)).toMatchObject({ host: 'db.example.com', ssl: { rejectUnauthorized: true } });
  });

  it('is never meant by the folder of a socket', () => {
    expect(parseDatabaseUrl('postgresql://u@localhost/d?host=/run/postgresql')).toEqual({
      host: '/run/postgresql',
      port: 5432,
      database: 'd',
      user: 'u',
    });
  });
});

describe('failures end with 1 and say what to do next', () => {
  it('a stack that does not exist', async () => {
    const result = await qbench(['search', 'x', '--stack', 'nowhere']);
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/stack "nowhere" has no database on this machine/);
    expect(result.stderr).toMatch(/next: +npm run up/);
    expect(result.stderr).not.toMatch(/\n +at /);
  });

  it('a password never appears in the message of a connection that failed', async () => {
    const result = await qbench(['search', 'x'], { DATABASE_URL: 'postgresql://u:canary-password@127.0.0.1:1/d' });
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/cannot connect to 127\.0\.0\.1:1\/d as u/);
    expect(result.stdout + result.stderr).not.toContain('canary');
  });

  it('what destroys refuses at once without a terminal', async () => {
    const result = await qbench(['db-clear'], { DATABASE_URL: 'postgresql://u@127.0.0.1:1/d' });
    expect(result.code).not.toBe(0);
  });
});

describe('help', () => {
  it('lists every verb', async () => {
    const result = await qbench(['--help']);
    expect(result.code).toBe(0);
    for (const { name } of VERBS) expect(result.stdout).toMatch(new RegExp(`^  ${name} `, 'm'));
  });

  it('is pasted into the README as it is printed', async () => {
    const readme = readFileSync(join(CHECKOUT, 'README.md'), 'utf8');
    expect(readme).toContain((await qbench(['--help'])).stdout.trim());
  });

  it.each(VERBS.map(({ name }) => name))('of %s is printed without a database', async (name) => {
    const result = await qbench([name, '--help']);
    expect(result.stdout).toMatch(new RegExp(`Usage: qbench ${name}`));
    expect(result.code).toBe(0);
  });
});

describe('odd surroundings', () => {
  it('a pipe that closes early ends it quietly', async () => {
    const result = await new ProcessRunner({ ...process.env, QBENCH_STATE_DIR: stateDir }).run('/bin/sh', [
      '-c',
      `'${process.execPath}' '${QBENCH}' plan --documents 1000 | head -n 1`,
    ]);
    expect(result.stdout).toBe('workload\n');
    expect(result.stderr).not.toMatch(/EPIPE|Error/);
  });

  it.each([
    ['a read-only home', { HOME: '/proc' }],
    ['no colour and another locale', { NO_COLOR: '1', LANG: 'C', LC_ALL: 'C' }],
    ['a narrow terminal', { COLUMNS: '20' }],
  ])('%s', async (_, env) => {
    const result = await qbench(['plan', '--documents', '1000', '--json'], env);
    expect(result.code, result.stderr).toBe(0);
    expect(() => JSON.parse(result.stdout) as unknown).not.toThrow();
  });

  it('SIGINT ends a run that waits with 130', async () => {
    // It waits for its standard input, which stays open here.
    const child = spawn(process.execPath, [QBENCH, 'server', 'apply'], {
      env: { ...process.env, QBENCH_STATE_DIR: stateDir },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
    // More than a pipe holds: when this is written, the program has begun to read.
    await new Promise((resolve) => child.stdin.write(' '.repeat(300_000), resolve));
    child.kill('SIGINT');
    expect(await ended).toBe(130);
  });
});
