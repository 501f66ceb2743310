/** Loads from within a test: text or a file into a database, with what a run of the CLI would have. */
import { Readable } from 'node:stream';
import { systemClock } from '../../infra/adapters/systemClock';
import { inputOfStream, openInput } from '../../infra/ops/load/input';
import { load, type LoadOptions, type LoadSummary } from '../../infra/ops/load/load';
import type { Database } from '../../infra/ops/ports';
import { recordedProgress } from './machine';

const OPTIONS: LoadOptions = { onConflict: 'update', pad: false, ignoreUnknown: false, restart: false, ifEmpty: false };

export async function loadFile(
  database: Database,
  path: string,
  options: Partial<LoadOptions> = {},
  signal: AbortSignal = new AbortController().signal,
): Promise<LoadSummary> {
  const input = await openInput(path);
  try {
    return await load(
      database,
      input,
      { ...OPTIONS, ...options },
      { clock: systemClock, progress: recordedProgress(), signal },
    );
  } finally {
    input.close();
  }
}

/** Loads lines of objects as standard input would. */
export function loadLines(
  database: Database,
  rows: readonly object[],
  options: Partial<LoadOptions> = {},
): Promise<LoadSummary> {
  const text = rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  const ports = { clock: systemClock, progress: recordedProgress(), signal: new AbortController().signal };
  return load(database, inputOfStream(Readable.from([Buffer.from(text)])), { ...OPTIONS, ...options }, ports);
}

/** An embedding with the given values first and zeros after them. */
export function embedding(values: readonly number[], dimensions = 1536): number[] {
  return [...values, ...new Array<number>(dimensions - values.length).fill(0)];
}
