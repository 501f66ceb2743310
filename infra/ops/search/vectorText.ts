/** Query embeddings from files and from standard input. Messages say where a value is wrong, never the value. */
import { UsageError } from '../errors';
import { decodeFloat16, decodeFloat32 } from '../load/float16';

export type VectorFormat = 'json' | 'f16' | 'f32';

/** By the end of the name; everything else is a JSON array. */
export function formatOf(path: string): VectorFormat {
  if (path.endsWith('.f16')) return 'f16';
  return path.endsWith('.f32') ? 'f32' : 'json';
}

/**
 * Reads one embedding.
 * @param name for messages
 * @throws UsageError for anything that is not one list of finite numbers
 */
export function parseVector(bytes: Buffer, format: VectorFormat, name: string): Float32Array {
  const values = format === 'json' ? parseJson(bytes, name) : parseRaw(bytes, format, name);
  if (values.length === 0) throw new UsageError(`${name} holds no numbers`);
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad !== -1) throw new UsageError(`${name}: value ${bad} is NaN, infinite or beyond the range of float4`);
  return values;
}

function parseRaw(bytes: Buffer, format: 'f16' | 'f32', name: string): Float32Array {
  try {
    return format === 'f16' ? decodeFloat16(bytes) : decodeFloat32(bytes);
  } catch (error) {
    throw new UsageError(`${name} has ${bytes.length} bytes, which are no whole number of ${format} values`, {
      cause: error,
    });
  }
}

function parseJson(bytes: Buffer, name: string): Float32Array {
  let list: unknown;
  try {
    list = JSON.parse(bytes.toString('utf8').replace(/^\ufeff/, ''));
  } catch {
    throw new UsageError(`${name} is not JSON`, {
      allowed: 'one array of numbers: [0.1, 0.2, ...]; or raw values in a .f16 or .f32 file',
    });
  }
  if (!Array.isArray(list))
    throw new UsageError(`${name} is not an array`, { allowed: 'one array of numbers: [0.1, 0.2, ...]' });
  const wrong = list.findIndex((value) => typeof value !== 'number');
  if (wrong !== -1) throw new UsageError(`${name}: value ${wrong} is not a number`);
  return Float32Array.from(list as number[]);
}

/**
 * Makes the embedding fit the column, as pgvector reads it: "[0.1,0.2]".
 * @param pad fills up with zeros
 * @throws UsageError where the dimensions differ, or all values are zero: that has no cosine distance to anything
 */
export function vectorLiteral(values: Float32Array, dimensions: number, pad: boolean, name: string): string {
  if (values.length !== dimensions && !(pad && values.length < dimensions)) {
    const hint = values.length < dimensions ? { next: '--pad fills up with zeros, which keeps every cosine' } : {};
    throw new UsageError(`${name} has ${values.length} dimensions`, {
      allowed: `${dimensions}, as the column has`,
      ...hint,
    });
  }
  if (values.every((value) => value === 0))
    throw new UsageError(`${name} is a zero vector: it has no cosine distance to anything`);
  const padding = new Array<number>(dimensions - values.length).fill(0);
  return `[${[...values, ...padding].join(',')}]`;
}
