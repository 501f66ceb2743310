/**
 * What is watched and when it is too much: one row a metric. Data that the evaluation, the alarms, the command line and the
 * runbooks share, and that the setting `monitoring.thresholds` may change row by row.
 */
import { PERFORMANCE_THRESHOLDS } from './thresholds/performance';
import { RECOVERY_THRESHOLDS } from './thresholds/recovery';
import type { Level, Planned, Threshold } from './thresholds/row';
import { SEARCH_THRESHOLDS } from './thresholds/search';
import { SESSION_THRESHOLDS } from './thresholds/sessions';
import { SPACE_THRESHOLDS } from './thresholds/space';
import { TABLE_THRESHOLDS } from './thresholds/tables';

export type { Planned, Threshold, ThresholdUnit } from './thresholds/row';
export { COMPARISON_OPERATORS } from './thresholds/row';

/** Every row, in the order in which reports list them. */
export const THRESHOLDS: readonly Threshold[] = [
  ...SESSION_THRESHOLDS,
  ...SPACE_THRESHOLDS,
  ...TABLE_THRESHOLDS,
  ...PERFORMANCE_THRESHOLDS,
  ...SEARCH_THRESHOLDS,
  ...RECOVERY_THRESHOLDS,
];

/** Keys that the setting `monitoring.thresholds` may name. */
export const THRESHOLD_NAMES: readonly string[] = THRESHOLDS.map(({ name }) => name);

/** A row whose levels are numbers. */
export interface ResolvedThreshold extends Omit<Threshold, 'warning' | 'critical'> {
  warning: number | undefined;
  critical: number | undefined;
}

/**
 * The rows with their levels, those of the configuration going before.
 * @param overrides the setting `monitoring.thresholds`, in the unit of each row
 */
export function resolveThresholds(
  planned: Planned,
  overrides: Readonly<Record<string, { warning?: number; critical?: number }>> = {},
): ResolvedThreshold[] {
  const level = (own: Level | undefined): number | undefined => (typeof own === 'function' ? own(planned) : own);
  return THRESHOLDS.map((threshold) => {
    const own = overrides[threshold.name];
    return {
      ...threshold,
      warning: own?.warning ?? level(threshold.warning),
      critical: own?.critical ?? level(threshold.critical),
    };
  });
}
