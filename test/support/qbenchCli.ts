/** Runs the CLI as its users do, against a database of a test. */
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { ProcessRunner } from '../../infra/adapters/processRunner';
import { ROLE_NAMES, type DatabaseRole } from '../../infra/naming';
import type { CommandResult } from '../../infra/ops/ports';
import { CHECKOUT } from './machine';
import type { TestServer } from './server';

const LAUNCHER = join(CHECKOUT, 'scripts', 'qbench.mjs');

/** A URL over the socket: no password. */
export function databaseUrl(
  server: Pick<TestServer, 'socketDir' | 'port'>,
  database: string,
  role: DatabaseRole = 'owner',
): string {
  return `postgresql://${ROLE_NAMES[role]}@localhost:${server.port}/${database}?host=${encodeURIComponent(server.socketDir)}`;
}

export function runQbench(
  url: string,
  args: readonly string[],
  options: { stdin?: string; env?: Record<string, string> } = {},
): Promise<CommandResult> {
  const runner = new ProcessRunner({ ...process.env, DATABASE_URL: url, ...options.env });
  return runner.run(process.execPath, [LAUNCHER, ...args], { stdin: options.stdin ?? '' });
}

/** A run that a test interrupts; `ended` gives its exit code and what it printed. */
export function startQbench(
  url: string,
  args: readonly string[],
): {
  child: ChildProcess;
  ended: Promise<{ code: number | null; signal: string | null; stdout: string; stderr: string }>;
} {
  const child = spawn(process.execPath, [LAUNCHER, ...args], {
    env: { ...process.env, DATABASE_URL: url },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = new Promise<{ code: number | null; signal: string | null; stdout: string; stderr: string }>(
    (resolve) => {
      child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
    },
  );
  return { child, ended };
}
