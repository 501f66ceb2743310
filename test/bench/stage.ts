/** A server with the plan's parameters, a migrated database, and the corpus loaded as users load it. */
import { totalmem } from 'node:os';
import { openSession } from '../../infra/adapters/postgresDatabase';
import { systemClock } from '../../infra/adapters/systemClock';
import {
  DEFAULT_WORKLOAD,
  planCapacity,
  type CapacityPlan,
  type Host,
  type IndexRequest,
} from '../../infra/capacity/plan';
import { MIB } from '../../infra/capacity/units';
import { DATABASE_NAME } from '../../infra/naming';
import { openInput } from '../../infra/ops/load/input';
import { load, type LoadSummary } from '../../infra/ops/load/load';
import type { Session } from '../../infra/ops/ports';
import { postgresqlConf } from '../../infra/postgres/parameters';
import { vectorText } from './vectorText';
import { addressOf, startTestServer, type RunningTestServer } from '../support/server';
import { createTestDatabase, type TestDatabase } from '../support/template';
import type { BenchContext } from './types';

/** Cores that the benchmarks plan with, whatever the machine has: figures of two machines can be compared. */
export const PLAN_CORES = 2;

/** The host that benchmarks plan for: 16 GiB, or three quarters of this machine where it has less. */
function benchHost(memoryMiB = 16 * 1024): Host {
  return { memoryMiB: Math.min(memoryMiB, Math.floor((totalmem() / MIB) * 0.75)), cores: PLAN_CORES };
}

/** The plan for documents without steps, as the corpus has them, and no growth. */
export function benchPlan(documents: number, index: IndexRequest, host: Host = benchHost()): CapacityPlan {
  const workload = {
    ...DEFAULT_WORKLOAD,
    documents,
    shareWithSteps: 0,
    textBytesPerDocument: 80,
    growthPerMonth: 0,
    horizonMonths: 0,
    connections: 30,
  };
  return planCapacity({ workload, index, host });
}

export interface Stage {
  server: RunningTestServer;
  database: TestDatabase;
  /** A superuser's, for everything that is not measured. */
  session: Session;
  /** Notices of `session` so far. */
  notices: string[];
}

/** A server that is stopped and removed at the end of the run, also where the interrupt comes while it starts. */
export async function startServer(
  context: BenchContext,
  parameters?: Record<string, string>,
): Promise<{ server: RunningTestServer; stop: () => Promise<void> }> {
  context.signal.throwIfAborted();
  const starting = startTestServer({ stack: 'bench', ...(parameters === undefined ? {} : { parameters }) });
  const stop = context.cleanup(async () => (await starting).stop());
  return { server: await starting, stop };
}

/** Starts a server of this plan, with an empty migrated database. Stopped and removed at the end of the run. */
export async function startStage(
  context: BenchContext,
  plan: CapacityPlan,
): Promise<Stage & { stop(): Promise<void> }> {
  context.progress.note(
    `starting a server: shared_buffers ${plan.server.sharedBuffersMiB} MiB, ${plan.host.memoryMiB} MiB and ${plan.host.cores} cores planned`,
  );
  const { parameters } = postgresqlConf({ tier: 'local', plan: plan.server });
  const { server, stop: undone } = await startServer(context, parameters);
  const database = await createTestDatabase(server);
  const session = await openSession(addressOf(server, database.name));
  const notices: string[] = [];
  session.onNotice(({ message }) => notices.push(message));
  // The benchmarks' own table would be in the way in `public`: the application's objects are counted there.
  await session.query('CREATE SCHEMA bench');
  await session.query('CREATE TABLE bench.queries (id integer PRIMARY KEY, embedding public.vector(1536) NOT NULL)');
  const stop = async (): Promise<void> => {
    await session.close();
    await undone();
  };
  return { server, database, session, notices, stop };
}

/** Stores the held-out queries, which pgbench and the recall measurements search with; ids from 1. */
export async function storeQueries(session: Session, queries: readonly Float32Array[]): Promise<void> {
  for (const [index, query] of queries.entries()) {
    await session.query('INSERT INTO bench.queries VALUES ($1, $2::public.vector)', [index + 1, vectorText(query)]);
  }
  await session.query('VACUUM (FREEZE, ANALYZE) bench.queries');
}

/** Loads an input as `qbench load --pad` does. */
export async function loadDocuments(context: BenchContext, stage: Stage, file: string): Promise<LoadSummary> {
  const input = await openInput(file);
  const options = { onConflict: 'error', pad: true, ignoreUnknown: false, restart: true, ifEmpty: false } as const;
  try {
    return await load(stage.database.database, input, options, {
      clock: systemClock,
      progress: context.progress,
      signal: context.signal,
    });
  } finally {
    input.close();
  }
}

/** Document ids in the order of the input's lines: the loader numbers test_case_id by line. */
export async function documentIds(session: Session): Promise<number[]> {
  const { rows } = await session.query<{ id: number }>('SELECT id FROM public.test_documents ORDER BY test_case_id');
  return rows.map(({ id }) => id);
}

/** DATABASE_URL of the owner, for programs of their own. */
export function ownerUrl({ server, database }: Pick<Stage, 'server' | 'database'>): string {
  return `postgresql://qbench_owner@localhost:${server.port}/${database.name}?host=${encodeURIComponent(server.socketDir)}`;
}

/** Environment of psql and pgbench for a database of the server, as superuser over the socket. */
export function clientEnv({ server, database }: Pick<Stage, 'server' | 'database'>): Record<string, string> {
  return {
    PGHOST: server.socketDir,
    PGPORT: String(server.port),
    PGUSER: 'postgres',
    PGDATABASE: database.name,
    PGAPPNAME: `bench of ${DATABASE_NAME}`,
  };
}
