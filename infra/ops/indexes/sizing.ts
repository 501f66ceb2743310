/** The capacity plan's formulas, asked about one index and the rows that it really has. */
import { hnswBuildMemoryMiB, hnswBuildWalBytes, hnswBytes, hnswSpillTuples } from '../../capacity/hnsw';
import {
  ivfflatBuildMemoryMiB,
  ivfflatBuildWalBytes,
  ivfflatBytes,
  ivfflatLists,
  ivfflatProbes,
} from '../../capacity/ivfflat';
import type { ResolvedIndex } from './definition';

export interface IndexSizing {
  /** Smallest maintenance_work_mem in MiB that builds an index of `rows` rows without a spill (HNSW) or at all (IVFFlat). */
  buildMemoryMiB(index: ResolvedIndex, rows: number, parallel: boolean): number;
  /** Rows after which a build with this maintenance_work_mem leaves the fast path; undefined where there is no such point. */
  spillRows(index: ResolvedIndex, maintenanceWorkMemMiB: number): number | undefined;
  /** Size on disk in bytes. */
  indexBytes(index: ResolvedIndex, rows: number): number;
  /** WAL that the build writes, in bytes. */
  walBytes(index: ResolvedIndex, rows: number): number;
  /** IVFFlat: clusters for a number of rows. */
  lists(rows: number): number;
  /** IVFFlat: clusters to look at while searching. */
  probes(lists: number): number;
}

/** Sizes by the formulas of `infra/capacity`. */
export const capacitySizing: IndexSizing = {
  buildMemoryMiB: (index, rows, parallel) =>
    index.method === 'hnsw'
      ? hnswBuildMemoryMiB(rows, index.type, index.dimensions, index.m, parallel)
      : ivfflatBuildMemoryMiB(index.type, index.dimensions, index.lists),
  spillRows: (index, memoryMiB) =>
    index.method === 'hnsw' ? hnswSpillTuples(memoryMiB, index.type, index.dimensions, index.m) : undefined,
  indexBytes: (index, rows) =>
    index.method === 'hnsw'
      ? hnswBytes(rows, index.type, index.dimensions, index.m)
      : ivfflatBytes(rows, index.type, index.dimensions, index.lists),
  walBytes: (index, rows) =>
    index.method === 'hnsw'
      ? hnswBuildWalBytes(rows, index.type, index.dimensions, index.m)
      : ivfflatBuildWalBytes(rows, index.type, index.dimensions),
  lists: ivfflatLists,
  probes: ivfflatProbes,
};
