/** Reads whether a restore was proven, from what `qbench info --json` prints or from the evidence record of a drill. */
import type { BackupInfo } from '../backup/info';
import { UsageError } from '../errors';

export interface BackupEvidence {
  /** Label of the backup that was restored. */
  label: string;
  /** When a restore of it was last proven; undefined for never. */
  verifiedAt: Date | undefined;
  /** Where the backup lies; undefined where the evidence does not say. */
  repository: string | undefined;
  /** Whose it is; undefined where the evidence does not say. */
  stack?: string;
  /** Why it cannot be relied on all the same. */
  objection?: string;
}

type Json = Record<string, unknown>;

const object = (value: unknown): Json | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined;
const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

/**
 * @param json text of the evidence
 * @throws UsageError where it is neither
 */
export function readBackupEvidence(json: string): BackupEvidence {
  let value: Json | undefined;
  try {
    value = object(JSON.parse(json));
  } catch (error) {
    throw new UsageError('the evidence of a backup is not JSON', {
      next: 'qbench info --json >backup.json',
      cause: error,
    });
  }
  if (value !== undefined && 'passed' in value && 'finishedAt' in value)
    return fromDrill(value, text(value['repository']));
  if (value === undefined || !Array.isArray(value['backups'])) {
    throw new UsageError('the evidence of a backup is neither of qbench info nor of a drill', {
      allowed: 'what qbench info --json prints',
      next: 'qbench info --json >backup.json',
    });
  }
  const repository = text(value['repository']);
  const stack = text(value['stack']);
  const whose = stack === undefined ? {} : { stack };
  const proven = object(value['lastProvenRestore']);
  const backups = value['backups'].map(object);
  if (proven === undefined) {
    const newest = text(backups.at(-1)?.['name']);
    return { label: newest ?? 'no backup', verifiedAt: undefined, repository, ...whose };
  }
  const evidence = { ...fromDrill(proven, repository), ...whose };
  const kept = backups.find((backup) => backup?.['name'] === evidence.label);
  if (kept === undefined) return { ...evidence, objection: `${evidence.label} is no longer in the repository` };
  const damage = text(kept['damage']);
  return damage === undefined ? evidence : { ...evidence, objection: `${evidence.label} is damaged: ${damage}` };
}

/** Most backups whose names are published: the newest. */
const MOST_PUBLISHED = 30;

/**
 * As much of what `qbench info` tells as `readBackupEvidence` reads.
 * @returns an object whose JSON stays below 4,096 characters
 */
export function publicEvidence(info: { stack: string } & BackupInfo): object {
  const { stack, repository, backups, lastProvenRestore: drill } = info;
  return {
    stack,
    repository,
    backups: backups
      .slice(-MOST_PUBLISHED)
      .map(({ name, damage }) => ({ name, ...(damage === undefined ? {} : { damage: 'damaged' }) })),
    ...(drill === undefined
      ? {}
      : { lastProvenRestore: { backup: drill.backup, passed: drill.passed, finishedAt: drill.finishedAt } }),
  };
}

function fromDrill(drill: Json, repository: string | undefined): BackupEvidence {
  const finished = new Date(text(drill['finishedAt']) ?? '');
  const proven = drill['passed'] === true && !Number.isNaN(finished.getTime());
  return { label: text(drill['backup']) ?? 'a backup', verifiedAt: proven ? finished : undefined, repository };
}

/** How long ago a restore of the backup may have been proven, in hours. */
const BACKUP_FRESH_HOURS = 24;
/** Clocks of two machines may differ by so much. */
const CLOCK_SKEW_MS = 5 * 60_000;
const HOUR_MS = 3_600_000;

export interface BackupVerdict {
  fresh: boolean;
  why: string;
}

/** The stack that the evidence has to be of. */
export interface BackedUp {
  stack: string;
  /** Its output `backupRepository`; undefined where it is not known. */
  repository?: string | undefined;
}

/** Whether a restore was proven lately enough to destroy something that holds data. */
export function judgeEvidence(evidence: BackupEvidence | undefined, of: BackedUp, now: Date): BackupVerdict {
  const stale = (why: string): BackupVerdict => ({ fresh: false, why });
  if (evidence === undefined) return stale('no evidence of a backup was given');
  const { label, verifiedAt, repository, stack, objection } = evidence;
  if (objection !== undefined) return stale(objection);
  if (stack !== undefined && stack !== of.stack) return stale(`the evidence is of stack ${stack}, not of ${of.stack}`);
  const expected = of.repository ?? '';
  // What runs on a host calls its repository by the host, which the stack's outputs do not: there the stack's name has to do.
  const told = repository !== undefined && !(stack !== undefined && repository.startsWith('host '));
  if (told && expected !== '' && !sameRepository(repository, expected)) {
    return stale(`the evidence is of ${repository}; this stack backs up to ${expected}`);
  }
  if (verifiedAt === undefined) return stale(`no restore of ${label} was proven`);
  const ageMs = now.getTime() - verifiedAt.getTime();
  const at = verifiedAt.toISOString();
  if (ageMs < -CLOCK_SKEW_MS) return stale(`a restore of ${label} was proven in the future (${at}): a clock is wrong`);
  const hours = Math.max(0, ageMs) / HOUR_MS;
  return hours > BACKUP_FRESH_HOURS
    ? stale(`a restore of ${label} was proven ${Math.round(hours)} hours ago; allowed are ${BACKUP_FRESH_HOURS}`)
    : { fresh: true, why: `a restore of ${label} was proven at ${at}` };
}

/** Whether two names of a repository are one: with or without the scheme, and the slash at the end. */
function sameRepository(a: string, b: string): boolean {
  const plain = (name: string): string => name.replace(/^s3:\/\//, '').replace(/\/+$/, '');
  return plain(a) === plain(b);
}
