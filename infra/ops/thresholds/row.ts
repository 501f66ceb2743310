/** What a row of the thresholds is, and what most rows have in common. */

/** Numbers of the capacity plan and of the configuration that levels and metrics are compared with. Plain data, so that it can travel as JSON. */
export interface Planned {
  /** Connections that clients may hold: max_connections without the reserved ones. */
  clientConnections: number;
  /** Disk that the data lies on. */
  diskBytes: number;
  /** Size of the database at the end of the planned horizon. */
  databaseBytes: number;
  /** postgresql.conf as it was written: name to value. */
  parameters: Readonly<Record<string, string>>;
}

/** Units of CloudWatch. `None` is a plain number: days, a share. */
export type ThresholdUnit = 'Count' | 'Percent' | 'Seconds' | 'Milliseconds' | 'Bytes' | 'None';

/** How a value is compared with a level. */
export type Comparison = '>' | '>=' | '<';

/** CloudWatch's name of each comparison (ComparisonOperator of PutMetricAlarm). */
export const COMPARISON_OPERATORS: Readonly<Record<Comparison, string>> = {
  '>': 'GreaterThanThreshold',
  '>=': 'GreaterThanOrEqualToThreshold',
  '<': 'LessThanThreshold',
};

/** A fixed level, or one that follows from the plan. */
export type Level = number | ((planned: Planned) => number);

export interface Threshold {
  /** Key of the setting `monitoring.thresholds`. */
  name: string;
  /** Name of the metric in CloudWatch. */
  metric: string;
  /** In Prometheus the name has the unit, as is usual there. */
  prometheus: string;
  /** What the value is, for people. */
  title: string;
  unit: ThresholdUnit;
  comparison: Comparison;
  /** Absent where one level says it all. */
  warning?: Level;
  critical?: Level;
  /** What an alarm makes of a period without a value, in CloudWatch's words; here, `breaching` is a finding and all else is none. */
  missing: 'breaching' | 'notBreaching' | 'ignore';
  /** Statistic that an alarm takes of the values of one period. */
  statistic: 'Maximum' | 'Minimum';
  periodSeconds: number;
  /** Periods in a row that must be beyond the level: one peak is no alarm where a moment's value jumps. */
  periods: number;
  /** Who measures it. */
  source: 'snapshot' | 'probe' | 'api' | 'backup';
  /** Why it is watched, and why at this level. */
  reason: string;
  /** File of docs/runbooks and heading in it, as a link writes it. */
  runbook: string;
}

const FIVE_MINUTES = 300;
export const HOUR = 3600;
export const DAY = 86_400;
export const GIB = 1024 ** 3;

type Row = Omit<
  Threshold,
  'missing' | 'statistic' | 'periodSeconds' | 'periods' | 'source' | 'runbook' | 'comparison'
> &
  Partial<Threshold> & { file: string };

export function row({ file, ...given }: Row): Threshold {
  const comparison = given.comparison ?? '>';
  return {
    comparison,
    missing: 'notBreaching',
    statistic: comparison === '<' ? 'Minimum' : 'Maximum',
    periodSeconds: FIVE_MINUTES,
    periods: 1,
    source: 'snapshot',
    runbook: `${file}#${given.name.toLowerCase()}`,
    ...given,
  };
}
