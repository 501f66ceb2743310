/** Whether a local server is alive, from its files alone: no connection, so a preview may ask it. */
import { existsSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { readRecord, stackLayout, type MachineContext } from './layout';

/** Process id of the postmaster of this data folder, or undefined where none runs. A stale postmaster.pid counts as none. */
export function postmasterPid(dataDir: string): number | undefined {
  const file = join(dataDir, 'postmaster.pid');
  if (!existsSync(file)) return undefined;
  const pid = Number.parseInt(readFileSync(file, 'utf8').split('\n', 1)[0] ?? '', 10);
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it lives, as somebody else.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return undefined;
  }
  // The number may have been given to another program since: a postmaster's working folder is its data folder.
  if (process.platform === 'linux') {
    try {
      if (isZombie(pid)) return undefined;
      if (readlinkSync(`/proc/${pid}/cwd`) !== realpathSync(dataDir)) return undefined;
    } catch {
      return undefined;
    }
  }
  return pid;
}

function isZombie(pid: number): boolean {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z');
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
