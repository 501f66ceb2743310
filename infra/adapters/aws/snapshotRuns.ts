/** The monitor's snapshots as commands of their SSM document. */
import type { SnapshotResult, SnapshotRun, SnapshotRuns } from '../../ops/hostMonitor/runs';
import { HOST_PARAMETERS } from '../../naming';
import type { HostDocument } from './hostDocument';

export class SsmSnapshotRuns implements SnapshotRuns {
  constructor(private readonly document: HostDocument) {}

  between(after: Date, before?: Date): Promise<SnapshotRun[]> {
    return this.document.list(after, before);
  }

  start(comparisons: number): Promise<string> {
    return this.document.start({ [HOST_PARAMETERS.comparisons]: String(comparisons) }, 'snapshot');
  }

  result(id: string): Promise<SnapshotResult | undefined> {
    return this.document.result(id);
  }
}
