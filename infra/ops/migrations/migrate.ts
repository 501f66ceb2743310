/** Brings a database to the migrations of this checkout. */
import { ADVISORY_LOCKS } from '../../naming';
import { OperatorError, messageOf } from '../errors';
import type { Clock, Database, ProgressSink, Session } from '../ports';
import { quoteIdent, sqlText } from '../sqlText';
import { watchBlockers, type BlockerWatch } from './blockers';
import { checkDeclared, migrationStates, pendingMigrations, type MigrationStatus } from './history';
import { ensureLedger, readLedger } from './ledger';
import { takeLock } from './lock';
import { MIGRATIONS_DIR, readMigrations, type ManifestEntry, type MigrationFile } from './manifest';

/** Runs one migration file with its ledger row. */
export interface MigrationEngine {
  /**
   * Runs the file and writes its row; in one transaction, except for a file that must run outside of one.
   * @param dir folder of the file
   */
  apply(session: Session, migration: MigrationFile, dir: string): Promise<void>;
}

export interface MigrateOptions {
  /** @default the folder of this checkout */
  dir?: string;
  /** What the Pulumi program declared; the files must be these. */
  declared?: readonly ManifestEntry[];
  /** How long to wait for another migrator, in milliseconds. @default two minutes */
  migratorWaitMs?: number;
  /**
   * lock_timeout of each attempt, in milliseconds. @default 5 s in a transaction, because whoever comes after a waiting ALTER TABLE
   * queues behind it; 60 s outside of one, because a concurrent build blocks nobody while it waits, and giving up throws it away
   */
  lockTimeoutMs?: number;
  /** How often a file is tried that could not get its locks. @default 8 */
  attempts?: number;
  signal?: AbortSignal;
  /** Called before anything is applied to a database that is not new; what it throws stops the run. */
  allows?: (pending: readonly MigrationFile[]) => void;
}

export interface MigrateReport {
  applied: { file: string; seconds: number }[];
  /** Files that were applied before this run. */
  alreadyApplied: number;
}

const DEFAULTS = { migratorWaitMs: 120_000, lockTimeoutMs: 5_000, buildLockTimeoutMs: 60_000, attempts: 8 };
/** Pause between attempts, so that those who queued behind the last one get through. */
const RETRY_PAUSE_MS = 2_000;
/** lock_not_available and deadlock_detected: nothing was changed, and later it may work. */
const RETRIABLE = new Set(['55P03', '40P01']);

/**
 * Applies what is pending. Everything is checked before anything runs.
 * @throws OperatorError where a file breaks a rule, differs from the ledger or from what was declared, another migrator holds the lock, or a statement fails
 */
export async function migrate(
  database: Database,
  engine: MigrationEngine,
  clock: Clock,
  progress: ProgressSink,
  options: MigrateOptions = {},
): Promise<MigrateReport> {
  const { dir = MIGRATIONS_DIR, signal } = options;
  const files = readMigrations(dir);
  if (options.declared !== undefined) checkDeclared(files, options.declared);
  const session = await database.connect({ role: 'owner', applicationName: 'qbench migrate', statementTimeoutMs: 0 });
  const stop = (): void => void session.close();
  signal?.addEventListener('abort', stop);
  let watch: BlockerWatch | undefined;
  try {
    await takeLock(session, clock, progress, {
      key: ADVISORY_LOCKS.migrate,
      holder: 'another migrator',
      waitMs: options.migratorWaitMs ?? DEFAULTS.migratorWaitMs,
      signal,
    });
    const applied = await readLedger(session);
    const pending = pendingMigrations(files, applied);
    const report: MigrateReport = { applied: [], alreadyApplied: applied.length };
    if (pending.length === 0) return report;
    if (applied.length > 0) options.allows?.(pending);
    await prepareSession(session);
    await ensureLedger(session);
    watch = await watchBlockers(database, session.backendPid, clock, progress);
    const attempts = options.attempts ?? DEFAULTS.attempts;
    const run: Run = { session, engine, clock, progress, watch, dir, attempts, lockTimeoutMs: options.lockTimeoutMs };
    for (const [index, migration] of pending.entries()) {
      progress.update({ phase: `migration ${migration.file}`, done: index, total: pending.length, unit: 'files' });
      const start = clock.monotonicMs();
      await applyWithRetries(run, migration, signal);
      report.applied.push({ file: migration.file, seconds: (clock.monotonicMs() - start) / 1000 });
    }
    return report;
  } finally {
    signal?.removeEventListener('abort', stop);
    await watch?.stop();
    await session.close();
  }
}

