/**
 * The plan's configuration beside PostgreSQL's defaults and pgtune's, for the same small host: one data folder and one index, the
 * server started again with each configuration in turn. So recall is the same by construction, and only the configuration differs.
 */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { openSession } from '../../infra/adapters/postgresDatabase';
import { planCapacity, DEFAULT_WORKLOAD, type CapacityPlan } from '../../infra/capacity/plan';
import { copyStream, int4Field, vectorField, type Field } from '../../infra/ops/load/copyBinary';
import type { Session } from '../../infra/ops/ports';
import { postgresqlConf } from '../../infra/postgres/parameters';
import { addressOf, desiredServer, type RunningTestServer } from '../support/server';
import type { TestDatabase } from '../support/template';
import { Mixer, mixingBase } from './corpus';
import { pgtune } from './pgtune';
import { formatNumber } from './report';
import { throughput, type SearchShape } from './searches';
import { PLAN_CORES, startServer, storeQueries, type Stage } from './stage';
import { alternate, ratios, secondsOf, summary } from './statistics';
import type { Bench, BenchContext, Row } from './types';

const HOST = { memoryMiB: 1024, cores: PLAN_CORES };
/** As many as leave room to build: with 30 the plan for this host refuses. */
const CONNECTIONS = 20;
/** An index of 313 MiB: more than a quarter of the host, which is pgtune's shared_buffers, and less than half. */
const ROWS = 40_000;
/** Rows of the build: more than 64 MB of maintenance_work_mem hold, few enough for a quick run. */
const BUILD_ROWS = 12_000;
const BUILD_ROUNDS = 2;
const SEARCH_ROUNDS = 3;
const CACHED_ROUNDS = 2;
const SECONDS = 4;
const WARM_UP_SECONDS = 2;
const SHAPE: SearchShape = { type: 'vector', method: 'hnsw', breadth: 100, table: 'public.vectors' };
/** Takes the kernel's page cache out: what is not in shared_buffers comes from the disk. */
const PRESSURE = { debug_io_direct: 'data' };

const DATABASE = 'tuning';
type Name = 'plan' | 'pgtune' | 'defaults';
const NAMES: readonly Name[] = ['plan', 'pgtune', 'defaults'];

function smallPlan(): CapacityPlan {
  const workload = {
    ...DEFAULT_WORKLOAD,
    documents: ROWS,
    shareWithSteps: 0,
    textBytesPerDocument: 80,
    growthPerMonth: 0,
    horizonMonths: 0,
    connections: CONNECTIONS,
  };
  return planCapacity({ workload, index: { profile: 'speed' }, host: HOST });
}

/** One server whose configuration changes. */
class Tuned {
  readonly target: Pick<Stage, 'server' | 'database'>;

  constructor(
    private readonly server: RunningTestServer,
    private readonly configurations: Readonly<Record<Name, Record<string, string>>>,
  ) {
    this.target = { server, database: { name: DATABASE } as TestDatabase };
  }

  /** Starts the server again with one configuration; the one before leaves nothing in shared_buffers. */
  async use(name: Name, extra: Record<string, string> = {}): Promise<void> {
    const parameters = { ...this.configurations[name], ...extra };
    await this.server.cluster.stop();
    await this.server.cluster.apply(desiredServer({ stack: 'bench', parameters }), this.server.superuserPassword);
  }

  async session<T>(work: (session: Session) => Promise<T>, database = DATABASE): Promise<T> {
    const session = await openSession(addressOf(this.server, database));
    try {
      return await work(session);
    } finally {
      await session.close();
    }
  }
}

/** The table of the searches, of real rows mixed with noise, and the shorter one of the builds. */
async function fill(context: BenchContext, tuned: Tuned): Promise<number> {
  const { base, queries } = mixingBase(process.env);
  const mixer = new Mixer(base);
  const rows = function* (): Generator<Field[]> {
    for (let row = 0; row < ROWS; row++)
      yield [int4Field(row), vectorField(mixer.row(row), DEFAULT_WORKLOAD.dimensions)];
  };
  await tuned.session((session) => session.query(`CREATE DATABASE ${DATABASE}`), 'postgres');
  await tuned.session(async (session) => {
    context.progress.update({ phase: `tuning: loading ${ROWS.toLocaleString('en')} rows` });
    await session.query('CREATE EXTENSION vector');
    await session.query('CREATE EXTENSION pg_prewarm');
    await session.query('CREATE SCHEMA bench');
    await session.query('CREATE TABLE bench.queries (id integer PRIMARY KEY, embedding vector(1536) NOT NULL)');
    await storeQueries(session, queries);
    await session.query('CREATE TABLE vectors (id integer PRIMARY KEY, embedding vector(1536) NOT NULL)');
    const { stream, finish } = session.copyFrom('COPY vectors FROM STDIN (FORMAT binary)');
    await pipeline(Readable.from(copyStream(rows())), stream);
    await finish;
    await session.query(`CREATE TABLE few AS SELECT * FROM vectors WHERE id < ${BUILD_ROWS}`);
    await session.query('VACUUM (FREEZE, ANALYZE) vectors');
    await session.query('VACUUM (FREEZE, ANALYZE) few');
    context.progress.update({ phase: 'tuning: building the index of the searches' });
    await session.query("SET maintenance_work_mem = '400MB'");
    await session.query('ALTER TABLE vectors SET (parallel_workers = 1)');
    await session.query('CREATE INDEX vectors_embedding ON vectors USING hnsw (embedding vector_cosine_ops)');
    await session.query('CHECKPOINT');
  });
  return queries.length;
}

