/** What a benchmark is, and what it answers with. */
import type { ProgressSink } from '../../infra/ops/ports';
import type { Corpus } from './corpus';
import type { Stage } from './stage';

/** A bound that the project promises for a figure. */
export interface Target {
  atLeast?: number;
  atMost?: number;
}

/** One line of the table. */
export interface Row {
  name: string;
  value: number;
  /** Empty for ratios and shares. */
  unit: string;
  /** Smallest and largest of the runs that `value` is the median of. */
  spread?: { min: number; max: number };
  target?: Target;
  /** Baseline, conditions, number of runs. */
  note: string;
}

export interface BenchContext {
  /** Embeddings to measure with; opened when first asked for. */
  corpus(): Corpus;
  /** The server, database and documents that several benchmarks share; made when first asked for. */
  stage(): Promise<Stage>;
  progress: ProgressSink;
  /** Aborted by SIGINT and SIGTERM. */
  signal: AbortSignal;
  /** Folder of this run, removed at its end. */
  scratch: string;
  /** Registers what must be undone at the end, however it comes. Called in reverse order. @returns removes and runs it now */
  cleanup(undo: () => Promise<void> | void): () => Promise<void>;
}

export interface Bench {
  name: string;
  /** One line for `--list`. */
  about: string;
  run(context: BenchContext): Promise<Row[]>;
}
