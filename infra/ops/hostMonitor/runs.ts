/** Where snapshots are taken: on the host by SSM. */

export interface SnapshotRun {
  id: string;
  state: 'running' | 'succeeded' | 'failed';
  status: string;
  startedAt: Date;
}

export interface SnapshotResult {
  run: SnapshotRun;
  output: string;
  errors: string;
}

export interface SnapshotRuns {
  /** Runs that were started in a span of time, oldest first. */
  between(after: Date, before?: Date): Promise<SnapshotRun[]>;
  /** Starts one and does not wait for its end. @param comparisons searches by each index that are compared with the truth */
  start(comparisons: number): Promise<string>;
  /** One run with what it said; undefined where it is not one of these. */
  result(id: string): Promise<SnapshotResult | undefined>;
}