/** Seconds of a build as each configuration's own user would run it: ours with the session memory and workers of the plan. */
async function buildSeconds(tuned: Tuned, name: Name, plan: CapacityPlan): Promise<number> {
  await tuned.use(name);
  return tuned.session(async (session) => {
    if (name === 'plan') {
      const [index] = plan.indexes;
      await session.query(`SET maintenance_work_mem = '${index?.sessionMaintenanceWorkMemMiB ?? 64}MB'`);
      await session.query(`SET max_parallel_maintenance_workers = ${index?.parallelWorkers ?? 0}`);
      await session.query(`ALTER TABLE few SET (parallel_workers = ${index?.parallelWorkers ?? 0})`);
    } else await session.query('ALTER TABLE few RESET (parallel_workers)');
    const seconds = await secondsOf(() =>
      session.query('CREATE INDEX few_embedding ON few USING hnsw (embedding vector_cosine_ops)'),
    );
    await session.query('DROP INDEX few_embedding');
    await session.query('CHECKPOINT');
    return seconds;
  });
}

async function searchesASecond(
  context: BenchContext,
  tuned: Tuned,
  name: Name,
  queries: number,
  extra: Record<string, string>,
): Promise<number> {
  await tuned.use(name, extra);
  await tuned.session((session) => session.query("SELECT pg_prewarm('vectors_embedding')"));
  const options = { queries, sessions: PLAN_CORES, scratch: context.scratch, signal: context.signal };
  await throughput(tuned.target, SHAPE, { ...options, seconds: WARM_UP_SECONDS });
  return (await throughput(tuned.target, SHAPE, { ...options, seconds: SECONDS })).qps;
}

/** In turn: every configuration once a round. */
function inTurn(
  context: BenchContext,
  what: string,
  rounds: number,
  measurement: (name: Name) => Promise<number>,
): Promise<Record<Name, number[]>> {
  const measurements = NAMES.map((name) => [
    name,
    (round: number) => {
      context.progress.update({ phase: `tuning: ${what} with ${name}`, done: round, total: rounds, unit: 'rounds' });
      return measurement(name);
    },
  ]);
  return alternate(rounds, Object.fromEntries(measurements) as Record<Name, (round: number) => Promise<number>>);
}

async function run(context: BenchContext): Promise<Row[]> {
  const plan = smallPlan();
  const tools = pgtune({ ...HOST, connections: CONNECTIONS });
  const configurations: Record<Name, Record<string, string>> = {
    plan: postgresqlConf({ tier: 'local', plan: plan.server }).parameters,
    pgtune: tools,
    defaults: {},
  };
  const { server, stop } = await startServer(context, configurations.plan);
  try {
    const tuned = new Tuned(server, configurations);
    const queries = await fill(context, tuned);
    const builds = await inTurn(context, 'build', BUILD_ROUNDS, (name) => buildSeconds(tuned, name, plan));
    const warm = await inTurn(context, 'searches', CACHED_ROUNDS, (name) =>
      searchesASecond(context, tuned, name, queries, {}),
    );
    const pressed = await inTurn(context, 'searches under pressure', SEARCH_ROUNDS, (name) =>
      searchesASecond(context, tuned, name, queries, PRESSURE),
    );
    return tuningRows(plan, builds, warm, pressed);
  } finally {
    await stop();
  }
}

type Figures = Record<Name, number[]>;

function tuningRows(plan: CapacityPlan, builds: Figures, warm: Figures, pressed: Figures): Row[] {
  const middle = (figures: Figures, name: Name): string => formatNumber(summary(figures[name]).value);
  const absolute = (figures: Figures): string =>
    `plan ${middle(figures, 'plan')}, pgtune ${middle(figures, 'pgtune')}, defaults ${middle(figures, 'defaults')}`;
  const host = `host of ${HOST.memoryMiB / 1024} GiB, ${HOST.cores} cores`;
  const buffers = `shared_buffers ${plan.server.sharedBuffersMiB} / ${HOST.memoryMiB / 4} / 128 MiB for an index of 313 MiB`;
  const rows: Row[] = [];
  for (const other of ['pgtune', 'defaults'] as const) {
    const against = other === 'pgtune' ? 'pgtune' : 'PostgreSQL defaults';
    rows.push(
      {
        name: `build time, plan / ${against}`,
        ...summary(ratios(builds.plan, builds[other])),
        unit: '',
        note: `${host}; ${BUILD_ROWS.toLocaleString('en')} rows; s: ${absolute(builds)}; with 64 MB of maintenance_work_mem the others spill after 9,400`,
      },
      {
        name: `searches, plan / ${against}, page cache holds the index`,
        ...summary(ratios(warm.plan, warm[other])),
        unit: '',
        note: `${host}; the same index at ef_search ${SHAPE.breadth}, so the same recall; ${buffers}; QPS: ${absolute(warm)}`,
      },
      {
        name: `searches, plan / ${against}, no page cache`,
        ...summary(ratios(pressed.plan, pressed[other])),
        unit: '',
        note: `as before, with debug_io_direct = data in all three: the page cache is taken by other work; QPS: ${absolute(pressed)}`,
      },
    );
  }
  return rows;
}

export const tuningBench: Bench = {
  name: 'tuning',
  about: "the plan's configuration beside PostgreSQL's defaults and pgtune's on a small host",
  run,
};
