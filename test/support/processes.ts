/** Processes of this machine, as /proc tells. Linux only, as the tests that use it say. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export interface ProcessInfo {
  pid: number;
  cwd: string;
  command: string;
}

function read(pid: string): ProcessInfo | undefined {
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
    return { pid: Number(pid), cwd: readlinkSync(`/proc/${pid}/cwd`), command };
  } catch {
    // It ended while we looked.
    return undefined;
  }
}

export function processes(): ProcessInfo[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map(read).filter((info) => info !== undefined);
}

/** Postmasters whose data lies below a folder: their first argument is the program `postgres`, their working folder the data. */
export function postmastersBelow(dir: string): ProcessInfo[] {
  return processes().filter(({ cwd, command }) => cwd.startsWith(dir) && /(^|\/)postgres -D /.test(command));
}

/** Every process whose environment or arguments name a folder: what a run in it may have left behind. */
export function processesNaming(text: string): ProcessInfo[] {
  return processes().filter(({ pid, command }) => {
    if (pid === process.pid) return false;
    if (command.includes(text)) return true;
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(text);
    } catch {
      return false;
    }
  });
}

/** Waits until `check` holds. @throws Error with `what` after `timeoutMs` */
export async function eventually(
  what: string,
  check: () => boolean | Promise<boolean>,
  timeoutMs = 30_000,
): Promise<void> {
  const until = performance.now() + timeoutMs;
  while (!(await check())) {
    if (performance.now() > until) throw new Error(`did not happen in ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
