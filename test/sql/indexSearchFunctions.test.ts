/** Searches follow the live index: each type is really used by the functions of the contract, also while one replaces another. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { IndexSettingsLike } from '../../infra/ops/indexes/desired';
import type { Session } from '../../infra/ops/ports';
import { indexesOf, type PlanNode } from '../../infra/ops/recall/explain';
import { fillClustered } from '../support/clusteredRows';
import { ACCURACY, BIT, HALFVEC, IVFFLAT, SPEED, apply, stateOf } from '../support/indexRuns';
import { asSuperuser } from '../support/server';
import { createTestDatabase, type TestDatabase } from '../support/template';

const server = inject('server');
let db: TestDatabase;
let app: Session;

beforeAll(async () => {
  db = await createTestDatabase(server);
  await asSuperuser(server, db.name, (session) => fillClustered(session, { documents: 1200, drawn: 256 }));
  app = await db.database.connect({ role: 'app' });
});
afterAll(async () => {
  await app.close();
  await db.drop();
});

const embedding = (id: number): string => `(SELECT embedding FROM test_documents WHERE id = ${id})`;
const SEARCHES = {
  hybrid_search: (id: number) => `SELECT id FROM hybrid_search(${embedding(id)}, search_limit => 10)`,
  search_steps: (id: number) => `SELECT step_id AS id FROM search_steps(${embedding(id)}, 10)`,
  'the plain query': (id: number) =>
    `SELECT id FROM test_documents ORDER BY embedding <=> ${embedding(id)}::vector LIMIT 10`,
} as const;
type Search = keyof typeof SEARCHES;

/** Scans of both tables' heaps and live vector indexes by this session, since it last told the statistics of them. */
const SCANS = `
  SELECT (SELECT sum(pg_stat_get_xact_numscans(c)) FROM unnest('{test_documents,test_steps}'::regclass[]) AS c)::int AS heap,
         (SELECT coalesce(sum(pg_stat_get_xact_numscans(to_regclass(c))), 0)
            FROM unnest('{idx_test_documents_embedding,idx_test_steps_embedding}'::text[]) AS c)::int AS live`;

async function scansOf(session: Session): Promise<{ heap: number; live: number }> {
  const { rows } = await session.query<{ heap: number; live: number }>(SCANS);
  return rows[0] ?? { heap: Number.NaN, live: Number.NaN };
}

/** Runs a search and tells its rows, and whether any table was read as a whole to answer it. */
async function searchOnce(
  session: Session,
  search: Search,
  id: number,
): Promise<{ ids: number[]; heap: number; live: number }> {
  await session.query('BEGIN');
  try {
    await session.query('SET LOCAL hnsw.ef_search = 150');
    // In a small table comparing all rows is often cheaper; discouraged, it happens only where no index can answer.
    await session.query('SET LOCAL enable_seqscan = off');
    const before = await scansOf(session);
    const { rows } = await session.query<{ id: number }>(SEARCHES[search](id));
    const after = await scansOf(session);
    return { ids: rows.map((row) => row.id), heap: after.heap - before.heap, live: after.live - before.live };
  } finally {
    await session.query('ROLLBACK');
  }
}

