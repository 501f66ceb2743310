/** Medians of alternating runs. */
import type { Row } from './types';

export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('no values');
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] as number)) / 2;
}

/** @param share 0 to 1; 0.99 is the value that one in a hundred exceeds */
export function quantile(values: readonly number[], share: number): number {
  if (values.length === 0) throw new RangeError('no values');
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] as number;
}

/** Median and spread, as a row takes them. */
export function summary(values: readonly number[]): Pick<Row, 'value' | 'spread'> {
  const value = median(values);
  return values.length === 1 ? { value } : { value, spread: { min: Math.min(...values), max: Math.max(...values) } };
}

/**
 * Ratio of two things measured in turn: A B A B ... Each round gives a ratio of neighbours in time, so that a machine which grows
 * slower in the middle of a run does not favour one of them.
 */
export function ratios(a: readonly number[], b: readonly number[]): number[] {
  return a.map((value, round) => value / (b[round] as number));
}

/** Runs each of the measurements once a round, in turn. @returns their figures, by name */
export async function alternate<Name extends string>(
  rounds: number,
  measurements: Readonly<Record<Name, (round: number) => Promise<number>>>,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(measurements) as Name[];
  const figures = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, number[]>;
  for (let round = 0; round < rounds; round++) {
    for (const name of names) figures[name].push(await measurements[name](round));
  }
  return figures;
}

/** Seconds that some work takes. */
export async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}
