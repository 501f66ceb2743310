/** One Markdown table of everything that was measured, and where. */
import { cpus, loadavg, release, totalmem, type } from 'node:os';
import type { Row, Target } from './types';

export interface Report {
  /** When the run began. */
  date: string;
  machine: string;
  corpus: string | undefined;
  rows: Row[];
  /** Benchmarks that ended with an error: name and message. */
  failed: { bench: string; message: string }[];
}

export function thisMachine(): string {
  const [cpu] = cpus();
  const model = cpu === undefined || cpu.model.trim() === '' ? '' : ` (${cpu.model.trim()})`;
  // Times of a machine that has other work to do are no one's times.
  const busy = (loadavg()[0] ?? 0).toFixed(1);
  return `${cpus().length} cores${model}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${type()} ${release()}, Node ${process.version}, load average before the run ${busy}`;
}

export function formatNumber(value: number): string {
  const size = Math.abs(value);
  if (size >= 100) return Math.round(value).toLocaleString('en');
  if (size >= 10) return value.toFixed(1);
  return size >= 2 ? value.toFixed(2) : value.toFixed(3);
}

function targetText(value: number, { atLeast, atMost }: Target): string {
  const met = (atLeast === undefined || value >= atLeast) && (atMost === undefined || value <= atMost);
  const bounds = [...(atLeast === undefined ? [] : [`≥ ${atLeast}`]), ...(atMost === undefined ? [] : [`≤ ${atMost}`])];
  return `target ${bounds.join(', ')}: ${met ? 'met' : '**missed**'}`;
}

function valueText({ value, spread }: Row): string {
  const range = spread === undefined ? '' : ` (${formatNumber(spread.min)} – ${formatNumber(spread.max)})`;
  return formatNumber(value) + range;
}

const cell = (text: string): string => text.replaceAll('|', '\\|');

export function markdown(report: Report): string {
  const lines = [
    `Measured on ${report.date}: ${report.machine}.`,
    ...(report.corpus === undefined ? [] : [`Data: ${report.corpus}.`]),
    'Values are medians, with smallest and largest in parentheses, unless the note says otherwise; both sides of a ratio of times were measured in turn in this run.',
    '',
    '| figure | value | unit | note |',
    '|---|---:|---|---|',
    ...report.rows.map((row) => {
      const note = [...(row.target === undefined ? [] : [targetText(row.value, row.target)]), row.note]
        .filter((part) => part !== '')
        .join('; ');
      return `| ${[row.name, valueText(row), row.unit, note].map(cell).join(' | ')} |`;
    }),
    ...(report.failed.length === 0 ? [] : ['', 'Not measured:', '']),
    ...report.failed.map(({ bench, message }) => `- ${bench}: ${message.split('\n')[0] ?? ''}`),
  ];
  return `${lines.join('\n')}\n`;
}
