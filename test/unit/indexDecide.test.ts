/** What the lifecycle decides from a picture of the catalog: no server. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ActualIndex, RunningBuild } from '../../infra/ops/indexes/catalog';
import { changes, decide, differences, resolveIndex } from '../../infra/ops/indexes/decide';
import {
  buildName,
  createIndexSql,
  fingerprint,
  leftoverKind,
  operatorClass,
  printedExpression,
  retiredName,
  storageParameters,
  type ResolvedIndex,
} from '../../infra/ops/indexes/definition';
import { desiredIndexes, type DesiredIndex, type IndexSettingsLike } from '../../infra/ops/indexes/desired';
import { capacitySizing } from '../../infra/ops/indexes/sizing';

const SPEED: IndexSettingsLike = { profile: 'speed', type: 'vector' };
const [documents, steps] = desiredIndexes(SPEED, 1536) as [ResolvedIndex, ResolvedIndex];

/** The catalog's picture of an index that was built as wanted. */
function built(index: ResolvedIndex, more: Partial<ActualIndex> = {}): ActualIndex {
  return {
    oid: 1000,
    name: index.name,
    table: index.table,
    method: index.method,
    valid: true,
    ready: true,
    simple: true,
    constrains: false,
    operatorClass: operatorClass(index.type),
    definition: printedExpression(index),
    options: storageParameters(index),
    sizeBytes: 0,
    scans: 0,
    ...more,
  };
}

function running(name: string | undefined, table: string): RunningBuild {
  const counters = {
    lockersTotal: 0,
    lockersDone: 0,
    blocksTotal: 0,
    blocksDone: 0,
    tuplesTotal: 0,
    tuplesDone: 0,
    workers: 0,
  };
  return {
    pid: 77,
    name,
    table,
    command: 'CREATE INDEX CONCURRENTLY',
    phase: 'initializing',
    lockerPid: undefined,
    runningSeconds: 1,
    ...counters,
  };
}

const kinds = (actual: ActualIndex[], builds: RunningBuild[] = []): string[] =>
  decide([documents, steps], actual, builds).map(({ kind }) => kind);

describe('decide', () => {
  it('keeps what is as wanted and builds what is missing', () => {
    expect(kinds([built(documents), built(steps)])).toEqual(['keep', 'keep']);
    expect(kinds([built(documents)])).toEqual(['keep', 'build']);
  });

  it('builds beside an index that differs, and says in what', () => {
    const old = built(documents, { options: { m: 32, ef_construction: 64 } });
    const [action] = decide([documents], [old], []);
    expect(action).toMatchObject({ kind: 'build', as: buildName(documents), replaces: old });
    expect(action).toMatchObject({ differences: [{ property: 'm', from: '32', to: '16' }] });
  });

  it('drops an INVALID index before it builds, whatever its name', () => {
    expect(kinds([built(documents, { valid: false }), built(steps)])).toEqual(['drop', 'build', 'keep']);
  });

  it('adopts a finished build of the same definition, and never one of another', () => {
    expect(kinds([built(documents, { name: buildName(documents) }), built(steps)])).toEqual(['adopt', 'keep']);
    const other = { ...documents, m: 24 } as ResolvedIndex;
    expect(kinds([built(other, { name: buildName(other) }), built(steps)])).toEqual(['build', 'keep', 'drop']);
  });

  it('waits for a running build that is wanted and cancels one that is not', () => {
    const unfinished = built(documents, { name: buildName(documents), valid: false, ready: false });
    expect(kinds([unfinished, built(steps)], [running(unfinished.name, 'test_documents')])).toEqual(['wait', 'keep']);
    const unwanted = { ...unfinished, name: `${documents.name}_build_00000000` };
    expect(kinds([built(documents), unwanted, built(steps)], [running(unwanted.name, 'test_documents')])).toEqual([
      'cancel',
      'keep',
      'keep',
    ]);
  });

  it('leaves alone whatever somebody builds now, also before the progress view names it', () => {
    const theirs = built(documents, { name: 'my_index', valid: false });
    expect(kinds([built(documents), theirs, built(steps)], [running('my_index', 'test_documents')])).toEqual([
      'keep',
      'keep',
    ]);
    const unnamed = built(documents, { name: `${documents.name}_ccnew`, valid: false });
    expect(kinds([built(documents), unnamed, built(steps)], [running(undefined, 'test_documents')])).toEqual([
      'keep',
      'keep',
    ]);
  });

  it('drops a replaced index only after its successor is in place', () => {
    const retired = built(documents, { name: retiredName(documents, 9) });
    expect(kinds([retired, built(steps)])).toEqual(['build', 'keep', 'drop']);
  });

  it('never drops a valid index that is not ours, nor one that enforces a constraint', () => {
    const name = fc.oneof(
      fc.stringMatching(/^[a-z_]{1,20}$/),
      fc.constantFrom(`${documents.name}_mine`, `${documents.name}2`, 'documents_ccnewest', `${documents.name}_build`),
    );
    fc.assert(
      fc.property(name, fc.boolean(), (other, constrains) => {
        fc.pre(other !== documents.name && other !== steps.name);
        const actions = decide(
          [documents, steps],
          [built(documents, { name: other, valid: !constrains, constrains })],
          [],
        );
        expect(actions.filter(({ kind }) => kind === 'drop')).toEqual([]);
      }),
    );
  });
});

