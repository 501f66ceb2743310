/** The sessions of one run: one that holds the lock and changes names, one that looks, and one for each build. */
import { ADVISORY_LOCKS, APP_SCHEMA } from '../../naming';
import { OperatorError, messageOf } from '../errors';
import type { Clock, Database, Session } from '../ports';
import { sqlText } from '../sqlText';

/** SQLSTATE of an error of the server, or undefined for any other error. */
export function sqlState(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

export const LOCK_TIMEOUT = '55P03';
export const QUERY_CANCELED = '57014';
export const DISK_FULL = '53100';

/** Whether the connection is gone, rather than the statement refused. */
export function isConnectionLost(error: unknown): boolean {
  const state = sqlState(error);
  // 57P01..57P03: the server shuts down, crashed or starts; class 08: connection exceptions.
  if (state !== undefined) return /^(08|57P0[123])/.test(state);
  return /Connection terminated|ECONNRESET|EPIPE|not queryable|connection error|Client has encountered/i.test(
    messageOf(error),
  );
}

export interface Sessions {
  /** The owner's: holds the advisory lock. */
  control: Session;
  /** Sees what blocks a build; a superuser's where this run may have one. */
  observer: Session;
}

const APPLICATION_NAME = 'qbench index';

/** The owner's session for one build; its parameters end with it. */
export async function openBuildSession(database: Database): Promise<Session> {
  return prepared(
    await database.connect({ role: 'owner', applicationName: `${APPLICATION_NAME} build`, statementTimeoutMs: 0 }),
  );
}

/** Opens both sessions without the lock; for reads. */
export async function openSessions(database: Database): Promise<Sessions> {
  const control = await prepared(
    await database.connect({ role: 'owner', applicationName: APPLICATION_NAME, statementTimeoutMs: 0 }),
  );
  try {
    return { control, observer: await openObserver(database) };
  } catch (error) {
    await control.close();
    throw error;
  }
}

/** Only a superuser may hide one index from a transaction, and see whose transaction blocks; elsewhere the owner must do. */
async function openObserver(database: Database): Promise<Session> {
  const options = { applicationName: `${APPLICATION_NAME} observer`, statementTimeoutMs: 0 };
  const superuser = await database.connect({ ...options, role: 'superuser' }).catch(() => undefined);
  return prepared(superuser ?? (await database.connect({ ...options, role: 'owner' })));
}

async function prepared(session: Session): Promise<Session> {
  // Definitions are printed without a schema only for what the search path finds.
  await session.query("SELECT pg_catalog.set_config('search_path', $1, false)", [APP_SCHEMA]);
  return session;
}

export async function closeSessions(sessions: Sessions): Promise<void> {
  await Promise.all([sessions.control.close(), sessions.observer.close()]);
}

/** How long the lock of a run whose client has just died is waited for. */
const LOCK_GRACE_MS = 1_000;
const LOCK_POLL_MS = 100;

/**
 * Takes the lock that keeps two runs apart. It lives with the control session, not with the build's, so that a run that lost its client
 * leaves the lock to the next one although its build goes on.
 * @throws OperatorError naming the other run
 */
export async function lockIndexes(session: Session, clock: Clock): Promise<void> {
  const until = clock.monotonicMs() + LOCK_GRACE_MS;
  for (;;) {
    const { rows } = await session.query<{ locked: boolean }>(
      'SELECT pg_catalog.pg_try_advisory_lock($1::bigint) AS locked',
      [ADVISORY_LOCKS.indexApply.toString()],
    );
    if (rows[0]?.locked === true) return;
    if (clock.monotonicMs() > until) break;
    await clock.sleep(LOCK_POLL_MS);
  }
  const { rows } = await session.query<{ pid: number; application_name: string | null; since: string | null }>(
    sqlText('queries/advisory-lock-holder'),
    [ADVISORY_LOCKS.indexApply.toString()],
  );
  const holder = rows[0];
  const who =
    holder === undefined
      ? 'another session'
      : `pid ${holder.pid} of the server, ${holder.application_name ?? ''}, since ${holder.since ?? 'an unknown time'}`;
  throw new OperatorError(`another run is changing the indexes already (${who})`, {
    next: 'wait for it; qbench index list shows how far its build is',
  });
}
