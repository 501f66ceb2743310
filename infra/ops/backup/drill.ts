/**
 * The restore drill: a backup counts once a restore of it was proven. It restores elsewhere, replays WAL, asks the copy what an
 * operator would ask after a disaster, measures how long that took, writes a record, and removes the copy.
 */
import { messageOf } from '../errors';
import { readContents, type Contents } from '../contents';
import { readIndexes } from '../indexes/catalog';
import { targetOf } from '../indexes/prove';
import type { Clock, ProgressSink, Session } from '../ports';
import { exactNeighbours, measureRecall } from '../recall/measure';
import { sampleIds } from '../recall/sample';
import { selfQueryProbe } from '../recall/selfQuery';
import { seededRandom } from '../recall/statistics';
import type { BackupEngine, RestoredCluster } from './engine';
import type { DrillCheck, DrillRecord } from './evidence';
import { restoreBackup } from './restore';

export interface DrillOptions {
  /** `latest`, a time or a label. */
  to: string;
  /** New folder on a disk with room for the whole database; removed afterwards. */
  target: string;
  /** A session of the living database, to compare with; undefined where it is down. */
  source(): Promise<Session | undefined>;
  /** A superuser's session of the application's database in the restored copy. */
  copy(restored: RestoredCluster): Promise<Session>;
  /** Recall@10 below this is a fault, 0 to 1. @default 0.5, which only a broken index falls below */
  minimumRecall?: number;
  signal?: AbortSignal;
}

const K = 10;
const SAMPLE = 50;
const RECALL_SAMPLE = 20;
const BUDGET_MS = 60_000;
const DEFAULT_MINIMUM_RECALL = 0.5;
/** Tables that searches go to, with their embeddings. */
const SEARCHED = [
  { table: 'test_documents', column: 'embedding' },
  { table: 'test_steps', column: 'embedding' },
] as const;
const DIMENSIONS = 1536;

/**
 * @returns the record, which is kept beside the backups whether the drill passed or not
 * @throws where not even the record could be kept
 */
export async function drill(
  engine: BackupEngine,
  options: DrillOptions,
  clock: Clock,
  progress: ProgressSink,
): Promise<DrillRecord> {
  const startedAt = clock.now();
  const begun = clock.monotonicMs();
  const state = await engine.state();
  const before = await sourceContents(options);
  let record: DrillRecord = {
    version: 1,
    engine: state.engine,
    repository: state.repository,
    systemIdentifier: state.systemIdentifier,
    backup: '',
    to: options.to,
    startedAt: startedAt.toISOString(),
    finishedAt: '',
    passed: false,
    rpoSeconds: state.archiver?.secondsAtRisk,
    checks: [],
  };
  let restored: RestoredCluster | undefined;
  try {
    const outcome = await restoreBackup(
      engine,
      {
        to: options.to,
        target: options.target,
        ownDataDir: undefined,
        keepRunning: true,
        ...(options.signal === undefined ? {} : { signal: options.signal }),
        // A drill takes an empty place or none.
        confirm: (_, consequence) => Promise.reject(new Error(consequence)),
      },
      clock,
      progress,
    );
    restored = outcome.restored;
    const session = await options.copy(restored);
    try {
      await session.query('SELECT 1');
      const rtoSeconds = (clock.monotonicMs() - begun) / 1000;
      const checks = await askCopy(session, before, options.minimumRecall ?? DEFAULT_MINIMUM_RECALL, clock, progress);
      record = {
        ...record,
        backup: outcome.plan.backup.name,
        lastCommitAt: restored.lastCommitAt?.toISOString(),
        rtoSeconds,
        copySeconds: restored.copySeconds,
        replaySeconds: restored.replaySeconds,
        bytes: restored.bytes,
        checks,
        passed: checks.every(({ passed }) => passed),
      };
    } finally {
      await session.close();
    }
  } catch (error) {
    record = { ...record, error: messageOf(error) };
  } finally {
    if (restored !== undefined) await engine.discard(restored);
  }
  record = { ...record, finishedAt: clock.now().toISOString() };
  const name = record.startedAt.replaceAll(/[-:.]/g, '');
  await engine.keepEvidence(name, `${JSON.stringify(record, null, 2)}\n`);
  return record;
}

async function sourceContents(options: DrillOptions): Promise<Contents | undefined> {
  const session = await options.source();
  if (session === undefined) return undefined;
  try {
    return await readContents(session);
  } finally {
    await session.close();
  }
}

/** What a person would look at before he sends the application to a restored database. */
async function askCopy(
  session: Session,
  source: Contents | undefined,
  minimumRecall: number,
  clock: Clock,
  progress: ProgressSink,
): Promise<DrillCheck[]> {
  progress.update({ phase: 'asking the restored database' });
  const contents = await readContents(session);
  const checks: DrillCheck[] = [
    count('documents', contents.documents, source?.documents),
    count('steps', contents.steps, source?.steps),
    count('documents without embedding', contents.documentsWithoutEmbedding, source?.documentsWithoutEmbedding),
    count('steps without embedding', contents.stepsWithoutEmbedding, source?.stepsWithoutEmbedding),
    {
      name: 'indexes valid',
      passed: contents.indexes.every(({ valid }) => valid),
      found: contents.indexes.map(({ name, valid }) => `${name} ${valid ? 'valid' : 'NOT VALID'}`).join(', ') || 'none',
    },
  ];
  await session.query("SELECT pg_catalog.set_config('search_path', 'public', false)");
  for (const place of SEARCHED) checks.push(...(await askIndexes(session, place, minimumRecall, clock, progress)));
  return checks;
}

/** The living database has gone on since: a difference is told, and only rows that are all gone are a fault. */
function count(name: string, found: number, living: number | undefined): DrillCheck {
  const beside = living === undefined ? '' : `, ${living.toLocaleString('en')} in the living database now`;
  return {
    name,
    passed: found > 0 || living === undefined || living === 0,
    found: `${found.toLocaleString('en')}${beside}`,
  };
}

async function askIndexes(
  session: Session,
  { table, column }: (typeof SEARCHED)[number],
  minimumRecall: number,
  clock: Clock,
  progress: ProgressSink,
): Promise<DrillCheck[]> {
  const checks: DrillCheck[] = [];
  const ids = await sampleIds(session, { table, column }, SAMPLE, seededRandom(1));
  for (const index of await readIndexes(session, [table])) {
    const target = index.valid ? targetOf(index, column, DIMENSIONS) : undefined;
    if (target === undefined || ids.length === 0) continue;
    const self = await selfQueryProbe(session, target, ids);
    checks.push({
      name: `${index.name} is used by the planner`,
      passed: self.indexUsed,
      found: self.indexUsed ? 'yes' : 'no',
    });
    checks.push({
      name: `${index.name} finds stored rows`,
      passed: self.healthy,
      found: `${self.queries - self.misses - self.errors} of ${self.queries}${self.firstError === undefined ? '' : `; ${self.firstError}`}`,
    });
    const deadline = clock.monotonicMs() + BUDGET_MS;
    const truths = await exactNeighbours(session, target, ids.slice(0, RECALL_SAMPLE), K, clock, deadline, progress);
    const { recall, queries } = await measureRecall(session, target, truths, K, { clock });
    checks.push({
      name: `${index.name} recall@${K}`,
      passed: recall >= minimumRecall,
      found: `${recall.toFixed(3)} over ${queries} searches`,
    });
  }
  return checks;
}
