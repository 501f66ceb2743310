/** The session of a load: its lock, and its end when somebody interrupts. */
import { ADVISORY_LOCKS } from '../../naming';
import { OperatorError } from '../errors';
import type { Database, Session } from '../ports';
import { sqlText } from '../sqlText';

/** A batch that is being written gets this long to end by itself after an interrupt. */
const CANCEL_AFTER_MS = 3_000;

/** One load at a time: two would take the same test_case_ids, and two of the same file would do everything twice. */
export async function takeLock(session: Session): Promise<void> {
  const key = ADVISORY_LOCKS.load.toString();
  const { rows } = await session.query<{ taken: boolean }>(
    'SELECT pg_catalog.pg_try_advisory_lock($1::bigint) AS taken',
    [key],
  );
  if (rows[0]?.taken === true) return;
  const holder = (
    await session.query<{ pid: number; backend_start: Date | null }>(sqlText('queries/load-lock-holder'), [key])
  ).rows[0];
  const who =
    holder === undefined ? '' : ` (backend ${holder.pid}, since ${holder.backend_start?.toISOString() ?? 'unknown'})`;
  throw new OperatorError(`another load is running${who}`, { next: 'wait for it to end, then run this one again' });
}

/** Cancels the statement of a session some time after an interrupt: a batch may wait for a lock that nobody gives up. */
export function cancelOnAbort(database: Database, session: Session, signal: AbortSignal): () => void {
  let timer: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    timer = setTimeout(() => {
      void (async () => {
        const other = await database.connect({ role: 'owner', applicationName: 'qbench load, cancelling' });
        await other.query('SELECT pg_catalog.pg_cancel_backend($1)', [session.backendPid]).catch(() => undefined);
        await other.close();
      })().catch(() => undefined);
    }, CANCEL_AFTER_MS);
  };
  signal.addEventListener('abort', onAbort);
  return () => {
    signal.removeEventListener('abort', onAbort);
    clearTimeout(timer);
  };
}
