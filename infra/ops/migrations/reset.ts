/** Clears rows, or remakes every object, of the application's database. Both lose data: callers ask first. */
import { ADVISORY_LOCKS } from '../../naming';
import { OperatorError } from '../errors';
import type { Clock, Database, ProgressSink, Session } from '../ports';
import { quoteIdent, quoteLiteral, sqlText } from '../sqlText';
import { LEDGER } from './ledger';
import { takeLock } from './lock';
import { migrate, type MigrateReport, type MigrationEngine } from './migrate';

/** Longest wait for a lock of a table, in milliseconds: searches that come meanwhile queue behind the one who waits. */
const LOCK_TIMEOUT_MS = 10_000;
const LOCK_NOT_AVAILABLE = '55P03';
const MIGRATOR_WAIT_MS = 60_000;

export interface TableRows {
  /** With its schema. */
  table: string;
  rows: number;
}

/** Rows of every table that `clearRows` would empty. */
export async function countRows(database: Database): Promise<TableRows[]> {
  return withOwner(database, async (session) => {
    const counts: TableRows[] = [];
    for (const table of await applicationTables(session)) {
      const { rows } = await session.query<{ rows: string }>(`SELECT pg_catalog.count(*) AS rows FROM ${table}`);
      counts.push({ table, rows: Number(rows[0]?.rows ?? 0) });
    }
    return counts;
  });
}

/** Empties every table of the application and of its loads in one transaction; schema, indexes and ledger of migrations stay. */
export async function clearRows(database: Database): Promise<void> {
  await withOwner(database, async (session) => {
    const tables = await applicationTables(session);
    if (tables.length === 0) return;
    await session.query(`TRUNCATE ${tables.join(', ')} RESTART IDENTITY`);
  });
}

interface VectorIndex {
  name: string;
  definition: string;
  comment: string | null;
}

export interface RemakeReport {
  dropped: { kind: string; name: string }[];
  migrations: MigrateReport['applied'];
  /** Vector indexes made again as they were, over empty tables. */
  indexes: string[];
}

/** What `remakeObjects` would drop. */
export async function applicationObjects(database: Database): Promise<{ kind: string; name: string }[]> {
  return withOwner(database, async (session) => (await listObjects(session)).map(({ kind, name }) => ({ kind, name })));
}

/**
 * Drops every object of the application and the ledger, then runs all migrations from nothing. Extensions, roles and grants
 * by default privileges stay. Run again after an interruption, it ends the same.
 */
export async function remakeObjects(
  database: Database,
  engine: MigrationEngine,
  clock: Clock,
  progress: ProgressSink,
  signal?: AbortSignal,
): Promise<RemakeReport> {
  const { dropped, indexes } = await withOwner(database, async (session) => {
    await takeLock(session, clock, progress, {
      key: ADVISORY_LOCKS.migrate,
      holder: 'a migrator',
      waitMs: MIGRATOR_WAIT_MS,
      signal,
    });
    const objects = await listObjects(session);
    // The Pulumi program has no reason to build them again: what it declares did not change.
    const { rows: vectorIndexes } = await session.query<VectorIndex>(sqlText('queries/vector-index-definitions'));
    for (const { definition } of vectorIndexes) progress.note(`made again at the end: ${definition}`);
    await session.query('BEGIN');
    for (const { drop_statement } of objects) await session.query(drop_statement);
    await session.query(`DROP SCHEMA IF EXISTS ${LEDGER.schema} CASCADE`);
    await session.query('COMMIT');
    return { dropped: objects.map(({ kind, name }) => ({ kind, name })), indexes: vectorIndexes };
  });
  const { applied } = await migrate(database, engine, clock, progress, signal === undefined ? {} : { signal });
  await withOwner(database, async (session) => {
    for (const { name, definition, comment } of indexes) {
      await session.query(definition);
      if (comment !== null)
        await session.query(`COMMENT ON INDEX public.${quoteIdent(name)} IS ${quoteLiteral(comment)}`);
    }
  });
  return { dropped, migrations: applied, indexes: indexes.map(({ name }) => name) };
}

async function listObjects(session: Session): Promise<{ kind: string; name: string; drop_statement: string }[]> {
  return (
    await session.query<{ kind: string; name: string; drop_statement: string }>(sqlText('queries/application-objects'))
  ).rows;
}

async function applicationTables(session: Session): Promise<string[]> {
  const { rows } = await session.query<{ schema: string; name: string }>(sqlText('queries/application-tables'));
  return rows.map(({ schema, name }) => `${quoteIdent(schema)}.${quoteIdent(name)}`);
}

async function withOwner<T>(database: Database, work: (session: Session) => Promise<T>): Promise<T> {
  const session = await database.connect({ role: 'owner', applicationName: 'qbench reset' });
  try {
    await session.query("SELECT pg_catalog.set_config('lock_timeout', $1, false)", [`${LOCK_TIMEOUT_MS}ms`]);
    return await work(session);
  } catch (error) {
    if ((error as { code?: string }).code !== LOCK_NOT_AVAILABLE) throw error;
    throw new OperatorError(
      `the tables of ${database.label} stayed in use for ${LOCK_TIMEOUT_MS / 1000} s; nothing was changed`,
      {
        next: 'stop the application, or end the sessions that use them, and run it again',
        cause: error,
      },
    );
  } finally {
    await session.close();
  }
}
