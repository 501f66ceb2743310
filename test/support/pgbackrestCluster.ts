/** A real server whose repository a real pgBackRest keeps in a folder: with the configuration that a host gets, in a Debian root of its own. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PgbackrestEngine } from '../../infra/adapters/backup/pgbackrest/engine';
import { asServerUser } from '../../infra/adapters/backup/pgbackrest/program';
import { readArchiverByPsql } from '../../infra/adapters/backup/source';
import { findFreePort } from '../../infra/adapters/localServer/port';
import { openSession } from '../../infra/adapters/postgresDatabase';
import { systemClock } from '../../infra/adapters/systemClock';
import type { CommandRunner, Session } from '../../infra/ops/ports';
import { localAuthentication } from '../../infra/postgres/hba';
import { ARCHIVE_TIMEOUT_SECONDS, pgbackrestConf, STANZA } from '../../infra/postgres/pgbackrest';
import { renderPostgresqlConf } from '../../infra/postgres/render';
import { chrootRunner, debianChroot } from './debianChroot';

const BIN = '/usr/lib/postgresql/18/bin';

export interface Place {
  socketDir: string;
  port: number;
}

export interface PgbackrestCluster extends Place {
  engine: PgbackrestEngine;
  runner: CommandRunner;
  /** A file of the cluster's own folder. */
  path: (...parts: string[]) => string;
  /** Runs a program as the server's user. @throws Error with what it printed where it failed */
  asPostgres: (...command: string[]) => Promise<string>;
  /** pgBackRest itself, with the configuration that the engine uses. */
  pgbackrest: (...args: string[]) => Promise<string>;
  connect: (place?: Place) => Promise<Session>;
  sql: <T = Record<string, unknown>>(text: string, place?: Place) => Promise<T[]>;
  stop(): Promise<void>;
}

/** Made and started, its stanza created, without a backup. Only where `noChroot()` finds no reason against it. */
export async function startPgbackrestCluster(): Promise<PgbackrestCluster> {
  const root = await debianChroot();
  const dir = mkdtempSync(join(tmpdir(), 'qbench-pgbackrest-'));
  const path = (...parts: string[]): string => join(dir, ...parts);
  chmodSync(dir, 0o755);
  for (const name of ['tmp', 'log', 'socket', 'repository', 'spool', 'evidence', 'copies']) mkdirSync(path(name));
  chmodSync(path('tmp'), 0o1777);
  const runner = chrootRunner(root, dir);
  const asPostgres = async (...command: string[]): Promise<string> => {
    const result = await runner.run('runuser', ['-u', 'postgres', '--', ...command]);
    if (result.code !== 0) throw new Error(`${command.join(' ')}: ${result.stdout}${result.stderr}`);
    return result.stdout;
  };
  const owned = ['log', 'socket', 'repository', 'spool', 'copies'].map((name) => path(name));
  await runner.run('chown', ['postgres:postgres', ...owned, dir]);
  const port = await findFreePort('00000a00', new Set());
  const configFile = path('pgbackrest.conf');
  const pgbackrest = (...args: string[]): Promise<string> =>
    asPostgres('pgbackrest', `--config=${configFile}`, `--stanza=${STANZA}`, ...args);
  const conf = pgbackrestConf({
    repository: { kind: 'folder', path: path('repository') },
    retentionDays: 7,
    dataDirectory: path('data'),
    socketDirectory: path('socket'),
    port,
    spoolDirectory: path('spool'),
    cores: 2,
  });
  // A damaged file is no better when it is read for the third time, fifteen seconds later; and what waits for a minute elsewhere does for less.
  const patience = 'job-retry=0\narchive-timeout=15\n';
  writeFileSync(configFile, `${conf}\n[global]\nrepo1-cipher-pass=not-a-secret\n${patience}`);
  const initdb = ['--username=postgres', '--no-instructions', '--data-checksums', '--locale=C.UTF-8'];
  await asPostgres(`${BIN}/initdb`, '-D', path('data'), ...initdb);
  writeFileSync(
    path('data', 'postgresql.conf'),
    renderPostgresqlConf({
      listen_addresses: '',
      port: String(port),
      unix_socket_directories: path('socket'),
      archive_mode: 'on',
      archive_command: `pgbackrest --config=${configFile} --stanza=${STANZA} archive-push %p`,
      archive_timeout: `${ARCHIVE_TIMEOUT_SECONDS}s`,
      log_timezone: 'UTC',
      TimeZone: 'UTC',
    }),
  );
  const { hba, ident } = localAuthentication(['root', 'postgres']);
  writeFileSync(path('data', 'pg_hba.conf'), hba);
  writeFileSync(path('data', 'pg_ident.conf'), ident);
  await asPostgres(`${BIN}/pg_ctl`, 'start', '-s', '-w', '-D', path('data'), '-l', path('log', 'server.log'));
  await pgbackrest('stanza-create');
  const psql = ['-h', path('socket'), '-p', String(port)];
  const engine = new PgbackrestEngine({
    runner,
    stanza: STANZA,
    become: 'postgres',
    configFile,
    repository: path('repository'),
    retentionDays: 7,
    binDir: BIN,
    dataDir: path('data'),
    operators: ['root', 'postgres'],
    copyPort: () => findFreePort('00000b00', new Set([port])),
    tmp: '/tmp',
    evidenceDir: path('evidence'),
    clock: systemClock,
    archiver: () => readArchiverByPsql(asServerUser({ runner, become: 'postgres' }), psql),
  });
  const here: Place = { socketDir: path('socket'), port };
  const connect = (place: Place = here): Promise<Session> =>
    openSession({ host: place.socketDir, port: place.port, database: 'postgres', user: 'postgres' });
  return {
    ...here,
    engine,
    runner,
    path,
    asPostgres,
    pgbackrest,
    connect,
    sql: async <T>(text: string, place?: Place) => {
      const session = await connect(place);
      try {
        return (await session.query<T>(text)).rows;
      } finally {
        await session.close();
      }
    },
    stop: async () => {
      const stopping = [`${BIN}/pg_ctl`, 'stop', '-m', 'immediate', '-D', path('data')];
      await runner.run('runuser', ['-u', 'postgres', '--', ...stopping]);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
