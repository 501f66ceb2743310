/** Memory of a server's processes, as /proc tells; Linux only, elsewhere nothing is known. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { postmasterPid } from '../../infra/adapters/localServer/probe';

function parentOf(pid: string): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return undefined;
  }
}

/**
 * Bytes of dynamic shared memory that a server's processes have touched: what a parallel index build really took of /dev/shm. Pages
 * that several processes use are shared out among them (Pss), so that the sum counts each once.
 */
export function dynamicSharedBytes(dataDir: string): number | undefined {
  const postmaster = postmasterPid(dataDir);
  if (postmaster === undefined || !existsSync('/proc/self/smaps')) return undefined;
  let kib = 0;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    if (parentOf(pid) !== postmaster) continue;
    try {
      let ours = false;
      for (const line of readFileSync(`/proc/${pid}/smaps`, 'utf8').split('\n')) {
        if (/^[0-9a-f]+-[0-9a-f]+ /.test(line)) ours = line.includes('/dev/shm/PostgreSQL.');
        else if (ours && line.startsWith('Pss:')) kib += Number(/\d+/.exec(line)?.[0] ?? 0);
      }
    } catch {
      // It ended meanwhile.
    }
  }
  return kib * 1024;
}

/** Looks every few seconds while some work runs. @returns its result and the most that was seen */
export async function peakWhile<T>(
  look: () => number | undefined,
  everyMs: number,
  work: () => Promise<T>,
): Promise<{ result: T; peak: number | undefined }> {
  let peak: number | undefined;
  const timer = setInterval(() => {
    const now = look();
    if (now !== undefined) peak = Math.max(peak ?? 0, now);
  }, everyMs);
  try {
    return { result: await work(), peak };
  } finally {
    clearInterval(timer);
  }
}
