/** From a desired index to its SQL, and to the names its build and its predecessor bear on the way. Pure. */
import { createHash } from 'node:crypto';
import { quoteIdent } from '../sqlText';
import type { DesiredHnswIndex, DesiredIndex, DesiredIvfflatIndex, VectorType } from './desired';

/** A desired index whose every number is known. */
export type ResolvedIndex = DesiredHnswIndex | (DesiredIvfflatIndex & { lists: number });

const OPERATOR_CLASSES: Readonly<Record<VectorType, string>> = {
  vector: 'vector_cosine_ops',
  halfvec: 'halfvec_cosine_ops',
  bit: 'bit_hamming_ops',
};

export function operatorClass(type: VectorType): string {
  return OPERATOR_CLASSES[type];
}

/** The indexed expression as pg_get_indexdef prints it for a column that needs no quotes. */
export function printedExpression(index: Pick<DesiredIndex, 'type' | 'column' | 'dimensions'>): string {
  const { column, dimensions } = index;
  if (index.type === 'vector') return column;
  if (index.type === 'halfvec') return `(${column}::halfvec(${dimensions}))`;
  return `(binary_quantize(${column})::bit(${dimensions}))`;
}

/** Storage parameters, as in pg_class.reloptions. */
export function storageParameters(index: ResolvedIndex): Record<string, number> {
  return index.method === 'hnsw' ? { m: index.m, ef_construction: index.efConstruction } : { lists: index.lists };
}

/** One statement that builds the index under another name, beside whatever serves now. */
export function createIndexSql(index: ResolvedIndex, name: string): string {
  const column = quoteIdent(index.column);
  const expressions: Record<VectorType, string> = {
    vector: column,
    halfvec: `(${column}::halfvec(${index.dimensions}))`,
    bit: `(binary_quantize(${column})::bit(${index.dimensions}))`,
  };
  const parameters = Object.entries(storageParameters(index)).map(([key, value]) => `${key} = ${value}`);
  return (
    `CREATE INDEX CONCURRENTLY ${quoteIdent(name)} ON ${quoteIdent(index.table)} ` +
    `USING ${index.method} (${expressions[index.type]} ${operatorClass(index.type)}) WITH (${parameters.join(', ')})`
  );
}

/** Eight hex digits that tell one definition from another; equal definitions have equal ones in every run and on every machine. */
export function fingerprint(index: ResolvedIndex): string {
  const { table, column, type, metric, method, dimensions } = index;
  const canonical = JSON.stringify([table, column, type, metric, method, dimensions, storageParameters(index)]);
  return createHash('sha256').update(canonical).digest('hex').slice(0, 8);
}

/**
 * Name of the index while it is built and proven. It carries the definition, so that a run after a lost one can tell a
 * finished or running build that is still wanted from one that is not.
 */
export function buildName(index: ResolvedIndex): string {
  return `${index.name}_build_${fingerprint(index)}`;
}

/** Name that an index gets when another takes its place, until it is dropped. */
export function retiredName(index: Pick<DesiredIndex, 'name'>, oid: number): string {
  return `${index.name}_old_${oid}`;
}

export type LeftoverKind = 'build' | 'retired' | 'reindex';

/** What an index name on one of our tables says of its origin, or undefined where it says nothing. */
export function leftoverKind(name: string, desired: readonly Pick<DesiredIndex, 'name'>[]): LeftoverKind | undefined {
  // REINDEX CONCURRENTLY of PostgreSQL names the new one _ccnew and the replaced one _ccold, with a number when taken.
  if (/_cc(new|old)\d*$/.test(name)) return 'reindex';
  for (const { name: base } of desired) {
    if (!name.startsWith(`${base}_`)) continue;
    const rest = name.slice(base.length + 1);
    if (/^build_[0-9a-f]{8}$/.test(rest)) return 'build';
    if (/^old_\d+$/.test(rest)) return 'retired';
  }
  return undefined;
}
