/** One look at a stack from here: over a session of the monitor role, and over HTTP at the application. */
import { messageOf, OperatorError } from '../errors';
import { QUERY_CANCELED, sqlState } from '../indexes/sessions';
import type { Clock, Database, Session } from '../ports';
import { API_TIMEOUT_MS, probeApi, type HttpGet } from './api';
import type { MonitorState } from './judge';
import type { Observation } from './observation';
import { readProbe } from './probe';
import { readSnapshot, type Snapshot } from './snapshot';

/** A snapshot takes milliseconds; a server that needs longer than this has other troubles. */
export const SNAPSHOT_TIMEOUT_MS = 15_000;
/** Longest time of all searches of a probe together. */
const PROBE_BUDGET_MS = 5000;
const PROBE_TIMEOUT_MS = 15_000;
/** Exact comparisons read whole tables: a few, once a day. */
const RECALL_COMPARISONS = 5;
const RECALL_BUDGET_MS = 15_000;
const RECALL_TIMEOUT_MS = 30_000;
const RECALL_EVERY_MS = 24 * 3_600_000;

const INSUFFICIENT_PRIVILEGE = '42501';
const UNDEFINED = ['42883', '3F000'];

export interface CollectOptions {
  /** Searches by each index; 0 for no probe. @default 20 */
  searches?: number;
  /** Whether recall is measured now. @default false */
  recall?: boolean;
  /** Base URL of the application. @default it is not asked */
  apiUrl?: string | undefined;
  /** The disk of the data, where it is known here. */
  disk?: Observation['disk'];
}

export interface CollectTools {
  database: Database;
  clock: Clock;
  http: HttpGet;
}

/**
 * Looks once. A database that does not answer is an observation, not an error.
 * @throws OperatorError where the role may not ask, or the database was never migrated
 */
export async function collect(tools: CollectTools, options: CollectOptions = {}): Promise<Observation> {
  const { database, clock, http } = tools;
  const at = clock.now().toISOString();
  const api = options.apiUrl === undefined ? undefined : probeApi(http, clock, options.apiUrl, API_TIMEOUT_MS);
  const asked = await askDatabase(database, options);
  return { at, ...asked, api: await api, disk: options.disk };
}

async function askDatabase(
  database: Database,
  options: CollectOptions,
): Promise<Pick<Observation, 'snapshot' | 'unreachable' | 'probe' | 'probeError' | 'recall'>> {
  let session: Session | undefined;
  try {
    session = await database.connect({
      role: 'monitor',
      applicationName: 'qbench monitor',
      statementTimeoutMs: SNAPSHOT_TIMEOUT_MS,
    });
    const snapshot = await takeSnapshot(session);
    return { snapshot, ...(await probeDatabase(session, options)) };
  } catch (error) {
    if (error instanceof OperatorError && session !== undefined) throw error;
    return { unreachable: messageOf(error) };
  } finally {
    await session?.close();
  }
}

/** @throws OperatorError in words for what only an operator can change; what the driver throws for a server that is in trouble */
export async function takeSnapshot(session: Session): Promise<Snapshot> {
  try {
    return await readSnapshot(session);
  } catch (error) {
    const state = sqlState(error) ?? '';
    if (state === INSUFFICIENT_PRIVILEGE)
      throw new OperatorError(`this role may not see the state of the database: ${messageOf(error)}`, {
        allowed: 'qbench_monitor',
        next: 'leave DATABASE_URL out for the stack of this machine, or name qbench_monitor in it',
        cause: error,
      });
    if (UNDEFINED.includes(state))
      throw new OperatorError(`this database cannot tell its state: ${messageOf(error)}`, {
        next: 'qbench migrate',
        cause: error,
      });
    throw error;
  }
}

async function probeDatabase(
  session: Session,
  { searches = 20, recall = false }: CollectOptions,
): Promise<Pick<Observation, 'probe' | 'probeError' | 'recall'>> {
  const limit = (ms: number): Promise<unknown> =>
    session.query("SELECT pg_catalog.set_config('statement_timeout', $1, false)", [String(ms)]);
  const found: Pick<Observation, 'probe' | 'probeError' | 'recall'> = {};
  if (searches > 0) {
    await limit(PROBE_TIMEOUT_MS);
    try {
      found.probe = await readProbe(session, { searches, budgetMs: PROBE_BUDGET_MS });
    } catch (error) {
      found.probeError = messageOf(error);
    }
  }
  if (recall && found.probeError === undefined) {
    await limit(RECALL_TIMEOUT_MS);
    try {
      found.recall = await readProbe(session, {
        searches: 0,
        comparisons: RECALL_COMPARISONS,
        budgetMs: RECALL_BUDGET_MS,
      });
    } catch (error) {
      // A table too large to be read in time: searches are fine, recall stays as it was known.
      if (sqlState(error) !== QUERY_CANCELED) found.probeError = messageOf(error);
    }
  }
  return found;
}

/** Whether a day has passed since recall was measured. */
export function recallIsDue(state: MonitorState | undefined, now: Date): boolean {
  return state?.recallAt === undefined || now.getTime() - Date.parse(state.recallAt) >= RECALL_EVERY_MS;
}
