/** What happens as the number of documents grows: month by month, on the same host. */
import { evaluate, type ProblemKind } from './evaluate';
import type { Host } from './host';
import { grownWorkload, type IndexChoice, type ResolvedWorkload } from './workload';

/** Months looked ahead. Beyond that a forecast from today's growth says nothing. */
const FORECAST_LIMIT_MONTHS = 120;

export interface Forecast {
  /** Months until the memory (cache, build or connections) no longer fits; 0 = today; undefined = not within 120 months. */
  monthsUntilMemoryFull: number | undefined;
  /** Months until the disk no longer fits; 0 = today; undefined = not within 120 months, or a disk that is sized by the plan. */
  monthsUntilDiskFull: number | undefined;
}

/** First month in which one of the kinds of problem appears. Problems only grow with documents, so the search is a bisection. */
function firstMonth(
  workload: ResolvedWorkload,
  index: IndexChoice,
  host: Host,
  kinds: readonly ProblemKind[],
): number | undefined {
  const broken = (months: number): boolean =>
    evaluate(grownWorkload(workload, months), index, host).problems.some(({ kind }) => kinds.includes(kind));
  if (!broken(FORECAST_LIMIT_MONTHS)) return undefined;
  let good = -1;
  let bad = FORECAST_LIMIT_MONTHS;
  while (bad - good > 1) {
    const middle = Math.floor((good + bad) / 2);
    if (broken(middle)) bad = middle;
    else good = middle;
  }
  return bad;
}

/** Forecasts a workload on a host. */
export function forecast(workload: ResolvedWorkload, index: IndexChoice, host: Host): Forecast {
  return {
    monthsUntilMemoryFull: firstMonth(workload, index, host, ['cache', 'build-memory', 'connections']),
    monthsUntilDiskFull: host.diskGiB === undefined ? undefined : firstMonth(workload, index, host, ['disk']),
  };
}
