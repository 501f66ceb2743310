/** `qbench health`: each thing that can be wrong is seen, and the exit code tells how bad it is. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { judge, readHealth, type HealthReport } from '../../infra/ops/health';
import { embedding, loadLines } from '../support/loading';
import { databaseUrl, runQbench } from '../support/qbenchCli';
import { asSuperuser } from '../support/server';
import { createTestDatabase, type TestDatabase } from '../support/template';

const server = inject('server');
let db: TestDatabase;

beforeAll(async () => {
  db = await createTestDatabase(server);
  await loadLines(db.database, [
    { uid: 'a', title: 'a', embedding: embedding([1]), steps: [{ embedding: embedding([1]) }, {}] },
    { uid: 'b', title: 'b', embedding: embedding([1, 1]) },
  ]);
});
afterAll(() => db.drop());

const sql = (text: string): Promise<unknown> => asSuperuser(server, db.name, (session) => session.query(text));
const health = (): Promise<HealthReport> => asSuperuser(server, db.name, readHealth);
const messages = (report: HealthReport): string[] =>
  report.problems.map(({ level, message }) => `${level}: ${message}`);

describe('the report', () => {
  it('is critical without vector indexes, ok with them, and a warning with one that is not valid or an embedding that is missing', async () => {
    const bare = await health();
    expect(bare).toMatchObject({
      status: 'critical',
      documents: 2,
      steps: 2,
      documentsWithoutEmbedding: 0,
      stepsWithoutEmbedding: 1,
      indexes: [],
    });
    expect(bare.databaseBytes).toBeGreaterThan(7_000_000);
    expect(messages(bare)).toEqual([
      'critical: test_documents has no valid vector index; searches compare every row',
      'critical: test_steps has no valid vector index; searches compare every row',
      'warning: 1 steps have no embedding; no search finds them',
    ]);

    await sql(
      'CREATE INDEX idx_test_documents_embedding ON public.test_documents USING hnsw (embedding vector_cosine_ops)',
    );
    await sql('CREATE INDEX idx_test_steps_embedding ON public.test_steps USING hnsw (embedding vector_cosine_ops)');
    await sql('DELETE FROM public.test_steps WHERE embedding IS NULL');
    const whole = await health();
    expect(whole).toMatchObject({ status: 'ok', problems: [] });
    expect(whole.indexes).toMatchObject([
      { name: 'idx_test_documents_embedding', method: 'hnsw', valid: true, building: false },
      { name: 'idx_test_steps_embedding', method: 'hnsw', valid: true, building: false },
    ]);

    // What a cut off CREATE UNIQUE INDEX CONCURRENTLY leaves behind: two rows have the same value.
    await expect(
      sql('CREATE UNIQUE INDEX CONCURRENTLY leftover ON public.test_documents (is_automated)'),
    ).rejects.toThrow(/could not create unique index/);
    const left = await health();
    expect(messages(left)).toEqual(['warning: index leftover of test_documents is not valid: a build was cut off']);
    await sql('DROP INDEX public.leftover');
  });

  it('does not call a running build a leftover', () => {
    const facts = {
      databaseBytes: 1,
      documents: 1,
      documentsWithoutEmbedding: 0,
      steps: 0,
      stepsWithoutEmbedding: 0,
      pgvectorVersion: '0.8.6',
    };
    const index = { method: 'hnsw', bytes: 1, valid: true, building: false };
    const problems = judge({
      ...facts,
      indexes: [
        { ...index, table: 'test_documents', name: 'd', valid: false, building: true },
        { ...index, table: 'test_steps', name: 's' },
      ],
    });
    expect(problems).toEqual([
      {
        level: 'warning',
        message: 'test_documents has no valid vector index yet: it is being built; searches compare every row',
        next: 'wait for the build',
      },
    ]);
  });
});

describe('the command line', () => {
  it('ends with 0, 1 or 2', async () => {
    const url = databaseUrl(server, db.name, 'readonly');
    const ok = await runQbench(url, ['health']);
    expect(ok.stdout).toMatch(
      /^ok\n {2}2 documents \(0 without embedding\), 1 steps \(0 without\), \d+(\.\d)? MiB\n {2}pgvector 0\.8\.6\n/,
    );
    expect(ok.code).toBe(0);
    await sql("UPDATE public.test_documents SET embedding = NULL WHERE uid = 'b'");
    const warning = await runQbench(url, ['health', '--json']);
    expect(JSON.parse(warning.stdout)).toMatchObject({ status: 'warning', documentsWithoutEmbedding: 1 });
    expect(warning.code).toBe(1);
    const down = await runQbench('postgresql://qbench_readonly@127.0.0.1:1/none', ['health', '--json']);
    expect(JSON.parse(down.stdout)).toMatchObject({ status: 'critical' });
    expect(down.stderr).toMatch(/cannot connect to 127\.0\.0\.1:1\/none/);
    expect(down.code).toBe(2);
  });
});
