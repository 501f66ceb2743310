/** How operations that run unattended tell what they did: metrics for alarms, log lines for people. */

/** Units of CloudWatch that this project uses. */
export type MetricUnit = 'Count' | 'Seconds' | 'Milliseconds' | 'Bytes' | 'Percent' | 'None';

/** Takes measured values; `at` is when they were measured, now when absent. */
export interface MetricSink {
  put(name: string, value: number, unit: MetricUnit, at?: Date): void;
}

/** Structured log lines. Never holds secrets, row data or the text of statements. */
export interface OperationsLog {
  info(message: string, details?: Readonly<Record<string, unknown>>): void;
  warn(message: string, details?: Readonly<Record<string, unknown>>): void;
  error(message: string, details?: Readonly<Record<string, unknown>>): void;
}
