/** Sizes of every relation of the application's database, and what its disk must hold beside them. */
import { elementBytes, hnswBytes, hnswInsertWalBytes, vectorBytes } from './hnsw';
import { freeSpaceMapPages, heapPages, rowLayout, toastPagesPerRow, visibilityMapPages } from './heap';
import { ivfflatBytes, ivfflatLists } from './ivfflat';
import { btreePages, btreePagesOfFewValues, ginPages, trigramPages } from './secondary';
import { GIB, MIB, pagesToBytes } from './units';
import { stepRows, type IndexChoice, type ResolvedWorkload } from './workload';

export type TableName = 'test_documents' | 'test_steps';
export type RelationKind = 'heap' | 'toast' | 'btree' | 'gin' | 'vector index';

/** One relation with its free space and visibility maps. */
export interface RelationSize {
  table: TableName;
  /** What it is: `heap`, `toast`, `toast index`, or the columns of an index. */
  name: string;
  kind: RelationKind;
  bytes: number;
}

/** Rows of a table, and how many of them a vector index holds. */
export interface TableRows {
  table: TableName;
  rows: number;
  /** Rows whose embedding is not NULL. */
  embeddedRows: number;
  /** Distinct embeddings; see {@link hnswElements}. */
  elements: number;
}

/** System catalogs of a database with the extensions and functions of the migrations, measured. */
const CATALOG_BYTES = 8.25 * MIB;

/** Header with null bitmap, keys, integers, timestamps and flags of a document: always in the heap. */
const DOCUMENT_FIXED_BYTES = 32 + 37;

/** Header, keys and array overhead of a step. */
const STEP_FIXED_BYTES = 24 + 12 + 25;

/** Rows of both tables. */
export function tableRows(workload: ResolvedWorkload): readonly [TableRows, TableRows] {
  const count = (table: TableName, rows: number, share: number): TableRows => {
    const embeddedRows = Math.round(rows * share);
    // An element holds ten rows at most (HNSW_HEAPTIDS): further copies need another element.
    const elements = Math.ceil(embeddedRows * Math.max(workload.shareOfDistinctEmbeddings, 0.1));
    return { table, rows, embeddedRows, elements };
  };
  return [
    count('test_documents', workload.documents, workload.shareOfDocumentsEmbedded),
    count('test_steps', stepRows(workload), workload.shareOfStepsEmbedded),
  ];
}

/**
 * Elements of an HNSW index: copies share one, but pgvector finds copies only where ef_construction is above 2 m (it looks at the
 * nearest of the selected neighbours, and does not order them when there are no more than 2 m; measured with 0.8.6).
 */
export function hnswElements(rows: TableRows, index: IndexChoice): number {
  return index.efConstruction > 2 * index.m ? rows.elements : rows.embeddedRows;
}

/** Bytes of the vector index of a table. */
export function vectorIndexBytes(rows: TableRows, dimensions: number, index: IndexChoice): number {
  if (index.profile === 'ivfflat') {
    return ivfflatBytes(rows.embeddedRows, index.type, dimensions, index.lists ?? ivfflatLists(rows.embeddedRows));
  }
  return hnswBytes(hnswElements(rows, index), index.type, dimensions, index.m);
}

function tableRelations(rows: TableRows, fixedBytes: number, textBytes: number, dimensions: number): RelationSize[] {
  const { table } = rows;
  const share = rows.rows === 0 ? 0 : rows.embeddedRows / rows.rows;
  const withVector = rowLayout(fixedBytes, textBytes, vectorBytes('vector', dimensions));
  const without = rowLayout(fixedBytes, textBytes, 0);
  const mix = (pick: (layout: typeof without) => number): number =>
    share * pick(withVector) + (1 - share) * pick(without);
  const heap = heapPages(
    rows.rows,
    mix((layout) => layout.tupleBytes),
  );
  const toast = Math.ceil(rows.rows * mix((layout) => toastPagesPerRow(layout.toastedValueBytes)) - 1e-6);
  const chunks = Math.round(rows.rows * mix((layout) => layout.toastChunks));
  const forks = (pages: number): number => freeSpaceMapPages(pages) + visibilityMapPages(pages);
  const of = (name: string, kind: RelationKind, pages: number): RelationSize => ({
    table,
    name,
    kind,
    bytes: pagesToBytes(pages),
  });
  return [
    of('heap', 'heap', heap + forks(heap)),
    of('toast', 'toast', toast + forks(toast)),
    of('toast index', 'toast', btreePages(chunks, 8, true)),
  ];
}

