/** The folder of the native engine: what lies where, and reading and writing it durably. */
import { createHash } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { BackupSet } from '../../../ops/backup/engine';
import { isLabel, labelTime } from '../../../ops/backup/label';
import { isSegment, type ArchivedSegment } from '../../../ops/backup/wal';
import { OperatorError } from '../../../ops/errors';
import { syncFolder, writeAtomically } from '../../atomicFile';
import type { Identity } from '../../processRunner';

/** Whose repository it is: `repository.json`. */
export interface RepositoryOwner {
  version: 1;
  systemIdentifier: string;
  postgresVersion: string;
}

/** A file that marks, beside the server, that the repository of this path has had its first backup begun. */
export function begunFile(stackDir: string, repositoryDir: string): string {
  return join(stackDir, `archiving-${createHash('sha256').update(repositoryDir).digest('hex').slice(0, 8)}`);
}

export class Repository {
  constructor(
    readonly dir: string,
    /** Whom its files belong to, where that is not the caller. */
    private readonly identity: Identity | undefined,
  ) {}

  readonly path = (...parts: string[]): string => join(this.dir, ...parts);

  get lock(): string {
    return this.path('lock');
  }

  dataOf(label: string): string {
    return this.path('backups', label, 'data');
  }

  owner(): RepositoryOwner | undefined {
    const file = this.path('repository.json');
    return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as RepositoryOwner) : undefined;
  }

  /**
   * Makes the folder where it is not there.
   * @throws OperatorError where it holds another cluster's backups, or files of somebody else
   */
  claim(owner: RepositoryOwner): void {
    const found = this.owner();
    if (found === undefined && existsSync(this.dir)) {
      const foreign = readdirSync(this.dir).filter((name) => !name.startsWith('lock'));
      if (foreign.length > 0) {
        throw new OperatorError(
          `"${this.dir}" is not empty and is no backup repository (${foreign.slice(0, 3).join(', ')} ...)`,
          {
            next: 'set backup.repositoryDir to an empty or new folder; nothing in this one was changed',
          },
        );
      }
    }
    if (found !== undefined && found.systemIdentifier !== owner.systemIdentifier) {
      throw new OperatorError(
        `"${this.dir}" holds the backups of another cluster (system identifier ${found.systemIdentifier}, this server's is ${owner.systemIdentifier})`,
        { next: 'set backup.repositoryDir to another folder, or move the old backups away; nothing in it was changed' },
      );
    }
    for (const dir of [this.dir, this.path('backups'), this.path('wal'), this.path('drills')]) this.makeDir(dir);
    if (found === undefined) this.writeFile(this.path('repository.json'), `${JSON.stringify(owner, null, 2)}\n`);
  }

  makeDir(dir: string): void {
    if (existsSync(dir)) return;
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    this.own(dir);
  }

  /** Whole or not at all, and durable. */
  writeFile(file: string, text: string): void {
    writeAtomically(file, text, { mode: 0o600, durable: true, own: (path) => this.own(path) });
  }

  /** A backup becomes one when its folder gets its name. */
  publish(partial: string, label: string): void {
    renameSync(partial, this.path('backups', label));
    syncFolder(this.path('backups'));
  }

  /** Labels of everything that looks like a finished backup. */
  labels(): string[] {
    const dir = this.path('backups');
    return existsSync(dir) ? readdirSync(dir).filter(isLabel).sort() : [];
  }

  /** Folders that runs which were killed left behind. */
  partials(): string[] {
    const dir = this.path('backups');
    if (!existsSync(dir)) return [];
    return readdirSync(dir)
      .filter((name) => name.endsWith(PARTIAL))
      .map((name) => join(dir, name));
  }

  sets(): BackupSet[] {
    return this.labels()
      .map((label) => this.set(label))
      .sort((a, b) => labelTime(a.name) - labelTime(b.name));
  }

  private set(label: string): BackupSet {
    const raw = JSON.parse(readFileSync(this.path('backups', label, 'backup.json'), 'utf8')) as BackupSet;
    return { ...raw, startedAt: new Date(raw.startedAt), stoppedAt: new Date(raw.stoppedAt) };
  }

  keepSet(dir: string, set: BackupSet): void {
    this.writeFile(join(dir, 'backup.json'), `${JSON.stringify(set, null, 2)}\n`);
  }

  /** Segments of the archive, without those that a verification found damaged. */
  segments(): ArchivedSegment[] {
    const dir = this.path('wal');
    if (!existsSync(dir)) return [];
    const damaged = new Set(this.damagedWal());
    return readdirSync(dir)
      .filter((file) => file.endsWith('.gz') && isSegment(file.slice(0, -3)) && !damaged.has(file.slice(0, -3)))
      .map((file) => {
        const { mtime, size } = statSync(join(dir, file));
        return { name: file.slice(0, -3), archivedAt: mtime, storedBytes: size };
      });
  }

  /** Names of all segments, damaged ones too. */
  archived(): string[] {
    const dir = this.path('wal');
    if (!existsSync(dir)) return [];
    return readdirSync(dir)
      .filter((file) => file.endsWith('.gz'))
      .map((file) => file.slice(0, -3))
      .filter(isSegment)
      .sort();
  }

  evidence(): string[] {
    const dir = this.path('drills');
    if (!existsSync(dir)) return [];
    const files = readdirSync(dir).filter((file) => file.endsWith('.json'));
    return files.sort().map((file) => readFileSync(join(dir, file), 'utf8'));
  }

  damagedWal(): string[] {
    const file = this.path('damaged-wal.json');
    return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as string[]) : [];
  }

  keepDamagedWal(names: readonly string[]): void {
    if (names.length > 0 || existsSync(this.path('damaged-wal.json'))) {
      this.writeFile(this.path('damaged-wal.json'), `${JSON.stringify(names)}\n`);
    }
  }

  own(path: string): void {
    if (this.identity !== undefined) chownSync(path, this.identity.uid, this.identity.gid);
  }
}

export const PARTIAL = '.partial';
