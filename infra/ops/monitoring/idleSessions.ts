/** Sessions that were left inside a transaction, and their end. */
import { OperatorError, messageOf } from '../errors';
import { sqlState } from '../indexes/sessions';
import type { Database } from '../ports';
import { sqlText } from '../sqlText';

export interface IdleSession {
  pid: number;
  role: string;
  application: string;
  /** Address, or "socket". */
  client: string;
  seconds: number;
}

const INSUFFICIENT_PRIVILEGE = '42501';

/** @param seconds least idleness */
export async function idleInTransaction(database: Database, seconds: number): Promise<IdleSession[]> {
  const session = await database.connect({ role: 'monitor', applicationName: 'qbench connections' });
  try {
    return (await session.query<IdleSession>(sqlText('queries/monitoring-idle-in-transaction'), [seconds])).rows;
  } finally {
    await session.close();
  }
}

/**
 * Ends those of the sessions that are still idle. As superuser where the stack gives one; else as the role of DATABASE_URL, which may
 * end its own sessions, and with pg_signal_backend those of others.
 * @returns process ids of the sessions that ended
 * @throws OperatorError where the role may not
 */
export async function endIdleInTransaction(
  database: Database,
  sessions: readonly IdleSession[],
  seconds: number,
): Promise<number[]> {
  const session = await database.connect({ role: 'superuser', applicationName: 'qbench connections' });
  try {
    const { rows } = await session.query<{ pid: number; ended: boolean }>(
      sqlText('maintenance/terminate-idle-in-transaction'),
      [sessions.map(({ pid }) => pid), seconds],
    );
    return rows.filter(({ ended }) => ended).map(({ pid }) => pid);
  } catch (error) {
    if (sqlState(error) !== INSUFFICIENT_PRIVILEGE) throw error;
    throw new OperatorError(`this role may not end these sessions: ${messageOf(error)}`, {
      allowed: 'a role may end its own sessions; a superuser, or one with pg_signal_backend, those of others',
      next: 'on the stack of this machine leave DATABASE_URL out; else name such a role in it',
      cause: error,
    });
  } finally {
    await session.close();
  }
}
