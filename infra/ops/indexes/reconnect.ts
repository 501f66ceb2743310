/** Opens the sessions of a run again after the server or the network took them away. */
import { OperatorError, messageOf } from '../errors';
import type { Clock, Database } from '../ports';
import { closeSessions, lockIndexes, openSessions, type Sessions } from './sessions';

const PAUSE_MS = 500;

/**
 * @param lost the sessions that are gone
 * @param waitMs how long it is tried
 * @returns fresh sessions that hold the lock again
 * @throws OperatorError where the server does not come back in time, or the user interrupts
 */
export async function reconnect(
  database: Database,
  lost: Sessions,
  clock: Clock,
  waitMs: number,
  signal: AbortSignal | undefined,
): Promise<Sessions> {
  await closeSessions(lost);
  const until = clock.monotonicMs() + waitMs;
  for (;;) {
    try {
      return await openAndLock(database, clock);
    } catch (error) {
      if (clock.monotonicMs() > until || signal?.aborted === true) {
        throw new OperatorError(`the server does not answer since the connection was lost: ${messageOf(error)}`, {
          next: 'start it (npm run up, or qbench server start), then run the same command again: it continues where this one stopped',
          cause: error,
        });
      }
      await clock.sleep(PAUSE_MS);
    }
  }
}

/** Sessions of a run, with the lock. */
export async function openAndLock(database: Database, clock: Clock): Promise<Sessions> {
  const sessions = await openSessions(database);
  try {
    await lockIndexes(sessions.control, clock);
    return sessions;
  } catch (error) {
    await closeSessions(sessions);
    throw error;
  }
}
