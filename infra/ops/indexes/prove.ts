/** What a new index must show before it takes the place of the old one. */
import { OperatorError } from '../errors';
import type { Clock, ProgressSink } from '../ports';
import { exactNeighbours, measureRecall, type RecallResult } from '../recall/measure';
import { sampleIds } from '../recall/sample';
import { inSearch, plannedIndexes, type RivalHandling, type SearchTarget } from '../recall/search';
import { selfQueryProbe, type SelfQueryResult } from '../recall/selfQuery';
import { seededRandom } from '../recall/statistics';
import { readIndexes, type ActualIndex } from './catalog';
import { operatorClass, type ResolvedIndex } from './definition';
import type { SearchSettings, VectorType } from './desired';
import type { Sessions } from './sessions';

export interface Proof {
  /** `chosen`: the planner takes the index by itself; `usable`: only when it may not scan the table, which a small table justifies. */
  planner: 'chosen' | 'usable' | 'empty table';
  selfQuery: SelfQueryResult | undefined;
  recall: RecallResult | undefined;
  /** Recall of the index that was replaced, on the same rows. */
  previousRecall: RecallResult | undefined;
}

export interface ProofContext {
  sessions: Sessions;
  clock: Clock;
  progress: ProgressSink;
  search: SearchSettings;
  /** Whether the observer may hide indexes. */
  superuser: boolean;
  recallTolerance: number;
  /** Longest time for the exact comparisons. */
  budgetMs: number;
}

const K = 10;
const SAMPLE = 50;
/** Without a superuser the rival is dropped in a transaction that searches wait for: a few queries must do. */
const SAMPLE_UNDER_LOCK = 10;
/** Up to this many rows the planner may rightly prefer to compare them all. */
const SMALL_TABLE_ROWS = 10_000;

/** How a search sees an index of the catalog. */
export function targetOf(
  index: Pick<ActualIndex, 'name' | 'table' | 'method' | 'operatorClass'>,
  column: string,
  dimensions: number,
): SearchTarget | undefined {
  const type = (['vector', 'halfvec', 'bit'] as VectorType[]).find(
    (candidate) => operatorClass(candidate) === index.operatorClass,
  );
  if (type === undefined || (index.method !== 'hnsw' && index.method !== 'ivfflat')) return undefined;
  return { name: index.name, table: index.table, column, type, method: index.method, dimensions };
}

/** hnsw.ef_search or ivfflat.probes that searches through an index will have. */
function breadthOf(method: string, search: SearchSettings): number | undefined {
  return method === 'hnsw' ? search.efSearch : search.probes;
}

/**
 * @param name the name under which the new index was built
 * @param old the index that serves now
 * @throws OperatorError saying which proof failed; nothing was changed
 */
export async function proveIndex(
  context: ProofContext,
  desired: ResolvedIndex,
  name: string,
  rows: number,
  old: ActualIndex | undefined,
  before: SearchSettings,
): Promise<Proof> {
  const { observer, control } = context.sessions;
  const actual = await readIndexes(control, [desired.table]);
  const built = actual.find((index) => index.name === name);
  if (built === undefined || !built.valid || !built.ready) {
    throw failed(desired, `the new index ${name} is ${built === undefined ? 'gone' : 'INVALID'}`);
  }
  const target: SearchTarget = { ...desired, name };
  const session = context.superuser ? observer : control;
  const all = actual.filter((index) => index.valid && ['hnsw', 'ivfflat'].includes(index.method));
  const only = (keep: string): RivalHandling => ({
    rivals: all.filter(
      (index) =>
        index.name !== keep &&
        sameSearch(
          index,
          all.find((other) => other.name === keep),
        ),
    ),
    by: context.superuser ? 'hide' : 'drop',
  });
  const rivals = only(name);
  const sample = rivals.rivals.length > 0 && rivals.by === 'drop' ? SAMPLE_UNDER_LOCK : SAMPLE;
  context.progress.update({ phase: `${desired.name}: proving the new index` });
  const ids = await sampleIds(session, desired, sample, seededRandom(built.oid));
  const first = ids[0];
  if (first === undefined)
    return { planner: 'empty table', selfQuery: undefined, recall: undefined, previousRecall: undefined };

  const breadth = breadthOf(desired.method, context.search);
  const chosen = await inSearch(session, target, { rivals, force: false, breadth }, () =>
    plannedIndexes(session, target, first, K),
  );
  if (!chosen.includes(name) && rows > SMALL_TABLE_ROWS) {
    throw failed(desired, `the planner does not use the new index for a search of ${desired.table}`);
  }
  const selfQuery = await selfQueryProbe(session, target, ids, { rivals, breadth });
  if (!selfQuery.healthy) {
    throw failed(
      desired,
      `of ${selfQuery.queries} stored rows ${selfQuery.misses} did not find themselves${selfQuery.firstError === undefined ? '' : ` (${selfQuery.firstError})`}`,
    );
  }
  const deadline = context.clock.monotonicMs() + context.budgetMs;
  const { clock } = context;
  const planner = chosen.includes(name) ? 'chosen' : 'usable';
  const truths = await exactNeighbours(session, target, ids, K, clock, deadline, context.progress).catch(
    (error: unknown) => {
      // A build of hours is not thrown away because one comparison takes longer than the budget.
      if (!(error instanceof OperatorError)) throw error;
      context.progress.note(`recall of ${desired.name} was not compared: ${error.message}`);
      return [];
    },
  );
  if (truths.length === 0) return { planner, selfQuery, recall: undefined, previousRecall: undefined };
  const recall = await measureRecall(session, target, truths, K, { rivals, breadth, clock });
  const oldTarget = old === undefined ? undefined : targetOf(old, desired.column, desired.dimensions);
  let previousRecall: RecallResult | undefined;
  if (old !== undefined && oldTarget !== undefined) {
    previousRecall = await measureRecall(session, oldTarget, truths, K, {
      rivals: only(old.name),
      breadth: breadthOf(old.method, before),
      clock,
    });
    if (recall.recall < previousRecall.recall - context.recallTolerance) {
      throw failed(
        desired,
        `its recall@${K} is ${recall.recall.toFixed(3)}, the old one's is ${previousRecall.recall.toFixed(3)} (${recall.queries} sampled rows; ` +
          `at most ${context.recallTolerance} less is allowed)`,
        'search more widely (index efSearch or probes), choose another profile, or allow it: the setting index.recallTolerance, or by hand npm run qbench -- index apply --recall-tolerance SHARE',
      );
    }
  }
  return { planner, selfQuery, recall, previousRecall };
}

/** Whether two indexes can answer for each other: same key and operator class. */
function sameSearch(index: ActualIndex, other: ActualIndex | undefined): boolean {
  return other !== undefined && index.definition === other.definition && index.operatorClass === other.operatorClass;
}

function failed(desired: ResolvedIndex, why: string, next?: string): OperatorError {
  return new OperatorError(
    `the new ${desired.name} was not put in place: ${why}; the old index still serves`,
    next === undefined ? {} : { next },
  );
}
