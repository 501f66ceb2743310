/** What is told and when: changes and recoveries, not repeats; and how values become words and lines. */
import { describe, expect, it } from 'vitest';
import { probeApi } from '../../infra/ops/monitoring/api';
import { amountOf } from '../../infra/ops/monitoring/amount';
import { advance, judge, statusOf, type MonitorState, type Round } from '../../infra/ops/monitoring/judge';
import type { Measurements } from '../../infra/ops/monitoring/measure';
import { growthPerDay, withSample, type Observation } from '../../infra/ops/monitoring/observation';
import { parseSnapshot } from '../../infra/ops/monitoring/snapshot';
import { emfLine, prometheusText } from '../../infra/ops/monitoring/publish';
import { COMPARISON_OPERATORS, resolveThresholds, THRESHOLDS, type Planned } from '../../infra/ops/thresholds';

const PLANNED: Planned = { clientConnections: 100, diskBytes: 50e9, databaseBytes: 10e9, parameters: {} };
const thresholds = resolveThresholds(PLANNED);

const values = (given: Record<string, number>): Measurements =>
  new Map(Object.entries({ databaseUnreachable: 0, ...given }).map(([name, value]) => [name, { value }]));

/** A server where nothing happens. */
const SNAPSHOT = parseSnapshot({
  version: 1,
  at: '2026-01-01T00:00:00.000Z',
  elapsedMs: 1,
  server: { versionNum: 180006, uptimeSeconds: 1, inRecovery: false, pgvector: '0.8.6', sharedBuffersBytes: 1 },
  database: {
    name: 'd',
    bytes: 1,
    allDatabasesBytes: 1,
    checksumFailures: 0,
    deadlocks: 0,
    temporaryBytes: 0,
    statisticsAgeSeconds: null,
  },
  tables: [],
  indexes: [],
  sessions: {
    used: 1,
    limit: 100,
    reserved: 3,
    active: 0,
    by: [],
    roles: [],
    idleInTransaction: 0,
    longestIdleInTransaction: null,
    longestTransaction: null,
    longestQuery: null,
    waiting: 0,
    blocked: [],
    blockers: [],
  },
  transactionIds: { oldestAge: 1, oldestDatabase: 'd', databaseAge: 1, multixactAge: 0, freezeMaxAge: 1 },
  statements: null,
  parameters: {},
  pendingRestart: [],
  wal: { lsnBytes: 1, directoryBytes: 1, maxWalSizeBytes: 1 },
  checkpoints: { timed: 0, requested: 0, writeMs: 0, syncMs: 0 },
  slots: [],
  archiver: {
    mode: 'off',
    archived: 0,
    failed: 0,
    failing: false,
    lastArchivedWal: null,
    lastFailedWal: null,
    lastArchivedAgeSeconds: null,
    readySegments: 0,
    atRiskSeconds: null,
  },
});

/** Rounds five minutes apart; a snapshot is only looked at for being there. */
class Rounds {
  private state: MonitorState | undefined;
  private minute = 0;

  next(given: Record<string, number>, observed: Partial<Observation> = {}): Round {
    const at = new Date(Date.UTC(2026, 0, 1, 0, (this.minute += 5))).toISOString();
    const observation: Observation = { at, ...observed };
    const round = advance(this.state, observation, values(given), thresholds);
    this.state = JSON.parse(JSON.stringify(round.state)) as MonitorState;
    return round;
  }

  changes(given: Record<string, number>, observed: Partial<Observation> = {}): string[] {
    return this.next(given, observed).changes.map(({ kind, name, severity }) => `${kind} ${name} ${severity}`);
  }
}

