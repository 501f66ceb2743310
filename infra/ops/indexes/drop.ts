/** Drops vector indexes without blocking searches, and waits for nobody longer than it was told. */
import { OperatorError, messageOf } from '../errors';
import type { Clock, Database } from '../ports';
import { sqlText } from '../sqlText';
import { dropIndex } from './build';
import { describeBackend, readIndexes } from './catalog';
import { LOCK_TIMEOUT, closeSessions, lockIndexes, openSessions, sqlState, type Sessions } from './sessions';

/**
 * @param names indexes to drop; those that are gone already count as dropped
 * @param tables tables they must be on: nothing else is ever dropped here
 * @returns names that were there
 * @throws OperatorError for an index that is not a vector index of these tables, or that is in use for longer than `waitMs`
 */
export async function dropIndexes(
  database: Database,
  names: readonly string[],
  tables: readonly string[],
  clock: Clock,
  waitMs: number,
): Promise<string[]> {
  const sessions = await openSessions(database);
  try {
    await lockIndexes(sessions.control, clock);
    const actual = await readIndexes(sessions.control, tables);
    const dropped: string[] = [];
    for (const name of names) {
      const index = actual.find((candidate) => candidate.name === name);
      if (index === undefined) continue;
      try {
        await dropIndex({ sessions }, name, waitMs);
      } catch (error) {
        const inUse = sqlState(error) === LOCK_TIMEOUT;
        const blockers = inUse ? await openTransactions(sessions) : '';
        throw new OperatorError(`${name} could not be dropped: ${messageOf(error)}${blockers}`, {
          next: inUse
            ? 'end the transactions that use its table, or allow longer with --wait SECONDS'
            : 'see the words above',
          cause: error,
        });
      }
      dropped.push(name);
    }
    return dropped;
  } finally {
    await closeSessions(sessions);
  }
}

async function openTransactions(sessions: Sessions): Promise<string> {
  const { rows } = await sessions.observer.query<{ pid: number }>(sqlText('queries/index-open-transactions'));
  const others = rows.filter(({ pid }) => pid !== sessions.control.backendPid);
  const described = await Promise.all(others.slice(0, 5).map(({ pid }) => describeBackend(sessions.observer, pid)));
  return described.length === 0 ? '' : `; open transactions: ${described.join(', ')}`;
}
