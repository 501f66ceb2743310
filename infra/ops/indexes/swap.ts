/** Puts a proven index into the place of the old one. */
import { OperatorError } from '../errors';
import type { Clock, ProgressSink, Session } from '../ports';
import { quoteIdent, sqlText } from '../sqlText';
import type { ActualIndex } from './catalog';
import { retiredName, type ResolvedIndex } from './definition';
import { LOCK_TIMEOUT, sqlState, type Sessions } from './sessions';

/** Renaming locks the index only against other changes of it; a lock that takes longer than this is somebody's maintenance. */
const SWAP_LOCK_MS = 500;
const SWAP_ATTEMPTS = 10;
const SWAP_PAUSE_MS = 250;

/**
 * Swaps names in one short transaction: a search sees the old index or the new one, never none.
 * @param built name under which the new index was built
 * @returns the name that the old index bears from now on, where there was one
 * @throws OperatorError where the lock is not had within a few seconds; both indexes stay as they were
 */
export async function swapNames(
  sessions: Sessions,
  clock: Clock,
  desired: ResolvedIndex,
  built: string,
  old: ActualIndex | undefined,
): Promise<string | undefined> {
  const retired = old === undefined ? undefined : retiredName(desired, old.oid);
  for (let attempt = 1; ; attempt++) {
    try {
      await swapOnce(sessions.control, desired.name, built, retired);
      return retired;
    } catch (error) {
      if (sqlState(error) !== LOCK_TIMEOUT || attempt === SWAP_ATTEMPTS) {
        throw new OperatorError(
          `the names of ${desired.name} and its successor could not be swapped (${attempt} attempts): ${error instanceof Error ? error.message : String(error)}`,
          { next: 'run it again: the new index is finished and will be taken as it is', cause: error },
        );
      }
      await clock.sleep(SWAP_PAUSE_MS);
    }
  }
}

async function swapOnce(session: Session, live: string, built: string, retired: string | undefined): Promise<void> {
  await session.query('BEGIN');
  try {
    await session.query("SELECT pg_catalog.set_config('lock_timeout', $1, true)", [String(SWAP_LOCK_MS)]);
    if (retired !== undefined) await session.query(`ALTER INDEX ${quoteIdent(live)} RENAME TO ${quoteIdent(retired)}`);
    await session.query(`ALTER INDEX ${quoteIdent(built)} RENAME TO ${quoteIdent(live)}`);
    await session.query('COMMIT');
  } catch (error) {
    await session.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

const SETTLE_POLL_MS = 50;

/**
 * Waits until no transaction is left that began before now. The search functions choose their query by the live index;
 * one that chose before the swap must have ended before the old index goes, or it would scan the table.
 * @returns whether they all ended in time
 */
export async function waitForOlderTransactions(
  session: Session,
  clock: Clock,
  progress: ProgressSink,
  waitMs: number,
): Promise<boolean> {
  const open = async (): Promise<string[]> => {
    const { rows } = await session.query<{ transaction: string }>(sqlText('queries/index-open-transactions'));
    return rows.map(({ transaction }) => transaction);
  };
  const older = new Set(await open());
  const until = clock.monotonicMs() + waitMs;
  for (;;) {
    const left = (await open()).filter((transaction) => older.has(transaction));
    if (left.length === 0) return true;
    if (clock.monotonicMs() > until) return false;
    progress.update({
      phase: 'waiting for searches that began before the swap',
      done: older.size - left.length,
      total: older.size,
      unit: 'transactions',
    });
    await clock.sleep(SETTLE_POLL_MS);
  }
}
