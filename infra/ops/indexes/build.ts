/** Builds one index under its build name: session settings, progress, bounded waiting, and what to do when it fails. */
import { OperatorError, messageOf } from '../errors';
import type { Clock, Database, ProgressSink, Session } from '../ports';
import { quoteIdent, sqlText } from '../sqlText';
import { describeBackend, readBuilds } from './catalog';
import { buildName, createIndexSql, type ResolvedIndex } from './definition';
import { buildProgress, isWaiting, phaseStart, type PhaseStart } from './progress';
import type { BuildPlan } from './resources';
import {
  DISK_FULL,
  LOCK_TIMEOUT,
  QUERY_CANCELED,
  isConnectionLost,
  openBuildSession,
  sqlState,
  type Sessions,
} from './sessions';

export interface BuildContext {
  database: Database;
  sessions: Sessions;
  clock: Clock;
  progress: ProgressSink;
  /** How long a build may stand still behind other sessions' transactions, in milliseconds. */
  waitMs: number;
  signal?: AbortSignal | undefined;
}

export interface BuildOutcome {
  seconds: number;
  /** Most workers seen beside the leader. */
  workers: number;
  maintenanceWorkMemMiB: number;
  /** Whether pgvector said that the graph outgrew the memory. */
  spilled: boolean;
}

/** A short build is looked at often, a long one rarely: each look takes a little of the processors that build. */
const POLL_SHARE = 0.05;
const POLL_MIN_MS = 100;
const POLL_MAX_MS = 1_000;

/** The connection was lost, the server may still build. */
export class BuildConnectionLost extends Error {}

/** A user's interrupt; the build was cancelled and its leftover is to be removed. */
export class BuildInterrupted extends OperatorError {}

/**
 * @throws OperatorError naming who blocked it, what was full, or the server's words; BuildConnectionLost, BuildInterrupted
 */
export async function buildIndex(context: BuildContext, index: ResolvedIndex, plan: BuildPlan): Promise<BuildOutcome> {
  await setTableWorkers(context, index, plan.workers);
  try {
    return await attempt(context, index, plan);
  } catch (error) {
    if (plan.workers === 0 || !isSharedMemoryShort(error)) throw error;
    context.progress.note(
      `the server has no ${plan.maintenanceWorkMemMiB} MiB of shared memory for a parallel build (${messageOf(error)}); building serially. ` +
        'Enlarge /dev/shm (mount -o remount,size=..., in Docker --shm-size) for a faster one',
    );
    await dropQuietly(context, buildName(index));
    return await attempt(context, index, { ...plan, workers: 0 });
  } finally {
    // parallel_workers of the table belongs to its builds; where this fails the next run resets it.
    await setTableWorkers(context, index, undefined).catch(() => undefined);
  }
}

/** Posix and mmap segments alike: the message is PostgreSQL's own. */
function isSharedMemoryShort(error: unknown): boolean {
  return /could not (resize|allocate|create|map).*shared memory segment/i.test(messageOf(error));
}

/** Small heaps get no workers unless the table says so: its size without TOAST decides, and vectors lie in TOAST. */
async function setTableWorkers(
  context: BuildContext,
  index: ResolvedIndex,
  workers: number | undefined,
): Promise<void> {
  const change = workers === undefined ? 'RESET (parallel_workers)' : `SET (parallel_workers = ${workers})`;
  const { control } = context.sessions;
  await setLockTimeout(control, context.waitMs);
  await control.query(`ALTER TABLE ${quoteIdent(index.table)} ${change}`);
}

export async function setLockTimeout(session: Session, ms: number): Promise<void> {
  await session.query("SELECT pg_catalog.set_config('lock_timeout', $1, false)", [String(Math.ceil(ms))]);
}

