/** Carries maintenance out, and tells what people have to decide themselves. */
import { OperatorError } from '../errors';
import { CONTRACT_INDEXES, type DesiredIndexState } from '../indexes/desired';
import { reindexOnline } from '../indexes/reindex';
import { takeSnapshot } from '../monitoring/collect';
import { readDuplicates, type DuplicateIndex } from '../monitoring/duplicates';
import type { Snapshot } from '../monitoring/snapshot';
import type { Clock, Database, ProgressSink } from '../ports';
import { sqlText } from '../sqlText';
import { maintenanceSteps, type MaintenanceKind, type MaintenanceStep } from './plan';

export interface MaintenanceOptions {
  kind: MaintenanceKind;
  /** Tells the steps only. */
  dryRun: boolean;
  /** What rebuilds take their session memory from. */
  indexes: DesiredIndexState;
  clock: Clock;
  progress: ProgressSink;
  signal: AbortSignal;
}

export interface MaintenanceReport {
  kind: MaintenanceKind;
  steps: (MaintenanceStep & { seconds?: number })[];
  /** Indexes that nobody used since the statistics were reset, keys left out. */
  unused: string[];
  duplicates: DuplicateIndex[];
  bytesBefore: number;
  bytesAfter: number;
}

const VACUUM: Readonly<Record<string, string>> = {
  test_documents: 'maintenance/vacuum-analyze-test-documents',
  test_steps: 'maintenance/vacuum-analyze-test-steps',
};

/**
 * Weekly: tables that autovacuum left behind. Monthly: bloated vector indexes, then every table. Nothing is ever dropped.
 * @throws OperatorError where a step fails; those before it stay done
 */
export async function maintain(database: Database, options: MaintenanceOptions): Promise<MaintenanceReport> {
  const { kind, clock, progress, signal } = options;
  const before = await facts(database);
  const steps = maintenanceSteps(kind, before.snapshot);
  const done: MaintenanceReport['steps'] = [];
  for (const step of steps) {
    if (options.dryRun) {
      done.push(step);
      continue;
    }
    if (signal.aborted) throw new OperatorError(`interrupted after ${done.length} of ${steps.length} steps`);
    progress.note(`${step.what} ${step.target}: ${step.reason}`);
    const begun = clock.monotonicMs();
    await carryOut(database, step, options);
    done.push({ ...step, seconds: Math.round((clock.monotonicMs() - begun) / 100) / 10 });
  }
  const after = options.dryRun ? before : await facts(database);
  return {
    kind,
    steps: done,
    unused: before.snapshot.indexes
      .filter(({ scans, unique, valid }) => scans === 0 && !unique && valid)
      .map(({ name }) => name),
    duplicates: before.duplicates,
    bytesBefore: before.snapshot.database.bytes,
    bytesAfter: after.snapshot.database.bytes,
  };
}

async function facts(database: Database): Promise<{ snapshot: Snapshot; duplicates: DuplicateIndex[] }> {
  const session = await database.connect({ role: 'monitor', applicationName: 'qbench maintenance' });
  try {
    return { snapshot: await takeSnapshot(session), duplicates: await readDuplicates(session) };
  } finally {
    await session.close();
  }
}

async function carryOut(database: Database, step: MaintenanceStep, options: MaintenanceOptions): Promise<void> {
  if (step.what === 'reindex') {
    const contract = CONTRACT_INDEXES.find(({ name }) => name === step.target);
    const desired = options.indexes.indexes.find(({ name }) => name === contract?.name);
    if (desired === undefined) {
      options.progress.note(
        `${step.target} is none of the application's: rebuild it by hand, REINDEX INDEX CONCURRENTLY`,
      );
      return;
    }
    await reindexOnline(database, desired, { ...options, state: options.indexes });
    return;
  }
  const session = await database.connect({
    role: 'owner',
    applicationName: 'qbench maintenance',
    statementTimeoutMs: 0,
  });
  try {
    const file = VACUUM[step.table];
    if (step.what === 'vacuum' && file !== undefined) await session.query(sqlText(file));
    else await session.query(`ANALYZE public.${step.table === 'test_documents' ? 'test_documents' : 'test_steps'}`);
  } finally {
    await session.close();
  }
}
