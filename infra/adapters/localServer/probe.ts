/** Whether a local server is alive, from its files alone: no connection, so a preview may ask it. */
import { existsSync, readFileSync, readdirSync, readlinkSync, realpathSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Clock } from '../../ops/ports';
import { processRuns } from '../processLife';
import { readRecord, stackLayout, type MachineContext } from './layout';

/** Process id of the postmaster of this data folder, or undefined where none runs. A stale postmaster.pid counts as none. */
export function postmasterPid(dataDir: string): number | undefined {
  const file = join(dataDir, 'postmaster.pid');
  if (!existsSync(file)) return undefined;
  const pid = Number.parseInt(readFileSync(file, 'utf8').split('\n', 1)[0] ?? '', 10);
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  if (!processRuns(pid)) return undefined;
  // The number may have been given to another program since: a postmaster's working folder is its data folder.
  if (process.platform === 'linux') {
    try {
      if (readlinkSync(`/proc/${pid}/cwd`) !== realpathSync(dataDir)) return undefined;
    } catch {
      return undefined;
    }
  }
  return pid;
}

/** What a running postmaster says of itself in postmaster.pid (miscadmin.h, LOCK_FILE_LINE_*). */
export interface PostmasterLock {
  port: number;
  /** Undefined where it serves no socket, or has not opened it yet. */
  socketDir: string | undefined;
  ready: boolean;
}

/** The lock file of the postmaster of this data folder, or undefined where none runs or it has not written it all yet. */
export function postmasterLock(dataDir: string): PostmasterLock | undefined {
  if (postmasterPid(dataDir) === undefined) return undefined;
  try {
    const lines = readFileSync(join(dataDir, 'postmaster.pid'), 'utf8').split('\n');
    const port = Number(lines[3]);
    if (!Number.isInteger(port) || port === 0) return undefined;
    const socketDir = lines[4]?.trim();
    return { port, socketDir: socketDir === '' ? undefined : socketDir, ready: lines[7]?.trim() === 'ready' };
  } catch (error) {
    // It ended between the two looks.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

const READY_WAIT_MS = 60_000;
const READY_POLL_MS = 50;

/**
 * Whether a server of this data folder runs; one that is still starting (after a crash it reads its WAL first) is waited for.
 * @returns true also where it is not ready in time: whoever connects is told why by the server itself
 */
export async function waitUntilReady(dataDir: string, clock: Clock): Promise<boolean> {
  const until = clock.monotonicMs() + READY_WAIT_MS;
  while (postmasterPid(dataDir) !== undefined) {
    if (postmasterLock(dataDir)?.ready === true || clock.monotonicMs() > until) return true;
    await clock.sleep(READY_POLL_MS);
  }
  return false;
}

/**
 * Processes of a server that postmaster.pid no longer leads to: its folder was deleted or moved away under it, or its postmaster was
 * killed and backends are still on their way out. Linux only; elsewhere none are found.
 */
export function strayPids(dataDir: string): number[] {
  const real = existsSync(dataDir) ? realpathSync(dataDir) : dataDir;
  const homes = new Set([real, `${real} (deleted)`]);
  // A folder that was moved takes its processes' working folder along; the postmaster was still started with this one.
  const started = (pid: string): boolean => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`\0-D\0${dataDir}\0`);
  return pidsOf(
    (pid) => programOf(pid) === 'postgres' && (homes.has(readlinkSync(`/proc/${pid}/cwd`)) || started(pid)),
  );
}

/** Every initdb, and every server started by one, whose folder's path begins so. Linux only. */
export function initdbPids(prefix: string): number[] {
  return pidsOf((pid) => {
    const program = programOf(pid);
    if (program === 'postgres') return readlinkSync(`/proc/${pid}/cwd`).startsWith(prefix);
    return program === 'initdb' && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`\0${prefix}`);
  });
}

/** Every program of pg_basebackup's name that was given a path below `dir`. Linux only. */
export function baseBackupPids(dir: string): number[] {
  return pidsOf(
    (pid) => programOf(pid) === 'pg_basebackup' && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`\0${dir}/`),
  );
}

function pidsOf(matches: (pid: string) => boolean): number[] {
  if (process.platform !== 'linux') return [];
  const numbers = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return numbers
    .filter((pid) => {
      try {
        return matches(pid);
      } catch {
        // Gone meanwhile, or another user's.
        return false;
      }
    })
    .map(Number);
}

function programOf(pid: string): string {
  return basename(readlinkSync(`/proc/${pid}/exe`)).replace(' (deleted)', '');
}

export interface LocalServerProbe {
  /** Generation that the program should ask for: one more than the last where the server is down. */
  generation: number;
  running: boolean;
}

/**
 * What the program needs to know of the server on this machine before it says what it wants. A server that was
 * made and is down makes the next generation due, which shows in a preview as an update and restarts it in `up`.
 */
export function probeLocalServer(context: MachineContext, stack: string): LocalServerProbe {
  const record = readRecord(stackLayout(context, stack));
  if (record === undefined || record.state !== 'initialised') return { generation: 0, running: false };
  const running = postmasterPid(record.dataDir) !== undefined;
  return { generation: running ? record.generation : record.generation + 1, running };
}