async function attempt(context: BuildContext, index: ResolvedIndex, plan: BuildPlan): Promise<BuildOutcome> {
  const { clock, progress } = context;
  const name = buildName(index);
  const session = await openBuildSession(context.database);
  let spilled = false;
  session.onNotice(({ severity, message }) => {
    spilled ||= message.includes('no longer fits into maintenance_work_mem');
    progress.note(`${severity}: ${message}`);
  });
  try {
    const settings: [string, string][] = [
      ['maintenance_work_mem', `${plan.maintenanceWorkMemMiB}MB`],
      ['max_parallel_maintenance_workers', String(plan.workers)],
      // The server's own bound, for the case that this process dies; the watch below is the one that names the blocker.
      ['lock_timeout', String(context.waitMs * 2)],
      // A build outlives its client: the next run waits for it instead of starting again.
      ['client_connection_check_interval', '0'],
    ];
    for (const [parameter, value] of settings) {
      await session.query('SELECT pg_catalog.set_config($1, $2, false)', [parameter, value]);
    }
    const begun = clock.monotonicMs();
    const end = settled(session.query(createIndexSql(index, name)));
    const watch = new BuildWatch(context, index.name, session.backendPid);
    const { error } = await watch.until(end);
    if (error !== undefined) await fail(context, index, watch, error);
    const seconds = (clock.monotonicMs() - begun) / 1000;
    return { seconds, workers: watch.workers, maintenanceWorkMemMiB: plan.maintenanceWorkMemMiB, spilled };
  } finally {
    await session.close();
  }
}

/** A promise's end as a value, so that it can be waited for with others and never goes unhandled. */
function settled(work: Promise<unknown>): Promise<{ error?: unknown }> {
  return work.then(
    () => ({}),
    (error: unknown) => ({ error }),
  );
}

async function fail(context: BuildContext, index: ResolvedIndex, watch: BuildWatch, error: unknown): Promise<never> {
  if (isConnectionLost(error)) throw new BuildConnectionLost(messageOf(error), { cause: error });
  if (isSharedMemoryShort(error)) throw error;
  const left = await dropQuietly(context, buildName(index));
  const after = left ? 'nothing was left behind' : 'an INVALID index is left behind; the next apply removes it';
  if (context.signal?.aborted === true)
    throw new BuildInterrupted(`interrupted: the build of ${index.name} was cancelled, ${after}`);
  if (watch.blockedBy !== undefined && [LOCK_TIMEOUT, QUERY_CANCELED].includes(sqlState(error) ?? '')) {
    throw new OperatorError(
      `the build of ${index.name} gave up after waiting ${watch.waitSeconds()} s for ${watch.blockedBy}; ${after}`,
      { next: `end that transaction${watch.terminate()}, or allow longer with --wait SECONDS`, cause: error },
    );
  }
  const full = sqlState(error) === DISK_FULL;
  throw new OperatorError(
    `the build of ${index.name} failed: ${messageOf(error)}; ${after}, the old index still serves`,
    {
      ...(full
        ? {
            next: 'free or enlarge the disk (never delete files of the data folder); qbench index plan says how much a build writes',
          }
        : {}),
      cause: error,
    },
  );
}

/** Polls one build from the observer's session: progress, workers, and whether it stands still for too long. */
export class BuildWatch {
  workers = 0;
  blockedBy: string | undefined;
  blockerPid: number | undefined;
  private start: PhaseStart | undefined;
  private waitingSince: number | undefined;
  private cancelled = false;
  private readonly begun: number;

  /**
   * @param label what the progress calls it
   * @param pid backend that builds
   */
  constructor(
    private readonly context: BuildContext,
    private readonly label: string,
    private readonly pid: number,
  ) {
    this.begun = context.clock.monotonicMs();
  }

  /** Watches until `end` is settled. */
  async until<T>(end: Promise<T>): Promise<T> {
    const state = { over: false };
    const done = end.finally(() => (state.over = true));
    while (!state.over) {
      // A watch that fails must not hide how the build ends; the build's own session says that.
      await this.poll().catch(() => undefined);
      // A short build ends between two polls; the sleep is cut off, not waited for.
      await Promise.race([done, this.pause()]);
    }
    return done;
  }

