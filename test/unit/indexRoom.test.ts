/** Memory, workers, room and progress of a build, from numbers alone. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../infra/ops/errors';
import type { RunningBuild } from '../../infra/ops/indexes/catalog';
import type { ResolvedIndex } from '../../infra/ops/indexes/definition';
import { desiredIndexState, desiredIndexes } from '../../infra/ops/indexes/desired';
import { parseDesiredIndexState } from '../../infra/ops/indexes/parse';

import { searchChanges } from '../../infra/ops/indexes/searchSettings';
import { buildProgress, phaseStart } from '../../infra/ops/indexes/progress';
import { planBuild, shortages } from '../../infra/ops/indexes/resources';
import { capacitySizing } from '../../infra/ops/indexes/sizing';
import { sqlWith } from '../../infra/ops/indexes/text';

const MIB = 1024 * 1024;
const [index] = desiredIndexes({ profile: 'speed', type: 'vector' }, 1536) as [ResolvedIndex];
const LIMITS = { maxParallelWorkers: 8, maxWorkerProcesses: 8 };
const session = { maintenanceWorkMemMiB: 4096, maxParallelWorkers: 2 };

describe('planBuild', () => {
  it('gives a build what it needs and a little more, never what the session may not use', () => {
    const plan = planBuild(index, 500_000, session, LIMITS, capacitySizing);
    expect(plan.neededMiB).toBe(3259);
    expect(plan.maintenanceWorkMemMiB).toBeGreaterThan(3259);
    expect(plan.maintenanceWorkMemMiB).toBeLessThan(3259 * 1.06);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 5_000_000 }), fc.integer({ min: 1, max: 10_000 }), (rows, mib) => {
        const { maintenanceWorkMemMiB } = planBuild(
          index,
          rows,
          { ...session, maintenanceWorkMemMiB: mib },
          LIMITS,
          capacitySizing,
        );
        expect(maintenanceWorkMemMiB).toBeLessThanOrEqual(mib);
        expect(maintenanceWorkMemMiB).toBeGreaterThanOrEqual(1);
      }),
    );
  });

  it('asks for no more workers than the server has, and for none where the table is tiny', () => {
    expect(planBuild(index, 50_000, session, { ...LIMITS, maxParallelWorkers: 1 }, capacitySizing).workers).toBe(1);
    expect(planBuild(index, 50_000, session, LIMITS, capacitySizing).workers).toBe(2);
    expect(planBuild(index, 400, session, LIMITS, capacitySizing).workers).toBe(0);
  });

  it('knows where a build with too little memory spills', () => {
    const plan = planBuild(index, 500_000, { ...session, maintenanceWorkMemMiB: 1024 }, LIMITS, capacitySizing);
    // The guide's 1 GB: ../shared facts measured 156,684 vectors.
    expect(plan.spillsAfterRows).toBeGreaterThan(156_000);
    expect(plan.spillsAfterRows).toBeLessThan(157_500);
  });
});

describe('shortages', () => {
  const plan = planBuild(index, 500_000, session, LIMITS, capacitySizing);
  const enough = { diskFreeBytes: 50e9, sharedMemoryFreeBytes: 8e9, memoryAvailableBytes: 16e9 };
  const short = (host: object, build = plan): string[] =>
    shortages(index, build, session, { ...enough, ...host }).map(({ resource }) => resource);

  it('finds none where everything is there, or where the machine cannot be asked', () => {
    expect(short({})).toEqual([]);
    expect(shortages(index, plan, session, {})).toEqual([]);
  });

  it('names each resource that is short, with what would help', () => {
    expect(short({ diskFreeBytes: 4e9 })).toEqual(['disk']);
    expect(short({ sharedMemoryFreeBytes: 64 * MIB })).toEqual(['shared memory']);
    expect(short({ memoryAvailableBytes: 1e9 })).toEqual(['memory']);
    expect(short({ diskFreeBytes: 1e9, sharedMemoryFreeBytes: 1, memoryAvailableBytes: 1 })).toEqual([
      'memory',
      'shared memory',
      'disk',
    ]);
    const small = { ...session, maintenanceWorkMemMiB: 1024 };
    const [spill] = shortages(index, planBuild(index, 500_000, small, LIMITS, capacitySizing), small, enough);
    expect(spill?.message).toBe(
      'idx_test_documents_embedding needs 3,259 MiB of build memory, the session may use 1,024 MiB: it would spill after 156,684 of 500,000 rows and be several times slower',
    );
    expect(spill?.next).toMatch(/--memory 3259.*halfvec.*--allow-spill/);
  });

  it('needs no shared memory for a serial build', () => {
    const serial = planBuild(index, 500_000, { ...session, maxParallelWorkers: 0 }, LIMITS, capacitySizing);
    expect(short({ sharedMemoryFreeBytes: 0 }, serial)).toEqual([]);
  });
});

describe('progress', () => {
  const build = (more: Partial<RunningBuild>): RunningBuild => ({
    ...{ pid: 1, name: 'i', table: 't', command: 'CREATE INDEX CONCURRENTLY', phase: 'building index: loading tuples' },
    ...{
      lockersTotal: 0,
      lockersDone: 0,
      lockerPid: undefined,
      blocksTotal: 1000,
      blocksDone: 0,
      tuplesTotal: 0,
      tuplesDone: 0,
    },
    ...{ workers: 0, runningSeconds: 0, ...more },
  });

  it('gives the share by blocks and an ETA from the mean speed of the phase', () => {
    const start = phaseStart(build({ blocksDone: 100 }), undefined, 0);
    expect(buildProgress(build({ blocksDone: 400, workers: 2 }), 'idx', start, 30_000)).toEqual({
      phase: 'idx: building index: loading tuples (3 processes)',
      done: 400,
      total: 1000,
      unit: 'blocks',
      etaSeconds: 60,
    });
  });

  it('gives no ETA before there is a speed, nor across phases', () => {
    const start = phaseStart(build({}), undefined, 0);
    expect(buildProgress(build({ blocksDone: 1 }), 'idx', start, 5_000)).not.toHaveProperty('etaSeconds');
    expect(buildProgress(build({ blocksDone: 500 }), 'idx', start, 100)).not.toHaveProperty('etaSeconds');
    const next = build({ phase: 'index validation: scanning table', blocksDone: 500 });
    expect(buildProgress(next, 'idx', start, 60_000)).not.toHaveProperty('etaSeconds');
    expect(phaseStart(next, start, 60_000)).toMatchObject({ atMs: 60_000, done: 500 });
  });

  it('counts tuples where pgvector counts those, and sessions while it waits', () => {
    expect(buildProgress(build({ blocksTotal: 0, tuplesTotal: 50, tuplesDone: 5 }), 'i', undefined, 0)).toMatchObject({
      unit: 'rows',
      done: 5,
    });
    const waiting = build({ phase: 'waiting for old snapshots', lockersTotal: 3, lockersDone: 1 });
    expect(buildProgress(waiting, 'i', undefined, 0)).toMatchObject({ unit: 'sessions', done: 1, total: 3 });
  });
});

describe('desired state', () => {
  const state = desiredIndexState({ profile: 'accuracy', type: 'vector', efSearch: 200 }, 1536, session);

  it('survives the way through JSON, with the database that the Pulumi program adds', () => {
    expect(parseDesiredIndexState(JSON.parse(JSON.stringify({ ...state, database: 'mlb_qbench' })))).toEqual(state);
    expect(state.indexes[0]).toMatchObject({ method: 'hnsw', m: 32, efConstruction: 128 });
  });

  it("takes the workers and the tolerance that the settings name before the plan's", () => {
    const own = { profile: 'speed', type: 'vector', recallTolerance: 0.1, buildWorkers: 0 } as const;
    const wanted = desiredIndexState(own, 1536, { maintenanceWorkMemMiB: 64, maxParallelWorkers: 4 });
    expect(wanted.session).toEqual({ maintenanceWorkMemMiB: 64, maxParallelWorkers: 0 });
    expect(parseDesiredIndexState(JSON.parse(JSON.stringify(wanted))).recallTolerance).toBe(0.1);
    expect(state).not.toHaveProperty('recallTolerance');
  });

  it.each([
    [{ ...state, indexes: [{ ...state.indexes[0], m: 101 }] }, /indexes\.0\.m/],
    [{ ...state, indexes: [{ ...state.indexes[0], m: 80 }] }, /efConstruction 128; at least 160/],
    [{ ...state, indexes: [{ ...state.indexes[0], dimensions: 2001 }] }, /over vector holds at most 2000/],
    [{ ...state, indexes: [{ ...state.indexes[0], name: 'a"; DROP' }] }, /indexes\.0\.name/],
    [{ ...state, indexes: [state.indexes[0], state.indexes[0]] }, /named twice/],
    [
      { ...state, session: { maintenanceWorkMemMiB: 0, maxParallelWorkers: -1 } },
      /maintenanceWorkMemMiB.*maxParallelWorkers/,
    ],
    [{ ...state, serch: {} }, /serch/],
    ['nonsense', /input/],
  ])('is refused where it makes no sense (%#)', (input, message) => {
    expect(() => parseDesiredIndexState(input)).toThrow(UsageError);
    expect(() => parseDesiredIndexState(input)).toThrow(message);
  });

  it('takes ef_construction along when m is raised', () => {
    expect(desiredIndexes({ profile: 'speed', type: 'vector', m: 64 }, 1536)[0]).toMatchObject({
      m: 64,
      efConstruction: 128,
    });
  });

  it('changes only the search parameters that differ', () => {
    expect(searchChanges({ efSearch: 100 }, { efSearch: 100 })).toEqual([]);
    expect(searchChanges({}, { efSearch: 100, probes: 3 })).toEqual([
      ['hnsw.ef_search', 100],
      ['ivfflat.probes', 3],
    ]);
    expect(searchChanges({ efSearch: 40 }, {})).toEqual([]);
  });
});

describe('SQL files with psql variables', () => {
  it('quote identifiers, take numbers as they are, and leave casts alone', () => {
    const text = sqlWith('queries/recall-search-halfvec', { table: 'a"b', column: 'embedding', dimensions: 8 });
    expect(text).toContain('FROM public."a""b" AS t');
    expect(text).toContain('::public.halfvec(8)');
    expect(text).not.toMatch(/(?<!:):[a-z"]/);
  });

  it('refuse a variable that was not given, and anything but a whole number', () => {
    expect(() => sqlWith('queries/recall-search-halfvec', { table: 't', column: 'c' })).toThrow(/:dimensions/);
    expect(() => sqlWith('queries/recall-search-halfvec', { table: 't', column: 'c', dimensions: '1); DROP' })).toThrow(
      /whole number/,
    );
  });
});
