/** A lock file that keeps two runs over one stack's server apart, and that a dead holder does not keep. */
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { OperatorError } from '../../ops/errors';
import type { Clock } from '../../ops/ports';
import { processRuns, startTicks } from '../processLife';

const POLL_MS = 100;

/** The process that holds the lock file, or undefined where it is gone. */
function holder(path: string): number | undefined {
  try {
    const [text = '', started = ''] = readFileSync(path, 'utf8').trim().split(' ');
    const pid = Number(text);
    if (!Number.isInteger(pid) || pid <= 0) return undefined;
    if (!processRuns(pid)) return undefined;
    const ticks = startTicks(pid);
    return started === '' || ticks === '' || ticks === started ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** Takes the lock with its content in one step: nobody ever sees an empty lock file. */
function take(path: string, own: string): boolean {
  writeFileSync(own, `${process.pid} ${startTicks(process.pid)}\n`, { mode: 0o644 });
  try {
    linkSync(own, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return false;
  } finally {
    rmSync(own, { force: true });
  }
}

/** Removes the lock of a dead holder. Two that try it at once do not remove each other's new lock. */
function removeStale(path: string, own: string): void {
  try {
    renameSync(path, own);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  // Another run took the lock between our look and our move: it gets it back.
  if (holder(own) !== undefined) {
    try {
      linkSync(own, path);
    } catch {
      // A third one holds it by now; the run whose lock this was finds out when it releases.
    }
  }
  rmSync(own, { force: true });
}

/**
 * Takes the lock file where it is free or its holder is dead.
 * @returns the process id of the living holder where there is one, else undefined: the lock is ours, and releaseLock() gives it back
 */
export function tryLock(path: string): number | undefined {
  const own = `${path}.${process.pid}`;
  // A stale lock is removed once; whoever took it in between is told of as the holder.
  for (let attempt = 0; ; attempt++) {
    if (take(path, own)) return undefined;
    const pid = holder(path);
    if (pid !== undefined || attempt > 1) return pid ?? 0;
    removeStale(path, own);
  }
}

/** Gives back a lock that this process holds. */
export function releaseLock(path: string): void {
  if (holder(path) === process.pid) rmSync(path, { force: true });
}

/** The living process that holds the lock file; undefined where it is free. */
export function lockHolder(path: string): number | undefined {
  return holder(path);
}

/**
 * Runs `work` while holding the lock file.
 * @param waitMs how long another holder is waited for
 * @throws OperatorError naming the holder's process id when it does not let go in time
 */
export async function withLock<T>(path: string, waitMs: number, clock: Clock, work: () => Promise<T>): Promise<T> {
  const until = clock.monotonicMs() + waitMs;
  for (let pid = tryLock(path); pid !== undefined; pid = tryLock(path)) {
    if (clock.monotonicMs() > until) {
      throw new OperatorError(`another run (pid ${pid}) is working on this server`, {
        next: `wait for it, or end it: kill ${pid}`,
      });
    }
    await clock.sleep(POLL_MS);
  }
  try {
    return await work();
  } finally {
    releaseLock(path);
  }
}
