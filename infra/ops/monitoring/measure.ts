/** From what was observed to one value a threshold, with the facts that people ask for next. Pure. */
import type { Planned } from '../thresholds';
import { API_PATHS } from './api';
import { indexMetrics, tableMetrics } from './measureTables';
import { performanceMetrics } from './measurePerformance';
import { growthPerDay, type Memory, type Observation } from './observation';
import type { Snapshot } from './snapshot';

/** Value of one metric; the detail says where it comes from. */
export interface Measurement {
  value: number;
  detail?: string;
}

/** By the name of the threshold. A metric without a value is absent. */
export type Measurements = Map<string, Measurement>;

/** Collects values; undefined and null are left out. */
export type Put = (name: string, value: number | null | undefined, detail?: string) => void;

/** A table that somebody keeps for himself cannot be searched either; lockWait tells of it where somebody waits. */
const LOCKED = /due to lock timeout/;
const DAYS_SHOWN_AT_MOST = 3650;

/**
 * @param memory counters and sizes of earlier rounds; without them, what needs a difference has no value
 */
export function measure(observation: Observation, planned: Planned, memory: Memory): Measurements {
  const values: Measurements = new Map();
  const put: Put = (name, value, detail) => {
    if (value === null || value === undefined || Number.isNaN(value)) return;
    values.set(name, { value: Math.round(value * 1e4) / 1e4, ...(detail === undefined ? {} : { detail }) });
  };
  const { snapshot, unreachable } = observation;
  if (snapshot !== undefined || unreachable !== undefined)
    put('databaseUnreachable', unreachable === undefined ? 0 : 1, unreachable);
  if (snapshot !== undefined) {
    sessionMetrics(snapshot, put);
    spaceMetrics(snapshot, observation, planned, memory, put);
    tableMetrics(snapshot, put);
    indexMetrics(snapshot, put);
    performanceMetrics(snapshot, planned, memory, put);
    recoveryMetrics(snapshot, memory, put);
  }
  probeMetrics(observation, put);
  apiMetrics(observation, put);
  put('backupAge', observation.backup?.backupAgeSeconds);
  put('restoreAge', observation.backup?.restoreAgeSeconds);
  return values;
}

type SessionFact = NonNullable<Snapshot['sessions']['longestQuery']>;

function who({ pid, role, application }: Pick<SessionFact, 'pid' | 'role' | 'application'>): string {
  return `pid ${pid} (${[role ?? 'no role', application].filter((part) => part !== '').join(', ')})`;
}

function sessionMetrics({ sessions }: Snapshot, put: Put): void {
  const states = sessions.by.map(({ role, state, count }) => `${count} ${role ?? '-'} ${state}`).slice(0, 5);
  put('connections', sessions.used, `${sessions.limit} at most; ${states.join(', ')}`);
  const roles = sessions.roles.map((role) => ({ ...role, percent: (100 * role.used) / role.limit }));
  const fullest = roles.sort((a, b) => b.percent - a.percent)[0];
  put('roleConnections', fullest?.percent, fullest && `${fullest.role}: ${fullest.used} of ${fullest.limit}`);
  const longest = (name: string, fact: SessionFact | null): void => {
    put(name, fact?.seconds ?? 0, fact === null ? undefined : who(fact));
  };
  longest('idleInTransaction', sessions.longestIdleInTransaction);
  longest('longestTransaction', sessions.longestTransaction);
  longest('longestQuery', sessions.longestQuery);
  const waiting = sessions.blocked[0];
  const blocker = sessions.blockers.find(({ pid }) => waiting?.blockedBy.includes(pid));
  put(
    'lockWait',
    waiting?.seconds ?? 0,
    waiting &&
      `${who(waiting)} waits for ${blocker === undefined ? `pid ${waiting.blockedBy.join(', ')}` : `${who(blocker)}, ${blocker.state ?? 'working'}`}`,
  );
}

