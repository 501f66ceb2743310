/** Migrations that a change applies, and what they take away. */
import { destructiveStatements, type DestructiveStatement } from './destructiveSql';
import type { BackupVerdict } from './backupEvidence';
import { messageOf, OperatorError } from '../errors';
import { readMigrations } from '../migrations/manifest';
import type { Change, Inputs, Preview } from './preview';
import { jsonOf } from './values';

export interface PendingMigration {
  file: string;
  /** Statements that lose data; undefined where the text could not be judged. */
  destructive: DestructiveStatement[] | undefined;
  /** Why it could not be judged. */
  unjudged?: string;
}

/** A migration as it lies in the checkout. */
export interface MigrationText {
  file: string;
  sha256: string;
  sql: string;
}

function manifestOf(inputs: Inputs | undefined): { file: string; sha256: string }[] {
  const migrations = jsonOf(inputs, 'stdin')?.['migrations'];
  return Array.isArray(migrations) ? (migrations as { file: string; sha256: string }[]) : [];
}

/** Whether the preview makes the database itself: what a migration drops there was never anybody's. */
export function isNewDatabase(preview: Preview): boolean {
  return preview.resources.some(
    ({ type, operation, before }) =>
      type === 'postgresql:index/database:Database' && operation === 'create' && before === undefined,
  );
}

/**
 * The migrations that the change adds to the database.
 * @param texts the checkout's own; one that is not among them, or has another hash, cannot be judged
 */
export function pendingMigrations(change: Change, texts: readonly MigrationText[]): PendingMigration[] {
  if (change.type !== 'command:local:Command' || change.operation === 'same' || change.operation === 'delete')
    return [];
  const applied = new Map(manifestOf(change.before?.inputs).map(({ file, sha256 }) => [file, sha256]));
  return manifestOf(change.after?.inputs)
    .filter(({ file, sha256 }) => applied.get(file) !== sha256)
    .map(({ file, sha256 }) => judge(file, sha256, texts));
}

function judge(file: string, sha256: string, texts: readonly MigrationText[]): PendingMigration {
  const known = texts.find((text) => text.file === file);
  if (known === undefined) return { file, destructive: undefined, unjudged: 'its text is not in this checkout' };
  if (known.sha256 !== sha256) return { file, destructive: undefined, unjudged: 'the checkout holds another text' };
  try {
    return { file, destructive: destructiveStatements(known.sql) };
  } catch (error) {
    return { file, destructive: undefined, unjudged: messageOf(error) };
  }
}

/** The migrations of the checkout that take data away, by file name, and what each takes. */
export function migrationDrops(texts: readonly MigrationText[] = readMigrations()): Map<string, string[]> {
  const drops = texts.map(({ file, sql }) => [file, destructiveStatements(sql).map(({ what }) => what)] as const);
  return new Map(drops.filter(([, what]) => what.length > 0).map(([file, what]) => [file, what]));
}

/**
 * In production a migration that drops something needs a backup behind it, as the policy pack asks of resources.
 * @throws OperatorError where one of them drops something and no restore was proven lately
 */
export function refuseUnbackedDrops(pending: readonly MigrationText[], backup: BackupVerdict): void {
  const drops = [...migrationDrops(pending)].map(([file, what]) => `${file} drops ${what.join(', ')}`);
  if (drops.length === 0 || backup.fresh) return;
  throw new OperatorError(`in production nothing is dropped without a backup: ${drops.join('; ')}, and ${backup.why}`, {
    next: 'qbench drill proves a restore and keeps the evidence; then again',
  });
}
