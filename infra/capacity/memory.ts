/**
 * How a host's memory is divided. Everything that can be in use at the same time is counted, and what is left bounds work_mem and
 * the build, so the sums cannot exceed the memory.
 */
import type { Host } from './host';
import { requiredBuildMemoryMiB } from './indexPlan';
import { sumBytes, tableRows, type RelationSize } from './storage';
import { KIB, clamp, toMiB } from './units';
import type { IndexChoice, ResolvedWorkload } from './workload';

/** shared_buffers holds the vector indexes and this much more: the upper pages of everything else. */
const HOT_INDEX_FACTOR = 1.1;

/** Share of the memory that shared_buffers never exceeds: the rest of the server needs the other half. */
const SHARED_BUFFERS_MAX_SHARE = 0.5;
const SHARED_BUFFERS_MIN_SHARE = 0.25;

/** Catalog and plan caches of a backend, pgvector's own included. */
const BACKEND_MIB = 4;

/** A hash may take this many times work_mem; the sums count it for every connection. */
export const HASH_MEM_MULTIPLIER = 2;

/** Largest work_mem in KiB: nearest-neighbour scans do not use it, and reports can set their own. */
const WORK_MEM_MAX_KIB = 64 * KIB;

/** Superuser's and monitoring's connections on top of the workload's. */
export const SUPERUSER_RESERVED_CONNECTIONS = 3;
export const RESERVED_CONNECTIONS = 5;

/** What the memory of a host is used for, in MiB; the parts add up to `totalMiB`, which never exceeds the memory. */
export interface MemorySum {
  sharedBuffersMiB: number;
  /** Locks, WAL buffers, statistics and other shared memory beside shared_buffers. */
  otherSharedMiB: number;
  /** Every connection's caches, and its page tables of shared_buffers where there are no huge pages. */
  backendsMiB: number;
  /** Every connection in a sort or hash at once. */
  workMemMiB: number;
  autovacuumMiB: number;
  /** One VACUUM or CREATE INDEX by hand while serving; the vector build while building. */
  maintenanceMiB: number;
  operatingSystemMiB: number;
  totalMiB: number;
  /** What is left for the page cache. */
  freeMiB: number;
}

export interface MemoryPlan {
  hostMemoryMiB: number;
  /** Size of all vector indexes: what searches touch. */
  hotIndexMiB: number;
  /** shared_buffers that holds it. */
  wantedSharedBuffersMiB: number;
  /** Largest shared_buffers this host may have. */
  maximumSharedBuffersMiB: number;
  /** Build memory of the largest vector index. */
  wantedBuildMiB: number;
  /** Memory one build may take here. */
  buildBudgetMiB: number;
  /** Connections asked for, and how many of them have room. */
  wantedConnections: number;
  connections: number;
  workMemKiB: number;
  maintenanceWorkMemMiB: number;
  autovacuumWorkMemMiB: number;
  autovacuumMaxWorkers: number;
  serving: MemorySum;
  building: MemorySum;
}

function autovacuumWorkers(cores: number): number {
  if (cores >= 8) return 4;
  return cores >= 4 ? 3 : 2;
}

/**
 * Divides the memory: shared_buffers = max(25 % of memory, 1.1 x hot index), 50 % at most; then connections, autovacuum and the
 * operating system; then the build; work_mem takes of the rest what (memory - shared_buffers) / (3 x connections) allows.
 */
