/**
 * The formulas against figures that were measured or read in pgvector's source: they must come out exactly.
 * That a real server builds the same number of pages is shown by test/sql/capacity-live.test.ts.
 */
import { describe, expect, it } from 'vitest';
import { heapPages, rowLayout, toastPagesPerRow } from '../../infra/capacity/heap';
import {
  elementBytes,
  hnswBuildMemoryMiB,
  hnswBuildSeconds,
  hnswBuildWalBytes,
  hnswBytes,
  hnswInsertWalBytes,
  hnswPages,
  hnswSpillTuples,
  pagesPerElement,
  vectorBytes,
} from '../../infra/capacity/hnsw';
import { ivfflatBuildMemoryMiB, ivfflatLists, ivfflatPages, ivfflatProbes } from '../../infra/capacity/ivfflat';
import { btreePages, btreePagesOfFewValues, trigramPages } from '../../infra/capacity/secondary';
import { formatBytes, formatSeconds } from '../../infra/capacity/units';

describe('HNSW size', () => {
  it.each([
    ['vector', 32_000, 32_001],
    ['vector', 500_000, 500_001],
    ['halfvec', 100_000, 50_001],
    ['halfvec', 500_000, 250_001],
  ] as const)('%s(1536), m = 16, %i rows take %i pages', (type, rows, pages) => {
    expect(hnswPages(rows, type, 1536, 16)).toBe(pages);
  });

  it.each([
    ['vector', 100_000, 0.82],
    ['vector', 500_000, 4.1],
    ['vector', 2_500_000, 20.5],
    ['halfvec', 100_000, 0.41],
    ['halfvec', 500_000, 2.05],
    ['halfvec', 2_500_000, 10.2],
    ['bit', 100_000, 0.05],
    ['bit', 500_000, 0.25],
    ['bit', 2_500_000, 1.25],
  ] as const)('%s, %i rows: %d GB on disk', (type, rows, gigabytes) => {
    const decimals = gigabytes >= 10 ? 1 : 2;
    expect(Number((hnswBytes(rows, type, 1536, 16) / 1e9).toFixed(decimals))).toBeCloseTo(
      gigabytes,
      decimals === 1 ? 0 : 1.5,
    );
  });

  it('an element and its neighbours share a page as the source lays them out', () => {
    // MA(72 + 8 + 4 * 1536) + MA(4 + 6 * 16 * 2) + two line pointers
    expect(elementBytes('vector', 1536, 16, 0)).toBe(6224 + 200 + 8);
    expect(elementBytes('bit', 1536, 16, 0)).toBe(272 + 200 + 8);
    expect(elementBytes('bit', 1536, 16, 1) - elementBytes('bit', 1536, 16, 0)).toBe(96);
  });

  it('bit: the levels above 0 cost pages, so an element takes more than 1/17 of a page and less than 1/16', () => {
    const perElement = pagesPerElement('bit', 1536, 16);
    expect(perElement).toBeGreaterThan(1 / 17);
    expect(perElement).toBeLessThan(1 / 16);
  });

  it('an element that leaves no room for its neighbours takes a second page', () => {
    expect(pagesPerElement('vector', 2000, 16)).toBe(2);
  });

  it('an empty index is its meta page', () => {
    expect(hnswPages(0, 'vector', 1536, 16)).toBe(1);
  });
});

describe('HNSW build memory', () => {
  it.each([
    ['vector', 100_000, 655],
    ['vector', 500_000, 3259],
    ['halfvec', 100_000, 363],
    ['halfvec', 500_000, 1795],
    ['bit', 100_000, 88],
    ['bit', 500_000, 421],
  ] as const)('%s(1536), m = 16, %i rows need %i MB', (type, rows, megabytes) => {
    expect(hnswBuildMemoryMiB(rows, type, 1536, 16)).toBe(megabytes);
  });

  it("the guide's 1 GB spills after 156,684 vectors", () => {
    expect(hnswSpillTuples(1024, 'vector', 1536, 16)).toBe(156_684);
  });

  it('the memory asked for is enough, and one MB less is not', () => {
    const memory = hnswBuildMemoryMiB(500_000, 'vector', 1536, 16);
    expect(hnswSpillTuples(memory, 'vector', 1536, 16)).toBeGreaterThanOrEqual(500_000);
    expect(hnswSpillTuples(memory - 1, 'vector', 1536, 16)).toBeLessThan(500_000);
  });

  it('a serial build takes two percent more', () => {
    expect(hnswBuildMemoryMiB(500_000, 'vector', 1536, 16, false)).toBe(3325);
  });
});

describe('HNSW build time', () => {
  const measured = (elements: number, m: number, efConstruction: number): number =>
    hnswBuildSeconds({
      elements,
      type: 'vector',
      dimensions: 1536,
      m,
      efConstruction,
      processes: 2,
      elementsInMemory: elements,
    });

  it.each([
    [32_000, 16, 64, 14.6],
    [32_000, 32, 128, 40],
    [500_000, 16, 64, 262],
  ])(
    '%i rows, m = %i, ef_construction = %i: within 15 percent of the measured %d s',
    (rows, m, efConstruction, seconds) => {
      expect(measured(rows, m, efConstruction) / seconds).toBeGreaterThan(0.85);
      expect(measured(rows, m, efConstruction) / seconds).toBeLessThan(1.15);
    },
  );

  it('what spills takes 6.4 times as long', () => {
    const input = {
      elements: 1000,
      type: 'vector',
      dimensions: 1536,
      m: 16,
      efConstruction: 64,
      processes: 2,
    } as const;
    const fast = hnswBuildSeconds({ ...input, elementsInMemory: 1000 });
    expect(hnswBuildSeconds({ ...input, elementsInMemory: 0 }) / fast).toBeCloseTo(6.4, 6);
  });
});