describe('carrying out what was decided', () => {
  /** The catalog after an action, as the server would leave it. */
  function after(actual: ActualIndex[], actions: ReturnType<typeof decide>): ActualIndex[] {
    let next = [...actual];
    for (const action of actions) {
      if (action.kind === 'drop') next = next.filter(({ name }) => name !== action.index.name);
      if (action.kind !== 'build' && action.kind !== 'adopt') continue;
      const { desired } = action;
      const temporary = action.kind === 'build' ? action.as : action.built.name;
      next = next.filter(({ name }) => name !== temporary && name !== desired.name);
      next.push(built(desired));
    }
    return next;
  }

  const settings = fc.record({
    profile: fc.constant('speed' as const),
    type: fc.constantFrom('vector' as const, 'halfvec' as const, 'bit' as const),
    m: fc.constantFrom(8, 16, 32),
  });
  const junk = fc.record({
    name: fc.constantFrom(
      documents.name,
      `${documents.name}_ccnew`,
      `${documents.name}_ccold1`,
      `${documents.name}_build_00000000`,
      buildName(documents),
      retiredName(documents, 5),
    ),
    valid: fc.boolean(),
    m: fc.constantFrom(8, 16, 32),
  });

  it('settles in one round from any leftovers: the second decision changes nothing', () => {
    fc.assert(
      fc.property(settings, fc.uniqueArray(junk, { selector: ({ name }) => name }), (wanted, left) => {
        const desired = desiredIndexes(wanted, 1536) as ResolvedIndex[];
        // REINDEX never leaves a valid _ccnew or _ccold behind.
        const actual = left
          .filter(({ name, valid }) => !(valid && /_cc(new|old)/.test(name)))
          .map(({ name, valid, m }) => built({ ...documents, m } as ResolvedIndex, { name, valid }));
        const first = decide(desired, actual, []);
        expect(changes(decide(desired, after(actual, first), []))).toEqual([]);
      }),
    );
  });
});

describe('definitions', () => {
  it('tell every property of another index', () => {
    const halfvec = { ...documents, type: 'halfvec' } as ResolvedIndex;
    expect(differences(halfvec, built(documents)).map(({ property }) => property)).toEqual(['operator class', 'key']);
    const ivfflat: ResolvedIndex = { ...documents, method: 'ivfflat', profile: 'ivfflat', lists: 10 };
    expect(differences(ivfflat, built(documents)).map(({ property }) => property)).toEqual(['method']);
    expect(differences(documents, built(documents, { simple: false })).map(({ property }) => property)).toEqual([
      'shape',
    ]);
  });

  it('have names that fit PostgreSQL’s 63 bytes and are told apart again', () => {
    for (const index of [documents, steps]) {
      for (const name of [buildName(index), retiredName(index, 2 ** 32 - 1)])
        expect(name.length).toBeLessThanOrEqual(63);
      expect(leftoverKind(buildName(index), [documents, steps])).toBe('build');
      expect(leftoverKind(retiredName(index, 2 ** 32 - 1), [documents, steps])).toBe('retired');
      expect(leftoverKind(index.name, [documents, steps])).toBeUndefined();
    }
    expect(leftoverKind('test_documents_uid_key_ccnew2', [documents])).toBe('reindex');
  });

  it('have a fingerprint that changes with the definition and with nothing else', () => {
    expect(fingerprint(documents)).toBe(fingerprint({ ...documents }));
    const others: Partial<ResolvedIndex>[] = [{ type: 'halfvec' }, { dimensions: 768 }, { table: 'x' }, { m: 17 }];
    const prints = others.map((other) => fingerprint({ ...documents, ...other } as ResolvedIndex));
    expect(new Set([fingerprint(documents), ...prints]).size).toBe(5);
    expect(fingerprint({ ...documents, profile: 'accuracy' })).toBe(fingerprint(documents));
  });

  it.each([
    ['vector', '("embedding" vector_cosine_ops) WITH (m = 16, ef_construction = 64)'],
    ['halfvec', '(("embedding"::halfvec(1536)) halfvec_cosine_ops) WITH (m = 16, ef_construction = 64)'],
    ['bit', '((binary_quantize("embedding")::bit(1536)) bit_hamming_ops) WITH (m = 16, ef_construction = 64)'],
  ] as const)('over %s become the statement of pgvector’s documentation', (type, key) => {
    expect(createIndexSql({ ...documents, type }, 'n')).toBe(
      `CREATE INDEX CONCURRENTLY "n" ON "test_documents" USING hnsw ${key}`,
    );
  });
});

describe('IVFFlat lists', () => {
  const ivfflat = desiredIndexes({ profile: 'ivfflat', type: 'vector' }, 1536)[0] as DesiredIndex;
  const listsFor = (rows: number, existing?: number): number | undefined => {
    const actual = existing === undefined ? [] : [built({ ...ivfflat, lists: existing } as ResolvedIndex)];
    const resolved = resolveIndex(ivfflat, rows, actual, capacitySizing);
    return resolved.method === 'ivfflat' ? resolved.lists : undefined;
  };

  it('follow the rows, are kept while they are near enough, and are renewed when they are not', () => {
    expect(listsFor(100_000)).toBe(100);
    expect(listsFor(150_000, 100)).toBe(100);
    expect(listsFor(201_000, 100)).toBe(201);
    expect(listsFor(40_000, 100)).toBe(40);
  });

  it('never flap: what was chosen for some rows is kept for up to half and twice as many', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2000, max: 900_000 }),
        fc.double({ min: 0.55, max: 1.1, noNaN: true }),
        (rows, factor) => {
          const chosen = listsFor(rows) as number;
          expect(listsFor(Math.round(rows * factor), chosen)).toBe(chosen);
        },
      ),
    );
  });
});