export function memoryPlan(
  workload: ResolvedWorkload,
  index: IndexChoice,
  relations: readonly RelationSize[],
  host: Host,
): MemoryPlan {
  const memory = Math.floor(host.memoryMiB);
  const hotIndexMiB = toMiB(sumBytes(relations, ({ kind }) => kind === 'vector index'));
  const wantedSharedBuffersMiB = Math.ceil(Math.max(memory * SHARED_BUFFERS_MIN_SHARE, hotIndexMiB * HOT_INDEX_FACTOR));
  const maximumSharedBuffersMiB = Math.floor(memory * SHARED_BUFFERS_MAX_SHARE);
  const sharedBuffersMiB = Math.min(wantedSharedBuffersMiB, maximumSharedBuffersMiB);

  const operatingSystemMiB = Math.ceil(clamp(memory * 0.05, 128, 2048));
  const otherSharedMiB = Math.ceil(16 + sharedBuffersMiB * 0.015);
  const autovacuumMaxWorkers = autovacuumWorkers(host.cores);
  const autovacuumWorkMemMiB = Math.floor(clamp(memory / 64, 8, 512));
  const autovacuumMiB = autovacuumMaxWorkers * autovacuumWorkMemMiB;
  const maintenanceWorkMemMiB = Math.floor(clamp(memory / 32, 16, 1024));
  const fixed = sharedBuffersMiB + otherSharedMiB + autovacuumMiB + operatingSystemMiB;

  // Without huge pages each process maps shared_buffers itself: 8 bytes for each 4 KiB page.
  const backendMiB = BACKEND_MIB + (host.hugePages === true ? 0 : sharedBuffersMiB / 512);
  const workMemFloorMiB = clamp(memory / 2048, 1, 4);
  const wantedConnections = workload.connections + SUPERUSER_RESERVED_CONNECTIONS + RESERVED_CONNECTIONS;
  const perConnection = backendMiB + workMemFloorMiB * HASH_MEM_MULTIPLIER;
  const connections = Math.max(
    1,
    Math.min(wantedConnections, Math.floor((memory - fixed - maintenanceWorkMemMiB) / perConnection)),
  );
  const backendsMiB = Math.ceil(connections * backendMiB);

  const rest = memory - fixed - backendsMiB;
  const buildBudgetMiB = Math.floor(rest - connections * workMemFloorMiB * HASH_MEM_MULTIPLIER);
  // A serial build takes one to two percent more, and which it will be depends on /dev/shm.
  const wantedBuildMiB = Math.max(
    ...tableRows(workload).map((rows) => requiredBuildMemoryMiB(rows, workload.dimensions, index, false)),
  );
  const buildMiB = Math.max(maintenanceWorkMemMiB, Math.min(wantedBuildMiB, buildBudgetMiB));
  const fairShareKiB = ((memory - sharedBuffersMiB) * KIB) / (3 * connections);
  const leftKiB = ((rest - buildMiB) * KIB) / (connections * HASH_MEM_MULTIPLIER);
  // In whole steps, so that a slightly larger index does not change the server's configuration with it.
  const shareKiB = Math.min(fairShareKiB, leftKiB, WORK_MEM_MAX_KIB);
  const stepKiB = shareKiB >= 2 * KIB ? KIB : 64;
  const workMemKiB = Math.max(64, Math.floor(shareKiB / stepKiB) * stepKiB);
  const workMemMiB = Math.ceil((connections * workMemKiB * HASH_MEM_MULTIPLIER) / KIB);

  const sum = (maintenanceMiB: number): MemorySum => {
    const parts = {
      sharedBuffersMiB,
      otherSharedMiB,
      backendsMiB,
      workMemMiB,
      autovacuumMiB,
      maintenanceMiB,
      operatingSystemMiB,
    };
    const totalMiB = Object.values(parts).reduce((total, part) => total + part, 0);
    return { ...parts, totalMiB, freeMiB: memory - totalMiB };
  };
  return {
    hostMemoryMiB: memory,
    hotIndexMiB,
    wantedSharedBuffersMiB,
    maximumSharedBuffersMiB,
    wantedBuildMiB,
    buildBudgetMiB,
    wantedConnections,
    connections,
    workMemKiB,
    maintenanceWorkMemMiB,
    autovacuumWorkMemMiB,
    autovacuumMaxWorkers,
    serving: sum(maintenanceWorkMemMiB),
    building: sum(buildMiB),
  };
}
