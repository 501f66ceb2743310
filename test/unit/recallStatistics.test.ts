/** The numbers of a recall measurement: intervals, samples, steps. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { breadthSteps } from '../../infra/ops/recall/breadth';
import { indexesOf } from '../../infra/ops/recall/explain';
import { mean, seededRandom, wilsonInterval } from '../../infra/ops/recall/statistics';

describe('wilsonInterval', () => {
  it('gives the published example: 81 of 263', () => {
    // Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
    const { low, high } = wilsonInterval(81 / 263, 263);
    expect(low).toBeCloseTo(0.2553, 4);
    expect(high).toBeCloseTo(0.3662, 4);
  });

  it('holds the share, stays between 0 and 1, and narrows with more queries', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 1, max: 10_000 }), (share, n) => {
        const { low, high } = wilsonInterval(share, n);
        expect(low).toBeGreaterThanOrEqual(0);
        expect(high).toBeLessThanOrEqual(1);
        expect(low).toBeLessThanOrEqual(share + 1e-12);
        expect(high).toBeGreaterThanOrEqual(share - 1e-12);
        const wider = wilsonInterval(share, 4 * n);
        expect(wider.high - wider.low).toBeLessThan(high - low);
      }),
    );
  });

  it('claims no certainty where every query found everything, and nothing without queries', () => {
    expect(wilsonInterval(1, 50).low).toBeLessThan(0.94);
    expect(wilsonInterval(0, 0)).toEqual({ low: 0, high: 1 });
  });
});

it('draws the same numbers for the same seed, evenly', () => {
  const draw = (seed: number): number[] => Array.from({ length: 20_000 }, seededRandom(seed));
  expect(draw(7).slice(0, 5)).toEqual(draw(7).slice(0, 5));
  expect(draw(7)[0]).not.toBe(draw(8)[0]);
  expect(mean(draw(7))).toBeCloseTo(0.5, 1);
  expect(Math.max(...draw(7))).toBeLessThan(1);
});

describe('breadthSteps', () => {
  it('begin where the rows asked for can be returned beside the row itself, and end at the limit', () => {
    expect(breadthSteps('hnsw', 10)[0]).toBe(20);
    expect(breadthSteps('hnsw', 10).at(-1)).toBe(1000);
    expect(breadthSteps('ivfflat', 10, 7)).toEqual([1, 2, 3, 5, 7]);
  });
});

it('finds every index of a plan', () => {
  const plan = {
    'Node Type': 'Limit',
    Plans: [
      { 'Node Type': 'Index Scan', 'Index Name': 'b' },
      { 'Node Type': 'Sort', Plans: [{ 'Node Type': 'Index Scan', 'Index Name': 'a' }] },
    ],
  };
  expect(indexesOf(plan)).toEqual(['b', 'a']);
});
