/** A database of a suite's own, cloned from a template that is made once a server. */
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodePgMigrateEngine } from '../../infra/adapters/migrationRunner';
import { systemClock } from '../../infra/adapters/systemClock';
import { ROLE_NAMES } from '../../infra/naming';
import { migrationManifest } from '../../infra/ops/migrations/manifest';
import { migrate } from '../../infra/ops/migrations/migrate';
import type { Database, Session } from '../../infra/ops/ports';
import { recordedProgress } from './machine';
import { asSuperuser, databaseAt, type TestServer } from './server';

export interface TestDatabase {
  name: string;
  database: Database;
  /** Ends all its sessions and drops it. */
  drop(): Promise<void>;
}

const ROLES_SQL = readFileSync(join(__dirname, 'roles.sql'), 'utf8');
/** Roles besides the owner that may connect. */
const USERS = [ROLE_NAMES.app, ROLE_NAMES.readonly, ROLE_NAMES.monitor, ROLE_NAMES.backup];
/** Advisory lock of the maintenance database: several vitest workers may want the template at once. */
const TEMPLATE_LOCK = 8_101_110;

/**
 * Makes a database owned by the owner role, with all roles, extensions and grants, as `pulumi up` would.
 * @param options.migrated applies all migrations. @default true
 */
export async function createTestDatabase(
  server: TestServer,
  options: { migrated?: boolean } = {},
): Promise<TestDatabase> {
  const template = await ensureTemplate(server, options.migrated ?? true);
  const name = `t_${randomBytes(6).toString('hex')}`;
  await asSuperuser(server, 'postgres', async (session) => {
    await session.query(`CREATE DATABASE ${name} TEMPLATE ${template} OWNER ${ROLE_NAMES.owner}`);
    // Rights on a database are not cloned with it.
    await session.query(`REVOKE ALL ON DATABASE ${name} FROM PUBLIC`);
    await session.query(`GRANT CONNECT ON DATABASE ${name} TO ${USERS.join(', ')}`);
  });
  return {
    name,
    database: databaseAt(server, name),
    drop: () =>
      asSuperuser(server, 'postgres', async (session) => {
        await session.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      }),
  };
}

async function ensureTemplate(server: TestServer, migrated: boolean): Promise<string> {
  // Of its content, so that a server that outlives an edit of the migrations makes a new one.
  const content = createHash('sha256')
    .update(ROLES_SQL)
    .update(JSON.stringify(migrated ? migrationManifest() : []));
  const name = `template_${content.digest('hex').slice(0, 12)}`;
  return asSuperuser(server, 'postgres', async (session) => {
    await session.query('SELECT pg_catalog.pg_advisory_lock($1::bigint)', [TEMPLATE_LOCK]);
    const { rows } = await session.query('SELECT FROM pg_catalog.pg_database WHERE datname = $1', [name]);
    if (rows.length === 0) await buildTemplate(server, session, name, migrated);
    return name;
  });
}

/** Under another name until it is whole, so that one that was cut off is never cloned. */
async function buildTemplate(server: TestServer, session: Session, name: string, migrated: boolean): Promise<void> {
  const draft = `${name}_draft`;
  await session.query(`DROP DATABASE IF EXISTS ${draft} WITH (FORCE)`);
  await session.query(`CREATE DATABASE ${draft}`);
  await asSuperuser(server, draft, (inside) => inside.query(ROLES_SQL));
  await session.query(`ALTER DATABASE ${draft} OWNER TO ${ROLE_NAMES.owner}`);
  if (migrated) await migrate(databaseAt(server, draft), nodePgMigrateEngine, systemClock, recordedProgress());
  await session.query(`ALTER DATABASE ${draft} RENAME TO ${name}`);
}
