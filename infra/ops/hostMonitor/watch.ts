/** One event of the monitor: a snapshot is asked for, or one has come and is told as metrics. */
import type { Clock } from '../ports';
import type { MetricSink, OperationsLog } from '../telemetry';
import { parseMonitorEvent } from './events';
import { parseHostReport } from './report';
import type { SnapshotRuns } from './runs';

export interface MonitorTools {
  runs: SnapshotRuns;
  metrics: MetricSink;
  log: OperationsLog;
  clock: Clock;
}

/** What an event led to, for its sender and for people. */
export interface MonitorOutcome {
  started?: string;
  why: string;
}

/** A snapshot that has not ended after this is no reason to take no other: SSM gives it up by itself. */
const STUCK_MS = 10 * 60_000;

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
  return { why: parseHostReport(result.output).snapshotError ?? 'a snapshot came' };
}