function spaceMetrics(snapshot: Snapshot, observation: Observation, planned: Planned, memory: Memory, put: Put): void {
  const { database, wal, slots } = snapshot;
  put('databaseSize', database.bytes);
  put('sizeAgainstPlan', (100 * database.bytes) / planned.databaseBytes);
  const own = database.allDatabasesBytes + wal.directoryBytes;
  const free = observation.disk?.freeBytes ?? Math.max(0, planned.diskBytes - own);
  const total = observation.disk === undefined ? planned.diskBytes : (observation.disk.totalBytes ?? free + own);
  const estimated = observation.disk === undefined ? 'by the size of the databases and the planned disk' : undefined;
  put('disk', 100 * (1 - free / total), estimated);
  const growth = growthPerDay(memory.sizes, { at: observation.at, bytes: database.bytes });
  if (growth !== undefined) {
    const days = growth <= 0 ? DAYS_SHOWN_AT_MOST : Math.min(DAYS_SHOWN_AT_MOST, free / growth);
    put('diskDaysLeft', days, estimated);
  }
  const slot = slots.find(({ retainedBytes }) => (retainedBytes ?? 0) > wal.maxWalSizeBytes);
  put(
    'walDirectory',
    (100 * wal.directoryBytes) / wal.maxWalSizeBytes,
    slot && `replication slot ${slot.name}${slot.active ? '' : ', which nobody uses,'} holds it back`,
  );
}

function recoveryMetrics({ archiver }: Snapshot, memory: Memory, put: Put): void {
  const queue = archiver.readySegments === 0 ? undefined : `${archiver.readySegments} segments wait`;
  put('dataAtRisk', archiver.atRiskSeconds, queue);
  if (archiver.mode === 'off') return;
  const before = memory.counters?.archiveFailed ?? archiver.failed;
  const failures = archiver.failing ? Math.max(1, archiver.failed - before) : 0;
  put('archiveFailures', failures, failures === 0 ? undefined : `at ${archiver.lastFailedWal ?? 'an unknown segment'}`);
}

function probeMetrics({ probe, probeError, recall }: Observation, put: Put): void {
  if (probeError !== undefined) put('searchErrors', 1, probeError);
  if (probe !== undefined) {
    const failed = probe.indexes.filter(
      ({ type, error, indexUsed }) =>
        type !== null && !LOCKED.test(error ?? '') && (error !== undefined || indexUsed === false),
    );
    const first = failed[0];
    put('searchErrors', failed.length, first && `${first.index}: ${first.error ?? 'the planner does not use it'}`);
    const searched = probe.indexes.filter(({ searches }) => searches > 0);
    const slowest = [...searched].sort((a, b) => (b.p95Ms ?? 0) - (a.p95Ms ?? 0))[0];
    put('searchLatency', slowest?.p95Ms, slowest?.index);
    const missed = searched.map((each) => ({ ...each, share: (100 * each.selfMisses) / each.searches }));
    const worst = missed.sort((a, b) => b.share - a.share)[0];
    put('selfMisses', worst?.share, worst && `${worst.index}: ${worst.selfMisses} of ${worst.searches}`);
  }
  const recalls = [...(recall?.indexes ?? [])].filter((each) => each.recall !== undefined);
  const lowest = recalls.sort((a, b) => (a.recall ?? 0) - (b.recall ?? 0))[0];
  put('recall', lowest?.recall, lowest && `${lowest.index}, ${lowest.recallQueries ?? 0} searches`);
}

function apiMetrics({ api }: Observation, put: Put): void {
  if (api === undefined) return;
  const failed = api.filter(({ error }) => error !== undefined);
  put(
    'apiUnreachable',
    failed.length,
    failed.length === 0 ? undefined : failed.map(({ path, error }) => `${path}: ${error ?? ''}`).join('; '),
  );
  const slowest = [...api].sort((a, b) => b.seconds - a.seconds)[0];
  put('apiLatency', slowest?.seconds, slowest?.path ?? API_PATHS[0]);
}
