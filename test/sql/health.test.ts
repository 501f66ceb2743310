/** `qbench health` and `qbench status`: what is wrong is seen, and the exit code tells how bad it is. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { embedding, loadLines } from '../support/loading';
import { databaseUrl, runQbench } from '../support/qbenchCli';
import { asSuperuser } from '../support/server';
import { createTestDatabase, type TestDatabase } from '../support/template';

const server = inject('server');
let db: TestDatabase;
let url: string;

beforeAll(async () => {
  db = await createTestDatabase(server);
  url = databaseUrl(server, db.name, 'monitor');
  await loadLines(db.database, [
    { uid: 'a', title: 'a', embedding: embedding([1]), steps: [{ embedding: embedding([1]) }, {}] },
    { uid: 'b', title: 'b', embedding: embedding([1, 1]) },
  ]);
});
afterAll(() => db.drop());

const sql = (text: string): Promise<unknown> => asSuperuser(server, db.name, (session) => session.query(text));

interface Report {
  status: string;
  findings: { name: string; severity: string; message: string; detail?: string; runbook: string }[];
}

async function health(): Promise<{ code: number; report: Report }> {
  const { code, stdout, stderr } = await runQbench(url, ['health', '--json']);
  expect(stderr).toBe('');
  return { code, report: JSON.parse(stdout) as Report };
}

const told = ({ findings }: Report): string[] => findings.map(({ name, severity }) => `${severity}: ${name}`);

describe('health', () => {
  it('is critical without vector indexes, ok with them, and a warning with one that is not valid or an embedding that is missing', async () => {
    const bare = await health();
    expect(bare.code).toBe(2);
    expect(bare.report).toMatchObject({
      status: 'critical',
      documents: 2,
      steps: 2,
      documentsWithoutEmbedding: 0,
      stepsWithoutEmbedding: 1,
      indexes: [],
    });
    expect(told(bare.report)).toEqual(['critical: missingEmbeddings', 'critical: missingVectorIndex']);
    expect(bare.report.findings.map(({ detail }) => detail)).toEqual([
      '1 of 2 test_steps',
      'test_documents, test_steps',
    ]);

    await sql(
      'CREATE INDEX idx_test_documents_embedding ON public.test_documents USING hnsw (embedding vector_cosine_ops)',
    );
    await sql('CREATE INDEX idx_test_steps_embedding ON public.test_steps USING hnsw (embedding vector_cosine_ops)');
    await sql('DELETE FROM public.test_steps WHERE embedding IS NULL');
    const whole = await health();
    expect(whole).toMatchObject({ code: 0, report: { status: 'ok', findings: [] } });
    expect(whole.report).toMatchObject({
      indexes: [
        { name: 'idx_test_documents_embedding', method: 'hnsw', valid: true, building: false },
        { name: 'idx_test_steps_embedding', method: 'hnsw', valid: true, building: false },
      ],
    });

    // What a cut off CREATE UNIQUE INDEX CONCURRENTLY leaves behind: two rows have the same value.
    await expect(
      sql('CREATE UNIQUE INDEX CONCURRENTLY leftover ON public.test_documents (is_automated)'),
    ).rejects.toThrow(/could not create unique index/);
    const left = await health();
    expect(left.code).toBe(1);
    expect(told(left.report)).toEqual(['warning: invalidIndexes']);
    expect(left.report.findings[0]).toMatchObject({
      detail: 'leftover',
      runbook: 'docs/runbooks/indexes.md#invalidindexes',
    });
    await sql('DROP INDEX public.leftover');
  });

  it('tells people in words', async () => {
    const ok = await runQbench(url, ['health', '--probe']);
    expect(ok.stdout).toMatch(
      /^ok\n {2}2 documents \(0 without embedding\), 1 steps \(0 without embedding\), \d+(\.\d)? MiB\n {2}pgvector 0\.8\.6\n/,
    );
    expect(ok.code).toBe(0);
  });

  it('is critical where the server is down, names how it starts, and where the role may not ask', async () => {
    const down = await runQbench('postgresql://qbench_monitor@127.0.0.1:1/none', ['health', '--json']);
    expect(JSON.parse(down.stdout)).toMatchObject({ status: 'critical' });
    expect(down.stderr).toMatch(/cannot connect to 127\.0\.0\.1:1\/none/);
    expect(down.code).toBe(2);
    const refused = await runQbench(databaseUrl(server, db.name, 'app'), ['health']);
    expect(refused.stderr).toMatch(
      /may not see the state of the database: permission denied.*\n {2}allowed: qbench_monitor/,
    );
    expect(refused.code).toBe(2);
  });
});

describe('status', () => {
  it('shows it all on one screen, in 80 columns where nothing is long', async () => {
    const { code, stdout } = await runQbench(url, ['status']);
    expect(code).toBe(0);
    expect(stdout.split('\n').length).toBeLessThanOrEqual(24);
    for (const word of [
      'server ',
      'size ',
      'connections ',
      'longest ',
      'archiving ',
      'memory ',
      'test_documents',
      'test_steps',
    ])
      expect(stdout).toContain(word);
    const json = JSON.parse((await runQbench(url, ['status', '--json'])).stdout) as { snapshot: { tables: unknown[] } };
    expect(json.snapshot.tables).toHaveLength(2);
  });

  it('says of an empty database that it is empty', async () => {
    const empty = await createTestDatabase(server);
    try {
      const { stdout } = await runQbench(databaseUrl(server, empty.name, 'monitor'), ['status']);
      expect(stdout).toContain('the tables are empty: qbench load FILE');
    } finally {
      await empty.drop();
    }
  });

  it('names the command that starts a server that is down', async () => {
    const { code, stderr } = await runQbench('postgresql://qbench_monitor@127.0.0.1:1/none', ['status']);
    expect(code).toBe(1);
    expect(stderr).toContain('qbench server start');
  });
});
