/**
 * Passwords and embeddings appear in no output, log, process list, or state in clear. The passwords are the stack's own,
 * read back by --show-secrets and then searched for everywhere else.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSession } from '../../infra/adapters/postgresDatabase';
import { DATABASE_NAME, ROLE_NAMES } from '../../infra/naming';
import { postmastersBelow, processes } from '../support/processes';
import { expectSuccess, SMALL, TestStack } from '../support/stack';

let stack: TestStack;
let passwords: string[];
/** Everything the CLI printed, of every verb. */
let printed = '';
/** Every command line seen while `up` ran. */
const commandLines = new Set<string>();

function filesBelow(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .map((name) => join(dir, name))
    .filter((file) => statSync(file, { throwIfNoEntry: false })?.isFile() === true);
}

beforeAll(async () => {
  stack = await TestStack.create('secret');
  const sampler = setInterval(() => {
    for (const { command } of processes()) commandLines.add(command);
  }, 20);
  const preview = expectSuccess(await stack.pulumi('preview', '--diff'));
  const up = expectSuccess(await stack.up());
  // A change of the passwords, which shows them being sent to the server again.
  stack.configure({ ...SMALL, database: { passwordGeneration: 2 } });
  const rotated = [expectSuccess(await stack.pulumi('preview', '--diff')), expectSuccess(await stack.up('--diff'))];
  clearInterval(sampler);
  const refreshed = expectSuccess(await stack.pulumi('refresh', '--yes', '--skip-preview'));
  const shown = expectSuccess(await stack.pulumi('stack', 'output'));
  printed = [preview, up, ...rotated, refreshed, shown].map(({ stdout, stderr }) => stdout + stderr).join('\n');

  const exported = expectSuccess(await stack.pulumi('stack', 'export', '--show-secrets'));
  const { deployment } = JSON.parse(exported.stdout) as {
    deployment: { resources: { type: string; outputs?: { result?: { plaintext?: string } } }[] };
  };
  passwords = deployment.resources
    .filter(({ type }) => type.startsWith('random:index/randomPassword'))
    .map(({ outputs }) => JSON.parse(outputs?.result?.plaintext ?? '""') as string);
});

afterAll(async () => {
  await stack.remove();
});

/** A running server removes files of its own while we look. */
function contentOf(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

function found(text: string): string[] {
  return passwords.filter((password) => text.includes(password));
}

describe('passwords', () => {
  it('are six different ones of 32 characters, so that the tests below can fail', () => {
    expect(new Set(passwords).size).toBe(6);
    expect(passwords.every((password) => password.length === 32)).toBe(true);
    expect(commandLines.size).toBeGreaterThan(5);
    expect(printed).toContain('[secret]');
  });

  it('appear in nothing the CLI prints', () => {
    expect(found(printed)).toEqual([]);
  });

  it('appear on no command line', () => {
    expect(found([...commandLines].join('\n'))).toEqual([]);
  });

  it('appear in no file of the stack in clear: state, history, locks, configuration, records, server log', () => {
    const files = filesBelow(stack.machine.context.stateDir ?? '').filter((file) => found(contentOf(file)).length > 0);
    expect(files).toEqual([]);
  });

  it('are in no environment of a process of the server', () => {
    const server = postmastersBelow(stack.machine.context.stateDir ?? '');
    expect(server).toHaveLength(1);
    const environment = readFileSync(`/proc/${server[0]?.pid ?? 0}/environ`, 'utf8');
    expect(environment).toMatch(/^PATH=|\0PATH=/);
    expect(found(environment)).toEqual([]);
    expect(environment).not.toMatch(/PASSPHRASE|PASSWORD|TOKEN/);
  });

  it('are only known to the server as verifiers', async () => {
    const record = stack.record;
    if (record === undefined) throw new Error('the stack has no server');
    const session = await openSession({
      host: record.socketDir,
      port: record.port,
      database: DATABASE_NAME,
      user: ROLE_NAMES.superuser,
    });
    const { rows } = await session.query<{ kept: string }>(
      "SELECT rolpassword AS kept FROM pg_catalog.pg_authid WHERE rolname LIKE 'qbench%' OR rolname = 'postgres'",
    );
    await session.close();
    expect(rows).toHaveLength(6);
    expect(rows.every(({ kept }) => kept.startsWith('SCRAM-SHA-256$4096:'))).toBe(true);
  });

  it('the new ones open the database', async () => {
    const { databaseUrl } = await stack.outputs();
    const url = new URL(String(databaseUrl));
    const session = await openSession({
      host: url.hostname,
      port: Number(url.port),
      database: url.pathname.slice(1),
      user: url.username,
      password: url.password,
    });
    await session.close();
    expect(passwords).toContain(url.password);
  });
});

describe('embeddings', () => {
  it('reach the log of the server neither by a failing nor by a slow statement', async () => {
    const record = stack.record;
    if (record === undefined) throw new Error('the stack has no server');
    const canary = `[${Array.from({ length: 1536 }, (_, i) => (i === 0 ? '0.0271828' : '0.5')).join(',')}]`;
    const session = await openSession({
      host: record.socketDir,
      port: record.port,
      database: DATABASE_NAME,
      user: ROLE_NAMES.app,
    });
    const insert = 'INSERT INTO test_documents (test_case_id, uid, title, embedding) VALUES (1, NULL';
    const failing: [text: string, values?: string[]][] = [
      [`SELECT '${canary}'::vector(3)`],
      ['SELECT $1::vector(3)', [canary]],
      [`${insert}, 'x', '${canary}')`],
      [`${insert}, $1, $2)`, ['x', canary]],
      [`SELECT pg_catalog.pg_sleep(2), '${canary}'::vector(1536) <=> 'broken'`],
    ];
    for (const [text, values] of failing) await expect(session.query(text, values)).rejects.toThrow();
    await session.query('SELECT pg_catalog.pg_sleep(1.5), $1::vector', [canary]);
    await session.close();
    expect(stack.serverLog).not.toContain('0.0271828');
  });
});
