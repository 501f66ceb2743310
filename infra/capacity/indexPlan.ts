/** How each vector index is built on a host: memory, workers, /dev/shm, time, WAL. */
import {
  hnswBuildMemoryMiB,
  hnswBuildSeconds,
  hnswBuildWalBytes,
  hnswSpillTuples,
  BUILD_TIME_ERROR_FACTOR,
} from './hnsw';
import type { Host } from './host';
import {
  ivfflatBuildMemoryMiB,
  ivfflatBuildSeconds,
  ivfflatBuildWalBytes,
  ivfflatLists,
  ivfflatProbes,
} from './ivfflat';
import { hnswElements, tableRows, vectorIndexBytes, type TableName, type TableRows } from './storage';
import { clamp } from './units';
import type { IndexChoice, IndexProfile, ResolvedWorkload, VectorType } from './workload';

/** One vector index and the settings of the session that builds it. */
export interface IndexPlan {
  table: TableName;
  method: 'hnsw' | 'ivfflat';
  profile: IndexProfile;
  type: VectorType;
  dimensions: number;
  /** Distinct vectors (HNSW) or rows (IVFFlat) in it. */
  elements: number;
  /** HNSW only. */
  m?: number;
  /** HNSW only. */
  efConstruction?: number;
  /** HNSW: hnsw.ef_search to begin with; `qbench recall` finds the one a target needs. */
  efSearch?: number;
  /** IVFFlat only. */
  lists?: number;
  /** IVFFlat: ivfflat.probes; the server's default of 1 finds little. */
  probes?: number;
  indexBytes: number;
  /** Smallest maintenance_work_mem that builds without a spill (HNSW) or at all (IVFFlat). */
  buildMemoryMiB: number;
  /** maintenance_work_mem of the session that builds. */
  sessionMaintenanceWorkMemMiB: number;
  /** max_parallel_maintenance_workers of the session, and `parallel_workers` of the table. */
  parallelWorkers: number;
  /** Taken from /dev/shm at once while building; 0 for a serial build. */
  devShmMiB: number;
  /** HNSW: elements after which this session's memory is full. At or above `elements` there is no spill. */
  spillAfterElements?: number;
  spills: boolean;
  estimatedBuildSeconds: number;
  /** The build may take this many times longer or shorter. */
  buildTimeErrorFactor: number;
  buildWalBytes: number;
}

/** ef_search to begin with: 100 finds about 0.93 of the nearest ten at 500,000 vectors with m = 16 (measured). */
function efSearchOf(index: IndexChoice): number {
  return index.profile === 'accuracy' || index.type === 'bit' ? 200 : 100;
}

/** Build memory an index of a table needs, in MiB, built in parallel. */
export function requiredBuildMemoryMiB(
  rows: TableRows,
  dimensions: number,
  index: IndexChoice,
  parallel = true,
): number {
  if (index.profile === 'ivfflat') {
    return ivfflatBuildMemoryMiB(index.type, dimensions, index.lists ?? ivfflatLists(rows.embeddedRows));
  }
  return hnswBuildMemoryMiB(hnswElements(rows, index), index.type, dimensions, index.m, parallel);
}

/** Workers beside the leader: one core less than there are, eight at most (more contend for the graph's locks). */
export function buildWorkers(cores: number): number {
  return clamp(cores - 1, 0, 8);
}

/**
 * Plans the builds of both tables' vector indexes.
 *
 * @param budgetMiB memory that one build may take beside everything else on the host
 */
export function indexPlans(workload: ResolvedWorkload, index: IndexChoice, host: Host, budgetMiB: number): IndexPlan[] {
  return tableRows(workload).map((rows) => indexPlanOf(rows, workload.dimensions, index, host, budgetMiB));
}

function indexPlanOf(
  rows: TableRows,
  dimensions: number,
  index: IndexChoice,
  host: Host,
  budgetMiB: number,
): IndexPlan {
  const devShmMiB = host.devShmMiB ?? host.memoryMiB / 2;
  // The serial figure leaves a parallel build two percent for rows that arrive between plan and build.
  const roomyMiB = Math.max(64, requiredBuildMemoryMiB(rows, dimensions, index, false));
  const session = Math.max(1, Math.min(roomyMiB, Math.floor(budgetMiB)));
  // A build whose memory /dev/shm cannot give fails; a serial one takes ordinary memory instead.
  const parallelWorkers = session <= devShmMiB ? buildWorkers(host.cores) : 0;
  const buildMemoryMiB = requiredBuildMemoryMiB(rows, dimensions, index, parallelWorkers > 0);
  const common = {
    table: rows.table,
    profile: index.profile,
    type: index.type,
    dimensions,
    indexBytes: vectorIndexBytes(rows, dimensions, index),
    buildMemoryMiB,
    sessionMaintenanceWorkMemMiB: session,
    parallelWorkers,
    devShmMiB: parallelWorkers > 0 ? session : 0,
  };
  const processes = 1 + parallelWorkers;
  if (index.profile === 'ivfflat') {
    const lists = index.lists ?? ivfflatLists(rows.embeddedRows);
    return {
      ...common,
      method: 'ivfflat',
      elements: rows.embeddedRows,
      lists,
      probes: ivfflatProbes(lists),
      spills: false,
      estimatedBuildSeconds: ivfflatBuildSeconds(rows.embeddedRows, dimensions, lists, processes),
      buildTimeErrorFactor: 3,
      buildWalBytes: ivfflatBuildWalBytes(rows.embeddedRows, index.type, dimensions),
    };
  }
  const { type, m, efConstruction } = index;
  const elements = hnswElements(rows, index);
  const spillAfterElements = hnswSpillTuples(session, type, dimensions, m);
  return {
    ...common,
    method: 'hnsw',
    elements,
    m,
    efConstruction,
    efSearch: efSearchOf(index),
    spillAfterElements,
    spills: spillAfterElements < elements,
    estimatedBuildSeconds: hnswBuildSeconds({
      elements,
      type,
      dimensions,
      m,
      efConstruction,
      processes,
      elementsInMemory: spillAfterElements,
    }),
    buildTimeErrorFactor: BUILD_TIME_ERROR_FACTOR,
    buildWalBytes: hnswBuildWalBytes(elements, type, dimensions, m),
  };
}
