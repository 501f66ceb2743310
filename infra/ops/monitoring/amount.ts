/** Values of metrics for people. */
import { formatBytes } from '../../capacity/units';
import type { ThresholdUnit } from '../thresholds';

/** "82", "3.5 %", "2.1 h", "51 GiB" */
export function amountOf(value: number, unit: ThresholdUnit): string {
  const plain = (number: number, digits = 1): string =>
    number.toLocaleString('en', { maximumFractionDigits: digits, useGrouping: Math.abs(number) >= 10_000 });
  switch (unit) {
    case 'Bytes':
      return formatBytes(value);
    case 'Percent':
      return `${plain(value, value !== 0 && Math.abs(value) < 1 ? 3 : 1)} %`;
    case 'Milliseconds':
      return `${plain(value, value < 10 ? 2 : 0)} ms`;
    case 'Seconds':
      return durationOf(value);
    default:
      return plain(value, 3);
  }
}

function durationOf(seconds: number): string {
  if (seconds < 120) return `${Number(seconds.toFixed(1))} s`;
  if (seconds < 7200) return `${Number((seconds / 60).toFixed(1))} min`;
  if (seconds < 172_800) return `${Number((seconds / 3600).toFixed(1))} h`;
  return `${Number((seconds / 86_400).toFixed(1))} days`;
}
