/** Values against thresholds: what is beyond a level, and what is new of it. Pure. */
import type { ResolvedThreshold } from '../thresholds';
import { NO_MEMORY, countersOf, withSample, type Memory, type Observation } from './observation';
import type { Measurements } from './measure';
import { amountOf } from './amount';

export type Severity = 'warning' | 'critical';

export interface Finding {
  /** Name of the threshold. */
  name: string;
  severity: Severity;
  /** Absent where there is no value and that itself is the finding. */
  value?: number;
  level?: number;
  unit: ResolvedThreshold['unit'];
  /** One line: what, how much, and the level it is beyond. */
  message: string;
  detail?: string;
  reason: string;
  /** Path in the checkout, with the heading. */
  runbook: string;
}

export type Status = 'ok' | Severity;

const RUNBOOK_FOLDER = 'docs/runbooks';

function beyond(value: number, level: number | undefined, comparison: ResolvedThreshold['comparison']): boolean {
  if (level === undefined) return false;
  if (comparison === '<') return value < level;
  return comparison === '>' ? value > level : value >= level;
}

/** What is beyond a level now, the worst first, else in the order of the thresholds. */
export function judge(values: Measurements, thresholds: readonly ResolvedThreshold[]): Finding[] {
  const findings = thresholds.flatMap((threshold) => {
    const finding = judgeOne(values.get(threshold.name), threshold);
    return finding === undefined ? [] : [finding];
  });
  return findings.sort((a, b) => Number(b.severity === 'critical') - Number(a.severity === 'critical'));
}

function judgeOne(
  measured: { value: number; detail?: string } | undefined,
  threshold: ResolvedThreshold,
): Finding | undefined {
  const { name, title, unit, comparison, reason, missing } = threshold;
  const common = { name, unit, reason, runbook: `${RUNBOOK_FOLDER}/${threshold.runbook}` };
  if (measured === undefined) {
    if (missing !== 'breaching') return undefined;
    return { ...common, severity: 'critical', message: `${title}: not known` };
  }
  const { value, detail } = measured;
  const severity = (['critical', 'warning'] as const).find((each) => beyond(value, threshold[each], comparison));
  const level = severity === undefined ? undefined : threshold[severity];
  if (severity === undefined || level === undefined) return undefined;
  const word = { '>': 'above', '>=': 'from', '<': 'below' }[comparison];
  return {
    ...common,
    severity,
    value,
    level,
    message: `${title}: ${amountOf(value, unit)} (${severity} ${word} ${amountOf(level, unit)})`,
    ...(detail === undefined ? {} : { detail }),
  };
}

export function statusOf(findings: readonly Pick<Finding, 'severity'>[]): Status {
  if (findings.some(({ severity }) => severity === 'critical')) return 'critical';
  return findings.length > 0 ? 'warning' : 'ok';
}

/** What a run of monitoring leaves for the next one. Plain data, a few kilobytes. */
export interface MonitorState {
  version: 1;
  at: string;
  memory: Memory;
  /** What was reported and has not recovered. */
  open: Record<string, { severity: Severity; since: string; message: string }>;
  /** Rounds in a row that a value was beyond a level, where the row asks for more than one before it is told. */
  streaks: Record<string, number>;
  /** When recall was last measured, and what it was: it is measured more rarely than it is asked for. */
  recallAt?: string;
  recall?: number;
}

export interface Change {
  kind: 'raised' | 'worse' | 'better' | 'recovered';
  name: string;
  severity: Severity;
  message: string;
  /** When it was first told. */
  since: string;
  detail?: string;
  runbook?: string;
}

export interface Round {
  /** Everything that is beyond a level now, told before or not. */
  findings: Finding[];
  status: Status;
  /** What a person has not been told yet. */
  changes: Change[];
  state: MonitorState;
}

/**
 * One round: compares with what was told before. Nothing is told twice; what has no value now stays as it was where the row says
 * `ignore`, or where nobody could ask.
 */
export function advance(
  before: MonitorState | undefined,
  observation: Observation,
  values: Measurements,
  thresholds: readonly ResolvedThreshold[],
): Round {
  const findings = judge(values, thresholds);
  const open: MonitorState['open'] = {};
  const streaks: MonitorState['streaks'] = {};
  const changes: Change[] = [];
  for (const threshold of thresholds) {
    const { name } = threshold;
    const finding = findings.find((each) => each.name === name);
    const told = before?.open[name];
    if (finding === undefined) {
      if (told === undefined) continue;
      const asked = values.has(name) || (threshold.missing !== 'ignore' && wasAsked(threshold.source, observation));
      if (asked) changes.push({ kind: 'recovered', name, ...told });
      else open[name] = told;
      continue;
    }
    const streak = (before?.streaks[name] ?? 0) + 1;
    if (told === undefined && streak < threshold.periods) {
      streaks[name] = streak;
      continue;
    }
    const { severity, message, detail, runbook } = finding;
    const since = told?.since ?? observation.at;
    open[name] = { severity, since, message };
    if (told?.severity === severity) continue;
    const kind = told === undefined ? 'raised' : severity === 'critical' ? 'worse' : 'better';
    changes.push({ kind, name, severity, message, since, runbook, ...(detail === undefined ? {} : { detail }) });
  }
  const { snapshot } = observation;
  const memory = before?.memory ?? NO_MEMORY;
  const recallAt = observation.recall === undefined ? before?.recallAt : observation.at;
  const recall = values.get('recall')?.value ?? before?.recall;
  return {
    findings,
    status: statusOf(findings),
    changes,
    state: {
      version: 1,
      at: observation.at,
      memory:
        snapshot === undefined
          ? memory
          : {
              counters: countersOf(snapshot),
              sizes: withSample(memory.sizes, { at: observation.at, bytes: snapshot.database.bytes }),
            },
      open,
      streaks,
      ...(recallAt === undefined ? {} : { recallAt }),
      ...(recall === undefined ? {} : { recall }),
    },
  };
}

/** Whether this round could have had a value: a database that is down tells nothing of its tables. */
function wasAsked(source: ResolvedThreshold['source'], { snapshot, probe, api, backup }: Observation): boolean {
  return { snapshot, probe, api, backup }[source] !== undefined;
}
