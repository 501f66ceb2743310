/** The plan as a whole: the 500,000 documents of the guide, hosts that are too small, prices, and the guide's own figures. */
import { describe, expect, it } from 'vitest';
import { guideFigures, guidePlan } from '../../infra/capacity/guideFigures';
import { INSTANCE_TYPES, REFERENCE_REGION, instanceTypeNamed } from '../../infra/capacity/instanceTypes';
import {
  CapacityError,
  CapacityInputError,
  DEFAULT_WORKLOAD,
  PARAMETER_ROWS,
  assertFits,
  planCapacity,
} from '../../infra/capacity/plan';
import { gp3UsdPerMonth, instanceUsdPerMonth, s3UsdPerMonth } from '../../infra/capacity/prices';

const gib = (bytes: number): number => bytes / 2 ** 30;

describe('500,000 documents with the default profile', () => {
  const plan = guidePlan();

  it('fits a 32 GiB host and says which', () => {
    expect(plan.fits).toBe(true);
    expect(plan.smallestHost).toMatchObject({
      instanceType: 'r7g.xlarge',
      memoryGiB: 32,
      vCpus: 4,
      architecture: 'arm64',
    });
    expect(plan.smallestHost?.pricesAsOf).toBe('2025-10');
    expect(() => assertFits(plan)).not.toThrow();
  });

  it('builds both indexes in memory of the session, in parallel', () => {
    expect(
      plan.indexes.map((index) => [index.table, index.buildMemoryMiB, index.parallelWorkers, index.spills]),
    ).toEqual([
      ['test_documents', 3259, 3, false],
      ['test_steps', 4366, 3, false],
    ]);
  });

  it('keeps the sums consistent', () => {
    const { sizes, disk } = plan;
    const parts = sizes.tableBytes + sizes.toastBytes + sizes.secondaryIndexBytes + sizes.vectorIndexBytes;
    expect(gib(sizes.databaseBytes - parts)).toBeLessThan(0.01);
    const { requiredBytes, ...rest } = disk;
    expect(Object.values(rest).reduce((sum, bytes) => sum + bytes, 0)).toBe(requiredBytes);
    expect(disk.restoreBytes).toBe(sizes.databaseBytes);
    expect(disk.reindexBytes).toBeGreaterThan(Math.max(...plan.indexes.map((index) => index.indexBytes)));
  });

  it('degrades from vector to halfvec to bit with rerank, each on a smaller or equal host', () => {
    expect(plan.degradePath.map(({ type, rerank }) => [type, rerank])).toEqual([
      ['vector', false],
      ['halfvec', false],
      ['bit', true],
    ]);
    const prices = plan.degradePath.map(({ smallestHost }) => smallestHost?.instanceUsdPerHour ?? Infinity);
    expect(prices).toEqual([...prices].sort((a, b) => b - a));
  });

  it('has a row in the parameter table for every parameter', () => {
    expect(PARAMETER_ROWS.map(({ field }) => field).sort()).toEqual(Object.keys(plan.server).sort());
    expect(new Set(PARAMETER_ROWS.map(({ parameter }) => parameter)).size).toBe(PARAMETER_ROWS.length);
  });
});

