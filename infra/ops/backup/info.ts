/** What there is to recover from, in one object, and the metrics that monitoring takes from it. */
import type { BackupEngine, RepositoryState } from './engine';
import { lastProven, parseEvidence, type DrillRecord } from './evidence';
import { goodBackups, recoveryWindows, type RecoveryWindow } from './window';

export interface BackupInfo extends RepositoryState {
  windows: readonly RecoveryWindow[];
  /** The newest drill that proved a restore; undefined where there is none. */
  lastProvenRestore: DrillRecord | undefined;
  metrics: BackupMetrics;
}

/** Numbers for monitoring; a member is undefined where there is nothing to measure. */
export interface BackupMetrics {
  /** Age of the newest good backup, and of the newest good full one, in seconds. */
  backupAgeSeconds: number | undefined;
  fullBackupAgeSeconds: number | undefined;
  backupDurationSeconds: number | undefined;
  backupBytes: number | undefined;
  goodBackups: number;
  damagedBackups: number;
  repositoryBytes: number;
  walGaps: number;
  walWaiting: number | undefined;
  /** What the loss of the server's disk would cost right now, in seconds of commits. */
  secondsAtRisk: number | undefined;
  /** Age of the last restore that was proven by a drill, in seconds. */
  provenRestoreAgeSeconds: number | undefined;
}

export async function readBackupInfo(engine: BackupEngine, now: Date): Promise<BackupInfo> {
  const state = await engine.state();
  const lastProvenRestore = lastProven((await engine.evidence()).flatMap(parseEvidence));
  return {
    ...state,
    windows: recoveryWindows(state),
    lastProvenRestore,
    metrics: backupMetrics(state, lastProvenRestore, now),
  };
}

/** Pure. */
export function backupMetrics(state: RepositoryState, proven: DrillRecord | undefined, now: Date): BackupMetrics {
  const age = (time: Date | undefined): number | undefined =>
    time === undefined ? undefined : Math.max(0, (now.getTime() - time.getTime()) / 1000);
  const good = goodBackups(state);
  const last = good.at(-1);
  return {
    backupAgeSeconds: age(last?.stoppedAt),
    fullBackupAgeSeconds: age(good.findLast(({ type }) => type === 'full')?.stoppedAt),
    backupDurationSeconds:
      last === undefined ? undefined : (last.stoppedAt.getTime() - last.startedAt.getTime()) / 1000,
    backupBytes: last?.storedBytes,
    goodBackups: good.length,
    damagedBackups: state.backups.length - good.length,
    repositoryBytes: state.archive.storedBytes + state.backups.reduce((sum, { storedBytes }) => sum + storedBytes, 0),
    walGaps: state.archive.gaps.length,
    walWaiting: state.archiver?.waiting,
    secondsAtRisk: state.archiver?.secondsAtRisk,
    provenRestoreAgeSeconds: age(proven === undefined ? undefined : new Date(proven.finishedAt)),
  };
}
