/** Starting and stopping the postmaster of one data folder. */
import { closeSync, existsSync, openSync, readFileSync, readSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { OperatorError } from '../../ops/errors';
import type { Clock, CommandRunner } from '../../ops/ports';
import { portHolder, portIsFree } from './port';
import { initdbPids, postmasterPid, strayPids } from './probe';

const START_TIMEOUT_SECONDS = 60;
const STOP_FAST_MS = 30_000;
const STOP_IMMEDIATE_MS = 10_000;
const ORPHAN_WAIT_MS = 20_000;
const LOG_TAIL_BYTES = 8_192;

/** How the server says that the disk is full. */
export const DISK_FULL = /No space left|Check free disk space|wrote only \d+ of \d+ bytes/;

export interface StartOptions {
  binDir: string;
  dataDir: string;
  logFile: string;
  /** Folder of this server's own socket. */
  socketDir: string;
  port: number;
  /** Runs as the server's user. */
  runner: CommandRunner;
  clock: Clock;
}

/** Lines of the server's log that were written after `offset` and say why it did not start. */
function complaint(logFile: string, offset: number): string {
  if (!existsSync(logFile)) return '';
  const size = statSync(logFile).size;
  const from = Math.max(offset, size - LOG_TAIL_BYTES);
  const buffer = Buffer.alloc(Math.max(0, size - from));
  const fd = openSync(logFile, 'r');
  readSync(fd, buffer, 0, buffer.length, from);
  closeSync(fd);
  const lines = buffer.toString('utf8').split('\n');
  // Mistakes found before the log is set up are told as a program does: "postgres: ... must be less than max_connections".
  const telling = lines.flatMap((line) => {
    const words = /(?:FATAL|PANIC|ERROR|HINT|DETAIL): +(.*)|^postgres: +(.*)|(.*(?:could not|No space left).*)/.exec(
      line,
    );
    return words === null ? [] : [(words[1] ?? words[2] ?? words[3] ?? '').trim()];
  });
  return telling.slice(-4).join('; ');
}

/** "port 5433 on 127.0.0.1 is taken by pid 123 (nginx)", or undefined where it is free. */
export async function refusalOfPort(port: number): Promise<string | undefined> {
  if (await portIsFree(port)) return undefined;
  const holder = portHolder(port);
  return `port ${port} on 127.0.0.1 is taken${holder === undefined ? '' : ` by ${holder}`}`;
}

/**
 * Starts the postmaster and waits until it accepts connections. A stale postmaster.pid is removed; the children of a
 * killed postmaster are waited for.
 * @throws OperatorError with the server's own words
 */
export async function startServer(options: StartOptions): Promise<void> {
  const { binDir, dataDir, logFile, socketDir, port, runner, clock } = options;
  const taken = await refusalOfPort(port);
  if (taken !== undefined) {
    throw new OperatorError(taken, {
      next: 'stop that program, or set local.port to another port (0 picks a free one for a new stack)',
    });
  }
  const pidFile = join(dataDir, 'postmaster.pid');
  // postmasterPid() has already judged it: whatever it names is not this folder's postmaster.
  if (postmasterPid(dataDir) === undefined) {
    rmSync(pidFile, { force: true });
    // The server itself takes a killed postmaster that nobody has reaped yet for a living one.
    rmSync(join(socketDir, `.s.PGSQL.${port}.lock`), { force: true });
  }
  const until = clock.monotonicMs() + ORPHAN_WAIT_MS;
  for (;;) {
    const offset = existsSync(logFile) ? statSync(logFile).size : 0;
    const result = await runner.run(
      join(binDir, 'pg_ctl'),
      ['start', '--silent', '--wait', '--timeout', String(START_TIMEOUT_SECONDS), '-D', dataDir, '-l', logFile],
      { env: { LC_ALL: 'C', LC_MESSAGES: 'C' }, cwd: '/' },
    );
    if (result.code === 0) return;
    const words = complaint(logFile, offset) || result.stderr.trim() || result.stdout.trim();
    // Backends of a postmaster that was killed may live on for a moment and hold its shared memory.
    if (words.includes('shared memory block') && clock.monotonicMs() < until) {
      await clock.sleep(250);
      continue;
    }
    throw new OperatorError(`PostgreSQL did not start: ${words}`, {
      next: DISK_FULL.test(words)
        ? `free some space on the disk of ${dataDir} (never by deleting files in it), then run it again`
        : `read ${logFile}`,
    });
  }
}

/** Stops the postmaster: fast, then immediate. Succeeds where none runs. */
export async function stopServer(dataDir: string, clock: Clock): Promise<void> {
  for (const [signal, waitMs] of [
    ['SIGINT', STOP_FAST_MS],
    ['SIGQUIT', STOP_IMMEDIATE_MS],
    ['SIGKILL', STOP_IMMEDIATE_MS],
  ] as const) {
    const pid = postmasterPid(dataDir);
    if (pid === undefined) return;
    try {
      process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ESRCH') return;
      throw new OperatorError(`the server (pid ${pid}) belongs to another user and cannot be stopped`, {
        next: 'run the same command as root or as the user who started it',
        cause: error,
      });
    }
    const until = clock.monotonicMs() + waitMs;
    while (postmasterPid(dataDir) === pid) {
      if (clock.monotonicMs() > until) break;
      await clock.sleep(50);
    }
  }
  const pid = postmasterPid(dataDir);
  if (pid !== undefined)
    throw new OperatorError(`the server (pid ${pid}) did not stop`, { next: `look at it: ps -fp ${pid}` });
}

/** Ends what is left of a server that postmaster.pid no longer leads to, such as one whose folder was deleted under it. */
export async function stopStrays(dataDir: string, clock: Clock): Promise<void> {
  for (const signal of ['SIGQUIT', 'SIGKILL'] as const) {
    for (const pid of strayPids(dataDir)) {
      try {
        process.kill(pid, signal);
      } catch {
        // Gone meanwhile; whoever is still there is seen again below.
      }
    }
    const until = clock.monotonicMs() + STOP_IMMEDIATE_MS;
    while (strayPids(dataDir).length > 0 && clock.monotonicMs() < until) await clock.sleep(50);
  }
}

/**
 * Ends what a run that was killed left working on a folder: initdb, and the servers it starts for itself.
 * @param prefix beginning of the folder's path, such as that of every folder a run initialises
 */
export async function stopInitdb(prefix: string, clock: Clock): Promise<void> {
  const until = clock.monotonicMs() + STOP_IMMEDIATE_MS;
  for (let pids = initdbPids(prefix); pids.length > 0; pids = initdbPids(prefix)) {
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // Gone meanwhile.
      }
    }
    if (clock.monotonicMs() > until) return;
    await clock.sleep(50);
  }
}

/** Tells a running server to read its configuration again. */
export function reloadServer(dataDir: string): void {
  const pid = postmasterPid(dataDir);
  if (pid !== undefined) process.kill(pid, 'SIGHUP');
}

/** The last lines of a log file, for a person. */
export function logTail(logFile: string, lines: number): string[] {
  if (!existsSync(logFile)) return [];
  return readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-lines);
}
