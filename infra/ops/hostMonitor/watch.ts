/** One event of the monitor: a snapshot is asked for, or one has come and is told as metrics. */
import { messageOf } from '../errors';
import { probeApi, type HttpGet } from '../monitoring/api';
import { judge } from '../monitoring/judge';
import { measure } from '../monitoring/measure';
import { NO_MEMORY, type Memory, type Observation } from '../monitoring/observation';
import { parseProbe } from '../monitoring/probe';
import { parseSnapshot } from '../monitoring/snapshot';
import type { Clock } from '../ports';
import type { MetricSink, OperationsLog } from '../telemetry';
import { resolveThresholds } from '../thresholds';
import { parseMonitorEvent } from './events';
import { memoryBefore } from './history';
import type { MonitorPlan } from './packing';
import { parseHostReport, type HostReport } from './report';
import type { SnapshotResult, SnapshotRun, SnapshotRuns } from './runs';

export interface MonitorTools {
  runs: SnapshotRuns;
  metrics: MetricSink;
  log: OperationsLog;
  clock: Clock;
  http: HttpGet;
  plan: MonitorPlan;
}

/** What an event led to, for its sender and for people. */
export interface MonitorOutcome {
  started?: string;
  /** Values beyond a level, by name of the threshold. */
  findings?: string[];
  why: string;
}

/** A snapshot that has not ended after this is no reason to take no other: SSM gives it up by itself. */
const STUCK_MS = 10 * 60_000;
/** A snapshot that comes later than this is history: its values are told for their own time, and the application is not asked. */
const LATE_MS = 5 * 60_000;
/** A host's clock may be off by this much before it is told; what is signed for S3 is refused at 15 minutes. */
const SKEW_SECONDS = 5;

/** @throws UsageError for an event of no known kind; whatever the runs throw where AWS or the host does not answer */
export async function onMonitorEvent(event: unknown, tools: MonitorTools): Promise<MonitorOutcome> {
  const { runs, log, clock } = tools;
  const read = parseMonitorEvent(event);
  if (read.kind === 'snapshot') {
    const recent = await runs.between(new Date(clock.now().getTime() - STUCK_MS));
    const busy = recent.find(({ state }) => state === 'running');
    if (busy !== undefined) return { why: `snapshot ${busy.id} is still running` };
    const started = await runs.start(read.comparisons);
    log.info('asked for a snapshot', { id: started });
    return { started, why: 'a snapshot is due' };
  }
  const result = await runs.result(read.runId);
  if (result === undefined) return { why: `${read.runId} is no snapshot of this monitor` };
  if (result.run.state === 'running') return { why: `${read.runId} is still running` };
  if (result.run.state === 'failed') {
    tools.metrics.put('MonitorFailures', 1, 'Count');
    log.error('the host gave no snapshot', {
      id: result.run.id,
      status: result.run.status,
      errors: result.errors.slice(-2000),
    });
    return { why: `the host gave no snapshot: ${result.run.status}` };
  }
  return tell(result, tools);
}

/** The metrics of one snapshot, under the time at which it was taken: late, twice or in another order they say the same. */
async function tell({ run, output }: SnapshotResult, tools: MonitorTools): Promise<MonitorOutcome> {
  const { metrics, log, clock, plan } = tools;
  const report = parseHostReport(output);
  const at = takenAt(run, report, tools);
  const observation = await observe(report, at, tools);
  const memory = await remembered(run, tools);
  const values = measure(observation, plan.planned, memory);
  const thresholds = resolveThresholds(plan.planned, plan.overrides);
  for (const { name, metric, unit } of thresholds) {
    const value = values.get(name)?.value;
    if (value !== undefined) metrics.put(metric, value, unit, at);
  }
  const findings = judge(values, thresholds);
  for (const { name, severity, message, detail, runbook } of findings) {
    log.warn(message, { threshold: name, severity, runbook, ...(detail === undefined ? {} : { detail }) });
  }
  metrics.put('MonitorHeartbeat', 1, 'Count');
  log.info('told a snapshot', {
    id: run.id,
    values: values.size,
    findings: findings.length,
    lateMs: clock.now().getTime() - at.getTime(),
  });
  return {
    findings: findings.map(({ name, severity }) => `${name} ${severity}`),
    why: observation.unreachable ?? 'a snapshot came',
  };
}

/** When the snapshot was taken: the host's word, unless its clock is wrong. */
function takenAt({ startedAt }: SnapshotRun, report: HostReport, { metrics, log, clock }: MonitorTools): Date {
  const said = report.at.getTime();
  const possible = Math.min(Math.max(said, startedAt.getTime()), clock.now().getTime());
  const skewSeconds = (said - possible) / 1000;
  if (Math.abs(skewSeconds) <= SKEW_SECONDS) return new Date(possible);
  log.warn('the clock of the host is wrong', { skewSeconds });
  metrics.put('ClockSkewSeconds', Math.abs(skewSeconds), 'Seconds');
  return startedAt;
}

async function observe(report: HostReport, at: Date, { http, clock, plan }: MonitorTools): Promise<Observation> {
  const { disk, snapshotError, probeError } = report;
  const observation: Observation = {
    at: at.toISOString(),
    probeError,
    disk: disk === undefined ? undefined : { totalBytes: disk.sizeBytes, freeBytes: disk.sizeBytes - disk.usedBytes },
  };
  if (snapshotError !== undefined) observation.unreachable = snapshotError.trim();
  else observation.snapshot = parseSnapshot(report.snapshot);
  if (report.probe !== undefined) {
    observation.probe = parseProbe(report.probe);
    // Where comparisons were asked for they are in the same answer.
    observation.recall = observation.probe;
  }
  const late = clock.now().getTime() - at.getTime() > LATE_MS;
  if (plan.apiUrl !== '' && !late) observation.api = await probeApi(http, clock, plan.apiUrl);
  return observation;
}

/** Without a memory a snapshot still says most of what it has to say. */
async function remembered(run: SnapshotRun, { runs, log }: MonitorTools): Promise<Memory> {
  try {
    return await memoryBefore(runs, run);
  } catch (error) {
    log.warn('earlier snapshots cannot be read', { reason: messageOf(error) });
    return NO_MEMORY;
  }
}
