/** The state of a database at one moment, as the SQL function qbench.snapshot() tells it. */
import { z } from 'zod';
import { OperatorError } from '../errors';
import type { Queryable } from '../ports';
import { jsonOf } from './json';

/** The whole question, for psql -XAtq as well: one row with one JSON object. */
export const SNAPSHOT_SQL = 'SELECT qbench.snapshot()';

const amount = z.number();
const known = z.number().nullable();

const session = z.object({ pid: z.number(), role: z.string().nullable(), application: z.string(), seconds: amount });

const tableSchema = z.object({
  name: z.string(),
  /** Somebody keeps the table for himself: sizes are the catalogue's, and rows the statistics'. */
  locked: z.boolean(),
  heapBytes: amount,
  toastBytes: known,
  indexBytes: known,
  rows: known,
  /** Taken from the statistics; a table of more than 4096 pages is not counted. */
  rowsEstimated: z.boolean(),
  missingEmbeddings: known,
  missingEstimated: z.boolean(),
  deadRows: known,
  changedSinceAnalyze: known,
  insertedSinceVacuum: known,
  vacuumAgeSeconds: known,
  analyzeAgeSeconds: known,
  sequentialScans: known,
  blocksHit: known,
  blocksRead: known,
  toastBlocksHit: known,
  toastBlocksRead: known,
});

const indexSchema = z.object({
  name: z.string(),
  table: z.string(),
  method: z.string(),
  valid: z.boolean(),
  building: z.boolean(),
  unique: z.boolean(),
  /** Absent for an index that was dropped while the snapshot was taken. */
  bytes: amount.default(0),
  scans: amount.default(0),
  blocksHit: amount.default(0),
  blocksRead: amount.default(0),
  /** Of vector indexes only. */
  operatorClass: z.string().optional(),
  /** Of vector indexes whose storage parameters are not pgvector's defaults: "m=32". */
  options: z.array(z.string()).optional(),
});

const snapshotSchema = z.object({
  version: z.literal(1),
  at: z.iso.datetime(),
  elapsedMs: amount,
  server: z.object({
    versionNum: z.number(),
    uptimeSeconds: amount,
    inRecovery: z.boolean(),
    pgvector: z.string().nullable(),
    sharedBuffersBytes: amount,
  }),
  database: z.object({
    name: z.string(),
    bytes: amount,
    allDatabasesBytes: amount,
    checksumFailures: known,
    deadlocks: amount,
    temporaryBytes: amount,
    statisticsAgeSeconds: known,
  }),
  tables: z.array(tableSchema),
  indexes: z.array(indexSchema),
  sessions: z.object({
    used: amount,
    limit: amount,
    reserved: amount,
    active: amount,
    by: z.array(z.object({ role: z.string().nullable(), state: z.string(), count: amount })),
    roles: z.array(z.object({ role: z.string(), used: amount, limit: amount })),
    idleInTransaction: amount,
    longestIdleInTransaction: session.nullable(),
    longestTransaction: session.nullable(),
    longestQuery: session.nullable(),
    waiting: amount,
    blocked: z.array(session.extend({ blockedBy: z.array(z.number()) })),
    blockers: z.array(session.extend({ state: z.string().nullable(), blocks: amount })),
  }),
  transactionIds: z.object({
    oldestAge: amount,
    oldestDatabase: z.string(),
    databaseAge: amount,
    multixactAge: amount,
    freezeMaxAge: amount,
  }),
  /** null where pg_stat_statements is not loaded. Texts are normalised: $1 where a value was. */
  statements: z
    .array(
      z.object({
        query: z.string(),
        calls: amount,
        meanMs: amount,
        maxMs: amount,
        totalMs: amount,
        rows: amount,
        blocksHit: amount,
        blocksRead: amount,
      }),
    )
    .nullable(),
  /** What the configuration of the server gives to every session, each in the parameter's own unit. */
  parameters: z.record(z.string(), z.string()),
  pendingRestart: z.array(z.string()),
  wal: z.object({ lsnBytes: known, directoryBytes: amount, maxWalSizeBytes: amount }),
  checkpoints: z.object({ timed: amount, requested: amount, writeMs: amount, syncMs: amount }),
  slots: z.array(z.object({ name: z.string(), active: z.boolean(), retainedBytes: known })),
  archiver: z.object({
    mode: z.string(),
    archived: amount,
    failed: amount,
    /** The newest attempt failed. */
    failing: z.boolean(),
    lastArchivedWal: z.string().nullable(),
    lastFailedWal: z.string().nullable(),
    lastArchivedAgeSeconds: known,
    readySegments: amount,
    /** An upper bound; null where nothing is archived at all. */
    atRiskSeconds: known,
  }),
});

export type Snapshot = z.output<typeof snapshotSchema>;
export type SnapshotTable = Snapshot['tables'][number];
export type SnapshotIndex = Snapshot['indexes'][number];

/**
 * Reads a snapshot from JSON, as text (what psql prints) or as the driver gives it.
 * @throws OperatorError where it is none, or of another version than this program knows
 */
export function parseSnapshot(json: unknown): Snapshot {
  const parsed = snapshotSchema.safeParse(jsonOf(json, 'snapshot'));
  if (parsed.success) return parsed.data;
  throw new OperatorError(`the snapshot of the database cannot be read: ${z.prettifyError(parsed.error)}`, {
    next: 'qbench migrate brings the functions of the database to the version of this program',
  });
}

/** @throws OperatorError where the role may not ask, or the database was never migrated */
export async function readSnapshot(queryable: Queryable): Promise<Snapshot> {
  const { rows } = await queryable.query<{ snapshot: unknown }>(SNAPSHOT_SQL);
  return parseSnapshot(rows[0]?.snapshot);
}