  /**
   * Watches a build of another session until it is gone from the server.
   * @throws OperatorError where it was cancelled because it stood still for too long, or the user interrupted
   */
  async untilGone(): Promise<void> {
    while (await this.poll()) await this.pause();
    if (this.context.signal?.aborted === true)
      throw new BuildInterrupted('interrupted: the build was cancelled; the next apply removes what it left');
    if (this.cancelled) {
      throw new OperatorError(
        `the build of ${this.label} was cancelled: it waited ${this.waitSeconds()} s for ${this.blockedBy ?? 'a lock'}`,
        {
          next: `end that transaction${this.terminate()}, or allow longer with --wait SECONDS`,
        },
      );
    }
  }

  private pause(): Promise<void> {
    const watched = this.context.clock.monotonicMs() - this.begun;
    return this.context.clock.sleep(Math.min(POLL_MAX_MS, Math.max(POLL_MIN_MS, watched * POLL_SHARE)));
  }

  waitSeconds(): number {
    return Math.round(this.context.waitMs / 1000);
  }

  terminate(): string {
    return this.blockerPid === undefined ? '' : ` (SELECT pg_terminate_backend(${this.blockerPid}))`;
  }

  /** @returns whether the build runs */
  private async poll(): Promise<boolean> {
    const { sessions, clock, progress, signal } = this.context;
    const now = clock.monotonicMs();
    if (signal?.aborted === true) await this.cancel();
    const build = (await readBuilds(sessions.observer)).find(({ pid }) => pid === this.pid);
    if (build === undefined) {
      // Before its first phase it may wait for the table's lock, which the progress view does not show.
      await this.judge('waiting for the lock of the table', await this.tableLockHolder(), now);
      return false;
    }
    this.workers = Math.max(this.workers, build.workers);
    this.start = phaseStart(build, this.start, now);
    progress.update(buildProgress(build, this.label, this.start, now));
    await this.judge(build.phase, isWaiting(build) ? (build.lockerPid ?? 0) : undefined, now);
    return true;
  }

  private async tableLockHolder(): Promise<number | undefined> {
    const { rows } = await this.context.sessions.observer.query<{ pid: number }>(sqlText('queries/blocking-sessions'), [
      this.pid,
    ]);
    return rows[0]?.pid;
  }

  /** @param blocker undefined where the build moves; 0 where it waits for somebody unknown */
  private async judge(phase: string, blocker: number | undefined, now: number): Promise<void> {
    if (blocker === undefined) {
      this.waitingSince = undefined;
      return;
    }
    this.waitingSince ??= now;
    if (blocker !== 0 && blocker !== this.blockerPid) {
      this.blockerPid = blocker;
      this.blockedBy = await describeBackend(this.context.sessions.observer, blocker);
      this.context.progress.note(`${this.label}: ${phase}, held up by ${this.blockedBy}`);
    }
    if (now - this.waitingSince > this.context.waitMs) await this.cancel();
  }

  private async cancel(): Promise<void> {
    if (this.cancelled) return;
    this.cancelled = true;
    if (this.blockerPid !== undefined)
      this.blockedBy = await describeBackend(this.context.sessions.observer, this.blockerPid);
    await cancelBackend(this.context.sessions, this.pid);
  }
}

export async function cancelBackend(sessions: Sessions, pid: number): Promise<void> {
  await sessions.observer.query('SELECT pg_catalog.pg_cancel_backend($1::integer)', [pid]);
}

/** How long a leftover's removal may wait for others: it is only tidiness, and the next run removes it too. */
const DROP_WAIT_MS = 5_000;

/** Drops an index of this run's own name without blocking searches. @returns whether it is gone */
export async function dropQuietly(context: Pick<BuildContext, 'sessions'>, name: string): Promise<boolean> {
  try {
    await dropIndex(context, name, DROP_WAIT_MS);
    return true;
  } catch {
    return false;
  }
}

/** @param waitMs how long it may wait for transactions that still use the index */
export async function dropIndex(context: Pick<BuildContext, 'sessions'>, name: string, waitMs: number): Promise<void> {
  const { control } = context.sessions;
  await setLockTimeout(control, waitMs);
  await control.query(`DROP INDEX CONCURRENTLY IF EXISTS ${quoteIdent(name)}`);
}
