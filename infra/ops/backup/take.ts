/** Taking a backup, with how far it is, and removing afterwards what the retention no longer needs. */
import type { Clock, ProgressSink } from '../ports';
import type { BackupEngine, BackupSet, BackupType, ExpireReport } from './engine';

export interface TakenBackup {
  backup: BackupSet;
  seconds: number;
  expired: ExpireReport | undefined;
}

const POLL_MS = 1_000;
const MIB = 1024 ** 2;

/**
 * @param options.expire whether what is no longer needed goes after it. @default true
 * @throws OperatorError within 5 s, naming the run, where another one holds the repository
 */
export async function takeBackup(
  engine: BackupEngine,
  options: { type: BackupType; expire?: boolean; signal?: AbortSignal },
  clock: Clock,
  progress: ProgressSink,
): Promise<TakenBackup> {
  const begun = clock.monotonicMs();
  let ended = false;
  const taking = engine.backup({ type: options.type, signal: options.signal }, progress).finally(() => (ended = true));
  void watch(engine, clock, progress, () => ended);
  const backup = await taking;
  const seconds = (clock.monotonicMs() - begun) / 1000;
  const expired = options.expire === false ? undefined : await engine.expire();
  return { backup, seconds, expired };
}

async function watch(engine: BackupEngine, clock: Clock, progress: ProgressSink, ended: () => boolean): Promise<void> {
  const begun = clock.monotonicMs();
  for (;;) {
    await clock.sleep(POLL_MS);
    if (ended()) return;
    try {
      const { doneBytes, totalBytes } = (await engine.running()) ?? {};
      if (ended() || doneBytes === undefined || totalBytes === undefined || doneBytes === 0) continue;
      const seconds = (clock.monotonicMs() - begun) / 1000;
      progress.update({
        phase: 'copying',
        done: Math.round(Math.min(doneBytes, totalBytes) / MIB),
        total: Math.round(totalBytes / MIB),
        unit: 'MiB',
        etaSeconds: Math.max(0, (seconds * (totalBytes - doneBytes)) / doneBytes),
      });
    } catch {
      // How far it is, is a courtesy; how it ends is told by the run itself.
    }
  }
}
