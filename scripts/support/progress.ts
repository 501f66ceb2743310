/** The `ProgressSink` of the CLI: one live line on a terminal, a plain line now and then elsewhere. */
import type { ProgressSink } from '../../infra/ops/ports';

/** Without a terminal, lines of one phase come at most this often. */
const PLAIN_INTERVAL_MS = 5_000;
/** On a terminal the line is redrawn at most this often. */
const LIVE_INTERVAL_MS = 100;

export type Progress = Parameters<ProgressSink['update']>[0];

export function formatDuration(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function formatProgress({ phase, done, total, unit, etaSeconds }: Progress): string {
  const parts = [phase];
  const label = unit === undefined ? '' : ` ${unit}`;
  if (done !== undefined && total !== undefined && total > 0) {
    parts.push(
      `${Math.floor((100 * done) / total)} % (${done.toLocaleString('en')} of ${total.toLocaleString('en')}${label})`,
    );
  } else if (done !== undefined) parts.push(`${done.toLocaleString('en')}${label}`);
  if (etaSeconds !== undefined && Number.isFinite(etaSeconds)) parts.push(`about ${formatDuration(etaSeconds)} left`);
  return parts.join(', ');
}

export function createProgress(stream: NodeJS.WriteStream): ProgressSink {
  const live = stream.isTTY;
  let phase = '';
  let last = 0;
  let shown = false;
  const clear = (): void => {
    if (shown) stream.write('\r\u001b[K');
    shown = false;
  };
  return {
    update(progress) {
      const now = performance.now();
      const fresh = progress.phase !== phase;
      if (!fresh && now - last < (live ? LIVE_INTERVAL_MS : PLAIN_INTERVAL_MS)) return;
      phase = progress.phase;
      last = now;
      const line = formatProgress(progress);
      if (!live) stream.write(`${line}\n`);
      else {
        clear();
        stream.write(line.slice(0, Math.max(10, stream.columns - 1)));
        shown = true;
      }
    },
    note(message) {
      clear();
      stream.write(`${message}\n`);
    },
  };
}
