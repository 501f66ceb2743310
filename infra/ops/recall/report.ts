/** One report on the recall of a live index. */
import { OperatorError } from '../errors';
import { readIndexes } from '../indexes/catalog';
import type { DesiredIndex } from '../indexes/desired';
import { targetOf } from '../indexes/prove';
import type { Clock, ProgressSink, Session } from '../ports';
import { breadthForRecall, type BreadthSearch } from './breadth';
import { exactNeighbours, measureRecall, type RecallResult } from './measure';
import { sampleIds } from './sample';
import { BREADTH, type SearchTarget } from './search';
import { seededRandom } from './statistics';

export interface RecallOptions {
  /** Neighbours that count. */
  k: number;
  /** Rows to search with. */
  sample: number;
  /** hnsw.ef_search or ivfflat.probes. @default what a session of this role has */
  breadth?: number | undefined;
  /** Recall to find the smallest breadth for, 0 to 1. */
  target?: number | undefined;
  seed: number;
  /** Longest time for the exact comparisons, in milliseconds. */
  budgetMs: number;
  clock: Clock;
  progress: ProgressSink;
  signal?: AbortSignal | undefined;
}

export interface RecallReport {
  index: string;
  /** hnsw.ef_search or ivfflat.probes. */
  parameter: string;
  recall: RecallResult;
  /** Rows drawn; fewer than asked for in a small table. */
  sampled: number;
  /** Whether the time was up before all of them were compared. */
  cutShort: boolean;
  seed: number;
  search: BreadthSearch | undefined;
}

/** A live index with what is needed to search by it. */
export interface LiveTarget extends SearchTarget {
  lists: number | undefined;
}

/**
 * The index that serves now under the name of a desired one, whatever its type is.
 * @throws OperatorError where it is missing or INVALID
 */
export async function liveTarget(
  session: Session,
  desired: Pick<DesiredIndex, 'name' | 'table' | 'column' | 'dimensions'>,
): Promise<LiveTarget> {
  await session.query("SELECT pg_catalog.set_config('search_path', 'public', false)");
  const index = (await readIndexes(session, [desired.table])).find(({ name }) => name === desired.name);
  const target = index === undefined ? undefined : targetOf(index, desired.column, desired.dimensions);
  if (index === undefined || target === undefined || !index.valid) {
    throw new OperatorError(`${desired.name} is ${index === undefined ? 'missing' : 'no usable vector index'}`, {
      next: 'qbench index apply',
    });
  }
  return { ...target, lists: index.options['lists'] };
}

/** @throws OperatorError for an empty table, or where not one row could be compared in time */
export async function recallReport(
  session: Session,
  target: LiveTarget,
  options: RecallOptions,
): Promise<RecallReport> {
  const { k, clock, breadth, seed } = options;
  const ids = await sampleIds(session, target, options.sample, seededRandom(seed));
  if (ids.length === 0)
    throw new OperatorError(`${target.table} has no rows with an embedding`, { next: 'qbench load FILE' });
  const deadline = clock.monotonicMs() + options.budgetMs;
  const truths = await exactNeighbours(session, target, ids, k, clock, deadline, options.progress, options.signal);
  const search =
    options.target === undefined
      ? undefined
      : await breadthForRecall(session, target, truths, k, options.target, {
          clock,
          ...(target.lists === undefined ? {} : { lists: target.lists }),
        });
  return {
    index: target.name,
    parameter: BREADTH[target.method].parameter,
    recall: await measureRecall(session, target, truths, k, { clock, breadth }),
    sampled: ids.length,
    cutShort: truths.length < ids.length,
    seed,
    search,
  };
}
