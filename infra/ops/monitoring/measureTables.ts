/** Values of tables and indexes. Pure. */
import { hnswBytes } from '../../capacity/hnsw';
import { ivfflatBytes } from '../../capacity/ivfflat';
import { MIB } from '../../capacity/units';
import { EMBEDDING_DIMENSIONS } from '../../naming';
import { checkPgvector } from '../environment';
import { CONTRACT_INDEXES, type VectorType } from '../indexes/desired';
import type { Put } from './measure';
import { vectorIndexes } from './observation';
import type { Snapshot, SnapshotIndex, SnapshotTable } from './snapshot';

/** A share of few rows says nothing: half of two rows are dead after one update. */
const LEAST_ROWS = 1000;
/** A small index is a few pages more or less. */
const LEAST_INDEX_BYTES = 8 * MIB;

function worst(
  tables: readonly SnapshotTable[],
  share: (table: SnapshotTable) => number | undefined,
): [SnapshotTable, number] | undefined {
  const shares = tables.flatMap((table) => {
    const value = share(table);
    return value === undefined ? [] : [[table, value] as [SnapshotTable, number]];
  });
  return shares.sort((a, b) => b[1] - a[1])[0];
}

export function tableMetrics({ tables, transactionIds, database }: Snapshot, put: Put): void {
  const number = (value: number | null): string => (value ?? 0).toLocaleString('en');
  const missing = worst(tables, ({ missingEmbeddings, rows }) =>
    missingEmbeddings === null || rows === null ? undefined : rows === 0 ? 0 : (100 * missingEmbeddings) / rows,
  );
  if (missing !== undefined) {
    const [table, share] = missing;
    const about = table.missingEstimated || table.rowsEstimated ? 'about ' : '';
    put(
      'missingEmbeddings',
      share,
      `${about}${number(table.missingEmbeddings)} of ${number(table.rows)} ${table.name}`,
    );
  }
  const dead = worst(tables, ({ deadRows, rows }) =>
    deadRows === null ? undefined : deadRows < LEAST_ROWS ? 0 : (100 * deadRows) / Math.max(1, deadRows + (rows ?? 0)),
  );
  if (dead !== undefined) put('deadRows', dead[1], `${number(dead[0].deadRows)} in ${dead[0].name}`);
  const stale = worst(tables, ({ changedSinceAnalyze, rows }) =>
    changedSinceAnalyze === null
      ? undefined
      : changedSinceAnalyze < LEAST_ROWS
        ? 0
        : (100 * changedSinceAnalyze) / Math.max(1, rows ?? 0),
  );
  if (stale !== undefined)
    put('staleStatistics', stale[1], `${number(stale[0].changedSinceAnalyze)} rows of ${stale[0].name}`);
  put('transactionIdAge', transactionIds.oldestAge, `database ${transactionIds.oldestDatabase}`);
  put('checksumFailures', database.checksumFailures);
}

export function indexMetrics(snapshot: Snapshot, put: Put): void {
  const { indexes, server, tables } = snapshot;
  const vectors = vectorIndexes(snapshot);
  const bare = CONTRACT_INDEXES.filter(({ table }) => !vectors.some((index) => index.table === table && index.valid));
  const building = bare.filter(({ table }) => vectors.some((index) => index.table === table && index.building));
  const missing = bare.filter((each) => !building.includes(each));
  const named = (list: typeof bare): string | undefined =>
    list.length === 0 ? undefined : list.map(({ table }) => table).join(', ');
  put('missingVectorIndex', missing.length, named(missing));
  put('buildingVectorIndex', building.length, named(building));
  const invalid = indexes.filter(({ valid, building: underway }) => !valid && !underway);
  put('invalidIndexes', invalid.length, invalid.length === 0 ? undefined : invalid.map(({ name }) => name).join(', '));
  const bloat = vectors
    .filter(({ valid, bytes }) => valid && bytes >= LEAST_INDEX_BYTES)
    .flatMap((index) => {
      const expected = expectedBytes(index, tables);
      return expected === undefined ? [] : [{ index, share: (100 * index.bytes) / expected }];
    })
    .sort((a, b) => b.share - a.share)[0];
  put('indexBloat', bloat?.share ?? 0, bloat?.index.name);
  const level = server.pgvector === null ? 'fail' : checkPgvector(server.pgvector).level;
  put('pgvectorRelease', { ok: 0, warn: 1, fail: 2 }[level], server.pgvector ?? 'not in this database');
}

/**
 * Bytes that an index takes when it is built afresh over the rows that there are.
 * @returns undefined where the rows are not known, or the kind of index is not
 */
export function expectedBytes(index: SnapshotIndex, tables: readonly SnapshotTable[]): number | undefined {
  const table = tables.find(({ name }) => name === index.table);
  if (table === undefined || table.rows === null) return undefined;
  const type = /^(vector|halfvec|bit)_/.exec(index.operatorClass ?? '')?.[1] as VectorType | undefined;
  if (type === undefined) return undefined;
  const rows = Math.max(0, table.rows - (table.missingEmbeddings ?? 0));
  const option = (name: string, fallback: number): number =>
    Number(index.options?.find((each) => each.startsWith(`${name}=`))?.slice(name.length + 1) ?? fallback);
  return index.method === 'hnsw'
    ? hnswBytes(rows, type, EMBEDDING_DIMENSIONS, option('m', 16))
    : ivfflatBytes(rows, type, EMBEDDING_DIMENSIONS, option('lists', 100));
}
