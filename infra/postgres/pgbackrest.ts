/** pgbackrest.conf of a host, and the archive_command that goes with it. No secret in either: the host adds its passphrase itself. */

/** Name of the stanza: one cluster, one repository. */
export const STANZA = 'qbench';

/** Longest time that committed rows wait in an unfinished WAL segment, in seconds: the RPO of a quiet server. */
export const ARCHIVE_TIMEOUT_SECONDS = 60;

/** archive_command of the pgbackrest engine: ends with 0 once the segment is in the repository or safely queued for it. */
export const ARCHIVE_COMMAND = `pgbackrest --stanza=${STANZA} archive-push %p`;

/** Where a repository lies. */
export type BackupRepositoryInput =
  | {
      kind: 's3';
      bucket: string;
      region: string;
      /** Folder in the bucket, beginning with a slash. */
      path: string;
      /** Server that speaks S3 instead of AWS's own, with the certificate authority it is verified by. */
      server?: { host: string; port: number; caFile: string };
    }
  | { kind: 'folder'; path: string };

export interface PgbackrestInput {
  repository: BackupRepositoryInput;
  /** Days that backups and the WAL to reach any time between them are kept. */
  retentionDays: number;
  /** Data directory of the cluster. */
  dataDirectory: string;
  socketDirectory: string;
  port: number;
  /** Folder on the data volume in which WAL waits for the repository. */
  spoolDirectory: string;
  /** Virtual CPUs of the host. */
  cores: number;
}

type Option = readonly [name: string, value: string | number];

function repositoryOptions(repository: BackupRepositoryInput): Option[] {
  if (repository.kind === 'folder') {
    return [
      ['repo1-type', 'posix'],
      ['repo1-path', repository.path],
    ];
  }
  const { bucket, region, path, server } = repository;
  return [
    ['repo1-type', 's3'],
    ['repo1-path', path],
    ['repo1-s3-bucket', bucket],
    ['repo1-s3-region', region],
    ['repo1-s3-endpoint', server?.host ?? `s3.${region}.amazonaws.com`],
    ...(server === undefined
      ? // The instance profile's credentials: nothing to keep, nothing to leak.
        ([['repo1-s3-key-type', 'auto']] as const)
      : ([
          ['repo1-storage-port', server.port],
          ['repo1-storage-ca-file', server.caFile],
          ['repo1-s3-uri-style', 'path'],
        ] as const)),
  ];
}

/**
 * The file as pgBackRest reads it: https://pgbackrest.org/configuration.html.
 * @throws RangeError for a value with a line break, or a retention below one day
 */
export function pgbackrestConf(input: PgbackrestInput): string {
  if (!Number.isInteger(input.retentionDays) || input.retentionDays < 1) {
    throw new RangeError(`${input.retentionDays} days of retention; at least 1`);
  }
  const global: Option[] = [
    ...repositoryOptions(input.repository),
    // Encrypted before it leaves the host; the passphrase is in conf.d, which only root and the server can read.
    ['repo1-cipher-type', 'aes-256-cbc'],
    // Small files together, and of large ones only the blocks that changed: an index build no longer makes every diff a full.
    ['repo1-bundle', 'y'],
    ['repo1-block', 'y'],
    // By time, which never expires the last full backup with the WAL that makes it restorable.
    ['repo1-retention-full-type', 'time'],
    ['repo1-retention-full', input.retentionDays],
    ['compress-type', 'zst'],
    ['compress-level', 3],
    ['process-max', Math.max(1, Math.min(4, Math.floor(input.cores / 2)))],
    // Without it a backup waits for the next checkpoint by time, up to checkpoint_timeout.
    ['start-fast', 'y'],
    ['delta', 'y'],
    ['archive-async', 'y'],
    ['spool-path', input.spoolDirectory],
    // A repository that does not answer is told within half a minute, not after the default of two. archive-push-queue-max
    // stays unset: it would drop WAL to save the disk, which is a gap in the recovery window.
    ['io-timeout', 20],
    ['protocol-timeout', 90],
    ['db-timeout', 60],
    ['log-level-console', 'warn'],
    ['log-level-file', 'info'],
    ['log-path', '/var/log/pgbackrest'],
  ];
  const push: Option[] = [['process-max', Math.max(1, Math.min(4, input.cores - 1))]];
  const stanza: Option[] = [
    ['pg1-path', input.dataDirectory],
    ['pg1-port', input.port],
    ['pg1-socket-path', input.socketDirectory],
  ];
  return [
    '# Written by qbench; changes by hand are overwritten.',
    ...section('global', global),
    '',
    ...section('global:archive-push', push),
    '',
    ...section(STANZA, stanza),
    '',
  ].join('\n');
}

function section(name: string, options: readonly Option[]): string[] {
  return [`[${name}]`, ...options.map(([key, value]) => `${key}=${oneLine(String(value))}`)];
}

function oneLine(value: string): string {
  if (value === '' || /[\x00-\x1f\x7f]/.test(value)) {
    throw new RangeError(`${JSON.stringify(value)} cannot be an option of pgBackRest`);
  }
  return value;
}
