/** Whether a process whose number was written down earlier still runs. A number alone does not tell: it may be a dead one's, or another's. */
import { readFileSync } from 'node:fs';

/**
 * @returns false also for one that has ended and that nobody has waited for yet (Linux): where process 1 is slow to, or is a program that
 *   never does, as in many containers, a killed one stays listed
 */
export function processRuns(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it lives, as somebody else.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return !/^[ZX]/.test(statFields(pid)[0] ?? '');
}

/** Start of a process in clock ticks after boot, on Linux, else '': tells it from a later one with the same number. */
export function startTicks(pid: number): string {
  // The 22nd field, the state being the third (proc(5)).
  return statFields(pid)[19] ?? '';
}

/** Fields of /proc/PID/stat from the state on; the name before it may hold spaces and parentheses. */
function statFields(pid: number): string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}