describe('WAL', () => {
  it.each([
    ['vector', 6504],
    ['halfvec', 3400],
    ['bit', 500],
  ] as const)('a build of %s writes about %i bytes a row', (type, bytes) => {
    expect(hnswBuildWalBytes(1000, type, 1536, 16) / 1000 / bytes).toBeGreaterThan(0.97);
    expect(hnswBuildWalBytes(1000, type, 1536, 16) / 1000 / bytes).toBeLessThan(1.12);
  });

  it('an insert after a checkpoint logs its neighbours whole: 114 kB measured, load included', () => {
    const bytes = 6833 + hnswInsertWalBytes('vector', 1536, 16);
    expect(bytes / 114_254).toBeGreaterThan(0.95);
    expect(bytes / 114_254).toBeLessThan(1.05);
  });
});

describe('IVFFlat', () => {
  it.each([
    ['vector', 1536, 10, 8011],
    ['vector', 1536, 100, 8101],
    ['vector', 1536, 300, 8301],
    ['vector', 256, 100, 1203],
    ['vector', 768, 20, 4017],
    ['halfvec', 1536, 100, 4078],
    ['bit', 1536, 100, 267],
  ] as const)(
    '8,000 real rows as %s(%i) in %i lists: within one percent of the %i pages built',
    (type, dimensions, lists, built) => {
      expect(Math.abs(ivfflatPages(8000, type, dimensions, lists) / built - 1)).toBeLessThan(0.01);
    },
  );

  it('agrees with N/f + half a page a list where lists are long', () => {
    const perPage = 7;
    const rough = 1 + 100 / perPage + 1e6 / perPage + (100 * (perPage - 1)) / (2 * perPage);
    expect(ivfflatPages(1e6, 'vector', 256, 100) / rough).toBeCloseTo(1, 3);
  });

  it('k-means memory is the sample, the centres and the distances', () => {
    // MA(6152) * (2 * 1000 + 50000) + 4 * 1000 * 1536 + 4 * 50000 * 1000 + 4 * 1000^2
    expect(ivfflatBuildMemoryMiB('vector', 1536, 1000)).toBe(
      Math.ceil((6152 * 52_000 + 6_144_000 + 2e8 + 4e6) / 2 ** 20) + 1,
    );
  });

  it('lists and probes follow the rows', () => {
    expect([ivfflatLists(500_000), ivfflatLists(4_000_000), ivfflatLists(10)]).toEqual([500, 2000, 1]);
    expect([ivfflatProbes(500), ivfflatProbes(1)]).toEqual([23, 1]);
  });
});

describe('heap and TOAST', () => {
  it.each([
    ['vector', 512, 667],
    ['vector', 768, 1000],
    ['vector', 1024, 1334],
    ['vector', 1536, 2000],
    ['vector', 2000, 2015],
    ['halfvec', 1024, 667],
    ['halfvec', 1536, 1000],
    ['halfvec', 3072, 2000],
  ] as const)('2,000 rows of %s(%i) took %i TOAST pages on a real server', (type, dimensions, pages) => {
    const layout = rowLayout(28, 0, vectorBytes(type, dimensions));
    expect((2000 * toastPagesPerRow(layout.toastedValueBytes)) / pages).toBeCloseTo(1, 1.7);
  });

  it('a short vector stays in the row, and long text is compressed before it moves', () => {
    expect(rowLayout(28, 0, vectorBytes('vector', 384)).toastedValueBytes).toEqual([]);
    expect(rowLayout(28, 2500, vectorBytes('vector', 1536)).toastedValueBytes).toEqual([6148]);
    expect(rowLayout(28, 9000, 0).toastedValueBytes).toEqual([5850]);
  });

  it('20,000 documents of 311 bytes took 797 heap pages', () => {
    expect(heapPages(20_000, 312) / 797).toBeCloseTo(1, 1);
  });
});

describe('secondary indexes, against 20,000 real rows filled by inserts', () => {
  it('B-trees', () => {
    expect(Math.abs(btreePages(20_000, 4, true) - 57)).toBeLessThanOrEqual(2);
    expect(Math.abs(btreePages(20_000, 18, false) / 130 - 1)).toBeLessThan(0.15);
    expect(Math.abs(btreePagesOfFewValues(20_000) - 20)).toBeLessThanOrEqual(3);
  });

  it.each([
    [20_000, 17.2, 679],
    [20_000, 46.4, 798],
    [20_000, 377.7, 2432],
    [60_000, 188.5, 3793],
    [1000, 46.4, 155],
  ])('%i rows with %d bytes of text: within a fifth of the %i pages', (rows, bytes, pages) => {
    expect(Math.abs(trigramPages(rows, bytes) / pages - 1)).toBeLessThan(0.2);
  });
});

describe('units', () => {
  it('are written for people', () => {
    expect([formatBytes(512), formatBytes(1536), formatBytes(4096008192), formatBytes(2 ** 41)]).toEqual([
      '512 B',
      '1.5 KiB',
      '3.8 GiB',
      '2 TiB',
    ]);
    expect([formatSeconds(14.6), formatSeconds(262), formatSeconds(7500)]).toEqual(['15 s', '4 min 22 s', '2 h 5 min']);
  });
});
