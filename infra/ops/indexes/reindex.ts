/** The rebuild of a live index beside searches, by REINDEX INDEX CONCURRENTLY. */
import { OperatorError, messageOf } from '../errors';
import type { Clock, Database, ProgressSink } from '../ports';
import { quoteIdent } from '../sqlText';
import { BuildWatch, dropQuietly, type BuildContext } from './build';
import { readServer, readTable } from './catalog';
import { resolveIndex } from './decide';
import type { DesiredIndex, DesiredIndexState } from './desired';
import { planBuild } from './resources';
import { closeSessions, lockIndexes, openBuildSession, openSessions, type Sessions } from './sessions';
import { capacitySizing } from './sizing';

export interface ReindexOptions {
  state: DesiredIndexState;
  clock: Clock;
  progress: ProgressSink;
  /** How long a rebuild may stand still behind other sessions' transactions, in milliseconds. @default 60 s */
  waitMs?: number;
  signal?: AbortSignal | undefined;
}

const DEFAULT_WAIT_MS = 60_000;

/**
 * Rebuilds one index, alone with the lock that keeps builds apart.
 * @throws OperatorError where another build runs, or this one fails; the old index serves on
 */
export async function reindexOnline(database: Database, desired: DesiredIndex, options: ReindexOptions): Promise<void> {
  const sessions = await openSessions(database);
  try {
    await lockIndexes(sessions.control, options.clock);
    await reindex(database, sessions, desired, options);
  } finally {
    await closeSessions(sessions);
  }
}

/** The index keeps serving, as well as it can, until its copy is whole. */
export async function reindex(
  database: Database,
  sessions: Sessions,
  desired: DesiredIndex,
  options: ReindexOptions,
): Promise<void> {
  const waitMs = options.waitMs ?? DEFAULT_WAIT_MS;
  const { clock, progress, signal, state } = options;
  const context: BuildContext = { database, sessions, clock, progress, waitMs, signal };
  const rows = (await readTable(sessions.control, desired))?.rows ?? 0;
  const plan = planBuild(
    resolveIndex(desired, rows, [], capacitySizing),
    rows,
    state.session,
    await readServer(sessions.control),
    capacitySizing,
  );
  const session = await openBuildSession(database);
  try {
    const settings: [string, string][] = [
      ['maintenance_work_mem', `${plan.maintenanceWorkMemMiB}MB`],
      // Serial: a parallel one would need parallel_workers of the table, and healing must not depend on /dev/shm.
      ['max_parallel_maintenance_workers', '0'],
      ['lock_timeout', String(waitMs * 2)],
    ];
    for (const [parameter, value] of settings)
      await session.query('SELECT pg_catalog.set_config($1, $2, false)', [parameter, value]);
    const watch = new BuildWatch(context, desired.name, session.backendPid);
    const work = session.query(`REINDEX INDEX CONCURRENTLY ${quoteIdent(desired.name)}`);
    const { error } = await watch.until(
      work.then(
        () => ({ error: undefined }),
        (reason: unknown) => ({ error: reason }),
      ),
    );
    if (error !== undefined) {
      await dropQuietly(context, `${desired.name}_ccnew`);
      throw new OperatorError(
        `${desired.name} could not be rebuilt: ${messageOf(error)}${watch.blockedBy === undefined ? '' : ` (held up by ${watch.blockedBy})`}`,
        {
          next: 'qbench index apply removes what the rebuild left; run it again after the cause is gone',
          cause: error,
        },
      );
    }
  } finally {
    await session.close();
  }
}