function documentIndexes(rows: number, workload: ResolvedWorkload): RelationSize[] {
  const of = (name: string, kind: RelationKind, pages: number): RelationSize => ({
    table: 'test_documents',
    name,
    kind,
    bytes: pagesToBytes(pages),
  });
  const few = ['priority', 'test_type', 'suite_id', 'section_id', 'project_id'];
  const gin = (name: string, keys: number, distinct: number): RelationSize =>
    of(name, 'gin', ginPages(rows, keys, Math.min(distinct, rows)) + 3);
  return [
    of('id', 'btree', btreePages(rows, 4, true)),
    of('test_case_id', 'btree', btreePages(rows, 4, true)),
    of('uid', 'btree', btreePages(rows, 18, false)),
    of('jira_key', 'btree', btreePages(rows, 8, false)),
    ...few.map((name) => of(name, 'btree', btreePagesOfFewValues(rows))),
    gin('tags', 2, 500),
    gin('platforms', 2.4, 20),
    gin('custom_fields', 2, 1000),
    of('title', 'gin', trigramPages(rows, workload.titleBytes) + 3),
    of('description', 'gin', trigramPages(rows, workload.descriptionBytes) + 3),
  ];
}

/** Sizes of all relations of the database, the catalogs excluded; see {@link databaseBytes}. */
export function relationSizes(workload: ResolvedWorkload, index: IndexChoice): RelationSize[] {
  const [documents, steps] = tableRows(workload);
  const embedding = (rows: TableRows): RelationSize => ({
    table: rows.table,
    name: 'embedding',
    kind: 'vector index',
    bytes: vectorIndexBytes(rows, workload.dimensions, index),
  });
  const stepIndex = (name: string): RelationSize => ({
    table: 'test_steps',
    name,
    kind: 'btree',
    bytes: pagesToBytes(btreePages(steps.rows, 8, true)),
  });
  const documentFixed = DOCUMENT_FIXED_BYTES + workload.metadataBytesPerDocument;
  return [
    ...tableRelations(documents, documentFixed, workload.textBytesPerDocument, workload.dimensions),
    ...documentIndexes(documents.rows, workload),
    embedding(documents),
    ...tableRelations(steps, STEP_FIXED_BYTES, workload.textBytesPerStep, workload.dimensions),
    stepIndex('id'),
    stepIndex('test_document_id, step_index'),
    embedding(steps),
  ];
}

/** Sum of relations that satisfy a condition, in bytes. */
export function sumBytes(
  relations: readonly RelationSize[],
  condition: (relation: RelationSize) => boolean = () => true,
): number {
  return relations.filter(condition).reduce((sum, relation) => sum + relation.bytes, 0);
}

/** Size of the database in bytes, as pg_database_size gives it. */
export function databaseBytes(relations: readonly RelationSize[]): number {
  return CATALOG_BYTES + sumBytes(relations);
}

/** WAL of loading and of everyday writes, in bytes. */
export interface WalSizes {
  /** A document or step loaded without a vector index. Measured 6.8 kB for vector(1536). */
  loadBytesPerRow: number;
  /** A row inserted while its HNSW index exists, at most; see hnswInsertWalBytes. */
  insertBytesPerRow: number;
  /** Loading all rows of both tables. */
  initialLoadBytes: number;
  /** A month of growth. */
  growthBytesPerMonth: number;
}