describe('thresholds', () => {
  it('are unique in name and metric, and warn before they are critical', () => {
    for (const key of ['name', 'metric', 'prometheus', 'runbook'] as const)
      expect(new Set(THRESHOLDS.map((row) => row[key])).size, key).toBe(THRESHOLDS.length);
    for (const { name, warning, critical, comparison } of thresholds) {
      expect(warning ?? critical, name).toBeDefined();
      expect(comparison in COMPARISON_OPERATORS).toBe(true);
      if (warning === undefined || critical === undefined) continue;
      expect(comparison === '<' ? critical < warning : critical > warning, name).toBe(true);
    }
  });

  it('have the guide’s levels, unless the server is smaller, and each can be changed by configuration', () => {
    const level = (name: string, planned = PLANNED, overrides = {}): unknown[] => {
      const row = resolveThresholds(planned, overrides).find((each) => each.name === name);
      return [row?.warning, row?.critical];
    };
    expect(level('connections')).toEqual([80, 95]);
    expect(level('connections', { ...PLANNED, clientConnections: 20 })).toEqual([16, 19]);
    expect(level('databaseSize')[0]).toBe(50 * 1024 ** 3);
    expect(level('searchLatency')[0]).toBe(1000);
    expect(level('apiLatency')[0]).toBe(5);
    for (const { name } of THRESHOLDS)
      expect(level(name, PLANNED, { [name]: { warning: 1.5, critical: 2.5 } }), name).toEqual([1.5, 2.5]);
  });
});

describe('judging', () => {
  it('puts the worst first and says value, level and runbook', () => {
    const findings = judge(values({ connections: 81, diskDaysLeft: 3, invalidIndexes: 1 }), thresholds);
    expect(findings.map(({ name, severity }) => `${severity} ${name}`)).toEqual([
      'critical diskDaysLeft',
      'warning connections',
      'warning invalidIndexes',
    ]);
    expect(findings[1]).toMatchObject({
      message: 'connections of clients: 81 (warning above 80)',
      runbook: 'docs/runbooks/sessions.md#connections',
    });
    expect(statusOf(findings)).toBe('critical');
    expect(statusOf([])).toBe('ok');
  });

  it('takes the level itself as beyond it only where the row says so', () => {
    expect(judge(values({ connections: 80 }), thresholds)).toEqual([]);
    expect(judge(values({ invalidIndexes: 1 }), thresholds)).toHaveLength(1);
    expect(judge(values({ diskDaysLeft: 30 }), thresholds)).toEqual([]);
  });

  it('takes silence as a finding where the row says so', () => {
    expect(judge(new Map(), thresholds).map(({ name, severity }) => [name, severity])).toEqual([
      ['databaseUnreachable', 'critical'],
    ]);
  });
});

