/**
 * Sizes and times of HNSW indexes. Formulas: pgvector source (hnsw.h, hnswbuild.c, hnswutils.c), checked against built
 * indexes by `test/sql/capacity-live.test.ts`; times are calibrated, see {@link hnswBuildSeconds}.
 */
import { MIB, maxAlign, pagesToBytes } from './units';
import type { VectorType } from './workload';

/** Bytes of a page that elements may use: 8192 less header (24) and pgvector's page trailer (8). */
export const USABLE_PAGE_BYTES = 8160;

/** MiB of maintenance_work_mem that a parallel build keeps for itself beside the graph. */
const PARALLEL_OVERHEAD_MIB = 4;

/** A serial build allocates in a memory context whose overhead is one to two percent. */
const SERIAL_FACTOR = 1.02;

/** Measured: once the graph no longer fits in memory, inserting a tuple takes this many times longer even when all is cached. */
const SPILL_SLOWDOWN = 6.4;

/** Bytes of one value as stored in an index: V in the formulas. */
export function vectorBytes(type: VectorType, dimensions: number): number {
  if (type === 'bit') return 8 + Math.ceil(dimensions / 8);
  return 8 + (type === 'halfvec' ? 2 : 4) * dimensions;
}

/** Highest level pgvector gives an element: its neighbour tuple must fit a page (HnswGetMaxLevel). */
function maxLevel(m: number): number {
  return Math.min(255, Math.floor(Math.floor((USABLE_PAGE_BYTES - 4 - 4) / 6) / m) - 2);
}

/** Bytes of an element tuple: E. */
function elementTupleBytes(type: VectorType, dimensions: number): number {
  return maxAlign(72 + vectorBytes(type, dimensions));
}

/** Bytes of the neighbour tuple of an element of a level: K(l). */
function neighbourTupleBytes(m: number, level: number): number {
  return maxAlign(4 + 6 * m * (level + 2));
}

/** Bytes that an element of a level takes from its page, both tuples and their line pointers: c(l). */
export function elementBytes(type: VectorType, dimensions: number, m: number, level: number): number {
  return elementTupleBytes(type, dimensions) + neighbourTupleBytes(m, level) + 8;
}

/** Probability of each level: P(level >= l) = m^-l; levels rarer than 1e-6 are left out, the last one takes the rest. */
function levelProbabilities(m: number): number[] {
  const last = Math.min(maxLevel(m), Math.ceil(6 / Math.log10(m)));
  return Array.from({ length: last + 1 }, (_, level) => m ** -level - (level === last ? 0 : m ** -(level + 1)));
}

interface PageCycle {
  /** Mean number of elements begun on the pages of the cycle. */
  elements: number;
  pages: number;
  /** Probability that an element of a level opens the next cycle. */
  next: number[];
}

/** What one page holds when an element of level `first` opened it: the exact distribution, walked in order of used bytes. */
function pageCycle(
  element: number,
  neighbours: readonly number[],
  probabilities: readonly number[],
  first: number,
): PageCycle {
  const costs = neighbours.map((neighbour) => element + neighbour + 8);
  const opening = costs[first] ?? 0;
  // An element too big to share a page with its neighbour tuple puts that on a page of its own, where the next may follow.
  const alone = opening > USABLE_PAGE_BYTES;
  const mass = new Float64Array(USABLE_PAGE_BYTES + 1);
  const cycle: PageCycle = { elements: 1, pages: alone ? 2 : 1, next: probabilities.map(() => 0) };
  const start = alone ? (neighbours[first] ?? 0) + 4 : opening;
  mass[start] = 1;
  for (let used = start; used <= USABLE_PAGE_BYTES; used += 4) {
    const weight = mass[used] ?? 0;
    if (weight === 0) continue;
    probabilities.forEach((probability, level) => {
      const after = used + (costs[level] ?? 0);
      if (after <= USABLE_PAGE_BYTES) {
        cycle.elements += weight * probability;
        mass[after] = (mass[after] ?? 0) + weight * probability;
      } else cycle.next[level] = (cycle.next[level] ?? 0) + weight * probability;
    });
  }
  return cycle;
}

const pagesPerElementCache = new Map<string, number>();

/**
 * Expected pages per element: 1/floor(8160/c(0)) where levels above 0 fit the slack of a page (vector, halfvec), and the
 * exact expectation over the level distribution where they do not (bit, short vectors). It is the stationary mean of
 * pages per cycle over elements per cycle, so no random numbers are drawn.
 */
export function pagesPerElement(type: VectorType, dimensions: number, m: number): number {
  const key = `${type}/${dimensions}/${m}`;
  const known = pagesPerElementCache.get(key);
  if (known !== undefined) return known;
  const probabilities = levelProbabilities(m);
  const element = elementTupleBytes(type, dimensions);
  const neighbours = probabilities.map((_, level) => neighbourTupleBytes(m, level));
  const cycles = probabilities.map((_, first) => pageCycle(element, neighbours, probabilities, first));
  let openers = [...probabilities];
  for (let round = 0; round < 60; round++) {
    const next = openers.map(() => 0);
    cycles.forEach((cycle, first) => {
      cycle.next.forEach((probability, level) => {
        next[level] = (next[level] ?? 0) + (openers[first] ?? 0) * probability;
      });
    });
    openers = next;
  }
  const mean = (pick: (cycle: PageCycle) => number): number =>
    cycles.reduce((sum, cycle, first) => sum + (openers[first] ?? 0) * pick(cycle), 0);
  const result = mean((cycle) => cycle.pages) / mean((cycle) => cycle.elements);
  pagesPerElementCache.set(key, result);
  return result;
}

