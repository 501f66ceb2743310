/** Whether the live indexes are there, whole and answering; and the rebuild of one that is not. */
import { OperatorError } from '../errors';
import type { Clock, Database, ProgressSink } from '../ports';
import { exactNeighbours, measureRecall, type RecallResult } from '../recall/measure';
import { sampleIds } from '../recall/sample';
import { selfQueryProbe, type SelfQueryResult } from '../recall/selfQuery';
import { seededRandom } from '../recall/statistics';
import { readIndexes, readTable, type ActualIndex } from './catalog';
import { differences, resolveIndex, type Difference } from './decide';
import { leftoverKind } from './definition';
import type { DesiredIndex, DesiredIndexState } from './desired';
import { targetOf } from './prove';
import { reindex } from './reindex';
import { closeSessions, lockIndexes, openSessions, type Sessions } from './sessions';
import { capacitySizing } from './sizing';

export interface VerifiedIndex {
  name: string;
  table: string;
  state: 'valid' | 'INVALID' | 'missing';
  differences: Difference[];
  selfQuery: SelfQueryResult | undefined;
  recall: RecallResult | undefined;
  /** Rebuilt in this run because it did not answer rightly. */
  healed: boolean;
  healthy: boolean;
  /** Why it is not healthy, for a person. */
  problems: string[];
}

export interface VerifyResult {
  healthy: boolean;
  indexes: VerifiedIndex[];
  /** Indexes of failed or replaced builds, and INVALID ones; `apply` removes ours. */
  leftovers: string[];
}

export interface VerifyOptions {
  state: DesiredIndexState;
  clock: Clock;
  progress: ProgressSink;
  /** Rows asked for themselves. @default 100 */
  sample?: number;
  /** Recall@10 below this is a fault, 0 to 1. @default 0.5, which only a broken index falls below */
  minimumRecall?: number;
  /** Longest time for the exact comparisons of one index, in milliseconds. @default 20 s */
  budgetMs?: number;
  /** Rebuilds what does not answer rightly, with REINDEX CONCURRENTLY. @default false */
  heal?: boolean;
  /** How long a rebuild may stand still behind other sessions' transactions, in milliseconds. @default 60 s */
  waitMs?: number;
  signal?: AbortSignal | undefined;
}

const K = 10;
const RECALL_SAMPLE = 20;
const DEFAULT_SAMPLE = 100;
const DEFAULT_MINIMUM_RECALL = 0.5;
const DEFAULT_BUDGET_MS = 20_000;

/** @throws OperatorError where the server cannot be asked, or a rebuild fails */
export async function verifyIndexes(database: Database, options: VerifyOptions): Promise<VerifyResult> {
  const sessions = await openSessions(database);
  try {
    if (options.heal === true) await lockIndexes(sessions.control, options.clock);
    const indexes: VerifiedIndex[] = [];
    for (const desired of options.state.indexes) {
      let verified = await verifyOne(sessions, desired, options);
      if (options.heal === true && verified.state !== 'missing' && !verified.healthy) {
        options.progress.note(`${desired.name}: ${verified.problems.join('; ')}; rebuilding it`);
        await reindex(database, sessions, desired, options);
        verified = { ...(await verifyOne(sessions, desired, options)), healed: true };
      }
      indexes.push(verified);
    }
    const actual = await readIndexes(
      sessions.control,
      options.state.indexes.map(({ table }) => table),
    );
    const leftovers = actual
      .filter(
        ({ name, valid }) =>
          !options.state.indexes.some((index) => index.name === name) &&
          (!valid || leftoverKind(name, options.state.indexes) !== undefined),
      )
      .map(({ name }) => name);
    return { healthy: indexes.every(({ healthy }) => healthy) && leftovers.length === 0, indexes, leftovers };
  } finally {
    await closeSessions(sessions);
  }
}

async function verifyOne(sessions: Sessions, desired: DesiredIndex, options: VerifyOptions): Promise<VerifiedIndex> {
  const { control } = sessions;
  options.progress.update({ phase: `${desired.name}: asking stored rows for themselves` });
  const actual = (await readIndexes(control, [desired.table])).find(({ name }) => name === desired.name);
  const base = { name: desired.name, table: desired.table, selfQuery: undefined, recall: undefined, healed: false };
  if (actual === undefined) {
    return { ...base, state: 'missing', differences: [], healthy: false, problems: ['it is missing'] };
  }
  const rows = (await readTable(control, desired))?.rows ?? 0;
  const found = differences(resolveIndex(desired, rows, [actual], capacitySizing), actual);
  if (!actual.valid || !actual.ready) {
    return { ...base, state: 'INVALID', differences: found, healthy: false, problems: ['it is INVALID'] };
  }
  const { selfQuery, recall, problems } = await answers(sessions, actual, desired, options);
  return { ...base, state: 'valid', differences: found, selfQuery, recall, healthy: problems.length === 0, problems };
}

async function answers(
  sessions: Sessions,
  actual: ActualIndex,
  desired: DesiredIndex,
  options: VerifyOptions,
): Promise<Pick<VerifiedIndex, 'selfQuery' | 'recall' | 'problems'>> {
  const target = targetOf(actual, desired.column, desired.dimensions);
  if (target === undefined) return { selfQuery: undefined, recall: undefined, problems: ['it is no vector index'] };
  const { control } = sessions;
  const { clock } = options;
  const ids = await sampleIds(control, target, options.sample ?? DEFAULT_SAMPLE, seededRandom(clock.now().getTime()));
  const selfQuery = await selfQueryProbe(control, target, ids);
  const problems: string[] = [];
  if (!selfQuery.indexUsed) problems.push('searches are not answered by it');
  if (selfQuery.errors > 0)
    problems.push(`${selfQuery.errors} of ${selfQuery.queries} searches failed: ${selfQuery.firstError}`);
  if (!selfQuery.healthy && problems.length === 0)
    problems.push(`${selfQuery.misses} of ${selfQuery.queries} stored rows do not find themselves`);
  if (problems.length > 0 || ids.length === 0) return { selfQuery, recall: undefined, problems };
  const deadline = clock.monotonicMs() + (options.budgetMs ?? DEFAULT_BUDGET_MS);
  const truths = await exactNeighbours(control, target, ids.slice(0, RECALL_SAMPLE), K, clock, deadline).catch(
    (error: unknown) => {
      if (!(error instanceof OperatorError)) throw error;
      options.progress.note(error.message);
      return [];
    },
  );
  if (truths.length === 0) return { selfQuery, recall: undefined, problems };
  const recall = await measureRecall(control, target, truths, K, { clock });
  const minimum = options.minimumRecall ?? DEFAULT_MINIMUM_RECALL;
  if (recall.recall < minimum) problems.push(`recall@${K} is ${recall.recall.toFixed(3)}, below ${minimum}`);
  return { selfQuery, recall, problems };
}
