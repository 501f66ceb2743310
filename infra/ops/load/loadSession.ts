/** The session of a load: its lock, and its end when somebody interrupts. */
import { ADVISORY_LOCKS } from '../../naming';
import { takeLock } from '../migrations/lock';
import type { Clock, Database, ProgressSink, Session } from '../ports';

export interface LoadPorts {
  clock: Clock;
  progress: ProgressSink;
  signal: AbortSignal;
}

/** A batch that is being written gets this long to end by itself after an interrupt. */
const CANCEL_AFTER_MS = 3_000;

/** Long enough for the backend of a killed load to notice that nobody is there any more. */
const LOCK_WAIT_MS = 5_000;

/**
 * Takes the lock of all loads: two would take the same test_case_ids, and two of the same file would do everything twice.
 * @throws OperatorError naming the holder
 */
export async function prepareLoadSession(session: Session, { clock, progress, signal }: LoadPorts): Promise<void> {
  // Every statement of a load finds its rows by index: on a table that was never analysed the planner would guess otherwise.
  await session.query("SELECT pg_catalog.set_config('enable_seqscan', 'off', false)");
  // A load that is killed leaves its backend, and so the lock, until the backend next writes to it; this makes it look.
  // Servers on Windows cannot, and refuse the setting.
  await session
    .query("SELECT pg_catalog.set_config('client_connection_check_interval', '2s', false)")
    .catch(() => undefined);
  await takeLock(session, clock, progress, {
    key: ADVISORY_LOCKS.load,
    holder: 'another load',
    waitMs: LOCK_WAIT_MS,
    signal,
  });
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
