/** What failed builds leave behind, made by real failures: ours is removed, the rest is told, and apply converges. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../infra/adapters/systemClock';
import { verifyIndexes } from '../../infra/ops/indexes/verify';
import type { Session } from '../../infra/ops/ports';
import { fillClustered } from '../support/clusteredRows';
import { SPEED, apply, expectConvergence, indexNames, rowsOf, stateOf } from '../support/indexRuns';
import { recordedProgress } from '../support/machine';
import { asSuperuser, startTestServer, type RunningTestServer } from '../support/server';
import { createTestDatabase, type TestDatabase } from '../support/template';

const DOCUMENTS = 'idx_test_documents_embedding';
const STEPS = 'idx_test_steps_embedding';
let server: RunningTestServer;
let db: TestDatabase;
let owner: Session;
let blocker: Session;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());
beforeEach(async () => {
  db = await createTestDatabase(server);
  await asSuperuser(server, db.name, (session) => fillClustered(session, { documents: 400 }));
  owner = await db.database.connect({ role: 'owner' });
  blocker = await db.database.connect({ role: 'app' });
});
afterEach(async () => {
  await owner.close();
  await blocker.close();
  await db.drop();
});

/** Runs a concurrent build that a transaction of another session keeps from ending. */
async function failing(statement: string, transaction: readonly string[]): Promise<void> {
  for (const step of transaction) await blocker.query(step);
  await owner.query("SET lock_timeout = '300ms'");
  await expect(owner.query(statement)).rejects.toThrow(/lock timeout/);
  await blocker.query('ROLLBACK');
}

/** Keeps builds from being declared valid: they must wait for every older snapshot. */
const OLD_SNAPSHOT = ['BEGIN ISOLATION LEVEL REPEATABLE READ', 'SELECT 1 FROM pg_class LIMIT 1'];
/** Keeps the replaced index of a REINDEX from being dropped: its table was read. */
const READER = ['BEGIN', 'SELECT 1 FROM test_documents LIMIT 1'];

const create = (name: string, table = 'test_documents'): string =>
  `CREATE INDEX CONCURRENTLY ${name} ON ${table} USING hnsw (embedding vector_cosine_ops)`;

it('an INVALID index under the live name: is not taken for done, but dropped and built', async () => {
  await failing(create(DOCUMENTS), OLD_SNAPSHOT);
  expect(await indexNames(db.database)).toEqual({ [DOCUMENTS]: false });
  const result = await expectConvergence(db.database, SPEED);
  expect(result.dropped).toEqual([DOCUMENTS]);
  expect(result.indexes.map(({ outcome }) => outcome)).toEqual(['built', 'built']);
});

it('an INVALID index under the live name: is rebuilt by verify --heal too', async () => {
  await failing(create(DOCUMENTS), OLD_SNAPSHOT);
  await owner.query('RESET lock_timeout');
  await owner.query(create(STEPS, 'test_steps'));
  const state = stateOf(SPEED);
  const options = { state, clock: systemClock, progress: recordedProgress() };
  expect((await verifyIndexes(db.database, options)).indexes[0]).toMatchObject({ state: 'INVALID', healthy: false });
  const healed = await verifyIndexes(db.database, { ...options, heal: true });
  expect(healed).toMatchObject({
    healthy: true,
    leftovers: [],
    indexes: [{ state: 'valid', healed: true }, { healed: false }],
  });
});

it('_ccnew of an interrupted REINDEX CONCURRENTLY: is dropped, the index itself is kept', async () => {
  await apply(db.database, SPEED);
  const before = await rowsOf(db.database);
  await failing(`REINDEX INDEX CONCURRENTLY ${DOCUMENTS}`, OLD_SNAPSHOT);
  expect(await indexNames(db.database)).toEqual({ [DOCUMENTS]: true, [`${DOCUMENTS}_ccnew`]: false, [STEPS]: true });
  const result = await expectConvergence(db.database, SPEED);
  expect(result.dropped).toEqual([`${DOCUMENTS}_ccnew`]);
  expect(result.indexes.map(({ outcome }) => outcome)).toEqual(['kept', 'kept']);
  expect(await rowsOf(db.database)).toEqual(before);
});

it('_ccold of an interrupted REINDEX CONCURRENTLY: is dropped, its successor is kept', async () => {
  await apply(db.database, SPEED);
  await failing(`REINDEX INDEX CONCURRENTLY ${DOCUMENTS}`, READER);
  expect(await indexNames(db.database)).toEqual({ [DOCUMENTS]: true, [`${DOCUMENTS}_ccold`]: false, [STEPS]: true });
  const result = await expectConvergence(db.database, SPEED);
  expect(result.dropped).toEqual([`${DOCUMENTS}_ccold`]);
});

it('builds and replaced indexes of earlier runs: are dropped, whether valid or not', async () => {
  await apply(db.database, SPEED);
  await owner.query(create(`${DOCUMENTS}_build_0123abcd`));
  await owner.query(create(`${STEPS}_old_4711`, 'test_steps'));
  const result = await expectConvergence(db.database, SPEED);
  expect([...result.dropped].sort()).toEqual([`${DOCUMENTS}_build_0123abcd`, `${STEPS}_old_4711`]);
  expect(await indexNames(db.database)).toEqual({ [DOCUMENTS]: true, [STEPS]: true });
});

it('an INVALID index of somebody else: is told of and not touched', async () => {
  await failing(create('my_experiment'), OLD_SNAPSHOT);
  await owner.query('RESET lock_timeout');
  const result = await apply(db.database, SPEED);
  expect(result.warnings).toEqual([expect.stringMatching(/^my_experiment: INVALID and not made here/)]);
  expect(await indexNames(db.database)).toEqual({ [DOCUMENTS]: true, [STEPS]: true, my_experiment: false });
});

it('parallel_workers of a table, left by a build that was cut off: is reset', async () => {
  await owner.query('ALTER TABLE test_documents SET (parallel_workers = 7)');
  await expectConvergence(db.database, SPEED);
});

it('a replaced index that is still in use: stays until the next run, which drops it', async () => {
  await apply(db.database, SPEED);
  for (const step of READER) await blocker.query(step);
  const result = await apply(db.database, { ...SPEED, m: 12 }, { waitMs: 1_000 });
  expect(result.indexes.map(({ outcome }) => outcome)).toEqual(['built', 'built']);
  expect(result.warnings).toEqual([
    expect.stringMatching(/^idx_test_documents_embedding_old_\d+ could not be dropped yet/),
  ]);
  await blocker.query('ROLLBACK');
  const next = await expectConvergence(db.database, { ...SPEED, m: 12 });
  expect(next.dropped).toEqual([expect.stringMatching(/^idx_test_documents_embedding_old_\d+$/)]);
});