/** Elements of level 0 that share a page: r; 0 where one and its neighbours do not fit one page. */
export function elementsPerPage(type: VectorType, dimensions: number, m: number): number {
  return Math.floor(USABLE_PAGE_BYTES / elementBytes(type, dimensions, m, 0));
}

/**
 * Pages of an HNSW index of `elements` distinct, non-NULL vectors: one meta page, and the elements' pages: ceil(N / r), or what the
 * levels above 0 are expected to add to that.
 */
export function hnswPages(elements: number, type: VectorType, dimensions: number, m: number): number {
  const perPage = elementsPerPage(type, dimensions, m);
  const expected = Math.round(elements * pagesPerElement(type, dimensions, m));
  return 1 + Math.max(perPage === 0 ? 0 : Math.ceil(elements / perPage), expected);
}

/** Bytes of an HNSW index. */
export function hnswBytes(elements: number, type: VectorType, dimensions: number, m: number): number {
  return pagesToBytes(hnswPages(elements, type, dimensions, m));
}

/** Bytes of build memory an element takes: M, with L = 1/(m-1) levels above 0 on average. */
function hnswMemoryBytesPerElement(type: VectorType, dimensions: number, m: number): number {
  const levels = 1 / (m - 1);
  return 128 + 8 * (1 + levels) + (8 + 32 * m) + levels * (8 + 16 * m) + maxAlign(vectorBytes(type, dimensions));
}

/** Smallest maintenance_work_mem in MiB that builds without a spill. A serial build needs one to two percent more than a parallel one. */
export function hnswBuildMemoryMiB(
  elements: number,
  type: VectorType,
  dimensions: number,
  m: number,
  parallel = true,
): number {
  const graph = (elements * hnswMemoryBytesPerElement(type, dimensions, m)) / MIB;
  return Math.ceil(parallel ? graph : graph * SERIAL_FACTOR) + PARALLEL_OVERHEAD_MIB;
}

/** Tuples after which a parallel build with this maintenance_work_mem spills to the slow path. */
export function hnswSpillTuples(
  maintenanceWorkMemMiB: number,
  type: VectorType,
  dimensions: number,
  m: number,
): number {
  const bytes = Math.max(0, maintenanceWorkMemMiB - PARALLEL_OVERHEAD_MIB) * MIB;
  return Math.floor(bytes / hnswMemoryBytesPerElement(type, dimensions, m));
}

/** WAL bytes of a build: each page is logged once, without its hole. Measured 6504 B a row for vector(1536), m = 16. */
export function hnswBuildWalBytes(elements: number, type: VectorType, dimensions: number, m: number): number {
  return Math.ceil(elements * (elementBytes(type, dimensions, m, 0) + 72));
}

/**
 * WAL bytes of one row inserted into an existing index, at most: soon after a checkpoint each of the m neighbours lies on a
 * page that is logged whole. Measured 114 kB a row for vector(1536), m = 16, falling to 41 kB as pages repeat.
 */
export function hnswInsertWalBytes(type: VectorType, dimensions: number, m: number): number {
  const own = elementBytes(type, dimensions, m, 0);
  const perPage = Math.max(1, Math.floor(USABLE_PAGE_BYTES / own));
  return own + m * Math.min(USABLE_PAGE_BYTES, perPage * own);
}

/** Factor by which a real build may take longer or shorter than estimated: processors and caches differ, and so does data. */
export const BUILD_TIME_ERROR_FACTOR = 2;

/** Cost of a type's distance and of its conversion beside vector, measured on 8,000 real rows. */
const TYPE_COST: Readonly<Record<VectorType, number>> = { vector: 1, halfvec: 0.94, bit: 0.44 };

export interface BuildTimeInput {
  elements: number;
  type: VectorType;
  dimensions: number;
  m: number;
  efConstruction: number;
  /** Processes that build: the workers and their leader. */
  processes: number;
  /** Elements inserted before the spill; all of them where the memory suffices. */
  elementsInMemory: number;
}

/**
 * Estimated seconds of a build. Calibrated on two cores with vector(1536): 8,000 rows 2.9 s, 32,000 rows 14.6 s, 500,000
 * rows 262 s with m = 16 and ef_construction = 64 (38.4 ln N + 29 microseconds a row, within 6 %); 32,000 rows 40 s with 32 and 128;
 * 384, 768 and 1536 dimensions in 1.46, 1.92 and 2.86 s. Good to about a factor of two on another machine.
 */
export function hnswBuildSeconds(input: BuildTimeInput): number {
  const { elements, m, efConstruction } = input;
  if (elements <= 0) return 0;
  const perRow = 1e-6 * (38.4 * Math.log(elements + 1) + 29);
  const graph = ((m * efConstruction) / (16 * 64)) ** 0.75;
  const distance = (0.35 + (0.65 * input.dimensions) / 1536) * TYPE_COST[input.type];
  const speedup = (Math.max(1, input.processes) / 2) ** 0.9;
  const spilled = Math.max(0, elements - input.elementsInMemory);
  return ((elements - spilled + spilled * SPILL_SLOWDOWN) * perRow * graph * distance) / speedup;
}
