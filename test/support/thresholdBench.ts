/** A small server on which every threshold can be made to fire: little memory, few WAL, an archive command with a gate. */
import { chmodSync, closeSync, existsSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { httpGet } from '../../infra/adapters/httpGet';
import { openSession } from '../../infra/adapters/postgresDatabase';
import { systemClock } from '../../infra/adapters/systemClock';
import { ROLE_NAMES, type DatabaseRole } from '../../infra/naming';
import { collect, type CollectOptions } from '../../infra/ops/monitoring/collect';
import { judge, type Finding } from '../../infra/ops/monitoring/judge';
import { measure } from '../../infra/ops/monitoring/measure';
import { countersOf, type Memory, type Observation } from '../../infra/ops/monitoring/observation';
import type { Snapshot } from '../../infra/ops/monitoring/snapshot';
import type { Session } from '../../infra/ops/ports';
import { resolveThresholds, type Planned } from '../../infra/ops/thresholds';
import { postgresqlConf } from '../../infra/postgres/parameters';
import { fillClustered } from './clusteredRows';
import { must } from './must';
import { addressOf, asSuperuser, databaseAt, startTestServer, type RunningTestServer } from './server';
import { DEV_PLAN } from './serverParameters';
import { createTestDatabase, type TestDatabase } from './template';

export const DOCUMENTS = 1200;
const GIB = 1024 ** 3;

/** Nothing is near any of it, so that a case names only what it is about. */
const ROOMY: Planned = { clientConnections: 100, diskBytes: 100 * GIB, databaseBytes: GIB, parameters: {} };

export interface Look {
  planned?: Partial<Planned> | undefined;
  levels?: Record<string, { warning?: number; critical?: number }> | undefined;
  collect?: CollectOptions | undefined;
  backup?: Observation['backup'];
}

export class ThresholdBench {
  /** Counters of the look before, as `qbench monitor` keeps them. */
  memory: Memory = { sizes: [] };
  /** Size and age before any case. */
  startBytes = 0;
  startAge = 0;
  private readonly sessions: Session[] = [];

  private constructor(
    readonly server: RunningTestServer,
    readonly db: TestDatabase,
    private superuser: Session,
    private readonly folder: string,
    readonly application: { server: Server; url: string; answer: { status: number; delayMs: number } },
  ) {}

  static async start(): Promise<ThresholdBench> {
    const folder = mkdtempSync(join(tmpdir(), 'qbench-gate-'));
    chmodSync(folder, 0o755);
    const { parameters } = postgresqlConf({
      tier: 'local',
      plan: { ...DEV_PLAN, sharedBuffersMiB: 32, maxWalSizeMiB: 64, minWalSizeMiB: 32 },
    });
    const gate = join(folder, 'open');
    writeFileSync(gate, '');
    const archiving = { archive_mode: 'on', archive_command: `test -e ${gate}`, archive_timeout: '2s' };
    const server = await startTestServer({ stack: 'thresholds', parameters: { ...parameters, ...archiving } });
    const db = await createTestDatabase(server);
    const superuser = await openSession(addressOf(server, db.name));
    const application = await startApplication();
    const bench = new ThresholdBench(server, db, superuser, folder, application);
    // A case decides itself when vacuum and analyze run.
    await superuser.query('ALTER TABLE test_documents SET (autovacuum_enabled = off)');
    await superuser.query('ALTER TABLE test_steps SET (autovacuum_enabled = off)');
    await fillClustered(superuser, { documents: DOCUMENTS, drawn: 16 });
    await superuser.query('CREATE EXTENSION pg_buffercache');
    await bench.buildIndexes();
    await superuser.query('VACUUM ANALYZE test_documents, test_steps');
    await bench.settle();
    return bench;
  }

  async stop(): Promise<void> {
    await new Promise((done) => this.application.server.close(done));
    await this.closeAll();
    await this.superuser.close();
    await this.server.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Takes the state that is there now as the one that cases begin with. */
  async settle(): Promise<void> {
    const { database, transactionIds } = await this.snapshot();
    this.startBytes = database.bytes;
    this.startAge = transactionIds.oldestAge;
  }

  /** Starts the stopped server again. */
  async restart(): Promise<void> {
    await this.server.cluster.start();
    this.superuser = await openSession(addressOf(this.server, this.db.name));
  }

  /** VACUUM (FREEZE) in every database: the oldest of them counts. */
  async freezeAll(): Promise<void> {
    await this.sql("UPDATE pg_database SET datallowconn = true WHERE datname = 'template0'");
    const { rows } = await this.superuser.query<{ name: string }>('SELECT datname AS name FROM pg_database');
    for (const { name } of rows) await asSuperuser(this.server, name, (session) => session.query('VACUUM (FREEZE)'));
    await this.sql("UPDATE pg_database SET datallowconn = false WHERE datname = 'template0'");
  }

  async buildIndexes(): Promise<void> {
    await this.sql("SET maintenance_work_mem = '64MB'");
    for (const table of ['documents', 'steps'])
      await this.sql(
        `CREATE INDEX IF NOT EXISTS idx_test_${table}_embedding ON public.test_${table} USING hnsw (embedding vector_cosine_ops)`,
      );
  }

  sql(text: string): Promise<unknown> {
    return this.superuser.query(text);
  }

  /** A session of another process, closed by `closeAll`. */
  async session(role: DatabaseRole = 'app', application = 'case'): Promise<Session> {
    const session = await openSession(addressOf(this.server, this.db.name, ROLE_NAMES[role]), {
      applicationName: application,
    });
    this.sessions.push(session);
    return session;
  }

  async closeAll(): Promise<void> {
    for (const session of this.sessions.splice(0)) await session.close();
  }

  openGate(): void {
    writeFileSync(join(this.folder, 'open'), '');
  }

  closeGate(): void {
    rmSync(join(this.folder, 'open'));
  }

  /** Something for the WAL, and a finished segment. */
  async switchWal(times = 1): Promise<void> {
    for (let i = 0; i < times; i++) {
      await this.sql("SELECT pg_logical_emit_message(false, 'case', 'x', true)");
      await this.sql('SELECT pg_switch_wal()');
    }
  }

  async dropCaches(relation: string): Promise<void> {
    await this.sql(`SELECT pg_buffercache_evict_relation('${relation}')`);
  }

  /** Writes over the beginning of a page of a relation's file, behind the server's back. */
  async damage(relation: string, page: number): Promise<void> {
    await this.sql('CHECKPOINT');
    const { rows } = await this.superuser.query<{ path: string }>(`SELECT pg_relation_filepath('${relation}') AS path`);
    const file = join(this.server.dataDir, must(rows[0]).path);
    if (!existsSync(file)) throw new Error(`${file} is not there`);
    await this.dropCaches(relation);
    const handle = openSync(file, 'r+');
    try {
      writeSync(handle, Buffer.alloc(512, 0x5a), 0, 512, page * 8192 + 4096);
    } finally {
      closeSync(handle);
    }
  }

  async snapshot(): Promise<Snapshot> {
    return must((await this.observe()).snapshot);
  }

  private async observe(options: CollectOptions = {}): Promise<Observation> {
    const tools = { database: databaseAt(this.server, this.db.name), clock: systemClock, http: httpGet };
    return collect(tools, { searches: 0, ...options });
  }

  /** One round: looks, judges with the counters of the look before, and keeps those of this one. */
  async look({ planned, levels, collect: options, backup }: Look = {}): Promise<Finding[]> {
    const observation = { ...(await this.observe(options)), backup };
    const plan = { ...ROOMY, ...planned };
    const findings = judge(measure(observation, plan, this.memory), resolveThresholds(plan, levels));
    if (observation.snapshot !== undefined)
      this.memory = { ...this.memory, counters: countersOf(observation.snapshot) };
    return findings;
  }
}

/** The application, as far as monitoring sees it. */
async function startApplication(): Promise<ThresholdBench['application']> {
  const answer = { status: 200, delayMs: 0 };
  const server = createServer((_, response) => {
    setTimeout(() => response.writeHead(answer.status).end('{}'), answer.delayMs);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, answer };
}