describe('rounds', () => {
  const there = { snapshot: SNAPSHOT };

  it('tell a finding once, its change, and its recovery', () => {
    const rounds = new Rounds();
    expect(rounds.changes({ connections: 81 }, there)).toEqual(['raised connections warning']);
    expect(rounds.changes({ connections: 82 }, there)).toEqual([]);
    expect(rounds.changes({ connections: 99 }, there)).toEqual(['worse connections critical']);
    expect(rounds.changes({ connections: 85 }, there)).toEqual(['better connections warning']);
    expect(rounds.changes({ connections: 10 }, there)).toEqual(['recovered connections warning']);
    expect(rounds.changes({ connections: 10 }, there)).toEqual([]);
  });

  it('wait for as many in a row as the row asks for', () => {
    const rounds = new Rounds();
    const low = { indexCacheHit: 50 };
    expect(rounds.changes(low, there)).toEqual([]);
    expect(rounds.changes({ indexCacheHit: 99 }, there)).toEqual([]);
    expect(rounds.changes(low, there)).toEqual([]);
    expect(rounds.changes(low, there)).toEqual([]);
    expect(rounds.changes(low, there)).toEqual(['raised indexCacheHit critical']);
  });

  it('take nothing for recovered while the database does not answer', () => {
    const rounds = new Rounds();
    rounds.next({ deadRows: 60 }, there);
    expect(rounds.changes({ databaseUnreachable: 1 }, { unreachable: 'down' })).toEqual([
      'raised databaseUnreachable critical',
    ]);
    expect(rounds.changes({ deadRows: 60 }, there)).toEqual(['recovered databaseUnreachable critical']);
    expect(rounds.changes({ deadRows: 0 }, there)).toEqual(['recovered deadRows critical']);
  });

  it('keep recall as it was on the days between, and remember when it was measured', () => {
    const rounds = new Rounds();
    const recall = { version: 1 as const, at: '2026-01-01T00:00:00Z', elapsedMs: 1, indexes: [] };
    expect(rounds.changes({ recall: 0.7 }, { ...there, recall })).toEqual(['raised recall warning']);
    const quiet = rounds.next({}, there);
    expect(quiet.changes).toEqual([]);
    expect(quiet.state.recallAt).toBe('2026-01-01T00:05:00.000Z');
    expect(rounds.changes({ recall: 0.95 }, { ...there, recall })).toEqual(['recovered recall warning']);
  });

  it('stay small enough for a parameter of SSM, after a month too', () => {
    let sizes: ReturnType<typeof withSample> = [];
    for (let hour = 0; hour < 24 * 31; hour++)
      sizes = withSample(sizes, { at: new Date(Date.UTC(2026, 0, 1, hour)).toISOString(), bytes: 1e10 + hour });
    expect(sizes).toHaveLength(40);
    const state = advance(
      { ...new Rounds().next({}, there).state, memory: { sizes } },
      { at: '2026-02-01T00:00:00.000Z', ...there },
      values({}),
      thresholds,
    ).state;
    expect(JSON.stringify(state).length).toBeLessThan(4096);
    expect(growthPerDay(sizes, { at: '2026-02-01T00:00:00.000Z', bytes: 1e10 + 744 })).toBeCloseTo(24, 0);
    expect(growthPerDay([], { at: '2026-02-01T00:00:00.000Z', bytes: 1 })).toBeUndefined();
  });
});

describe('words and lines', () => {
  it.each([
    [81, 'Count', '81'],
    [500_000_000, 'Count', '500,000,000'],
    [0.07, 'Percent', '0.07 %'],
    [12.345, 'Percent', '12.3 %'],
    [90, 'Seconds', '90 s'],
    [3600, 'Seconds', '60 min'],
    [26 * 3600, 'Seconds', '26 h'],
    [8 * 86_400, 'Seconds', '8 days'],
    [1.234, 'Milliseconds', '1.23 ms'],
    [0.85, 'None', '0.85'],
  ] as const)('%s %s is %s', (value, unit, text) => {
    expect(amountOf(value, unit)).toBe(text);
  });

  it('are one line of EMF and one gauge a value; a stack’s name cannot break out of its label', () => {
    const measured = values({ connections: 7 });
    const line = emfLine(measured, thresholds, { namespace: 'N', stack: 'dev', at: '2026-01-01T00:00:00Z' });
    expect(line).not.toContain('\n');
    expect(JSON.parse(line)).toMatchObject({ stack: 'dev', Connections: 7, DatabaseUnreachable: 0 });
    expect(prometheusText(measured, thresholds, { stack: 'a"b\nc' })).toContain(
      'qbench_connections{stack="a\\"b\\nc"} 7\n',
    );
  });
});

describe('the application', () => {
  const clock = { now: () => new Date(), monotonicMs: () => 0, sleep: () => Promise.resolve() };

  it('is asked at both addresses, below any path, and its silence has a reason', async () => {
    const asked: string[] = [];
    const http = {
      get: (url: string) => {
        asked.push(url);
        return url.endsWith('/metrics')
          ? Promise.reject(new Error('no answer within 10 s'))
          : Promise.resolve({ status: 204 });
      },
    };
    const answers = await probeApi(http, clock, 'http://app:8000/qbench/');
    expect(asked).toEqual(['http://app:8000/qbench/healthz', 'http://app:8000/qbench/metrics']);
    expect(answers).toEqual([
      { path: '/healthz', status: 204, seconds: 0 },
      { path: '/metrics', seconds: 0, error: 'no answer within 10 s' },
    ]);
  });
});
