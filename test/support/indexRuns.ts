/** Runs of the index lifecycle as tests want them: small memory, short waits, recorded progress. */
import { expect } from 'vitest';
import { systemClock } from '../../infra/adapters/systemClock';
import { applyIndexes, type ApplyOptions, type ApplyResult } from '../../infra/ops/indexes/apply';
import { desiredIndexState, type DesiredIndexState, type IndexSettingsLike } from '../../infra/ops/indexes/desired';
import { readBuilds, readIndexes } from '../../infra/ops/indexes/catalog';
import { unknownHost } from '../../infra/ops/indexes/host';
import { closeSessions, openSessions } from '../../infra/ops/indexes/sessions';
import { verifyIndexes } from '../../infra/ops/indexes/verify';
import type { Database } from '../../infra/ops/ports';
import { recordedProgress } from './machine';

export const SPEED: IndexSettingsLike = { profile: 'speed', type: 'vector', m: 16, efConstruction: 64, efSearch: 100 };
export const ACCURACY: IndexSettingsLike = {
  profile: 'accuracy',
  type: 'vector',
  m: 32,
  efConstruction: 128,
  efSearch: 200,
};
export const HALFVEC: IndexSettingsLike = {
  profile: 'compact',
  type: 'halfvec',
  m: 16,
  efConstruction: 64,
  efSearch: 100,
};
export const BIT: IndexSettingsLike = { profile: 'compact', type: 'bit', m: 16, efConstruction: 64, efSearch: 200 };
export const IVFFLAT: IndexSettingsLike = { profile: 'ivfflat', type: 'vector' };

/** Both contract indexes with memory and workers for a few thousand rows. */
export function stateOf(
  index: IndexSettingsLike,
  session: Partial<DesiredIndexState['session']> = {},
): DesiredIndexState {
  return desiredIndexState(index, 1536, { maintenanceWorkMemMiB: 256, maxParallelWorkers: 1, ...session });
}

function applyOptions(state: DesiredIndexState, more: Partial<ApplyOptions> = {}): ApplyOptions {
  return { state, host: unknownHost, clock: systemClock, progress: recordedProgress(), waitMs: 10_000, ...more };
}

export function apply(
  database: Database,
  index: IndexSettingsLike,
  more: Partial<ApplyOptions> = {},
): Promise<ApplyResult> {
  return applyIndexes(database, applyOptions(stateOf(index), more));
}

/** Slow to build, so that a test can interrupt it. */
export const SLOW: IndexSettingsLike = {
  profile: 'accuracy',
  type: 'vector',
  m: 48,
  efConstruction: 600,
  efSearch: 100,
};

/** Number and checksum of all rows: equal before and after a fault where none was lost or changed. */
export async function rowsOf(database: Database): Promise<unknown> {
  const session = await database.connect({ role: 'owner' });
  try {
    const { rows } = await session.query(`
      SELECT (SELECT count(*) || ' ' || sum(hashtext(d::text)::bigint) FROM test_documents AS d) AS documents,
             (SELECT count(*) || ' ' || sum(hashtext(s::text)::bigint) FROM test_steps AS s) AS steps`);
    return rows[0];
  } finally {
    await session.close();
  }
}

/** After a fault: apply converges, a second one has nothing to do, nothing is left over, and searches find what an exact scan finds. */
export async function expectConvergence(database: Database, index: IndexSettingsLike): Promise<ApplyResult> {
  const result = await apply(database, index);
  const again = await apply(database, index);
  expect(again).toMatchObject({ changed: false, warnings: [] });
  const verified = await verifyIndexes(database, {
    state: stateOf(index),
    clock: systemClock,
    progress: recordedProgress(),
    minimumRecall: 0.9,
  });
  expect(verified.indexes.map(({ problems }) => problems)).toEqual([[], []]);
  expect(verified).toMatchObject({ healthy: true, leftovers: [] });
  expect(verified.indexes.map(({ differences }) => differences)).toEqual([[], []]);
  expect(await tableOptions(database)).toEqual([]);
  return result;
}

/** Storage parameters of the tables: a build sets parallel_workers and takes it away again. */
async function tableOptions(database: Database): Promise<unknown[]> {
  const session = await database.connect({ role: 'owner' });
  try {
    const { rows } = await session.query(
      "SELECT relname, reloptions FROM pg_class WHERE relname IN ('test_documents', 'test_steps') AND reloptions IS NOT NULL",
    );
    return rows;
  } finally {
    await session.close();
  }
}

/** Names and validity of the vector indexes and the invalid ones, as the catalog has them. */
export async function indexNames(database: Database): Promise<Record<string, boolean>> {
  const sessions = await openSessions(database);
  try {
    const indexes = await readIndexes(sessions.control, ['test_documents', 'test_steps']);
    return Object.fromEntries(indexes.map(({ name, valid }) => [name, valid]));
  } finally {
    await closeSessions(sessions);
  }
}

/** Waits until a build is reading rows; the caller does something to it then. */
export async function buildUnderWay(database: Database): Promise<{ pid: number; name: string }> {
  const session = await database.connect({ role: 'superuser' });
  try {
    for (let attempt = 0; attempt < 600; attempt++) {
      const build = (await readBuilds(session)).find(
        ({ phase, blocksDone }) => phase.includes('loading tuples') && blocksDone > 0,
      );
      if (build?.name !== undefined) return { pid: build.pid, name: build.name };
      await systemClock.sleep(20);
    }
    throw new Error('no build began');
  } finally {
    await session.close();
  }
}
