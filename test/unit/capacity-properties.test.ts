/** What must hold for every workload and every host, not only for the examples. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { evaluate } from '../../infra/capacity/evaluate';
import { forecast } from '../../infra/capacity/forecast';
import { hostOfInstance, smallestHost } from '../../infra/capacity/hosts';
import { INSTANCE_TYPES, REFERENCE_REGION } from '../../infra/capacity/instanceTypes';
import { hnswBuildMemoryMiB, hnswPages } from '../../infra/capacity/hnsw';
import { CapacityInputError, planCapacity, type Host } from '../../infra/capacity/plan';
import {
  DEFAULT_WORKLOAD,
  resolveIndex,
  resolveWorkload,
  type IndexProfile,
  type ResolvedWorkload,
  type VectorType,
} from '../../infra/capacity/workload';

const types: readonly VectorType[] = ['vector', 'halfvec', 'bit'];
const profiles: readonly IndexProfile[] = ['speed', 'accuracy', 'compact', 'ivfflat'];

const workloads: fc.Arbitrary<ResolvedWorkload> = fc
  .record({
    documents: fc.integer({ min: 0, max: 20_000_000 }),
    stepsPerDocument: fc.double({ min: 0, max: 20, noNaN: true }),
    shareWithSteps: fc.double({ min: 0, max: 1, noNaN: true }),
    dimensions: fc.integer({ min: 1, max: 2000 }),
    textBytesPerDocument: fc.integer({ min: 0, max: 50_000 }),
    growthPerMonth: fc.double({ min: 0, max: 0.5, noNaN: true }),
    horizonMonths: fc.integer({ min: 0, max: 60 }),
    connections: fc.integer({ min: 1, max: 1000 }),
    shareOfStepsEmbedded: fc.double({ min: 0, max: 1, noNaN: true }),
    shareOfDistinctEmbeddings: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  .map((workload) => resolveWorkload(workload));

const hosts: fc.Arbitrary<Host> = fc.record(
  {
    memoryMiB: fc.integer({ min: 512, max: 1024 * 1024 }),
    cores: fc.integer({ min: 1, max: 192 }),
    diskGiB: fc.integer({ min: 1, max: 16_384 }),
    devShmMiB: fc.integer({ min: 0, max: 64 * 1024 }),
    hugePages: fc.boolean(),
  },
  { requiredKeys: ['memoryMiB', 'cores'] },
);

const indexes = fc
  .record({
    profile: fc.constantFrom(...profiles),
    type: fc.constantFrom(...types),
    m: fc.integer({ min: 2, max: 100 }),
  })
  .map(({ profile, type, m }) => resolveIndex({ profile, type, m, efConstruction: 2 * m }));

function numbersOf(value: unknown, path = ''): [string, number][] {
  if (typeof value === 'number') return [[path, value]];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, child]) => numbersOf(child, `${path}.${key}`));
}

describe('every plan', () => {
  it('has memory sums that add up and never exceed the memory', () => {
    fc.assert(
      fc.property(workloads, indexes, hosts, (workload, index, host) => {
        const { memory, server, indexes: builds } = evaluate(workload, index, host);
        for (const sum of [memory.serving, memory.building]) {
          expect(sum.totalMiB).toBeLessThanOrEqual(host.memoryMiB);
          expect(sum.totalMiB + sum.freeMiB).toBe(memory.hostMemoryMiB);
        }
        expect(server.sharedBuffersMiB).toBeLessThanOrEqual(host.memoryMiB / 2);
        expect(server.sharedBuffersMiB).toBeGreaterThanOrEqual(Math.floor(host.memoryMiB / 4));
        const used =
          server.sharedBuffersMiB + (server.maxConnections * server.workMemKiB * server.hashMemMultiplier) / 1024;
        expect(used).toBeLessThanOrEqual(host.memoryMiB);
        for (const build of builds)
          expect(build.sessionMaintenanceWorkMemMiB).toBeLessThanOrEqual(memory.building.maintenanceMiB);
      }),
      { numRuns: 500 },
    );
  });

  it('has no negative and no impossible number', () => {
    fc.assert(
      fc.property(workloads, indexes, hosts, (workload, index, host) => {
        for (const [path, value] of numbersOf(evaluate(workload, index, host))) {
          expect(Number.isFinite(value), path).toBe(true);
          expect(value, path).toBeGreaterThanOrEqual(0);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('that fits builds without a spill, in memory that /dev/shm has, on a disk that holds it', () => {
    fc.assert(
      fc.property(workloads, indexes, hosts, (workload, index, host) => {
        const { problems, memory, indexes: builds, disk } = evaluate(workload, index, host);
        if (problems.length > 0) return;
        for (const build of builds) {
          expect(build.spills).toBe(false);
          expect(build.devShmMiB).toBeLessThanOrEqual(host.devShmMiB ?? host.memoryMiB / 2);
        }
        expect(memory.hotIndexMiB).toBeLessThan(memory.serving.sharedBuffersMiB);
        if (host.diskGiB !== undefined) expect(disk.requiredBytes).toBeLessThanOrEqual(host.diskGiB * 2 ** 30);
      }),
      { numRuns: 500 },
    );
  });

  it('gives parameters the server takes: whole numbers within its limits', () => {
    fc.assert(
      fc.property(workloads, indexes, hosts, (workload, index, host) => {
        const { server } = evaluate(workload, index, host);
        expect(server.workMemKiB).toBeGreaterThanOrEqual(64);
        expect(server.superuserReservedConnections + server.reservedConnections).toBeLessThan(server.maxConnections);
        expect(server.maxParallelWorkers).toBeLessThanOrEqual(Math.max(server.maxWorkerProcesses, 1));
        expect(server.minWalSizeMiB).toBeLessThanOrEqual(server.maxWalSizeMiB);
        expect(server.minWalSizeMiB).toBeGreaterThanOrEqual(32);
        expect(server.effectiveCacheSizeMiB).toBeGreaterThanOrEqual(server.sharedBuffersMiB);
        for (const [path, value] of numbersOf(server)) {
          if (!/Factor|Multiplier|Cost|Target/.test(path)) expect(Number.isInteger(value), path).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('sizes grow', () => {
  const sizes = fc.record({
    rows: fc.integer({ min: 0, max: 5_000_000 }),
    more: fc.integer({ min: 0, max: 1_000_000 }),
    type: fc.constantFrom(...types),
    dimensions: fc.integer({ min: 1, max: 1900 }),
    m: fc.integer({ min: 2, max: 60 }),
  });

  it('with rows, dimensions and m', () => {
    fc.assert(
      fc.property(
        sizes,
        fc.integer({ min: 0, max: 64 }),
        fc.integer({ min: 0, max: 16 }),
        ({ rows, more, type, dimensions, m }, wider, denser) => {
          const pages = hnswPages(rows, type, dimensions, m);
          expect(hnswPages(rows + more, type, dimensions, m)).toBeGreaterThanOrEqual(pages);
          expect(hnswPages(rows, type, dimensions + wider, m)).toBeGreaterThanOrEqual(pages);
          const memory = hnswBuildMemoryMiB(rows, type, dimensions, m);
          expect(hnswBuildMemoryMiB(rows + more, type, dimensions + wider, m)).toBeGreaterThanOrEqual(memory);
          // A denser graph has fewer levels, P(level >= 1) = 1/m: that, and no more, can outweigh its longer neighbour lists.
          expect(hnswPages(rows, type, dimensions, m + denser)).toBeGreaterThanOrEqual(pages * (1 - 1 / m) - 1);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('halfvec is never larger than vector, bit never larger than halfvec', () => {
    fc.assert(
      fc.property(sizes, ({ rows, dimensions, m }) => {
        const [vector, halfvec, bit] = types.map((type) => hnswPages(rows, type, dimensions, m)) as [
          number,
          number,
          number,
        ];
        expect(halfvec).toBeLessThanOrEqual(vector);
        expect(bit).toBeLessThanOrEqual(halfvec);
      }),
    );
  });
});

describe('the smallest host', () => {
  it('fits, and every cheaper one of the table does not', () => {
    fc.assert(
      fc.property(workloads, indexes, (workload, index) => {
        const offer = smallestHost(workload, index, REFERENCE_REGION);
        const price = offer?.instanceUsdPerHour ?? Infinity;
        const fits = INSTANCE_TYPES.filter(
          (type) =>
            type.vCpus >= 2 &&
            type.memoryGiB >= 16 &&
            evaluate(workload, index, hostOfInstance(type)).problems.length === 0,
        );
        if (offer === undefined) return;
        expect(fits.map(({ name }) => name)).toContain(offer.instanceType);
        expect(Math.min(...fits.map((type) => type.usdPerHour[REFERENCE_REGION] ?? Infinity))).toBe(price);
      }),
      { numRuns: 40 },
    );
  });

  it('at the horizon is never cheaper than now', () => {
    fc.assert(
      fc.property(workloads, fc.constantFrom(...profiles), (workload, profile) => {
        const plan = planCapacity({ workload, index: { profile } });
        const now = plan.smallestHost?.instanceUsdPerHour ?? Infinity;
        expect(plan.horizon.smallestHost?.instanceUsdPerHour ?? Infinity).toBeGreaterThanOrEqual(now);
        expect(plan.horizon.documents).toBeGreaterThanOrEqual(workload.documents);
      }),
      { numRuns: 25 },
    );
  });
});

describe('the forecast', () => {
  it('never gives more months for more growth, and the month it names is the first that breaks', () => {
    const host = { memoryMiB: 32_768, cores: 4, diskGiB: 200 };
    const index = resolveIndex({ profile: 'speed' });
    fc.assert(
      fc.property(
        fc.integer({ min: 1000, max: 900_000 }),
        fc.double({ min: 0, max: 0.3, noNaN: true }),
        fc.double({ min: 0, max: 0.3, noNaN: true }),
        (documents, a, b) => {
          const at = (growthPerMonth: number): ReturnType<typeof forecast> =>
            forecast(resolveWorkload({ ...DEFAULT_WORKLOAD, documents, growthPerMonth }), index, host);
          const [slow, fast] = [at(Math.min(a, b)), at(Math.max(a, b))];
          expect(fast.monthsUntilMemoryFull ?? Infinity).toBeLessThanOrEqual(slow.monthsUntilMemoryFull ?? Infinity);
          expect(fast.monthsUntilDiskFull ?? Infinity).toBeLessThanOrEqual(slow.monthsUntilDiskFull ?? Infinity);
          const month = fast.monthsUntilDiskFull;
          if (month === undefined) return;
          const broken = (months: number): boolean =>
            evaluate(
              resolveWorkload({
                ...DEFAULT_WORKLOAD,
                documents: Math.ceil(documents * (1 + Math.max(a, b)) ** months),
              }),
              index,
              host,
            ).problems.some(({ kind }) => kind === 'disk');
          expect(broken(month)).toBe(true);
          if (month > 0) expect(broken(month - 1)).toBe(false);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('a plan that does not fit', () => {
  it('names what breaks with both numbers, and three ways out', () => {
    fc.assert(
      fc.property(workloads, fc.constantFrom(...profiles), hosts, (workload, profile, host) => {
        const plan = planCapacity({ workload, index: { profile }, host });
        expect(plan.fits).toBe(plan.problems.length === 0);
        expect(plan.waysOut).toHaveLength(plan.fits ? 0 : 3);
        for (const problem of plan.problems) expect(problem.needed).toBeGreaterThan(problem.available);
      }),
      { numRuns: 60 },
    );
  });

  it('is found for nonsense before any formula is asked', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('documents', 'dimensions', 'connections', 'shareWithSteps'),
        fc.constantFrom(-1, NaN, Infinity, 1e12),
        (field, value) => {
          const workload = { ...DEFAULT_WORKLOAD, [field]: value };
          expect(() => planCapacity({ workload, index: { profile: 'speed' } })).toThrow(CapacityInputError);
        },
      ),
    );
  });
});
