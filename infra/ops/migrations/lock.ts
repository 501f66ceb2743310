/** One at a time, by an advisory lock of the session. */
import { OperatorError } from '../errors';
import type { Clock, ProgressSink, Queryable } from '../ports';
import { sqlText } from '../sqlText';

const POLL_MS = 500;

export interface LockRequest {
  key: bigint;
  /** Who may hold it, in words: "another migrator". */
  holder: string;
  /** How long to ask for it, in milliseconds. */
  waitMs: number;
  signal?: AbortSignal | undefined;
}

interface LockHolder {
  pid: number;
  application_name: string | null;
  usename: string | null;
  client: string | null;
  since: string | null;
}

/**
 * Takes the lock for as long as the session lives. Asks again and again instead of waiting inside the server: a session that waits
 * there holds a snapshot, and a CREATE INDEX CONCURRENTLY of the holder would wait for that snapshot to go.
 * @throws OperatorError naming the holder when the time is over
 */
export async function takeLock(
  session: Queryable,
  clock: Clock,
  progress: ProgressSink,
  request: LockRequest,
): Promise<void> {
  const key = request.key.toString();
  const end = clock.monotonicMs() + request.waitMs;
  let told: number | undefined;
  for (;;) {
    const { rows } = await session.query<{ taken: boolean }>(
      'SELECT pg_catalog.pg_try_advisory_lock($1::bigint) AS taken',
      [key],
    );
    if (rows[0]?.taken === true) return;
    const holder = (await session.query<LockHolder>(sqlText('queries/advisory-lock-holder'), [key])).rows[0];
    if (holder !== undefined && told !== holder.pid) {
      progress.note(
        `${request.holder} is at work: ${describe(holder)}; waiting for it up to ${Math.ceil(request.waitMs / 1000)} s`,
      );
      told = holder.pid;
    }
    if (clock.monotonicMs() >= end) {
      throw new OperatorError(
        `${request.holder} is still at work: ${holder === undefined ? 'it has just begun' : describe(holder)}`,
        {
          next:
            holder === undefined
              ? 'run it again'
              : `wait for it, or end it with SELECT pg_terminate_backend(${holder.pid})`,
        },
      );
    }
    await clock.sleep(POLL_MS, request.signal);
  }
}

function describe({ pid, application_name, usename, client, since }: LockHolder): string {
  const details = [`pid ${pid}`, application_name, usename, client, since === null ? null : `connected ${since}`];
  return details.filter((detail) => detail !== null && detail !== '').join(', ');
}
