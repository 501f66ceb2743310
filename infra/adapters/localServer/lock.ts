/** A lock file that keeps two runs over one stack's server apart, and that a dead holder does not keep. */
import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { OperatorError } from '../../ops/errors';
import type { Clock } from '../../ops/ports';

const POLL_MS = 100;

function holder(path: string): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(path, 'utf8'), 10);
    process.kill(pid, 0);
    return pid;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' ? -1 : undefined;
  }
}

/**
 * Runs `work` while holding the lock file.
 * @param waitMs how long another holder is waited for
 * @throws OperatorError naming the holder's process id when it does not let go in time
 */
export async function withLock<T>(path: string, waitMs: number, clock: Clock, work: () => Promise<T>): Promise<T> {
  const until = clock.monotonicMs() + waitMs;
  for (;;) {
    try {
      const fd = openSync(path, 'wx', 0o644);
      writeSync(fd, String(process.pid));
      closeSync(fd);
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const pid = holder(path);
      if (pid === undefined) rmSync(path, { force: true });
      else if (clock.monotonicMs() > until) {
        throw new OperatorError(`another run (pid ${pid}) is working on this server`, { next: `wait for it, or end it: kill ${pid}` });
      } else await clock.sleep(POLL_MS);
    }
  }
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}
