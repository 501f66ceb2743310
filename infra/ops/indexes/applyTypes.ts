/** What a run of `apply` is told, and what it answers. */
import type { Clock, ProgressSink } from '../ports';
import type { BuildOutcome } from './build';
import type { DesiredIndexState } from './desired';
import type { HostFactsSource } from './host';
import type { Proof } from './prove';

export interface ApplyOptions {
  state: DesiredIndexState;
  host: HostFactsSource;
  clock: Clock;
  progress: ProgressSink;
  /** How long a build may stand still behind other sessions' transactions, in milliseconds. @default 60 s */
  waitMs?: number;
  /** Longest time for the exact comparisons of one proof, in milliseconds. @default 60 s */
  proofBudgetMs?: number;
  /** How long a lost connection is tried again, in milliseconds. @default 30 s */
  reconnectMs?: number;
  /** Builds although the graph outgrows the memory. */
  allowSpill?: boolean;
  signal?: AbortSignal | undefined;
}

export interface AppliedIndex {
  name: string;
  /** `kept` was right already; `adopted` was built by an earlier run. */
  outcome: 'kept' | 'built' | 'adopted';
  build: BuildOutcome | undefined;
  proof: Proof | undefined;
}

export interface ApplyResult {
  changed: boolean;
  indexes: AppliedIndex[];
  dropped: string[];
  /** Search parameters that new sessions of the database start with from now on. */
  searchSettings: Record<string, number>;
  warnings: string[];
}
