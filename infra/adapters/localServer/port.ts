/** Ports of this machine: a free one to begin with, and who has taken one. */
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';

/** Range searched for a free port: above PostgreSQL's own 5432, below the range the system hands out by itself. */
const FIRST = 5433;
const COUNT = 4000;

export function portIsFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/**
 * A free port. The search begins at a place that depends on `seed`, so that two stacks whose servers are both down
 * do not reserve the same one.
 * @param seed hex digits, at least eight
 * @param reserved ports promised to other stacks
 */
export async function findFreePort(seed: string, reserved: ReadonlySet<number>): Promise<number> {
  const start = Number.parseInt(seed.slice(0, 8), 16) % COUNT;
  for (let step = 0; step < COUNT; step++) {
    const port = FIRST + ((start + step) % COUNT);
    if (!reserved.has(port) && (await portIsFree(port))) return port;
  }
  throw new Error(`no free port between ${FIRST} and ${FIRST + COUNT - 1}`);
}

/** "pid 123 (postgres)" of the program listening on a port; undefined where this system does not tell. */
export function portHolder(port: number): string | undefined {
  try {
    const hex = port.toString(16).toUpperCase().padStart(4, '0');
    const inodes = new Set(
      ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) =>
        readFileSync(file, 'utf8')
          .split('\n')
          .map((line) => line.trim().split(/\s+/))
          .filter((fields) => fields[1]?.endsWith(`:${hex}`) === true && fields[3] === '0A')
          .map((fields) => `socket:[${fields[9]}]`),
      ),
    );
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      if (openFiles(pid).some((target) => inodes.has(target))) {
        return `pid ${pid} (${readFileSync(`/proc/${pid}/comm`, 'utf8').trim()})`;
      }
    }
  } catch {
    // Not Linux, or /proc is closed to us: the name is a courtesy.
  }
  return undefined;
}

function openFiles(pid: string): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`);
      } catch {
        return '';
      }
    });
  } catch {
    return [];
  }
}