/** The state of every migration; reads only, takes no lock. */
export async function migrationStatus(database: Database, dir: string = MIGRATIONS_DIR): Promise<MigrationStatus[]> {
  const files = readMigrations(dir);
  const session = await database.connect({ role: 'owner', applicationName: 'qbench migrate' });
  try {
    return migrationStates(files, await readLedger(session));
  } finally {
    await session.close();
  }
}

async function prepareSession(session: Session): Promise<void> {
  const settings = {
    // Names resolve the same way whatever the role's own search_path is.
    search_path: 'public, pg_temp',
    statement_timeout: '0',
    client_min_messages: 'warning',
  };
  for (const [name, value] of Object.entries(settings))
    await session.query('SELECT pg_catalog.set_config($1, $2, false)', [name, value]);
  // A migrator that is killed leaves its backend at work, and the lock taken, until the backend next writes to it; this makes
  // it look. Servers on Windows cannot, and refuse the setting.
  await session
    .query("SELECT pg_catalog.set_config('client_connection_check_interval', '2s', false)")
    .catch(() => undefined);
}

interface Run {
  session: Session;
  engine: MigrationEngine;
  clock: Clock;
  progress: ProgressSink;
  watch: BlockerWatch;
  dir: string;
  attempts: number;
  lockTimeoutMs: number | undefined;
}

async function applyWithRetries(run: Run, migration: MigrationFile, signal: AbortSignal | undefined): Promise<void> {
  const { session, engine, clock, progress, watch, attempts } = run;
  for (let attempt = 1; ; attempt++) {
    try {
      const timeout =
        run.lockTimeoutMs ?? (migration.noTransaction ? DEFAULTS.buildLockTimeoutMs : DEFAULTS.lockTimeoutMs);
      await session.query("SELECT pg_catalog.set_config('lock_timeout', $1, false)", [`${timeout}ms`]);
      await removeInvalidIndex(session, migration, progress);
      await engine.apply(session, migration, run.dir);
      return;
    } catch (error) {
      // Ends the transaction that failed; after a file without one it does nothing.
      await session.query('ROLLBACK').catch(() => undefined);
      const { code } = error as { code?: string };
      if (!RETRIABLE.has(code ?? '') || attempt >= attempts || signal?.aborted === true) {
        throw failure(migration, error, attempt, watch.lastSeen());
      }
      progress.note(`  ${migration.file}: ${messageOf(error)}; attempt ${attempt} of ${attempts}`);
      await clock.sleep(RETRY_PAUSE_MS, signal);
    }
  }
}

/** A CREATE INDEX CONCURRENTLY that was cut off leaves an invalid index, which IF NOT EXISTS would take for done. */
async function removeInvalidIndex(
  session: Session,
  { file, concurrentIndex }: MigrationFile,
  progress: ProgressSink,
): Promise<void> {
  if (concurrentIndex === undefined) return;
  const { rows } = await session.query<{ valid: boolean }>(sqlText('queries/index-state'), [concurrentIndex]);
  if (rows[0]?.valid !== false) return;
  progress.note(
    `  ${file}: index ${concurrentIndex} is invalid, left by a build that was cut off; it is dropped and built again`,
  );
  await session.query(`DROP INDEX CONCURRENTLY IF EXISTS public.${quoteIdent(concurrentIndex)}`);
}

function failure(
  migration: MigrationFile,
  error: unknown,
  attempt: number,
  blockers: string | undefined,
): OperatorError {
  const { code, position, hint } = error as { code?: string; position?: string; hint?: string };
  const line = position === undefined ? '' : ` (line ${migration.sql.slice(0, Number(position)).split('\n').length})`;
  const tried = attempt > 1 ? ` after ${attempt} attempts` : '';
  const waited =
    code !== undefined && RETRIABLE.has(code) && blockers !== undefined ? `; it waited for ${blockers}` : '';
  const next = waited === '' ? hint : 'end that session or let it finish, then run qbench migrate again';
  return new OperatorError(`migration ${migration.file} failed${tried}: ${messageOf(error)}${line}${waited}`, {
    cause: error,
    ...(next === undefined ? {} : { next }),
  });
}
