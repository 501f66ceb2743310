import { DEFAULT_WORKLOAD } from '../../infra/capacity/workload';

/** A vector as SQL text, filled up with zeros to the column's dimensions. */
export function vectorText(values: Float32Array, dimensions: number = DEFAULT_WORKLOAD.dimensions): string {
  return `[${[...values, ...new Array<number>(dimensions - values.length).fill(0)].join(',')}]`;
}
