/** What may go from a repository. By time, as pgBackRest's repo-retention-full-type=time does it, and never the last good full backup. */
import type { BackupSet, RepositoryState } from './engine';
import { fullOfLabel } from './label';
import { goodBackups } from './window';

export interface RetentionPlan {
  /** Labels to remove, those that others build upon last. */
  remove: readonly string[];
  /** Oldest WAL segment that is still needed; undefined where all of it is. */
  keepWalFrom: string | undefined;
}

const DAY_MS = 86_400_000;

/**
 * Any moment of the last `retentionDays` days stays reachable: the newest good full backup that is older than that is kept, with all
 * after it. Before there is such a one, everything is kept.
 * @param state backups oldest first
 */
export function planRetention(
  state: Pick<RepositoryState, 'backups'>,
  retentionDays: number,
  now: Date,
): RetentionPlan {
  const horizon = now.getTime() - retentionDays * DAY_MS;
  const anchor = goodBackups(state).findLast(
    ({ type, stoppedAt }) => type === 'full' && stoppedAt.getTime() <= horizon,
  );
  if (anchor === undefined) return { remove: [], keepWalFrom: oldestWal(state.backups) };
  const older = (backup: BackupSet): boolean => fullOfLabel(backup.name) < anchor.name;
  const kept = state.backups.filter((backup) => !older(backup));
  return {
    remove: state.backups
      .filter(older)
      .map(({ name }) => name)
      .reverse(),
    keepWalFrom: oldestWal(kept),
  };
}

function oldestWal(backups: readonly BackupSet[]): string | undefined {
  return backups[0]?.startWal;
}
