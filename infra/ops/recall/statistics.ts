/** Confidence of a recall measured on a sample. Pure. */

export interface Interval {
  low: number;
  high: number;
}

/** Two-sided 95 % quantile of the standard normal distribution. */
const Z_95 = 1.959964;

/**
 * Wilson's score interval of a share (E. B. Wilson, JASA 22, 1927), 95 %.
 * For recall `n` is the number of queries, not of neighbours: the hits of one query depend on each other. A mean of n values between
 * 0 and 1 varies at most as much as a share of n trials (Bhatia and Davis, Am. Math. Monthly 107, 2000), so the interval is at
 * least as wide as it has to be, also when every query found everything.
 * @param share between 0 and 1
 * @param n number of independent trials; 0 gives the whole range
 */
export function wilsonInterval(share: number, n: number): Interval {
  if (n === 0) return { low: 0, high: 1 };
  const z2 = Z_95 * Z_95;
  const centre = (share + z2 / (2 * n)) / (1 + z2 / n);
  const half = (Z_95 / (1 + z2 / n)) * Math.sqrt((share * (1 - share)) / n + z2 / (4 * n * n));
  // At the ends the formula gives 0 and 1 apart from rounding.
  return { low: share === 0 ? 0 : Math.max(0, centre - half), high: share === 1 ? 1 : Math.min(1, centre + half) };
}

export function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Numbers in [0, 1) that a seed determines: mulberry32 (T. Ettinger, public domain), good enough to draw a sample. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
