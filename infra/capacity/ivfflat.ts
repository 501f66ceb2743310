/** Sizes, memory and times of IVFFlat indexes. Formulas: pgvector source (ivfbuild.c, ivfkmeans.c). */
import { USABLE_PAGE_BYTES, vectorBytes } from './hnsw';
import { MIB, maxAlign, pagesToBytes } from './units';
import type { VectorType } from './workload';

/** Lists for a number of rows: rows / 1000 up to a million rows, else the square root of the rows (pgvector's README). */
export function ivfflatLists(rows: number): number {
  return Math.min(32_768, Math.max(1, Math.ceil(rows <= 1_000_000 ? rows / 1000 : Math.sqrt(rows))));
}

/** Probes to begin with: the square root of the lists (pgvector's README). The server's default of 1 finds little. */
export function ivfflatProbes(lists: number): number {
  return Math.max(1, Math.ceil(Math.sqrt(lists)));
}

/** Tuples a page holds: f. */
function ivfflatTuplesPerPage(type: VectorType, dimensions: number): number {
  return Math.max(1, Math.floor(USABLE_PAGE_BYTES / (maxAlign(8 + vectorBytes(type, dimensions)) + 4)));
}

/**
 * Pages of an IVFFlat index: a meta page, the pages of the centres, and for each list its own chain of pages. Each list has
 * one page even when empty; with rows spread geometrically over the lists (k-means makes unequal ones) the mean chain is
 * (1-q) + q/(1-q^f), q = mean/(1+mean). For long lists that is N/f and half a page for each list, as
 * pages ~ 1 + lists/f + N/f + lists(f-1)/(2f) says. Measured within one percent with lists of a page or more; lists shorter than
 * a page (bit, far more lists than rows / 1000) are more even than that, and the index up to a fifth smaller.
 */
export function ivfflatPages(rows: number, type: VectorType, dimensions: number, lists: number): number {
  const perPage = ivfflatTuplesPerPage(type, dimensions);
  const centres = Math.ceil(lists / perPage);
  if (perPage === 1) return 1 + centres + Math.max(rows, lists);
  const mean = rows / lists;
  const q = mean / (1 + mean);
  const chain = rows === 0 ? 1 : 1 - q + q / (1 - q ** perPage);
  return 1 + centres + Math.ceil(lists * chain);
}

/** Bytes of an IVFFlat index. */
export function ivfflatBytes(rows: number, type: VectorType, dimensions: number, lists: number): number {
  return pagesToBytes(ivfflatPages(rows, type, dimensions, lists));
}

/** Rows that k-means samples. */
function ivfflatSampleRows(rows: number, lists: number): number {
  return Math.min(rows, Math.max(50 * lists, 10_000));
}

/** maintenance_work_mem in MiB that k-means needs; with less the server refuses the build. The sample is allocated whole, however few rows there are. */
export function ivfflatBuildMemoryMiB(type: VectorType, dimensions: number, lists: number): number {
  const sample = Math.max(50 * lists, 10_000);
  const value = maxAlign(vectorBytes(type, dimensions));
  const bytes = value * (2 * lists + sample) + 4 * lists * dimensions + 4 * sample * lists + 4 * lists ** 2;
  return Math.ceil(bytes / MIB) + 1;
}

/** WAL bytes of a build: its tuples, logged with their pages. */
export function ivfflatBuildWalBytes(rows: number, type: VectorType, dimensions: number): number {
  return Math.ceil(rows * (maxAlign(8 + vectorBytes(type, dimensions)) + 80));
}

/**
 * Estimated seconds of a build: reading and writing the rows (70 microseconds each), assigning each to a list, and k-means on the
 * sample. Calibrated on 8,000 rows of 1536 dimensions: 10 lists 0.6 s, 100 lists 1.0 s, 300 lists 2.0 s on two cores. Good to
 * about a factor of three.
 */
export function ivfflatBuildSeconds(rows: number, dimensions: number, lists: number, processes: number): number {
  const speedup = (Math.max(1, processes) / 2) ** 0.9;
  const assign = rows * (70e-6 + 1e-10 * lists * dimensions);
  const kmeans = ivfflatSampleRows(rows, lists) * 2.8e-10 * lists * dimensions;
  return assign / speedup + kmeans;
}
