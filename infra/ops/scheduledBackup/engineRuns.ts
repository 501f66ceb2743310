/** Steps of scheduled backups by a backup engine of this machine: started and ended in one call, and written down. */
import type { BackupEngine } from '../backup/engine';
import { lastProven, parseEvidence } from '../backup/evidence';
import { messageOf, OperatorError } from '../errors';
import type { Clock, ProgressSink } from '../ports';
import { slotOf, type BackupResult, type BackupRun, type BackupRuns, type BackupStep } from './runs';

/** Keeps what was started between two calls. */
export interface RunLedger {
  read(): BackupRun[];
  write(runs: readonly BackupRun[]): void;
}

/** More than the slots of the days that are looked back on. */
const KEPT = 100;

export class EngineBackupRuns implements BackupRuns {
  private readonly results = new Map<string, BackupResult>();

  constructor(
    private readonly engine: BackupEngine,
    private readonly ledger: RunLedger,
    private readonly clock: Clock,
    private readonly progress: ProgressSink,
  ) {}

  recent(): Promise<BackupRun[]> {
    return Promise.resolve(this.ledger.read());
  }

  async start(step: BackupStep, slot: string): Promise<string> {
    const startedAt = this.clock.now();
    const id = `${step}-${slot}-${startedAt.getTime()}`;
    const run: BackupRun = { id, slot, step, state: 'running', status: 'running', startedAt };
    let result: BackupResult;
    try {
      result = { run: { ...run, state: 'succeeded', status: 'done' }, errors: '', ...(await this.work(step, slot)) };
    } catch (error) {
      result = { run: { ...run, state: 'failed', status: 'failed' }, errors: messageOf(error) };
    }
    this.results.set(id, result);
    this.ledger.write([...this.ledger.read(), result.run].slice(-KEPT));
    return id;
  }

  result(id: string): Promise<BackupResult | undefined> {
    return Promise.resolve(this.results.get(id));
  }

  private async work(step: BackupStep, slot: string): Promise<Pick<BackupResult, 'report'>> {
    const { engine, progress } = this;
    switch (step) {
      case 'backup':
        await engine.backup({ type: slotOf(slot)?.type ?? 'diff' }, progress);
        return {};
      case 'expire':
        await engine.expire();
        return {};
      case 'verify': {
        const [damage] = (await engine.verify(progress)).damages;
        if (damage !== undefined) throw new OperatorError(`${damage.where}: ${damage.file}: ${damage.problem}`);
        return {};
      }
      case 'report': {
        const { backups } = await engine.state();
        const proven = lastProven((await engine.evidence()).flatMap(parseEvidence));
        const provenRestoreAt = proven === undefined ? undefined : new Date(proven.finishedAt);
        return { report: { at: this.clock.now(), backups, provenRestoreAt } };
      }
    }
  }
}
