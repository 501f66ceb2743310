/** Configuration of a restored copy: small, on this machine only, and archiving nothing into the repository it came from. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { DATABASE_NAME, ROLE_NAMES } from '../../naming';
import type { CommandRunner } from '../../ops/ports';
import { localAuthentication } from '../../postgres/hba';
import { renderPostgresqlConf } from '../../postgres/render';
import { recoveryLog, writeAs } from './recovery';

/** Longest path of a unix socket on Linux is 107 bytes (macOS 103), with `/.s.PGSQL.65535` at its end. */
const SOCKET_DIR_MAX_BYTES = 88;

export interface CopyPlace {
  dataDir: string;
  socketDir: string;
  port: number;
}

/** The socket lies in the data folder, which is closed to others, unless its path is too long for one. */
export function copySocketDir(dataDir: string, tmp: string): string {
  if (Buffer.byteLength(dataDir) <= SOCKET_DIR_MAX_BYTES) return dataDir;
  return join(tmp, `qbench-${createHash('sha256').update(dataDir).digest('hex').slice(0, 12)}`);
}

/** @param operators users of the machine that may be any role on the socket */
export async function writeCopyConfiguration(
  runner: CommandRunner,
  place: CopyPlace,
  operators: readonly string[],
): Promise<void> {
  const { dataDir, socketDir, port } = place;
  const conf = renderPostgresqlConf({
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: socketDir,
    unix_socket_permissions: '0700',
    hba_file: join(dataDir, 'pg_hba.conf'),
    ident_file: join(dataDir, 'pg_ident.conf'),
    // Two servers of one history must never push into the same repository.
    archive_mode: 'off',
    shared_buffers: '128MB',
    jit: 'off',
    TimeZone: 'UTC',
    log_timezone: 'UTC',
    log_line_prefix: '%m [%p] ',
    lc_messages: 'C',
  });
  const { hba, ident } = localAuthentication(operators);
  await writeAs(runner, join(dataDir, 'postgresql.conf'), conf);
  await writeAs(runner, join(dataDir, 'pg_hba.conf'), hba);
  await writeAs(runner, join(dataDir, 'pg_ident.conf'), ident);
}

/**
 * Commands for a shell to start, stop and reach a copy.
 * @param osUser user that the server runs as, where it is not the caller
 */
export function copyCommands(
  binDir: string,
  { dataDir, socketDir, port }: CopyPlace,
  osUser: string | undefined,
): { startCommand: string; stopCommand: string; connectCommand: string } {
  const as = osUser === undefined ? '' : `runuser -u ${osUser} -- `;
  const folder = socketDir === dataDir ? '' : `${as}mkdir -p -m 700 ${socketDir} && `;
  return {
    startCommand: `${folder}${as}${join(binDir, 'pg_ctl')} start -D ${dataDir} -l ${recoveryLog(dataDir)}`,
    stopCommand: `${as}${join(binDir, 'pg_ctl')} stop -D ${dataDir}`,
    connectCommand: `${join(binDir, 'psql')} -h ${socketDir} -p ${port} -U ${ROLE_NAMES.app} ${DATABASE_NAME}`,
  };
}
