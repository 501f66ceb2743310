/** Reads whether a restore was proven, from what `qbench info --json` prints or from the evidence record of a drill. */
import { UsageError } from '../errors';

export interface BackupEvidence {
  /** Label of the backup that was restored. */
  label: string;
  /** When a restore of it was last proven; undefined for never. */
  verifiedAt: Date | undefined;
  /** Where the backup lies; undefined where the evidence does not say. */
  repository: string | undefined;
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
  const proven = object(value['lastProvenRestore']);
  const backups = value['backups'].map(object);
  if (proven === undefined) {
    const newest = text(backups.at(-1)?.['name']);
    return { label: newest ?? 'no backup', verifiedAt: undefined, repository };
  }
  const evidence = fromDrill(proven, repository);
  const kept = backups.find((backup) => backup?.['name'] === evidence.label);
  if (kept === undefined) return { ...evidence, objection: `${evidence.label} is no longer in the repository` };
  const damage = text(kept['damage']);
  return damage === undefined ? evidence : { ...evidence, objection: `${evidence.label} is damaged: ${damage}` };
}

function fromDrill(drill: Json, repository: string | undefined): BackupEvidence {
  const finished = new Date(text(drill['finishedAt']) ?? '');
  const proven = drill['passed'] === true && !Number.isNaN(finished.getTime());
  return { label: text(drill['backup']) ?? 'a backup', verifiedAt: proven ? finished : undefined, repository };
}

/** Whether two names of a repository are one: with or without the scheme, and the slash at the end. */
export function sameRepository(a: string, b: string): boolean {
  const plain = (name: string): string => name.replace(/^s3:\/\//, '').replace(/\/+$/, '');
  return plain(a) === plain(b);
}
