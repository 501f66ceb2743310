/** Recall of an index: how many of the exact nearest neighbours of sampled rows it finds. */
import { OperatorError } from '../errors';
import { QUERY_CANCELED, sqlState } from '../indexes/sessions';
import type { Clock, ProgressSink, Session } from '../ports';
import {
  inExactSearch,
  inSearch,
  plannedIndexes,
  searchExactly,
  searchNear,
  type Neighbour,
  type SearchOptions,
  type SearchTarget,
} from './search';
import { mean, wilsonInterval, type Interval } from './statistics';

/** Exact neighbours of one row. */
export interface Truth {
  id: number;
  /** Cosine distance of the k-th nearest, the row itself not counted. */
  radius: number;
  /** Neighbours there are: k, or fewer in a small table. */
  count: number;
}

export interface RecallResult {
  k: number;
  /** hnsw.ef_search or ivfflat.probes; undefined where the session's own value was used. */
  breadth: number | undefined;
  queries: number;
  recall: number;
  /** 95 % confidence. */
  interval: Interval;
  /** Mean time of one search, seen from here. */
  meanMilliseconds: number;
}

/** Distances of equal vectors may differ in their last bits. */
const EPSILON = 1e-9;

/**
 * Compares sampled rows with all others, until all are done or the time is up.
 * @param deadlineMs on the clock's monotonic scale
 * @throws OperatorError where not even one row could be compared in time
 */
export async function exactNeighbours(
  session: Session,
  target: SearchTarget,
  ids: readonly number[],
  k: number,
  clock: Clock,
  deadlineMs: number,
  progress?: ProgressSink,
  signal?: AbortSignal,
): Promise<Truth[]> {
  const truths: Truth[] = [];
  for (const id of ids) {
    const left = deadlineMs - clock.monotonicMs();
    if (signal?.aborted === true) throw new OperatorError('interrupted');
    if (left <= 0) break;
    try {
      const found = await inExactSearch(session, left, () => searchExactly(session, target, id, k + 1));
      const others = withoutSelf(found, id, k);
      const radius = others[others.length - 1]?.distance;
      if (radius !== undefined) truths.push({ id, radius, count: others.length });
    } catch (error) {
      if (sqlState(error) !== QUERY_CANCELED) throw error;
      break;
    }
    progress?.update({
      phase: `comparing sampled rows of ${target.table} with all`,
      done: truths.length,
      total: ids.length,
      unit: 'rows',
    });
  }
  if (truths.length === 0 && ids.length > 0) {
    throw new OperatorError(`not even one row of ${target.table} could be compared with all others in time`, {
      next: 'allow more with --budget SECONDS',
    });
  }
  return truths;
}

/** The row itself leaves; where only equal rows came before it, the last one leaves instead. */
function withoutSelf(found: readonly Neighbour[], id: number, k: number): Neighbour[] {
  return found.filter((neighbour) => neighbour.id !== id).slice(0, k);
}

/**
 * Recall@k of one index on rows whose exact neighbours are known. A found row counts when it is as near as the k-th exact
 * neighbour, so that equal distances count whichever row was returned.
 * @throws OperatorError where the planner answers by another index, or by none
 */
export async function measureRecall(
  session: Session,
  target: SearchTarget,
  truths: readonly Truth[],
  k: number,
  options: SearchOptions & { clock: Clock },
): Promise<RecallResult> {
  const first = truths[0];
  const shares: number[] = [];
  let milliseconds = 0;
  if (first !== undefined) {
    await inSearch(session, target, options, async () => {
      await requireIndex(session, target, first.id, k);
      for (const truth of truths) {
        const begun = options.clock.monotonicMs();
        const found = await searchNear(session, target, truth.id, k + 1);
        milliseconds += options.clock.monotonicMs() - begun;
        const hits = withoutSelf(found, truth.id, k).filter(
          ({ distance }) => distance <= truth.radius + EPSILON,
        ).length;
        shares.push(Math.min(1, hits / truth.count));
      }
    });
  }
  const recall = mean(shares);
  return {
    k,
    breadth: options.breadth,
    queries: shares.length,
    recall,
    interval: wilsonInterval(recall, shares.length),
    meanMilliseconds: shares.length === 0 ? 0 : milliseconds / shares.length,
  };
}

async function requireIndex(session: Session, target: SearchTarget, id: number, k: number): Promise<void> {
  const used = await plannedIndexes(session, target, id, k + 1);
  if (used.includes(target.name)) return;
  throw new OperatorError(
    `the planner does not search ${target.table} by ${target.name}${used.length === 0 ? '' : ` (it uses ${used.join(', ')})`}`,
    {
      next: 'qbench index verify tells whether the index is valid; two indexes over the same expression answer for each other',
    },
  );
}
