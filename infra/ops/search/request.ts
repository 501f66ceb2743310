/** What a search is asked and what it answers. */
import type { VectorType } from '../indexes/desired';
import type { PlanNode } from './explain';

export type SearchTarget = 'documents' | 'steps';

/** hnsw.iterative_scan: how pgvector goes on where filters left fewer rows than asked for. */
export type IterativeScan = 'off' | 'strict_order' | 'relaxed_order';

export interface SearchFilters {
  priority?: string;
  /** Any of them. */
  tags?: readonly string[];
  platform?: string;
  /** Beginning of folder_structure. */
  folder?: string;
}

/** Where the query embedding comes from. There is no embedding model here: a text only finds a stored document. */
export type SearchSource =
  | { kind: 'text'; text: string }
  | { kind: 'uid'; uid: string }
  | { kind: 'vector'; values: Float32Array; pad: boolean; name: string };

export interface SearchRequest {
  source: SearchSource;
  target: SearchTarget;
  filters: SearchFilters;
  /** Rows wanted. */
  limit: number;
  /** hnsw.ef_search. @default the session's own, or `limit` where that is more */
  efSearch?: number;
  /** @default strict_order where there are filters or `limit` is beyond ef_search, else off */
  iterativeScan?: IterativeScan;
  /** Keeps the planner from comparing every row, which it prefers in a small table. @default false */
  useIndex?: boolean;
  /** Also runs the statement under EXPLAIN (ANALYZE, BUFFERS). */
  explain: boolean;
}

export interface SearchHit {
  uid: string;
  title: string;
  /** 1 - cosine distance: 1 is the same direction, 0 unrelated. */
  similarity: number;
  description?: string | null;
  priority?: string | null;
  tags?: string[] | null;
  folder_structure?: string | null;
  step_index?: number;
  action?: string | null;
  expected?: string[] | null;
}

export interface SearchAnswer {
  /** The stored document whose embedding was searched with. */
  searchedWith?: { uid: string; title: string };
  hits: SearchHit[];
  /** Index that gave the order; null for an exact scan. */
  index: string | null;
  /** What that index is built over; null for an exact scan. */
  indexType: VectorType | null;
  /** For bit only: at most so many candidates by Hamming distance were reranked by the full vectors. */
  candidates?: number;
  efSearch: number;
  iterativeScan: IterativeScan;
  /** From sending the statement to its last row. */
  latencyMs: number;
  /** Plan with measured rows, times and buffers, where it was asked for. */
  plan?: PlanNode;
}
