/** A server of a suite's own that archives into a repository, and the native engine over it. */
import { readdirSync, readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { NativeEngine, type NativeEngineParts } from '../../infra/adapters/backup/native/engine';
import { serverUser } from '../../infra/adapters/localServer/identity';
import { findFreePort } from '../../infra/adapters/localServer/port';
import { postmasterPid } from '../../infra/adapters/localServer/probe';
import { openSession } from '../../infra/adapters/postgresDatabase';
import { ProcessRunner } from '../../infra/adapters/processRunner';
import { systemClock } from '../../infra/adapters/systemClock';
import { DATABASE_NAME } from '../../infra/naming';
import { restoreBackup, type RestoreOptions, type RestoreOutcome } from '../../infra/ops/backup/restore';
import type { RestoredCluster } from '../../infra/ops/backup/engine';
import type { Session } from '../../infra/ops/ports';
import { postgresqlConf } from '../../infra/postgres/parameters';
import { recordedProgress } from './machine';
import { addressOf, asSuperuser, startTestServer, type RunningTestServer } from './server';
import { DEV_PLAN } from './serverParameters';
import { createTestDatabase } from './template';

/** What tier local gives a server, with less memory. */
const ARCHIVING = postgresqlConf({
  tier: 'local',
  plan: { ...DEV_PLAN, sharedBuffersMiB: 64 },
  archiving: { timeoutSeconds: 60, summarizeWal: true },
}).parameters;

export interface BackedUp {
  server: RunningTestServer;
  /** Folder of the stack. */
  stackDir: string;
  repositoryDir: string;
  /** Value of QBENCH_STATE_DIR for the CLI; the stack is called `test`. */
  stateDir: string;
  engine(change?: Partial<NativeEngineParts>): NativeEngine;
  /** Runs statements in the application's database as the superuser. */
  sql<T = Record<string, unknown>>(text: string): Promise<T[]>;
  stop(): Promise<void>;
}

/** The application's database with its schema is in it; no row. */
export async function startBackedUp(): Promise<BackedUp> {
  const server = await startTestServer({ parameters: ARCHIVING, backup: {} });
  const database = await createTestDatabase(server);
  await asSuperuser(server, 'postgres', (session) =>
    session.query(`ALTER DATABASE ${database.name} RENAME TO ${DATABASE_NAME}`),
  );
  const stackDir = dirname(server.dataDir);
  const user = serverUser();
  const env = { PATH: process.env['PATH'], HOME: process.env['HOME'] };
  return {
    server,
    stackDir,
    repositoryDir: join(stackDir, 'backups'),
    stateDir: dirname(dirname(stackDir)),
    engine: (change = {}) =>
      new NativeEngine({
        repositoryDir: join(stackDir, 'backups'),
        retentionDays: 7,
        stackDir,
        binDir: server.binDir,
        dataDir: server.dataDir,
        socketDir: server.socketDir,
        port: server.port,
        user,
        operators: [...new Set([userInfo().username, user.name])],
        tmp: '/tmp',
        runner: new ProcessRunner(env, user.identity),
        clock: systemClock,
        connect: () =>
          postmasterPid(server.dataDir) === undefined
            ? Promise.resolve(undefined)
            : openSession(addressOf(server, 'postgres')),
        freePort: () => findFreePort('00000f00', new Set([server.port])),
        ...change,
      }),
    sql: async <T>(text: string) =>
      asSuperuser(server, DATABASE_NAME, async (session) => (await session.query<T>(text)).rows),
    stop: () => server.stop(),
  };
}

/** Restores, asks the copy while it runs, and removes it. */
export async function inRestored<T>(
  engine: NativeEngine,
  options: Pick<RestoreOptions, 'to' | 'target'>,
  work: (session: Session, outcome: RestoreOutcome) => Promise<T>,
): Promise<T> {
  const confirm = (word: string): Promise<never> => Promise.reject(new Error(`asked to type ${word}`));
  const outcome = await restoreBackup(
    engine,
    { ownDataDir: engine.parts.dataDir, keepRunning: true, confirm, ...options },
    systemClock,
    recordedProgress(),
  );
  try {
    const session = await sessionOf(outcome.restored);
    try {
      return await work(session, outcome);
    } finally {
      await session.close();
    }
  } finally {
    await engine.discard(outcome.restored);
  }
}

export function sessionOf({ socketDir, port }: RestoredCluster): Promise<Session> {
  return openSession({ host: socketDir, port, database: DATABASE_NAME, user: 'postgres' });
}

/** A file of a backup that holds rows: the largest below base/. */
export function largestFile(dataDir: string): string {
  const manifest = JSON.parse(readFileSync(join(dataDir, 'backup_manifest'), 'utf8')) as {
    Files: { Path: string; Size: number }[];
  };
  const [largest] = manifest.Files.filter(({ Path }) => Path.startsWith('base/')).sort((a, b) => b.Size - a.Size);
  if (largest === undefined) throw new Error('the backup has no file below base/');
  return largest.Path;
}

/** Names of the WAL segments in a repository, oldest first. */
export function archivedWal(repositoryDir: string): string[] {
  return readdirSync(join(repositoryDir, 'wal'))
    .filter((name) => /^[0-9A-F]{24}\.gz$/.test(name))
    .sort();
}
