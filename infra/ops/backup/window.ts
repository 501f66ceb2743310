/** From which backup to which moment a recovery can go, told truthfully: only where every WAL segment in between is there. */
import { OperatorError, UsageError } from '../errors';
import type { BackupSet, RepositoryState } from './engine';
import { isLabel } from './label';
import { parseRecoveryTime } from './recoveryTime';
import type { RecoveryPoint } from './engine';
import { segmentNumber } from './wal';

/** Any moment between both can be recovered to. */
export interface RecoveryWindow {
  from: Date;
  to: Date;
}

/** A commit takes its time a moment before its WAL is written, and may then be in the next segment. */
const COMMIT_MARGIN_MS = 100;

/** Last moment that recovery from this backup reaches. */
function reachOf(backup: BackupSet, state: Pick<RepositoryState, 'archive' | 'backups'>): Date {
  const { gaps, last, lastArchivedAt } = state.archive;
  const stop = segmentNumber(backup.stopWal);
  if (last === undefined || lastArchivedAt === undefined || segmentNumber(last) < stop) return backup.stoppedAt;
  const gap = gaps.find(({ to }) => segmentNumber(to) >= stop);
  const end = gap === undefined ? segmentNumber(last) : segmentNumber(gap.from) - 1;
  const written = (gap === undefined ? lastArchivedAt : gap.after).getTime() - COMMIT_MARGIN_MS;
  // What was committed before a later backup began lies in WAL up to its end.
  const later = state.backups
    .filter(({ stopWal }) => segmentNumber(stopWal) <= end)
    .map(({ startedAt }) => startedAt.getTime());
  return new Date(Math.max(backup.stoppedAt.getTime(), written, ...later));
}

function isGood(backup: BackupSet, state: Pick<RepositoryState, 'backups'>): boolean {
  const known = new Map(state.backups.map((each) => [each.name, each]));
  const chain = [backup, ...backup.needs.map((name) => known.get(name))];
  return chain.every((each) => each !== undefined && each.damage === undefined);
}

/** Backups that a restore may begin from: they and all they need are there and undamaged. Oldest first. */
export function goodBackups(state: Pick<RepositoryState, 'backups'>): BackupSet[] {
  return state.backups.filter((backup) => isGood(backup, state));
}

/** The stretches of time that can be recovered to, oldest first. More than one where WAL is missing in between. */
export function recoveryWindows(state: Pick<RepositoryState, 'backups' | 'archive'>): RecoveryWindow[] {
  const windows: RecoveryWindow[] = [];
  for (const backup of goodBackups(state)) {
    const to = reachOf(backup, state);
    const last = windows.at(-1);
    if (last !== undefined && last.to >= backup.stoppedAt) last.to = to > last.to ? to : last.to;
    else windows.push({ from: backup.stoppedAt, to });
  }
  return windows;
}

/** "2026-11-22T20:45:00Z to 2026-11-22T21:00:00Z", for a person. */
export function windowWords(windows: readonly RecoveryWindow[]): string {
  if (windows.length === 0) return 'there is no backup to recover from: qbench backup';
  const spans = windows.map(({ from, to }) => `${from.toISOString()} to ${to.toISOString()}`);
  return `the recovery window is ${spans.join(', and ')}`;
}

/** What a restore does. */
export interface RestorePlan {
  backup: BackupSet;
  point: RecoveryPoint;
  /** Good backups before it, the nearest first: what is offered where this one turns out to be damaged. */
  previous: readonly string[];
}

/**
 * @param to `latest`, the label of a backup, or a time with its zone
 * @throws UsageError with the recovery window for a target that is none or lies outside; OperatorError where WAL is missing
 */
export function planRestore(state: RepositoryState, to: string, now: Date): RestorePlan {
  const windows = recoveryWindows(state);
  const words = windowWords(windows);
  const good = goodBackups(state);
  const plan = (backup: BackupSet, point: RecoveryPoint): RestorePlan => ({
    backup,
    point,
    previous: good
      .filter(({ stoppedAt }) => stoppedAt < backup.stoppedAt)
      .map(({ name }) => name)
      .reverse(),
  });
  if (isLabel(to)) {
    const named = state.backups.find(({ name }) => name === to);
    if (named === undefined) {
      throw new UsageError(`there is no backup "${to}"`, {
        allowed: state.backups.map(({ name }) => name).join(', ') || 'none',
        next: words,
      });
    }
    if (!good.includes(named)) throw refuseDamaged(named, plan(named, { kind: 'backup' }).previous, words);
    return plan(named, { kind: 'backup' });
  }
  if (to === 'latest') {
    const newest = good.at(-1);
    if (newest === undefined) throw new OperatorError('there is no good backup to restore', { next: words });
    const gap = state.archive.gaps.find((each) => segmentNumber(each.to) >= segmentNumber(newest.stopWal));
    if (gap !== undefined) {
      throw new OperatorError(
        `WAL ${gap.from} to ${gap.to} is missing: what was committed after it cannot be recovered`,
        {
          allowed: words,
          next: `--to ${gap.after.toISOString()} restores what was committed before the gap; take a new backup of the living server: qbench backup --type full`,
        },
      );
    }
    return plan(newest, { kind: 'latest' });
  }
  const time = parseRecoveryTime(to, words);
  if (time.date > now) {
    throw new UsageError(`--to "${to}" lies in the future (it is ${now.toISOString()})`, { allowed: words });
  }
  const backup = good.findLast((each) => each.stoppedAt <= time.date && time.date <= reachOf(each, state));
  if (backup === undefined) throw outside(to, time.date, windows, state);
  return plan(backup, { kind: 'time', time: time.text });
}

function outside(to: string, time: Date, windows: readonly RecoveryWindow[], state: RepositoryState): UsageError {
  const words = windowWords(windows);
  const [first] = windows;
  const last = windows.at(-1);
  if (first === undefined || last === undefined)
    return new UsageError(`--to "${to}" cannot be reached`, { next: words });
  if (time < first.from) {
    return new UsageError(`--to "${to}" lies before the end of the oldest good backup`, { allowed: words });
  }
  if (time > last.to) {
    return new UsageError(`--to "${to}": the WAL of that time is not in the repository yet`, {
      allowed: words,
      next: 'qbench check makes the server hand over what it has; then try again',
    });
  }
  const gap = state.archive.gaps.find(({ after }) => after <= time);
  const missing = gap === undefined ? '' : `: WAL ${gap.from} to ${gap.to} is missing`;
  return new UsageError(`--to "${to}" lies in a gap${missing}`, { allowed: words });
}

/** @param previous good backups before it, the nearest first */
function refuseDamaged(
  backup: Pick<BackupSet, 'name' | 'damage'>,
  previous: readonly string[],
  words: string,
): OperatorError {
  const [nearest] = previous;
  return new OperatorError(
    `backup ${backup.name} is damaged${backup.damage === undefined ? '' : `: ${backup.damage}`}`,
    {
      allowed: words,
      next:
        nearest === undefined
          ? 'no good backup lies before it; qbench verify tells of all'
          : `the previous good one: --to ${nearest}; qbench verify tells of all`,
    },
  );
}
