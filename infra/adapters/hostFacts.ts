/** What this machine has left, for a server that runs on it. */
import { existsSync, readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { freemem } from 'node:os';
import { join } from 'node:path';
import type { HostFacts, HostFactsSource } from '../ops/indexes/host';

const SHARED_MEMORY = '/dev/shm';

/** Bytes that an unprivileged user may still write below a folder; undefined where it cannot be reached. */
export async function freeBytes(path: string): Promise<number | undefined> {
  try {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  } catch {
    // A folder that this user cannot reach is a fact that stays unknown; the server's own error will tell.
    return undefined;
  }
}

function memoryAvailableBytes(): number {
  const file = '/proc/meminfo';
  const kib = existsSync(file) ? /^MemAvailable:\s+(\d+) kB/m.exec(readFileSync(file, 'utf8'))?.[1] : undefined;
  return kib === undefined ? freemem() : Number(kib) * 1024;
}

/** @param dataDir data folder of the server */
export function hostFactsOfThisMachine(dataDir: string): HostFactsSource {
  return {
    async read(dynamicSharedMemoryType): Promise<HostFacts> {
      const disk = await freeBytes(dataDir);
      const places: Readonly<Record<string, string>> = { posix: SHARED_MEMORY, mmap: join(dataDir, 'pg_dynshmem') };
      const place = places[dynamicSharedMemoryType];
      const shared = place === undefined ? undefined : await freeBytes(place);
      return {
        memoryAvailableBytes: memoryAvailableBytes(),
        ...(disk === undefined ? {} : { diskFreeBytes: disk }),
        ...(shared === undefined || place === undefined
          ? {}
          : { sharedMemoryFreeBytes: shared, sharedMemoryPlace: place }),
      };
    },
  };
}
