/** What pgtune would write (https://pgtune.leopard.in.ua), from its published formulas as of 2026, for PostgreSQL 18 on Linux. */

export interface PgtuneRequest {
  memoryMiB: number;
  cores: number;
  connections: number;
}

const clampDown = (value: number, most: number): number => Math.min(value, most);

/**
 * Application type "web application", SSD. "Mixed" differs in one line: half the work_mem, 4 MB at least. With fewer than four cores pgtune
 * leaves every parallel setting at the server's default. It also writes wal_compression = lz4, for which the server needs LZ4;
 * pglz is written instead, for all servers of this benchmark have that one.
 */
export function pgtune({ memoryMiB, cores, connections }: PgtuneRequest): Record<string, string> {
  const memory = memoryMiB * 1024;
  const sharedBuffers = Math.floor(memory / 4);
  const walBuffers = Math.floor((3 * sharedBuffers) / 100);
  const workers = cores < 4 ? 8 : cores;
  const workMem = Math.max(4096, Math.floor((memory - sharedBuffers) / ((connections + workers) * 3)));
  const half = Math.min(4, Math.ceil(cores / 2));
  const kB = (value: number): string => `${Math.floor(value)}kB`;
  return {
    max_connections: String(connections),
    shared_buffers: kB(sharedBuffers),
    effective_cache_size: kB((memory * 3) / 4),
    maintenance_work_mem: kB(clampDown(memory / 16, 8 * 1024 * 1024)),
    checkpoint_completion_target: '0.9',
    wal_buffers: kB(walBuffers > 14 * 1024 ? 16 * 1024 : Math.max(32, walBuffers)),
    default_statistics_target: '100',
    random_page_cost: '1.1',
    effective_io_concurrency: '200',
    work_mem: kB(workMem),
    huge_pages: sharedBuffers >= 2 * 1024 * 1024 ? 'try' : 'off',
    min_wal_size: '1GB',
    max_wal_size: '4GB',
    jit: 'off',
    wal_compression: 'pglz',
    ...(cores < 4
      ? {}
      : {
          max_worker_processes: String(cores),
          max_parallel_workers: String(cores),
          max_parallel_workers_per_gather: String(half),
          max_parallel_maintenance_workers: String(half),
        }),
  };
}
