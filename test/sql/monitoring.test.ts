/** The snapshot and the probe as the monitor role sees them, and the verbs around them. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { measure } from '../../infra/ops/monitoring/measure';
import { NO_MEMORY } from '../../infra/ops/monitoring/observation';
import { parseProbe, probeSql, readProbe } from '../../infra/ops/monitoring/probe';
import { parseSnapshot, readSnapshot, SNAPSHOT_SQL } from '../../infra/ops/monitoring/snapshot';
import type { Change } from '../../infra/ops/monitoring/judge';
import type { Session } from '../../infra/ops/ports';
import { ProcessRunner } from '../../infra/adapters/processRunner';
import { THRESHOLDS } from '../../infra/ops/thresholds';
import { fillClustered } from '../support/clusteredRows';
import { must } from '../support/must';
import { databaseUrl, runQbench, startQbench } from '../support/qbenchCli';
import { asSuperuser, startTestServer, type RunningTestServer } from '../support/server';
import { createTestDatabase, type TestDatabase } from '../support/template';

// Of its own: caches, sessions and checkpoints are the whole server's, and other suites would be seen in them.
let server: RunningTestServer;
let db: TestDatabase;
let monitor: Session;
let url: string;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'qbench-monitor-'));
  server = await startTestServer();
  db = await createTestDatabase(server);
  url = databaseUrl(server, db.name, 'monitor');
  await asSuperuser(server, db.name, async (session) => {
    await fillClustered(session, { documents: 400, drawn: 16 });
    for (const [table, key] of [
      ['documents', 'embedding vector_cosine_ops'],
      ['steps', '(embedding::halfvec(1536)) halfvec_cosine_ops'],
    ])
      await session.query(`CREATE INDEX idx_test_${table}_embedding ON test_${table} USING hnsw (${key})`);
  });
  monitor = await db.database.connect({ role: 'monitor' });
});
afterAll(async () => {
  await monitor.close();
  await server.stop();
  rmSync(folder, { recursive: true });
});

const sql = (text: string): Promise<unknown> => asSuperuser(server, db.name, (session) => session.query(text));
const qbench = (...args: string[]): ReturnType<typeof runQbench> => runQbench(url, args);

describe('qbench.snapshot()', () => {
  it('is the monitor role’s alone, and changes nothing', async () => {
    for (const role of ['app', 'readonly', 'backup'] as const) {
      const session = await db.database.connect({ role });
      await expect(session.query(SNAPSHOT_SQL), role).rejects.toThrow(/permission denied/);
      await expect(session.query(probeSql()), role).rejects.toThrow(/permission denied/);
      await session.close();
    }
    await monitor.query('BEGIN READ ONLY');
    await expect(readSnapshot(monitor)).resolves.toMatchObject({ version: 1 });
    await monitor.query('COMMIT');
  });

  it('tells rows, sizes, indexes and sessions', async () => {
    const snapshot = await readSnapshot(monitor);
    expect(snapshot.tables).toMatchObject([
      { name: 'test_documents', rows: 400, rowsEstimated: false, missingEmbeddings: 0, locked: false },
      { name: 'test_steps', rows: 200, rowsEstimated: false, missingEmbeddings: 0, locked: false },
    ]);
    expect(must(snapshot.tables[0]).toastBytes).toBeGreaterThan(400 * 6000);
    const steps = snapshot.indexes.find(({ name }) => name === 'idx_test_steps_embedding');
    expect(steps).toMatchObject({ method: 'hnsw', valid: true, operatorClass: 'halfvec_cosine_ops' });
    expect(snapshot.sessions.by).toContainEqual({ role: 'qbench_monitor', state: 'active', count: 1 });
    expect(snapshot.parameters['work_mem']).toMatch(/^\d+$/);
    expect(snapshot.database.bytes).toBeGreaterThan(5_000_000);
  });

  it('fits what SSM brings back of a command, 24,000 characters, with a busy server too', async () => {
    const busy = await Promise.all(Array.from({ length: 30 }, () => db.database.connect({ role: 'app' })));
    const { rows } = await monitor.query<{ size: number }>(`SELECT length((${SNAPSHOT_SQL})::text) AS size`);
    await Promise.all(busy.map((session) => session.close()));
    expect(must(rows[0]).size).toBeLessThan(16_000);
  });

  it('comes by psql alone, as on a host', async () => {
    const args = ['-XAtq', '-h', server.socketDir, '-p', String(server.port), '-U', 'qbench_monitor', '-d', db.name];
    const psql = (text: string): Promise<{ stdout: string }> =>
      new ProcessRunner(process.env).run(join(server.binDir, 'psql'), [...args, '-c', text]);
    expect(parseSnapshot((await psql(SNAPSHOT_SQL)).stdout).database.name).toBe(db.name);
    expect(parseProbe((await psql(probeSql({ searches: 2 }))).stdout).indexes).toHaveLength(2);
  });

  it('estimates a large table, and counts missing embeddings by their index', async () => {
    const large = await createTestDatabase(server);
    try {
      await asSuperuser(server, large.name, async (session) => {
        await session.query(`
          INSERT INTO test_documents (test_case_id, uid, title, refs)
          SELECT n, 'u' || n, 't', (SELECT string_agg(md5(n::text || i), '') FROM generate_series(1, 47) AS i) FROM generate_series(1, 22000) AS n`);
        await session.query('VACUUM ANALYZE test_documents');
        await session.query('DELETE FROM test_documents WHERE id > 21990');
      });
      const session = await large.database.connect({ role: 'monitor' });
      const table = must((await readSnapshot(session)).tables[0]);
      await session.close();
      expect(table.heapBytes).toBeGreaterThan(4096 * 8192);
      expect(table).toMatchObject({ rowsEstimated: true, missingEstimated: true });
      expect(Math.abs((table.rows ?? 0) - 22_000)).toBeLessThan(200);
      expect(Math.abs((table.missingEmbeddings ?? 0) - 22_000)).toBeLessThan(200);
    } finally {
      await large.drop();
    }
  });
});

describe('qbench.probe()', () => {
  it('searches by each index, whatever its type, and measures recall when asked', async () => {
    const probe = await readProbe(monitor, { searches: 10, comparisons: 5 });
    expect(probe.indexes).toMatchObject([
      { index: 'idx_test_documents_embedding', type: 'vector', searches: 10, indexUsed: true, selfMisses: 0 },
      { index: 'idx_test_steps_embedding', type: 'halfvec', searches: 10, indexUsed: true, selfMisses: 0 },
    ]);
    for (const index of probe.indexes) {
      expect(index.recall).toBeGreaterThan(0.9);
      expect(index.recallQueries).toBe(5);
      expect(must(index.p50Ms)).toBeLessThanOrEqual(must(index.p95Ms));
      expect(must(index.p95Ms)).toBeLessThanOrEqual(must(index.p99Ms));
    }
  });

  it('begins nothing after its time, and refuses numbers that make no sense', async () => {
    const short = await readProbe(monitor, { searches: 10_000, budgetMs: 20 });
    expect(short.indexes.every(({ searches }) => searches < 10_000)).toBe(true);
    await expect(monitor.query('SELECT qbench.probe(-1)')).rejects.toThrow(/searches is -1.*allowed are 0 to 10000/);
    expect(() => probeSql({ searches: 0.5 })).toThrow('a probe of 0.5');
  });

  it('does not wait for a table that somebody keeps for himself', async () => {
    const owner = await db.database.connect({ role: 'owner' });
    await owner.query('BEGIN; LOCK TABLE test_steps IN ACCESS EXCLUSIVE MODE');
    const probe = await readProbe(monitor, { searches: 3 });
    await owner.close();
    expect(probe.indexes.map(({ searches }) => searches)).toEqual([3, 0]);
    expect(probe.indexes[1]?.error).toMatch(/lock timeout/);
    const planned = { clientConnections: 1, diskBytes: 1, databaseBytes: 1, parameters: {} };
    const values = measure({ at: probe.at, probe }, planned, NO_MEMORY);
    expect(values.get('searchErrors')?.value).toBe(0);
  });

  it('has nothing to say of an empty database', async () => {
    const empty = await createTestDatabase(server);
    const session = await empty.database.connect({ role: 'monitor' });
    const probe = await readProbe(session);
    await session.close();
    await empty.drop();
    expect(probe.indexes.map(({ searches, type }) => [searches, type])).toEqual([
      [0, null],
      [0, null],
    ]);
  });
});

describe('the verbs', () => {
  it('indexes: unused and duplicate ones are named, keys are not', async () => {
    await sql('CREATE INDEX twice ON test_documents (priority); CREATE INDEX short ON test_steps (test_document_id)');
    try {
      const { stdout, code } = await qbench('indexes', '--json');
      expect(code).toBe(0);
      const { indexes, duplicates } = JSON.parse(stdout) as {
        indexes: { name: string; unused: boolean; expectedBytes: number | null; bytes: number }[];
        duplicates: { name: string; coveredBy: string; equal: boolean }[];
      };
      expect(duplicates).toEqual([
        { table: 'test_documents', name: 'twice', coveredBy: 'idx_test_documents_priority', equal: true },
        {
          table: 'test_steps',
          name: 'short',
          coveredBy: 'test_steps_test_document_id_step_index_key',
          equal: false,
        },
      ]);
      expect(indexes.find(({ name }) => name === 'twice')?.unused).toBe(true);
      expect(indexes.find(({ name }) => name === 'test_documents_pkey')?.unused).toBe(false);
      const vector = must(indexes.find(({ name }) => name === 'idx_test_documents_embedding'));
      expect(vector.bytes).toBe(vector.expectedBytes);
      expect((await qbench('indexes')).stdout).toContain('twice is the same as idx_test_documents_priority');
    } finally {
      await sql('DROP INDEX twice, short');
    }
  });

  it('connections: ends forgotten transactions after a word, and refuses without a terminal', async () => {
    const forgetful = await db.database.connect({ role: 'app', applicationName: 'forgetful' });
    const lively = await db.database.connect({ role: 'app', applicationName: 'lively' });
    try {
      await forgetful.query('BEGIN');
      await expect
        .poll(async () => (await qbench('connections')).stdout, { timeout: 30_000 })
        .toMatch(/idle in transaction +\d+ +qbench_app/);
      const superuser = databaseUrl(server, db.name, 'superuser');
      const end = ['connections', '--terminate-idle-in-transaction'];
      // Older than what is asked for below.
      const age = `SELECT clock_timestamp() - state_change > interval '1 second' AS old FROM pg_stat_activity WHERE pid = ${forgetful.backendPid}`;
      await expect
        .poll(async () => (await sql(age)) as object, { timeout: 30_000 })
        .toMatchObject({ rows: [{ old: true }] });
      const none = await runQbench(superuser, [...end, '1h', '--json']);
      expect(JSON.parse(none.stdout)).toEqual({ ended: [] });
      const asked = await runQbench(superuser, [...end, '1s']);
      expect(asked.code).toBe(2);
      expect(asked.stderr).toMatch(/1 sessions are ended.*\n.*forgetful.*\n?.*no terminal/);
      const refused = await runQbench(url, [...end, '1s', '--yes']);
      expect(refused.stderr).toMatch(/may not end these sessions/);
      const ended = await runQbench(superuser, [...end, '1s', '--yes', '--json']);
      expect(JSON.parse(ended.stdout)).toEqual({ ended: [forgetful.backendPid] });
      await expect(lively.query('SELECT 1')).resolves.toBeDefined();
      const wrong = await runQbench(superuser, [...end, '1 fortnight']);
      expect(wrong.stderr).toMatch(/allowed: a whole number from 1 with its unit/);
    } finally {
      await lively.close();
      await forgetful.close();
    }
  });

  it('queries: vector searches are marked, and no value is shown', async () => {
    const app = await db.database.connect({ role: 'app' });
    await app.query(
      "SELECT id FROM test_documents WHERE title = 'canary-value' ORDER BY embedding <=> (SELECT embedding FROM test_documents LIMIT 1) LIMIT 1",
    );
    await app.close();
    const { stdout } = await qbench('queries', '--vector', '--limit', '50', '--json');
    const found = JSON.parse(stdout) as { query: string; vectorSearch: boolean }[];
    expect(found.some(({ query }) => query.includes('title = $1'))).toBe(true);
    expect(found.every(({ vectorSearch }) => vectorSearch)).toBe(true);
    expect(stdout).not.toContain('canary-value');
    expect((await qbench('queries', '--slow', '--min-ms', '86400000')).stdout).toMatch(
      /^no statement with a mean of 86400000 ms/,
    );
  });

  it('space: the largest first, and growth once monitor has kept sizes', async () => {
    const { stdout } = await qbench('space', '--json');
    const space = JSON.parse(stdout) as { relations: { kind: string; bytes: number }[]; growthBytesPerDay: null };
    expect(space.growthBytesPerDay).toBeNull();
    const sizes = space.relations.map(({ bytes }) => bytes);
    expect(sizes).toEqual([...sizes].sort((a, b) => b - a));
    expect((await qbench('space')).stdout).toMatch(/growth {4}not known yet/);
  });

  it('monitor: tells what is new once, and its recovery; nothing twice', async () => {
    const state = join(folder, 'state.json');
    const round = async (): Promise<{ code: number; changes: [Change['kind'], string][]; stdout: string }> => {
      const { code, stdout, stderr } = await qbench('monitor', '--state', state, '--json');
      expect(stderr).toBe('');
      const { changes } = JSON.parse(stdout) as { changes: Change[] };
      return { code, stdout, changes: changes.map(({ kind, name }) => [kind, name]) };
    };
    expect((await round()).changes).toEqual([]);
    await sql('UPDATE test_steps SET embedding = NULL WHERE id = (SELECT max(id) FROM test_steps)');
    expect(await round()).toMatchObject({ code: 1, changes: [['raised', 'missingEmbeddings']] });
    expect(await round()).toMatchObject({ code: 1, changes: [] });
    await sql('UPDATE test_steps SET embedding = NULL WHERE id % 2 = 0');
    expect(await round()).toMatchObject({ code: 2, changes: [['worse', 'missingEmbeddings']] });
    await sql('DELETE FROM test_steps WHERE embedding IS NULL');
    expect(await round()).toMatchObject({ code: 0, changes: [['recovered', 'missingEmbeddings']] });
    expect(readFileSync(state, 'utf8').length).toBeLessThan(4096);
    expect((await qbench('monitor', '--state', state)).stdout).toMatch(/: ok, nothing new\n$/);
  });

  it('monitor --every: goes on until it is interrupted, and ends as its last look was', async () => {
    const args = ['monitor', '--every', '0.01', '--no-probe', '--state', join(folder, 'every.json')];
    const { child, ended } = startQbench(url, args);
    let rounds = 0;
    child.stdout?.on('data', (text: string) => (rounds += text.split('nothing new').length - 1));
    await expect.poll(() => rounds, { timeout: 60_000 }).toBeGreaterThanOrEqual(2);
    child.kill('SIGINT');
    expect(await ended).toMatchObject({ code: 0, stderr: '' });
  });

  it('monitor: gives the embedded metric format and Prometheus text', async () => {
    const emf = JSON.parse(
      (await qbench('monitor', '--state', join(folder, 'emf.json'), '--format', 'emf')).stdout,
    ) as {
      _aws: { CloudWatchMetrics: { Namespace: string; Metrics: { Name: string }[] }[] };
    } & Record<string, unknown>;
    const declared = must(emf._aws.CloudWatchMetrics[0]);
    expect(declared.Namespace).toBe('QBench/Postgres');
    const names = declared.Metrics.map(({ Name }) => Name);
    expect(names).toEqual(expect.arrayContaining(['Connections', 'SearchLatencyP95', 'Recall', 'MemoryFit']));
    expect(names.every((name) => typeof emf[name] === 'number')).toBe(true);
    const output = join(folder, 'qbench.prom');
    const prometheus = ['monitor', '--state', join(folder, 'prom.json'), '--format', 'prometheus', '--output', output];
    await qbench(...prometheus);
    // Measured in the first round only, and told in the second too.
    await qbench(...prometheus);
    const text = readFileSync(output, 'utf8');
    expect(text).toMatch(
      /^# HELP qbench_connections .+\n# TYPE qbench_connections gauge\nqbench_connections\{stack="dev"\} \d+$/m,
    );
    expect(text).toMatch(/^qbench_recall\{stack="dev"\} (0\.\d+|1)$/m);
    expect(new Set(THRESHOLDS.map(({ prometheus }) => prometheus)).size).toBe(THRESHOLDS.length);
  });

  it('maintenance: says what it would do and why, does it, and then has nothing to do', async () => {
    await sql(
      'ALTER TABLE test_documents SET (autovacuum_enabled = off); ALTER TABLE test_steps SET (autovacuum_enabled = off)',
    );
    await sql('VACUUM ANALYZE test_documents, test_steps');
    await sql("UPDATE test_documents SET priority = 'High' WHERE id % 4 = 0");
    const owner = databaseUrl(server, db.name, 'superuser');
    const dry = JSON.parse((await runQbench(owner, ['maintenance', 'weekly', '--dry-run', '--json'])).stdout) as {
      steps: { what: string; target: string; reason: string; seconds?: number }[];
    };
    expect(dry.steps).toEqual([
      { what: 'vacuum', target: 'test_documents', table: 'test_documents', reason: '100 dead rows, 25.0 % of all' },
    ]);
    const done = await runQbench(owner, ['maintenance', 'weekly']);
    expect(done.code, done.stderr).toBe(0);
    expect(done.stdout).toMatch(/vacuum +test_documents +\d/);
    const after = await runQbench(owner, ['maintenance', 'weekly']);
    expect(after.stdout).toMatch(/^nothing to do/);
  });

  it('maintenance monthly: rebuilds a bloated index before it vacuums, and gives the forecast', async () => {
    await sql(`UPDATE test_documents SET embedding = embedding -
      (SELECT embedding FROM test_documents ORDER BY id LIMIT 1) * array_fill(0.5::real, ARRAY[1536])::vector`);
    const owner = databaseUrl(server, db.name, 'superuser');
    const { code, stdout, stderr } = await runQbench(owner, ['maintenance', 'monthly', '--json']);
    expect(code, stderr).toBe(0);
    const report = JSON.parse(stdout) as { steps: { what: string; target: string }[]; forecast: object };
    expect(report.steps.map(({ what, target }) => `${what} ${target}`)).toEqual([
      'reindex idx_test_documents_embedding',
      // Half of its rows were deleted above.
      'reindex idx_test_steps_embedding',
      'vacuum test_documents',
      'vacuum test_steps',
    ]);
    expect(report.forecast).toMatchObject({ horizonMonths: expect.any(Number) as number });
    const { indexes } = JSON.parse((await qbench('indexes', '--json')).stdout) as {
      indexes: { name: string; bytes: number; expectedBytes: number }[];
    };
    const rebuilt = must(indexes.find(({ name }) => name === 'idx_test_documents_embedding'));
    expect(rebuilt.bytes / rebuilt.expectedBytes).toBeLessThan(1.1);
  });
});
