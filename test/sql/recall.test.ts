/** Recall and the self-query probe on a real server, against answers computed here by plain SQL. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { systemClock } from '../../infra/adapters/systemClock';
import type { Session } from '../../infra/ops/ports';
import {
  liveTarget,
  recallReport,
  type LiveTarget,
  type RecallOptions,
  type RecallReport,
} from '../../infra/ops/recall/report';
import { sampleIds } from '../../infra/ops/recall/sample';
import { selfQueryProbe } from '../../infra/ops/recall/selfQuery';
import { seededRandom } from '../../infra/ops/recall/statistics';
import { fillClustered } from '../support/clusteredRows';
import { IVFFLAT, apply } from '../support/indexRuns';
import { CHECKOUT, recordedProgress } from '../support/machine';
import { asSuperuser } from '../support/server';
import { createTestDatabase, type TestDatabase } from '../support/template';

const server = inject('server');
const LISTS = 40;
let db: TestDatabase;
let session: Session;
let documents: LiveTarget;

beforeAll(async () => {
  db = await createTestDatabase(server);
  await asSuperuser(server, db.name, (each) => fillClustered(each, { documents: 1500, drawn: 64 }));
  // One probe of many lists misses neighbours for certain, which a graph over few rows does not.
  await apply(db.database, { ...IVFFLAT, lists: LISTS });
  await asSuperuser(server, db.name, (each) =>
    each.query(
      "INSERT INTO test_documents (test_case_id, uid, title, embedding) VALUES (90001, 'null', 'n', NULL), (90002, 'zero', 'z', array_fill(0, ARRAY[1536])::vector)",
    ),
  );
});
afterAll(() => db.drop());

beforeEach(async () => {
  session = await db.database.connect({ role: 'readonly' });
  documents = await liveTarget(session, {
    name: 'idx_test_documents_embedding',
    table: 'test_documents',
    column: 'embedding',
    dimensions: 1536,
  });
});
afterEach(() => session.close());

const report = (more: Partial<RecallOptions> = {}): Promise<RecallReport> =>
  recallReport(session, documents, {
    ...{ k: 10, sample: 60, seed: 11, budgetMs: 60_000, clock: systemClock, progress: recordedProgress() },
    ...more,
  });

describe('recallReport', () => {
  it('measures what plain SQL measures on the same rows', async () => {
    const measured = await report({ breadth: 2 });
    const ids = await sampleIds(session, documents, 60, seededRandom(11));
    const nearest = (id: number): string =>
      `SELECT id FROM test_documents WHERE embedding IS NOT NULL ORDER BY embedding <=> (SELECT embedding FROM test_documents WHERE id = ${id}) LIMIT 11`;
    let hits = 0;
    for (const id of ids) {
      await session.query('BEGIN');
      await session.query('SET LOCAL enable_indexscan = off');
      const exact = (await session.query<{ id: number }>(nearest(id))).rows.map((row) => row.id);
      await session.query('SET LOCAL enable_indexscan = on');
      await session.query('SET LOCAL enable_seqscan = off');
      await session.query('SET LOCAL ivfflat.probes = 2');
      const found = (await session.query<{ id: number }>(nearest(id))).rows.map((row) => row.id);
      await session.query('ROLLBACK');
      hits += found.filter((each) => each !== id && exact.includes(each)).length;
    }
    expect(measured.recall.recall).toBeCloseTo(hits / (10 * ids.length), 10);
    expect(measured.recall.recall).toBeGreaterThan(0.1);
    expect(measured.recall.recall).toBeLessThan(0.99);
    expect(measured.recall.interval.low).toBeLessThan(measured.recall.recall);
    expect(measured.recall.interval.high).toBeGreaterThan(measured.recall.recall);
    expect(measured).toMatchObject({ sampled: 60, cutShort: false, parameter: 'ivfflat.probes', seed: 11 });
  });

  it('finds everything where every list is looked at, and the narrowest search that reaches a target', async () => {
    expect((await report({ breadth: LISTS })).recall.recall).toBe(1);
    const { search } = await report({ target: 0.9 });
    const reached = search?.measured.filter(({ recall }) => recall >= 0.9).map(({ breadth }) => breadth);
    const missed = search?.measured.filter(({ recall }) => recall < 0.9).map(({ breadth }) => breadth);
    expect(search?.needed).toBe(Math.min(...(reached as number[])));
    expect(Math.max(...(missed as number[]))).toBeLessThan(search?.needed as number);
    expect((await report({ target: 1.1 })).search?.needed).toBeUndefined();
  });

  it('changes nothing for the session that it borrowed', async () => {
    const settings =
      "SELECT name, setting FROM pg_settings WHERE name IN ('enable_seqscan', 'enable_indexscan', 'statement_timeout', 'ivfflat.probes')";
    const before = (await session.query(settings)).rows;
    await report({ breadth: 3, target: 0.8 });
    expect((await session.query(settings)).rows).toEqual(before);
  });

  it('ends in bounded time: tells how many rows it compared, or that not one could be', async () => {
    const ticking = { ...systemClock, monotonicMs: (): number => (now += 10) };
    let now = 0;
    const cut = await report({ clock: ticking, budgetMs: 155 });
    expect(cut.cutShort).toBe(true);
    expect(cut.recall.queries).toBeGreaterThan(0);
    expect(cut.recall.queries).toBeLessThan(60);
    await expect(report({ budgetMs: 0 })).rejects.toThrow(/not even one row of test_documents could be compared/);
  });

  it('refuses to call another index’s answers this one’s', async () => {
    await expect(
      recallReport(
        session,
        { ...documents, name: 'idx_of_another' },
        {
          ...{ k: 10, sample: 5, seed: 1, budgetMs: 60_000, clock: systemClock, progress: recordedProgress() },
        },
      ),
    ).rejects.toThrow(
      /the planner does not search test_documents by idx_of_another \(it uses .*idx_test_documents_embedding/,
    );
  });

  it('is what the verb prints, and a missing index is told', async () => {
    const run = async (...args: string[]): Promise<{ stdout: string; stderr: string }> => {
      const url = `postgresql://postgres@localhost:${server.port}/${db.name}?host=${server.socketDir}`;
      const env = { ...process.env, DATABASE_URL: url, QBENCH_STACK: 'none' };
      return promisify(execFile)(process.execPath, [join(CHECKOUT, 'scripts', 'qbench.mjs'), 'recall', ...args], {
        env,
      });
    };
    const { stdout } = await run(
      '--index',
      'idx_test_documents_embedding',
      '--breadth',
      '2',
      '--sample',
      '60',
      '--seed',
      '11',
      '--json',
    );
    const { recall } = (await report({ breadth: 2 })).recall;
    expect(JSON.parse(stdout)).toMatchObject({
      indexes: [{ index: 'idx_test_documents_embedding', recall: { recall, queries: 60 } }],
    });
    await expect(run('--index', 'idx_other')).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/idx_test_steps_embedding/) as string,
    });
  });
});

describe('sampleIds', () => {
  it('draws rows with a direction only, without repeats, from the whole table', async () => {
    const ids = await sampleIds(session, documents, 400, seededRandom(3));
    expect(new Set(ids).size).toBe(400);
    const { rows } = await session.query<{ bad: string; low: string; high: string }>(
      `SELECT count(*) FILTER (WHERE embedding IS NULL OR vector_norm(embedding) = 0) AS bad,
              count(*) FILTER (WHERE test_case_id <= 300) AS low, count(*) FILTER (WHERE test_case_id > 1200) AS high
         FROM test_documents WHERE id = ANY ($1)`,
      [ids],
    );
    expect(Number(rows[0]?.bad)).toBe(0);
    expect(Number(rows[0]?.low)).toBeGreaterThan(40);
    expect(Number(rows[0]?.high)).toBeGreaterThan(40);
  });

  it('gives all rows of a table that has fewer, and none of an empty one', async () => {
    const steps = { table: 'test_steps', column: 'embedding' };
    expect((await sampleIds(session, steps, 100_000, seededRandom(3))).length).toBeGreaterThan(600);
    await asSuperuser(server, db.name, async (each) => {
      await each.query('BEGIN');
      await each.query('TRUNCATE test_steps');
      expect(await sampleIds(each, steps, 5, seededRandom(3))).toEqual([]);
      await each.query('ROLLBACK');
    });
  });
});

describe('selfQueryProbe', () => {
  it('passes a whole index', async () => {
    const ids = await sampleIds(session, documents, 50, seededRandom(5));
    expect(await selfQueryProbe(session, documents, ids, { breadth: 1 })).toMatchObject({
      queries: 50,
      misses: 0,
      errors: 0,
      healthy: true,
    });
  });

  it('counts rows that the index does not have', async () => {
    // Rows that are written while the index is not maintained are what a lost page leaves: in the table, not in the index.
    const ids = await asSuperuser(server, db.name, async (each) => {
      const ready = (value: boolean): Promise<unknown> =>
        each.query("UPDATE pg_index SET indisready = $1 WHERE indexrelid = 'idx_test_documents_embedding'::regclass", [
          value,
        ]);
      await ready(false);
      const { rows } = await each.query<{ id: number }>(`
        INSERT INTO test_documents (test_case_id, uid, title, embedding)
          SELECT 80000 + n, 'lost-' || n, 'lost', (array_fill(0::real, ARRAY[100 + n]) || ARRAY[1::real] || array_fill(0::real, ARRAY[1435 - n]))::vector(1536)
            FROM generate_series(1, 10) AS n
          RETURNING id`);
      await ready(true);
      return rows.map(({ id }) => id);
    });
    const whole = await sampleIds(session, documents, 40, seededRandom(5));
    const probe = await selfQueryProbe(session, documents, [...whole, ...ids], { breadth: LISTS });
    expect(probe.misses).toBeGreaterThanOrEqual(10);
    expect(probe).toMatchObject({ queries: 50, errors: 0, healthy: false });
  });
});
