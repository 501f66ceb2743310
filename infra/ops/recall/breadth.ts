/** The narrowest search that reaches a target recall. */
import type { Clock, Session } from '../ports';
import { measureRecall, type RecallResult, type Truth } from './measure';
import { BREADTH, type SearchOptions, type SearchTarget } from './search';

/** Steps worth telling apart; between them recall differs by less than a sample can show. */
const LADDERS = {
  hnsw: [10, 20, 30, 40, 60, 80, 100, 150, 200, 300, 400, 600, 800, 1000],
  ivfflat: [1, 2, 3, 5, 8, 12, 20, 32, 50, 80, 128, 200, 320, 512, 1024],
} as const;

export interface BreadthSearch {
  target: number;
  /** Smallest step whose measured recall reaches the target; undefined where none does. */
  needed: number | undefined;
  /** Every step that was measured, ascending. */
  measured: RecallResult[];
}

/** The steps of a method, from the first that can return k rows beside the row itself. */
export function breadthSteps(method: SearchTarget['method'], k: number, lists = Number.POSITIVE_INFINITY): number[] {
  if (method === 'ivfflat') {
    const steps = LADDERS.ivfflat.filter((step) => step < lists);
    return Number.isFinite(lists) ? [...steps, Math.min(lists, BREADTH.ivfflat.maximum)] : steps;
  }
  return LADDERS.hnsw.filter((step) => step > k);
}

/** Bisects the steps: recall grows with the breadth of the search, apart from noise smaller than a step. */
export async function breadthForRecall(
  session: Session,
  target: SearchTarget,
  truths: readonly Truth[],
  k: number,
  wanted: number,
  options: SearchOptions & { clock: Clock; lists?: number },
): Promise<BreadthSearch> {
  const steps = breadthSteps(target.method, k, options.lists);
  const measured = new Map<number, RecallResult>();
  let low = 0;
  let high = steps.length;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const breadth = steps[middle] as number;
    const result = await measureRecall(session, target, truths, k, { ...options, breadth });
    measured.set(breadth, result);
    if (result.recall >= wanted) high = middle;
    else low = middle + 1;
  }
  return {
    target: wanted,
    needed: steps[low],
    measured: [...measured.entries()].sort(([a], [b]) => a - b).map(([, result]) => result),
  };
}
