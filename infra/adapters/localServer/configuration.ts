/**
 * The configuration of a local server: its files, where the last good ones are kept, and its process, as the port that
 * `ops/configuration` applies changes through.
 */
import { chownSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { ROLE_NAMES } from '../../naming';
import type { ConfigurableServer, ConfigurationFiles } from '../../ops/configuration/ports';
import type { Clock, CommandRunner, Queryable } from '../../ops/ports';
import { localAuthentication } from '../../postgres/hba';
import { parsePostgresqlConf, renderPostgresqlConf } from '../../postgres/render';
import { writeAtomically } from '../atomicFile';
import { archiveCommand } from '../backup/native/walScript';
import { openSession } from '../postgresDatabase';
import type { ServerUser } from './identity';
import { stackLayout, type MachineContext, type ServerRecord } from './layout';
import { postmasterLock, postmasterPid, waitUntilReady } from './probe';
import { reloadServer, refusalOfPort, stopServer } from './process';

export interface DesiredConfiguration {
  /**
   * postgresql.conf as name to value, each value as it is written there without quotes. What a change of it needs, the
   * server is asked; `parameterChanges` of postgres/change predicts it.
   */
  parameters: Readonly<Record<string, string>>;
  /** Present where the server archives its WAL for the native backup engine. */
  backup?: {
    /** Folder of the repository. @default one beside the stack's data */
    repositoryDir?: string;
  };
}

const CONF = 'postgresql.conf';
const FILES = [CONF, 'pg_hba.conf', 'pg_ident.conf'] as const;

/** The files of one server: the parameters asked for, and what only this machine decides. */
export function configurationFiles(
  record: ServerRecord,
  desired: DesiredConfiguration,
  user: ServerUser,
  context: MachineContext,
): ConfigurationFiles {
  const script = stackLayout(context, record.stack).walScript;
  const machine: Partial<Record<(typeof MACHINE_PARAMETERS)[number], string>> = {
    ...(desired.backup === undefined ? {} : { archive_command: archiveCommand(script) }),
    listen_addresses: record.host,
    port: String(record.port),
    unix_socket_directories: record.socketDir,
    unix_socket_permissions: '0700',
    hba_file: join(record.dataDir, 'pg_hba.conf'),
    ident_file: join(record.dataDir, 'pg_ident.conf'),
  };
  const caller = context.uid === 0 ? 'root' : userInfo().username;
  const { hba, ident } = localAuthentication([...new Set([caller, user.name])]);
  return {
    [CONF]: renderPostgresqlConf({ ...desired.parameters, ...machine }),
    'pg_hba.conf': hba,
    'pg_ident.conf': ident,
  };
}

/** The port that the files lying in the data folder name: where a start would listen. */
export function configuredPort(record: ServerRecord): number {
  const file = join(record.dataDir, CONF);
  if (!existsSync(file)) return record.port;
  return Number(parsePostgresqlConf(readFileSync(file, 'utf8'))['port'] ?? record.port);
}

/** The parameters of the last configuration that the server took in whole; undefined where it never did. */
export function lastGoodParameters(stackDir: string): Record<string, string> | undefined {
  const file = join(stackDir, 'configuration.good', CONF);
  return existsSync(file) ? parsePostgresqlConf(readFileSync(file, 'utf8')) : undefined;
}

/** Lines that this machine decides and adds to the plan's. */
export const MACHINE_PARAMETERS = [
  'archive_command',
  'listen_addresses',
  'port',
  'unix_socket_directories',
  'unix_socket_permissions',
  'hba_file',
  'ident_file',
] as const;

export interface LocalServerParts {
  record: ServerRecord;
  /** Folder of the stack, beside the data: the last good files lie in it. */
  stackDir: string;
  binDir: string;
  user: ServerUser;
  /** Runs as the server's user. */
  runner: CommandRunner;
  clock: Clock;
  startProcess(): Promise<void>;
}

export class LocalConfigurableServer implements ConfigurableServer {
  constructor(private readonly parts: LocalServerParts) {}

  async running(): Promise<boolean> {
    // A run that was killed may have left a server that is still starting.
    return waitUntilReady(this.parts.record.dataDir, this.parts.clock);
  }

  readFiles(): Promise<ConfigurationFiles> {
    return Promise.resolve(readAll(this.parts.record.dataDir));
  }

  writeFiles(files: ConfigurationFiles): Promise<void> {
    this.write(this.parts.record.dataDir, files);
    return Promise.resolve();
  }

  readLastGood(): Promise<ConfigurationFiles | undefined> {
    const found = readAll(this.good);
    return Promise.resolve(FILES.every((name) => found[name] !== undefined) ? found : undefined);
  }

  keepLastGood(files: ConfigurationFiles): Promise<void> {
    this.write(this.good, files);
    return Promise.resolve();
  }

  async check(files: ConfigurationFiles): Promise<string | undefined> {
    const { record, stackDir, binDir, runner } = this.parts;
    const text = files[CONF] ?? '';
    const port = Number(parsePostgresqlConf(text)['port'] ?? record.port);
    // Before a running server is stopped for it.
    const taken = postmasterLock(record.dataDir)?.port === port ? undefined : await refusalOfPort(port);
    if (taken !== undefined && postmasterPid(record.dataDir) !== undefined) return taken;
    const staging = join(stackDir, 'configuration.new');
    try {
      this.write(staging, { [CONF]: text });
      // -C reads the whole file as a start would, prints one value and ends.
      const args = ['-C', 'data_directory', '-D', record.dataDir, '-c', `config_file=${join(staging, CONF)}`];
      const result = await runner.run(join(binDir, 'postgres'), args, {
        env: { LC_ALL: 'C', LC_MESSAGES: 'C' },
        cwd: '/',
      });
      return result.code === 0 ? undefined : wordsOf(result.stderr);
    } finally {
      rmSync(staging, { recursive: true, force: true });
    }
  }

  start(): Promise<void> {
    return this.parts.startProcess();
  }

  stop(): Promise<void> {
    return stopServer(this.parts.record.dataDir, this.parts.clock);
  }

  reload(): Promise<void> {
    reloadServer(this.parts.record.dataDir);
    return Promise.resolve();
  }

  async session<T>(work: (session: Queryable) => Promise<T>): Promise<T> {
    const session = await superuserSession(this.parts.record);
    try {
      return await work(session);
    } finally {
      await session.close();
    }
  }

  private get good(): string {
    return join(this.parts.stackDir, 'configuration.good');
  }

  private write(dir: string, files: ConfigurationFiles): void {
    const { identity } = this.parts.user;
    const own = (path: string): void => {
      if (identity !== undefined) chownSync(path, identity.uid, identity.gid);
    };
    if (!existsSync(dir)) {
      mkdirSync(dir, { recursive: true, mode: 0o700 });
      own(dir);
    }
    for (const [name, text] of Object.entries(files)) keepFile(join(dir, name), text, own);
  }
}

/**
 * A superuser session over the socket, where the server knows the caller by his user id. The port is that of the running
 * server, which is another than the recorded one while a changed port has not been taken in.
 */
export function superuserSession(record: ServerRecord): ReturnType<typeof openSession> {
  const lock = postmasterLock(record.dataDir);
  return openSession({
    host: lock?.socketDir ?? record.socketDir,
    port: lock?.port ?? record.port,
    database: 'postgres',
    user: ROLE_NAMES.superuser,
  });
}

/** The messages of the server's program without their times and process ids. */
function wordsOf(stderr: string): string {
  const lines = stderr
    .split('\n')
    .flatMap((line) => /\b(?:LOG|ERROR|FATAL|HINT|DETAIL): {1,2}(.*)/.exec(line)?.[1] ?? []);
  const telling = lines.filter((line) => !/^configuration file ".*" contains errors$/.test(line));
  return (telling.length > 0 ? telling : lines.length > 0 ? lines : [stderr.trim()]).join('; ');
}

function readAll(dir: string): ConfigurationFiles {
  return Object.fromEntries(
    FILES.filter((name) => existsSync(join(dir, name))).map((name) => [name, readFileSync(join(dir, name), 'utf8')]),
  );
}

function keepFile(file: string, text: string, own: (path: string) => void): void {
  if (existsSync(file) && readFileSync(file, 'utf8') === text) return;
  writeAtomically(file, text, { mode: 0o600, durable: true, own });
}
