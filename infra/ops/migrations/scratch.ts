/** A database beside the real one, as `pulumi up` would make it, for as long as some work takes. */
import { randomBytes } from 'node:crypto';
import { ADVISORY_LOCKS, APP_SCHEMA, ROLE_NAMES } from '../../naming';
import { OperatorError, messageOf } from '../errors';
import type { Clock, ConnectOptions, Database, ProgressSink, Session } from '../ports';
import { quoteIdent, sqlText } from '../sqlText';
import { takeLock } from './lock';

const PREFIX = 'qbench_scratch_';
const MAINTENANCE_DATABASE = 'postgres';
const EXTENSIONS = ['vector', 'pg_trgm', 'pg_stat_statements'];
const INSUFFICIENT_PRIVILEGE = '42501';
const WAIT_MS = 60_000;

/**
 * Makes an empty database with the extensions, owned by the owner role; hands it over; drops it whatever happens.
 * Removes what an earlier run left that was killed. Needs the superuser.
 * @throws OperatorError where another run is at work; whatever the work throws
 */
export async function withScratchDatabase<T>(
  database: Database,
  clock: Clock,
  progress: ProgressSink,
  work: (scratch: Database, name: string) => Promise<T>,
): Promise<T> {
  const admin = await database.connect({
    role: 'superuser',
    database: MAINTENANCE_DATABASE,
    applicationName: 'qbench scratch',
  });
  try {
    // The key is free here: advisory locks are each database's own, and no migration runs in this one.
    await takeLock(admin, clock, progress, {
      key: ADVISORY_LOCKS.migrate,
      holder: 'another run with a scratch database',
      waitMs: WAIT_MS,
    });
    const { rows: left } = await admin.query<{ datname: string }>(sqlText('queries/scratch-databases'), [PREFIX]);
    for (const { datname } of left) await dropDatabase(admin, datname);
    const name = `${PREFIX}${randomBytes(4).toString('hex')}`;
    await admin.query(
      `CREATE DATABASE ${quoteIdent(name)} TEMPLATE template0 ENCODING 'UTF8' OWNER ${ROLE_NAMES.owner}`,
    );
    try {
      const scratch = inDatabase(database, name);
      await createExtensions(scratch);
      return await work(scratch, name);
    } finally {
      await dropDatabase(admin, name);
    }
  } catch (error) {
    if ((error as { code?: string }).code !== INSUFFICIENT_PRIVILEGE) throw error;
    throw new OperatorError(`a scratch database could not be made beside ${database.label}: ${messageOf(error)}`, {
      next: 'log in as a superuser: on the local tier leave DATABASE_URL unset',
      cause: error,
    });
  } finally {
    await admin.close();
  }
}

/** The same server, another database of it. */
export function inDatabase(database: Database, name: string): Database {
  return {
    label: `${name} beside ${database.label}`,
    connect: (options: ConnectOptions = {}) => database.connect({ ...options, database: name }),
  };
}

async function createExtensions(scratch: Database): Promise<void> {
  const session = await scratch.connect({ role: 'superuser', applicationName: 'qbench scratch' });
  try {
    for (const extension of EXTENSIONS) await session.query(`CREATE EXTENSION ${extension} SCHEMA ${APP_SCHEMA}`);
    // What `pulumi up` grants the application, so that the checks run with its rights.
    await session.query(sqlText('maintenance/grant-application'));
  } finally {
    await session.close();
  }
}

async function dropDatabase(admin: Session, name: string): Promise<void> {
  await admin.query(`DROP DATABASE IF EXISTS ${quoteIdent(name)} WITH (FORCE)`);
}
