/** What the engine needs to know of the server it backs up. */
import type { ArchiverState } from '../../../ops/backup/engine';
import type { Session } from '../../../ops/ports';
import { sqlText } from '../../../ops/sqlText';

export interface SourceFacts {
  systemIdentifier: string;
  postgresVersion: string;
  archiveMode: string;
  databaseBytes: number;
  hasBackupRole: boolean;
  archiver: ArchiverState;
}

interface SourceRow {
  system_identifier: string;
  postgres_version: string;
  archive_mode: string;
  database_bytes: string;
  has_backup_role: boolean;
  failed_count: string;
  last_failed_wal: string | null;
  last_failed_time: Date | null;
  waiting: number;
  seconds_at_risk: number;
}

/** What the server says of its own archiving. */
export async function readArchiver(session: Session): Promise<ArchiverState> {
  return (await readSource(session)).archiver;
}

export async function readSource(session: Session): Promise<SourceFacts> {
  const row = (await session.query<SourceRow>(sqlText('queries/backup-source'))).rows[0];
  if (row === undefined) throw new Error('the server told nothing of itself');
  return {
    systemIdentifier: row.system_identifier,
    postgresVersion: row.postgres_version,
    archiveMode: row.archive_mode,
    databaseBytes: Number(row.database_bytes),
    hasBackupRole: row.has_backup_role,
    archiver: {
      waiting: row.waiting,
      secondsAtRisk: row.seconds_at_risk,
      failures: Number(row.failed_count),
      lastFailedAt: row.last_failed_time ?? undefined,
      lastFailedWal: row.last_failed_wal ?? undefined,
    },
  };
}