describe('a host that is too small', () => {
  const host = { memoryMiB: 16_384, cores: 8, diskGiB: 500 };
  const plan = planCapacity({ workload: DEFAULT_WORKLOAD, index: { profile: 'speed' }, host });

  it('fails the preview with the numbers and three ways out', () => {
    expect(plan.fits).toBe(false);
    expect(plan.forecast.monthsUntilMemoryFull).toBe(0);
    expect(() => assertFits(plan)).toThrow(CapacityError);
    const lines = new CapacityError(plan.problems, plan.waysOut).toLines();
    expect(lines[1]).toContain('need shared_buffers of 9.8 GiB; a host with 16 GiB gives at most 8 GiB');
    expect(plan.waysOut.map(({ kind }) => kind)).toEqual(['bigger host', 'smaller type', 'fewer step embeddings']);
    expect(lines.at(-2)).toContain('halfvec takes 4.5 GiB of indexes instead of 8.9 GiB');
  });

  it('fits after each way out it offers', () => {
    const share = Number(/at most (\d+) %/.exec(plan.waysOut[2]?.message ?? '')?.[1]) / 100;
    const fewer = { ...DEFAULT_WORKLOAD, shareOfStepsEmbedded: share };
    expect(planCapacity({ workload: fewer, index: { profile: 'speed' }, host }).fits).toBe(true);
    expect(planCapacity({ workload: DEFAULT_WORKLOAD, index: { profile: 'compact' }, host }).fits).toBe(true);
    const memoryGiB = Number(/or (\d+) GiB of memory here/.exec(plan.waysOut[0]?.message ?? '')?.[1]);
    const at = (memory: number): boolean =>
      planCapacity({
        workload: DEFAULT_WORKLOAD,
        index: { profile: 'speed' },
        host: { ...host, memoryMiB: memory * 1024 },
      }).fits;
    expect([at(memoryGiB - 1), at(memoryGiB)]).toEqual([false, true]);
  });

  it('offers a bigger disk where only the disk is short, and that one suffices', () => {
    const small = { memoryMiB: 65_536, cores: 8, diskGiB: 50 };
    const short = planCapacity({ workload: DEFAULT_WORKLOAD, index: { profile: 'speed' }, host: small });
    expect(short.problems.map(({ kind }) => kind)).toEqual(['disk']);
    expect(short.waysOut[0]?.kind).toBe('bigger disk');
    const diskGiB = Number(/(\d+) GiB instead/.exec(short.waysOut[0]?.message ?? '')?.[1]);
    expect(
      planCapacity({ workload: DEFAULT_WORKLOAD, index: { profile: 'speed' }, host: { ...small, diskGiB } }).fits,
    ).toBe(true);
  });

  it('builds serially, and says so, where /dev/shm is as small as in Docker', () => {
    const docker = planCapacity({
      workload: { ...DEFAULT_WORKLOAD, documents: 100_000 },
      index: { profile: 'speed' },
      host: { memoryMiB: 16_384, cores: 4, devShmMiB: 64 },
    });
    expect(docker.fits).toBe(true);
    expect(docker.indexes.map(({ parallelWorkers, devShmMiB }) => [parallelWorkers, devShmMiB])).toEqual([
      [0, 0],
      [0, 0],
    ]);
    expect(docker.warnings.join()).toContain('/dev/shm (64 MiB)');
  });
});

describe('when aurora is the answer', () => {
  it('is when no listed host fits, and not for the default workload', () => {
    expect(guidePlan().aurora).toMatchObject({ advised: false, reasons: [] });
    const huge = planCapacity({
      workload: { ...DEFAULT_WORKLOAD, documents: 50_000_000 },
      index: { profile: 'speed' },
    });
    expect(huge.fits).toBe(false);
    expect(huge.smallestHost).toBeUndefined();
    expect(huge.aurora.reasons[1]).toBe('no single listed host fits today');
  });

  it('is when a restore takes longer than the objective', () => {
    const plan = planCapacity({
      workload: DEFAULT_WORKLOAD,
      index: { profile: 'speed' },
      recoveryTimeObjectiveHours: 0.01,
    });
    expect(plan.aurora.reasons).toEqual(['restoring one host takes 0.1 h, more than the objective of 0.01 h']);
  });
});

describe('prices', () => {
  it('are list prices, known for every type in the reference region', () => {
    expect(instanceTypeNamed('r8g.xlarge')?.usdPerHour[REFERENCE_REGION]).toBe(0.23564);
    expect(instanceTypeNamed('m7g.2xlarge')).toMatchObject({
      memoryGiB: 32,
      vCpus: 8,
      usdPerHour: { 'us-east-1': 0.3264 },
    });
    expect(instanceTypeNamed('i4i.2xlarge')?.localNvmeGB).toBe(1875);
    for (const type of INSTANCE_TYPES) expect(type.usdPerHour[REFERENCE_REGION], type.name).toBeGreaterThan(0);
    expect(new Set(INSTANCE_TYPES.map(({ name }) => name)).size).toBe(INSTANCE_TYPES.length);
  });

  it('are undefined where unknown, never 0', () => {
    const type = instanceTypeNamed('r8g.xlarge');
    expect(type && instanceUsdPerMonth(type, 'mars-north-1')).toBeUndefined();
    expect(gp3UsdPerMonth({ sizeGiB: 100, iops: 3000, throughputMiBps: 125 }, 'mars-north-1')).toBeUndefined();
    expect(s3UsdPerMonth(100, 'mars-north-1')).toBeUndefined();
    const plan = planCapacity({ workload: DEFAULT_WORKLOAD, index: { profile: 'speed' }, region: 'mars-north-1' });
    expect(plan.smallestHost).toMatchObject({
      instanceType: 'r7g.xlarge',
      instanceUsdPerHour: undefined,
      totalUsdPerMonth: undefined,
    });
  });

  it('of gp3 count only what is above the included performance', () => {
    expect(gp3UsdPerMonth({ sizeGiB: 100, iops: 3000, throughputMiBps: 125 }, 'us-east-1')).toBe(8);
    expect(gp3UsdPerMonth({ sizeGiB: 100, iops: 4000, throughputMiBps: 250 }, 'us-east-1')).toBe(18);
  });
});

