/**
 * The port that every backup engine implements, in pgBackRest's words. Operations of this folder judge and decide with what
 * it tells; the engines of `adapters/backup` reach the repository and the cluster.
 */
import { OperatorError } from '../errors';
import type { ProgressSink } from '../ports';

/** `diff` holds what changed since the last full backup, `incr` what changed since the last one of any type. */
export type BackupType = 'full' | 'diff' | 'incr';

export const BACKUP_TYPES: readonly BackupType[] = ['full', 'diff', 'incr'];

/** One backup in the repository. */
export interface BackupSet {
  /** Label: "20261122-204512F" of a full one, "20261122-204512F_20261123-020000D" (I) of one that needs that full one. */
  name: string;
  type: BackupType;
  /** Every other backup that a restore of this one reads, the full one first. */
  needs: readonly string[];
  startedAt: Date;
  /** From this time on the backup can be recovered to. */
  stoppedAt: Date;
  /** First and last WAL segment without which it cannot be made consistent. */
  startWal: string;
  stopWal: string;
  /** Bytes of the database's files. */
  databaseBytes: number;
  /** Bytes that it takes in the repository by itself. */
  storedBytes: number;
  /** Why a restore of it cannot be trusted, such as damaged pages or files; undefined for a good one. */
  damage?: string | undefined;
}

/** A stretch of WAL that the repository does not have, between segments that it has. */
export interface ArchiveGap {
  /** First and last missing segment. */
  from: string;
  to: string;
  /** The same of the last segment before it. */
  after: Date;
}

/** The WAL in the repository. */
export interface ArchiveState {
  /** Oldest and newest segment of the newest timeline; undefined where there is none. */
  first: string | undefined;
  last: string | undefined;
  /** When the newest one was written, as far as the repository tells: else when it came in. */
  lastArchivedAt: Date | undefined;
  segments: number;
  storedBytes: number;
  gaps: readonly ArchiveGap[];
}

/** What the server says of its own archiving; undefined members where it is down. */
export interface ArchiverState {
  /** Segments that wait in pg_wal for the repository. */
  waiting: number;
  /** Seconds since the oldest WAL that is not in the repository was written: what the loss of the disk would cost now. */
  secondsAtRisk: number;
  failures: number;
  lastFailedAt: Date | undefined;
  lastFailedWal: string | undefined;
}

/** A run that holds the repository right now. */
export interface RunningBackup {
  pid: number | undefined;
  /** What it does: "full backup", "expire". */
  what: string;
  since: Date | undefined;
  doneBytes?: number | undefined;
  totalBytes?: number | undefined;
}

/** All that the repository holds of one cluster. */
export interface RepositoryState {
  engine: string;
  /** Folder, or bucket and path. */
  repository: string;
  /** Database system identifier; undefined before the first backup. */
  systemIdentifier: string | undefined;
  /** "18" */
  postgresVersion: string | undefined;
  /** Oldest first. */
  backups: readonly BackupSet[];
  archive: ArchiveState;
  archiver: ArchiverState | undefined;
  running: RunningBackup | undefined;
  retentionDays: number;
}

export interface BackupRequest {
  type: BackupType;
  signal?: AbortSignal | undefined;
}

/** What is wrong with one backup, or with one WAL segment. */
export interface Damage {
  /** Label of the backup, or "archive". */
  where: string;
  /** File of the repository or of the backup. */
  file: string;
  problem: string;
}

/** A restore found that the backup it was to begin from is not whole; nothing was started from it. */
export class DamagedBackup extends OperatorError {
  constructor(
    readonly backup: string,
    readonly damages: readonly Damage[],
  ) {
    const words = damages.slice(0, 3).map(({ where, problem }) => `${where}: ${problem}`);
    super(
      `backup ${backup} is damaged: ${words.join('; ')}${damages.length > 3 ? ` and ${damages.length - 3} more` : ''}`,
    );
    this.name = 'DamagedBackup';
  }
}

export interface VerifyReport {
  backups: number;
  segments: number;
  /** Bytes read. */
  bytes: number;
  damages: readonly Damage[];
}

export interface ExpireReport {
  /** Labels of backups that were removed. */
  backups: readonly string[];
  segments: number;
}

/** What lies in a folder that a restore is to fill. */
export interface TargetFolder {
  exists: boolean;
  empty: boolean;
  /** Process id of the server that runs on it. */
  runningPid: number | undefined;
  /** Whose data it holds; undefined where it holds no cluster. */
  systemIdentifier: string | undefined;
}

/** Where recovery stops. */
export type RecoveryPoint =
  | { kind: 'latest' }
  /** At the end of the backup itself, as soon as it is consistent. */
  | { kind: 'backup' }
  /** After the last commit at or before this time: UTC, with microseconds. */
  | { kind: 'time'; time: string };

export interface RestoreRequest {
  /** Label of the backup to begin from. */
  backup: string;
  point: RecoveryPoint;
  /** Absolute path of the data folder that is made. */
  target: string;
  /** The stack's own data folder: its configuration and its archiving stay. Anywhere else is a copy that archives nothing. */
  inPlace: boolean;
  /** Newest WAL segment that recovery may use; a later one came in after the request was judged. */
  lastWal: string | undefined;
  /** Leaves the recovered server running. */
  keepRunning: boolean;
  signal?: AbortSignal | undefined;
}

/** A cluster that was restored and recovered. */
export interface RestoredCluster {
  dataDir: string;
  socketDir: string;
  port: number;
  running: boolean;
  /** Commit time of the last transaction that was replayed; undefined where none was. */
  lastCommitAt: Date | undefined;
  timeline: number;
  /** Seconds of copying, and of replaying WAL until the server took writes. */
  copySeconds: number;
  replaySeconds: number;
  bytes: number;
  /** Commands for a shell, without passwords. */
  startCommand: string;
  stopCommand: string;
  connectCommand: string;
}

export interface BackupEngine {
  /** Everything that can be known without changing anything. */
  state(): Promise<RepositoryState>;
  /** The run that holds the repository, with how far it is; cheap enough to be asked each second. */
  running(): Promise<RunningBackup | undefined>;
  /**
   * Takes a backup. Where nothing is there to build upon, a `diff` or `incr` becomes a full one, and a note says so.
   * @throws OperatorError within 5 s naming the run that holds the repository
   */
  backup(request: BackupRequest, progress: ProgressSink): Promise<BackupSet>;
  /** Removes what the retention no longer needs; never the last good full backup, nor its WAL. */
  expire(): Promise<ExpireReport>;
  /** Reads backups and WAL as they lie in the repository. @param only label of one backup. @default all */
  verify(progress: ProgressSink, only?: string): Promise<VerifyReport>;
  /** Makes the server switch its WAL segment and waits until that is in the repository. @throws OperatorError with the cause */
  check(): Promise<{ segment: string; seconds: number }>;
  /** What lies in the folder. */
  inspect(target: string): Promise<TargetFolder>;
  /** Moves a folder aside. @returns its new path */
  setAside(target: string): Promise<string>;
  /** Restores, recovers to the point, and stops unless told otherwise. @throws OperatorError with the server's own words */
  restore(request: RestoreRequest, progress: ProgressSink): Promise<RestoredCluster>;
  /** Ends a restored copy and removes its files. */
  discard(restored: RestoredCluster): Promise<void>;
  /** Keeps a record of a proven restore beside the backups. */
  keepEvidence(name: string, text: string): Promise<void>;
  /** Texts of all records, oldest first. */
  evidence(): Promise<string[]>;
}
