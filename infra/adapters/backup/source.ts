/** What the engine needs to know of the server it backs up. */
import type { ArchiverState } from '../../ops/backup/engine';
import { OperatorError } from '../../ops/errors';
import type { CommandRunner, Session } from '../../ops/ports';
import { sqlText } from '../../ops/sqlText';

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
  last_failed_time: Date | string | null;
  waiting: number;
  seconds_at_risk: number;
}

export async function readSource(session: Session): Promise<SourceFacts> {
  const row = (await session.query<SourceRow>(sqlText('queries/backup-source'))).rows[0];
  if (row === undefined) throw new Error('the server told nothing of itself');
  return factsOf(row);
}

/**
 * The same by psql, where nothing else reaches the server.
 * @param runner runs as the server's user
 * @param connection options of psql that name the server
 * @returns undefined where it is down
 */
export async function readArchiverByPsql(
  runner: CommandRunner,
  connection: readonly string[] = [],
): Promise<ArchiverState | undefined> {
  const question = `SELECT pg_catalog.to_json(s) FROM (${sqlText('queries/backup-source').trim().replace(/;$/, '')}) AS s;`;
  const args = ['-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', 'postgres', ...connection, '-f', '-'];
  const result = await runner.run('psql', args, { stdin: question, cwd: '/' });
  if (result.code === PSQL_NO_CONNECTION) return undefined;
  if (result.code !== 0) throw new OperatorError(`the server does not tell of its archiving: ${result.stderr.trim()}`);
  return factsOf(JSON.parse(result.stdout) as SourceRow).archiver;
}

/** Exit code of psql where the server could not be reached. */
const PSQL_NO_CONNECTION = 2;

function factsOf(row: SourceRow): SourceFacts {
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
      lastFailedAt: row.last_failed_time === null ? undefined : new Date(row.last_failed_time),
      lastFailedWal: row.last_failed_wal ?? undefined,
    },
  };
}