describe('bad input', () => {
  it('is refused with every mistake at once', () => {
    const workload = { ...DEFAULT_WORKLOAD, documents: -1, dimensions: 3072 };
    const attempt = (): unknown => planCapacity({ workload, index: { profile: 'speed', m: 1, efConstruction: 3 } });
    expect(attempt).toThrow(CapacityInputError);
    expect(attempt).toThrow(
      /documents = -1; allowed: a whole number from 0[^]*dimensions = 3072; allowed: at most 2000[^]*m = 1;[^]*efConstruction = 3/,
    );
  });

  it('refuses an ef_construction below twice m, as the server does', () => {
    const index = { profile: 'speed', m: 40 } as const;
    expect(() => planCapacity({ workload: DEFAULT_WORKLOAD, index })).toThrow(
      /efConstruction = 64; allowed: at least twice m, 80/,
    );
  });
});

describe("the guide's figures", () => {
  const figures = guideFigures();
  const row = (topic: string): (typeof figures)[number] | undefined => figures.find((figure) => figure.topic === topic);

  it('stand beside ours, each with its reason', () => {
    expect(figures.map(({ topic, guide, ours, agrees }) => [topic, guide, ours, agrees])).toMatchInlineSnapshot(`
      [
        [
          "vector data per 100k documents",
          "1.5 GB",
          "2.2 GB",
          false,
        ],
        [
          "vector data for 500k documents",
          "7.5 GB",
          "10.8 GB",
          false,
        ],
        [
          "HNSW index over raw vectors",
          "2 x",
          "1.33 x",
          false,
        ],
        [
          "indexes for 500k documents",
          "15 GB",
          "9.6 GB HNSW + 1.2 GB others",
          false,
        ],
        [
          "memory of the host",
          "16 GB minimum, 32 GB recommended",
          "32 GiB",
          true,
        ],
        [
          "disk",
          "50 GB minimum, 100 GB recommended",
          "80.8 GB",
          true,
        ],
        [
          "CPU",
          "4 cores minimum, 8 recommended",
          "4 vCPUs",
          true,
        ],
        [
          "shared_buffers",
          "2 GB",
          "9.8 GiB",
          false,
        ],
        [
          "effective_cache_size",
          "6 GB",
          "23.3 GiB",
          false,
        ],
        [
          "work_mem",
          "256 MB, 100 connections: 25.6 GB",
          "62 MB, 13.1 GiB with hashes in every connection",
          false,
        ],
        [
          "maintenance_work_mem",
          "1 GB",
          "3325 MB for test_documents, 4453 MB for test_steps",
          false,
        ],
        [
          "random_page_cost",
          "1.1",
          "1.1",
          true,
        ],
        [
          "effective_io_concurrency",
          "200",
          "200",
          true,
        ],
        [
          "max_connections",
          "100",
          "108",
          true,
        ],
        [
          "checkpoint_timeout",
          "5 min, "for PITR"",
          "15 min",
          false,
        ],
        [
          "IVFFlat lists",
          "1000, probes not set",
          "500 lists, 23 probes",
          false,
        ],
        [
          "IVFFlat saves disk",
          "for memory-constrained environments",
          "4.1 GB against 4.1 GB HNSW",
          false,
        ],
      ]
    `);
    for (const figure of figures) expect(figure.why.length, figure.topic).toBeGreaterThan(10);
  });

  it('differ where the facts say so', () => {
    expect(row('HNSW index over raw vectors')).toMatchObject({ ours: '1.33 x', agrees: false });
    expect(row('maintenance_work_mem')?.why).toContain('156684 vectors');
    expect(row('memory of the host')).toMatchObject({ ours: '32 GiB', agrees: true });
  });
});
