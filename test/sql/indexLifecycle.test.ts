/** The index lifecycle on a real server: what each profile becomes, and what a change of it does to searches. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { systemClock } from '../../infra/adapters/systemClock';
import type { ActualIndex } from '../../infra/ops/indexes/catalog';
import { readIndexes } from '../../infra/ops/indexes/catalog';
import { changes } from '../../infra/ops/indexes/decide';
import { overview } from '../../infra/ops/indexes/plan';
import { closeSessions, openSessions } from '../../infra/ops/indexes/sessions';
import { capacitySizing } from '../../infra/ops/indexes/sizing';
import { unknownHost } from '../../infra/ops/indexes/host';
import { verifyIndexes } from '../../infra/ops/indexes/verify';
import type { IndexSettingsLike } from '../../infra/ops/indexes/desired';
import { fillClustered } from '../support/clusteredRows';
import { ACCURACY, BIT, HALFVEC, IVFFLAT, SPEED, apply, stateOf } from '../support/indexRuns';
import { recordedProgress } from '../support/machine';
import { asSuperuser } from '../support/server';
import { createTestDatabase, type TestDatabase } from '../support/template';

const server = inject('server');
const NAMES = ['idx_test_documents_embedding', 'idx_test_steps_embedding'];
let db: TestDatabase;

beforeAll(async () => {
  db = await createTestDatabase(server);
  await asSuperuser(server, db.name, (session) => fillClustered(session, { documents: 1500, drawn: 256 }));
});
afterAll(() => db.drop());

async function catalog(): Promise<ActualIndex[]> {
  const sessions = await openSessions(db.database);
  try {
    return await readIndexes(sessions.control, ['test_documents', 'test_steps']);
  } finally {
    await closeSessions(sessions);
  }
}

async function pending(index: IndexSettingsLike): Promise<string[]> {
  const sessions = await openSessions(db.database);
  try {
    const seen = await overview(sessions, stateOf(index), capacitySizing, unknownHost);
    return changes(seen.actions).map(({ kind }) => kind);
  } finally {
    await closeSessions(sessions);
  }
}

describe('apply', () => {
  // In this order: each profile replaces the one before while it serves.
  const profiles: [string, IndexSettingsLike, Partial<ActualIndex>][] = [
    ['speed', SPEED, { method: 'hnsw', operatorClass: 'vector_cosine_ops', options: { m: 16, ef_construction: 64 } }],
    [
      'accuracy',
      ACCURACY,
      { method: 'hnsw', operatorClass: 'vector_cosine_ops', options: { m: 32, ef_construction: 128 } },
    ],
    ['compact (halfvec)', HALFVEC, { operatorClass: 'halfvec_cosine_ops', definition: '(embedding::halfvec(1536))' }],
    ['compact (bit)', BIT, { operatorClass: 'bit_hamming_ops', definition: '(binary_quantize(embedding)::bit(1536))' }],
    ['ivfflat', IVFFLAT, { method: 'ivfflat', operatorClass: 'vector_cosine_ops', options: { lists: 2 } }],
  ];

  it.each(profiles)(
    'makes both indexes %s, proves them, leaves nothing else, and has nothing to do the next time',
    async (_name, profile, expected) => {
      const result = await apply(db.database, profile, { state: { ...stateOf(profile), recallTolerance: 0.3 } });
      expect(result.indexes.map(({ name, outcome }) => [name, outcome])).toEqual(NAMES.map((name) => [name, 'built']));
      for (const { proof, build } of result.indexes) {
        expect(proof?.planner).not.toBe('empty table');
        expect(proof?.selfQuery).toMatchObject({ healthy: true, errors: 0 });
        expect(proof?.recall?.recall).toBeGreaterThan(0.7);
        expect(build?.spilled).toBe(false);
      }
      const actual = await catalog();
      expect(actual.map(({ name }) => name)).toEqual(NAMES);
      expect(actual[0]).toMatchObject({ ...expected, valid: true, ready: true });

      expect(await pending(profile)).toEqual([]);
      const again = await apply(db.database, profile);
      expect(again).toMatchObject({ changed: false, dropped: [], warnings: [] });
      expect(again.indexes.map(({ outcome }) => outcome)).toEqual(['kept', 'kept']);

      const verified = await verifyIndexes(db.database, {
        state: stateOf(profile),
        clock: systemClock,
        progress: recordedProgress(),
      });
      expect(verified).toMatchObject({ healthy: true, leftovers: [] });
    },
  );
});
