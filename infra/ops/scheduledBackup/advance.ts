/** One event of the scheduled backup, from reading it to the metrics that follow. Returns at once: the work runs on the host. */
import type { Clock } from '../ports';
import type { MetricSink, OperationsLog } from '../telemetry';
import { decideNext, decideSlot, type Decision } from './decide';
import { parseBackupEvent } from './events';
import { reportName, slotName, type BackupReport, type BackupResult, type BackupRuns, type Slot } from './runs';

export interface BackupTools {
  runs: BackupRuns;
  metrics: MetricSink;
  log: OperationsLog;
  clock: Clock;
}

/** What an event led to, for its sender and for people. */
export interface BackupOutcome {
  started?: { id: string; step: string; slot: string };
  why: string;
}

/**
 * Judges an event and starts what is to be started.
 * @throws UsageError for an event of no known kind; whatever the runs throw where AWS or the host does not answer
 */
export async function onBackupEvent(event: unknown, tools: BackupTools): Promise<BackupOutcome> {
  const { runs, metrics, log, clock } = tools;
  const read = parseBackupEvent(event);
  if (read.kind === 'slot') {
    warnOfSkew(read.slot, tools);
    const decision = decideSlot(read.slot, await runs.recent(), clock.now());
    if (decision.start === undefined) metrics.put('BackupSlotsSkipped', 1, 'Count');
    return carryOut(decision, tools);
  }
  if (read.kind === 'finished') return onRunEnded(read.runId, tools);
  const outcome = await carryOut(decideNext(await runs.recent(), clock.now(), true), tools);
  if (outcome.started === undefined) {
    // Ages grow while nothing happens: they are asked for every hour, and the event of the report's end is the heartbeat.
    const slot = reportName(clock.now());
    const id = await runs.start('report', slot);
    log.info('asked for a report', { id });
    return { started: { id, step: 'report', slot }, why: outcome.why };
  }
  return outcome;
}

/** What the end of a run means, and the step that follows from it; the same however often it is told. */
export async function onRunEnded(id: string, tools: BackupTools): Promise<BackupOutcome> {
  const { runs, clock } = tools;
  const result = await runs.result(id);
  // The event of another stack's command, or of one that is long forgotten.
  if (result === undefined) return { why: `${id} is no run of this backup` };
  if (result.run.state === 'running') return { why: `${id} is still running` };
  judge(result, tools);
  // A list is allowed to lag behind: what is known of this run goes before.
  const others = (await runs.recent()).filter((run) => run.id !== result.run.id);
  return carryOut(decideNext([...others, result.run], clock.now(), false), tools);
}

async function carryOut(decision: Decision, { runs, log }: BackupTools): Promise<BackupOutcome> {
  if (decision.start === undefined) {
    log.info('nothing to start', { why: decision.why });
    return { why: decision.why };
  }
  const slot = slotName(decision.slot);
  const id = await runs.start(decision.start, slot);
  log.info('started', { id, step: decision.start, slot, why: decision.why });
  return { started: { id, step: decision.start, slot }, why: decision.why };
}

/** What the end of a step means for the metrics. An event that comes twice gives the same values twice. */
function judge({ run, errors, report }: BackupResult, { metrics, log }: BackupTools): void {
  if (run.state === 'failed') {
    metrics.put('BackupFailures', 1, 'Count');
    log.error(`${run.step} failed`, { slot: run.slot, status: run.status, errors: lastLines(errors, 20) });
    return;
  }
  log.info(`${run.step} succeeded`, { slot: run.slot });
  if (report !== undefined) reportMetrics(report, metrics);
}

function reportMetrics({ at, backups, provenRestoreAt }: BackupReport, metrics: MetricSink): void {
  const seconds = (from: Date, to: Date): number => Math.max(0, (to.getTime() - from.getTime()) / 1000);
  const good = backups.filter(({ damage }) => damage === undefined);
  const last = good.at(-1);
  const full = good.findLast(({ type }) => type === 'full');
  metrics.put('BackupHeartbeat', 1, 'Count');
  metrics.put('BackupCount', good.length, 'Count');
  metrics.put('DamagedBackups', backups.length - good.length, 'Count');
  metrics.put(
    'BackupRepositoryBytes',
    backups.reduce((sum, { storedBytes }) => sum + storedBytes, 0),
    'Bytes',
  );
  if (last !== undefined) {
    metrics.put('BackupAgeSeconds', seconds(last.stoppedAt, at), 'Seconds');
    metrics.put('BackupDurationSeconds', seconds(last.startedAt, last.stoppedAt), 'Seconds');
    metrics.put('BackupSizeBytes', last.databaseBytes, 'Bytes');
  }
  if (full !== undefined) metrics.put('FullBackupAgeSeconds', seconds(full.stoppedAt, at), 'Seconds');
  if (provenRestoreAt !== undefined) metrics.put('RestoreAgeSeconds', seconds(provenRestoreAt, at), 'Seconds');
}

/** A slot lies in the past of a right clock, by a minute at most. */
function warnOfSkew({ at }: Slot, { clock, log, metrics }: BackupTools): void {
  const aheadSeconds = (at.getTime() - clock.now().getTime()) / 1000;
  if (aheadSeconds <= 60) return;
  log.warn('the schedule is ahead of this clock', { aheadSeconds });
  metrics.put('ClockSkewSeconds', aheadSeconds, 'Seconds');
}

const lastLines = (text: string, count: number): string => text.trimEnd().split('\n').slice(-count).join('\n');
