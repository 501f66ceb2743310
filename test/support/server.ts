/** A real PostgreSQL + pgvector of a test's own, made by the same code as the local tier's. */
import { randomBytes } from 'node:crypto';
import { LocalCluster, type DesiredServer } from '../../infra/adapters/localServer/cluster';
import { openSession, PostgresDatabase, type PostgresAddress } from '../../infra/adapters/postgresDatabase';
import { systemClock } from '../../infra/adapters/systemClock';
import { ROLE_NAMES } from '../../infra/naming';
import type { Session } from '../../infra/ops/ports';
import { postgresqlConf } from '../../infra/postgres/parameters';
import { recordedProgress, testMachine } from './machine';
import { DEV_PLAN } from './serverParameters';

/** What a test is told of a running server; plain data, so that vitest can hand it from the global setup to the workers. */
export interface TestServer {
  host: string;
  port: number;
  socketDir: string;
  dataDir: string;
  logFile: string;
  binDir: string;
  superuserPassword: string;
}

export interface RunningTestServer extends TestServer {
  cluster: LocalCluster;
  stop(): Promise<void>;
}

/** The local tier's own configuration, so that every test runs under what users get. */
const PARAMETERS = postgresqlConf({ tier: 'local', plan: DEV_PLAN }).parameters;

export function desiredServer(overrides: Partial<DesiredServer> = {}): DesiredServer {
  return {
    stack: 'test',
    source: { kind: 'wheel' },
    generation: 0,
    parameters: PARAMETERS,
    ...overrides,
  };
}

export async function startTestServer(overrides: Partial<DesiredServer> = {}): Promise<RunningTestServer> {
  const machine = testMachine();
  const superuserPassword = randomBytes(12).toString('hex');
  const desired = desiredServer(overrides);
  const cluster = new LocalCluster(machine.context, desired.stack, systemClock, recordedProgress(), desired);
  const record = await cluster.apply(desired, superuserPassword);
  return {
    host: record.host,
    port: record.port,
    socketDir: record.socketDir,
    dataDir: record.dataDir,
    logFile: record.logFile,
    binDir: record.binDir ?? '',
    superuserPassword,
    cluster,
    stop: async () => {
      await cluster.destroy();
      machine.remove();
    },
  };
}

/** Address of a database of the server for a role, over the socket (no password). */
export function addressOf(server: TestServer, database: string, user: string = ROLE_NAMES.superuser): PostgresAddress {
  return { host: server.socketDir, port: server.port, database, user };
}

export function databaseAt(server: TestServer, database: string): PostgresDatabase {
  return new PostgresDatabase(`test database ${database}`, ({ role = 'app' }) =>
    addressOf(server, database, ROLE_NAMES[role]),
  );
}

/** Runs `work` in one superuser session of a database, closed afterwards whatever happens. */
export async function asSuperuser<T>(
  server: TestServer,
  database: string,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const session = await openSession(addressOf(server, database));
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}