describe('the functions of the contract', () => {
  const types: [string, IndexSettingsLike][] = [
    ['vector', SPEED],
    ['halfvec', HALFVEC],
    ['bit', BIT],
    ['ivfflat over vector', IVFFLAT],
  ];

  it.each(types)('are answered by an index over %s, and find what an exact scan finds', async (_name, profile) => {
    await apply(db.database, profile, { state: { ...stateOf(profile), recallTolerance: 0.5 } });
    // ef_search and probes of the profile are what new sessions start with.
    await app.close();
    app = await db.database.connect({ role: 'app' });
    for (const search of ['hybrid_search', 'search_steps'] as const) {
      let hits = 0;
      for (const id of [5, 300, 600, 900, 1150]) {
        const table = search === 'search_steps' ? 'test_steps' : 'test_documents';
        const exact = await asSuperuser(server, db.name, async (session) => {
          await session.query('SET enable_indexscan = off');
          return session.query<{ id: number }>(
            `SELECT id FROM ${table} ORDER BY embedding <=> ${embedding(id)} LIMIT 10`,
          );
        });
        const found = await searchOnce(app, search, id);
        expect(found).toMatchObject({ heap: 0, live: 1 });
        hits += found.ids.filter((each) => exact.rows.some((row) => row.id === each)).length;
      }
      expect(hits).toBeGreaterThanOrEqual(40);
    }
    if (profile.profile === 'compact') await expectInlined(profile.type);
  });

  /** The functions for one compact type show their index in the plan of the calling query, and order by distance. */
  async function expectInlined(type: string): Promise<void> {
    for (const what of ['documents', 'steps']) {
      // A value, as the application sends it: a subquery as argument keeps PostgreSQL from inlining.
      const seven = (await app.query<{ value: string }>(`SELECT ${embedding(7)}::text AS value`)).rows[0]?.value;
      const call = `SELECT * FROM search_${what}_${type}($1, 10)`;
      await app.query('SET enable_seqscan = off');
      const { rows } = await app.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(`EXPLAIN (FORMAT JSON) ${call}`, [
        seven,
      ]);
      await app.query('RESET enable_seqscan');
      expect(indexesOf(rows[0]?.['QUERY PLAN'][0].Plan as PlanNode)).toContain(`idx_test_${what}_embedding`);
      const distances = (await app.query<{ distance: number }>(call, [seven])).rows.map(({ distance }) => distance);
      expect(distances).toHaveLength(10);
      expect(distances).toEqual([...distances].sort((a, b) => a - b));
    }
  }

  it('still answer, by comparing all rows, where there is no index', async () => {
    await asSuperuser(server, db.name, (session) =>
      session.query('DROP INDEX idx_test_documents_embedding, idx_test_steps_embedding'),
    );
    expect(await searchOnce(app, 'hybrid_search', 5)).toMatchObject({ live: 0 });
    expect((await searchOnce(app, 'hybrid_search', 5)).ids).toHaveLength(10);
    expect((await searchOnce(app, 'search_steps', 5)).ids).toHaveLength(10);
  });
});

describe('a change of profile while searches run', () => {
  /** Searches until told to stop; every failure, short answer and whole-table scan is kept. */
  async function searchUntil(stopped: () => boolean, search: Search): Promise<{ searches: number; faults: string[] }> {
    const session = await db.database.connect({ role: 'app' });
    const faults: string[] = [];
    let searches = 0;
    while (!stopped()) {
      const id = 1 + ((searches * 37) % 1200);
      try {
        const { ids, heap } = await searchOnce(session, search, id);
        if (ids.length !== 10) faults.push(`${search} found ${ids.length} rows`);
        if (heap !== 0) faults.push(`${search} number ${searches} scanned a table`);
      } catch (error) {
        faults.push(`${search}: ${String(error)}`);
      }
      searches++;
    }
    await session.close();
    return { searches, faults };
  }

  async function during(profiles: readonly IndexSettingsLike[], searches: readonly Search[]): Promise<void> {
    let over = false;
    const running = searches.map((search) => searchUntil(() => over, search));
    try {
      for (const profile of profiles)
        await apply(db.database, profile, { state: { ...stateOf(profile), recallTolerance: 0.5 } });
    } finally {
      over = true;
    }
    for (const { searches: count, faults } of await Promise.all(running)) {
      expect(faults).toEqual([]);
      expect(count).toBeGreaterThan(20);
    }
  }

  it('fails no search and serves none without an index, whatever m becomes', async () => {
    await apply(db.database, SPEED, { state: { ...stateOf(SPEED), recallTolerance: 0.5 } });
    await during([ACCURACY, SPEED], ['the plain query', 'hybrid_search', 'search_steps']);
  });

  it('fails no search through the functions and serves none without an index, whatever the type becomes', async () => {
    await during([HALFVEC, BIT, IVFFLAT, SPEED], ['hybrid_search', 'search_steps']);
  });
});