/** WAL that the workload writes. */
export function walSizes(workload: ResolvedWorkload, index: IndexChoice): WalSizes {
  const rows = tableRows(workload).reduce((sum, table) => sum + table.rows, 0);
  const textBytes = rows === 0 ? 0 : (workload.documents * workload.textBytesPerDocument) / rows;
  const loadBytesPerRow = Math.ceil(vectorBytes('vector', workload.dimensions) + textBytes + 600);
  const indexWal =
    index.profile === 'ivfflat'
      ? elementBytes(index.type, workload.dimensions, 2, 0)
      : hnswInsertWalBytes(index.type, workload.dimensions, index.m);
  const insertBytesPerRow = Math.ceil(loadBytesPerRow + indexWal);
  return {
    loadBytesPerRow,
    insertBytesPerRow,
    initialLoadBytes: loadBytesPerRow * rows,
    growthBytesPerMonth: Math.ceil(insertBytesPerRow * rows * workload.growthPerMonth),
  };
}

/** What a backup repository holds, in bytes. */
export interface BackupSizes {
  /** A full physical backup, compressed. */
  fullBytes: number;
  /** A logical dump: tables only, indexes are rebuilt. */
  logicalDumpBytes: number;
  /** WAL of a month, compressed. */
  walBytesPerMonth: number;
  /** Two full backups and a month of WAL. */
  repositoryBytes: number;
  /** Copying a full backup back at 100 MB/s, without replaying WAL. */
  restoreSeconds: number;
}

/** Vectors barely compress: zstd takes off 8 percent. */
export const COMPRESSED_SHARE = 0.92;

/** Bytes a second a restore to gp3 reaches: the included 125 MiB/s, less what small files and decompression cost. */
const RESTORE_BYTES_PER_SECOND = 100e6;

/** Sizes of backups of a database. */
export function backupSizes(relations: readonly RelationSize[], wal: WalSizes): BackupSizes {
  const database = databaseBytes(relations);
  const fullBytes = Math.ceil(database * COMPRESSED_SHARE);
  const walBytesPerMonth = Math.ceil(wal.growthBytesPerMonth * COMPRESSED_SHARE);
  const tables = sumBytes(relations, ({ kind }) => kind === 'heap' || kind === 'toast');
  return {
    fullBytes,
    logicalDumpBytes: Math.ceil(tables * COMPRESSED_SHARE),
    walBytesPerMonth,
    repositoryBytes: 2 * fullBytes + walBytesPerMonth,
    restoreSeconds: Math.ceil(database / RESTORE_BYTES_PER_SECOND),
  };
}

/** What the data disk must hold, in bytes; the parts add up to `requiredBytes`. */
export interface DiskSizes {
  databaseBytes: number;
  /** Dead rows of updates that vacuum has not yet given back: a fifth of the tables. */
  bloatBytes: number;
  /** max_wal_size, and as much again for a slot or an archive that lags. */
  walBytes: number;
  /** A second copy of the largest vector index while REINDEX CONCURRENTLY or `index apply` builds it, and its WAL. */
  reindexBytes: number;
  /** A second copy of the database for a restore or a drill beside the live one. */
  restoreBytes: number;
  /** Sort files and logs. */
  temporaryBytes: number;
  /** A tenth stays free: filesystems and vacuum need room, and the alarm must come before the end. */
  freeBytes: number;
  requiredBytes: number;
}

/** Disk for a database with `maxWalSizeMiB`. */
export function diskSizes(relations: readonly RelationSize[], maxWalSizeMiB: number): DiskSizes {
  const database = databaseBytes(relations);
  const largest = Math.max(0, ...relations.filter(({ kind }) => kind === 'vector index').map(({ bytes }) => bytes));
  const parts = {
    databaseBytes: database,
    bloatBytes: Math.ceil(sumBytes(relations, ({ kind }) => kind === 'heap' || kind === 'toast') / 5),
    walBytes: 2 * maxWalSizeMiB * MIB,
    reindexBytes: 2 * largest,
    restoreBytes: database,
    temporaryBytes: Math.ceil(Math.min(10 * GIB, Math.max(256 * MIB, database / 10))),
  };
  const used = Object.values(parts).reduce((sum, bytes) => sum + bytes, 0);
  const requiredBytes = Math.ceil(used / 0.9);
  return { ...parts, freeBytes: requiredBytes - used, requiredBytes };
}
