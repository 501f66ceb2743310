/** Compares the files with what a database says was applied. Pure. */
import { OperatorError } from '../errors';
import type { ManifestEntry, MigrationFile } from './manifest';

/** A row of the ledger. */
export interface AppliedMigration extends ManifestEntry {
  appliedAt: string;
  appliedBy: string;
}

export type MigrationState = 'applied' | 'pending' | 'edited' | 'missing' | 'out of order';

export interface MigrationStatus {
  file: string;
  state: MigrationState;
  /** Hash of the file; absent where the file is missing. */
  fileSha256?: string;
  /** Hash in the ledger; absent where it was not applied. */
  appliedSha256?: string;
  appliedAt?: string;
}

/** The state of every migration that is a file, a row of the ledger, or both; in order of their numbers. */
export function migrationStates(
  files: readonly ManifestEntry[],
  applied: readonly AppliedMigration[],
): MigrationStatus[] {
  const last =
    applied
      .map((row) => row.file)
      .toSorted()
      .at(-1) ?? '';
  const names = [...new Set([...files, ...applied].map((entry) => entry.file))].sort();
  return names.map((file) => {
    const here = files.find((entry) => entry.file === file)?.sha256;
    const row = applied.find((entry) => entry.file === file);
    let state: MigrationState;
    if (row === undefined) state = file < last ? 'out of order' : 'pending';
    else if (here === undefined) state = 'missing';
    else state = here === row.sha256 ? 'applied' : 'edited';
    return {
      file,
      state,
      ...(here === undefined ? {} : { fileSha256: here }),
      ...(row === undefined ? {} : { appliedSha256: row.sha256, appliedAt: row.appliedAt }),
    };
  });
}

/**
 * @returns the files that are to be applied, in order
 * @throws OperatorError naming the file and both hashes where an applied file was edited, is missing, or a new one comes before it
 */
export function pendingMigrations(
  files: readonly MigrationFile[],
  applied: readonly AppliedMigration[],
): MigrationFile[] {
  const states = migrationStates(files, applied);
  for (const { file, state, fileSha256 = 'none', appliedSha256 = 'none', appliedAt = '' } of states) {
    const hashes = `applied sha256 ${appliedSha256}, file sha256 ${fileSha256}`;
    if (state === 'missing') {
      throw new OperatorError(`migration ${file} was applied at ${appliedAt} and its file is missing: ${hashes}`, {
        next: 'restore it from version control: an applied migration is never deleted or renamed',
      });
    }
    if (state === 'edited') {
      throw new OperatorError(`migration ${file} was edited after it was applied at ${appliedAt}: ${hashes}`, {
        next: 'restore the file from version control, and write the change as a new migration',
      });
    }
    if (state === 'out of order') {
      const last = states.findLast((status) => status.appliedSha256 !== undefined);
      throw new OperatorError(
        `migration ${file} was never applied, but ${last?.file} (sha256 ${last?.appliedSha256}), which comes after it, was: ${hashes}`,
        {
          next: 'give the new file the next free number',
        },
      );
    }
  }
  const pending = new Set(states.filter(({ state }) => state === 'pending').map(({ file }) => file));
  return files.filter(({ file }) => pending.has(file));
}

/**
 * Holds the files of this checkout to what the Pulumi program declared.
 * @throws OperatorError naming the first file that differs, with both hashes
 */
export function checkDeclared(files: readonly ManifestEntry[], declared: readonly ManifestEntry[]): void {
  const names = [...new Set([...declared, ...files].map((entry) => entry.file))].sort();
  for (const name of names) {
    const here = files.find((entry) => entry.file === name)?.sha256;
    const there = declared.find((entry) => entry.file === name)?.sha256;
    if (here !== there) {
      throw new OperatorError(
        `migration ${name} is not the declared one: declared sha256 ${there ?? 'none'}, file sha256 ${here ?? 'none'}`,
        {
          next: 'the files changed while pulumi up ran, or it runs from another checkout: run it again from this one',
        },
      );
    }
  }
}
