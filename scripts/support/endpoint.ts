/** Finds the database of a stack: DATABASE_URL, else the server that this machine runs for the stack, else its host in AWS. */
import { readFileSync } from 'node:fs';
import { PostgresDatabase, type PostgresAddress } from '../../infra/adapters/postgresDatabase';
import { readRecord, stackLayout, type MachineContext } from '../../infra/adapters/localServer/layout';
import { DATABASE_NAME, ENDPOINT_VARIABLE, ROLE_NAMES } from '../../infra/naming';
import { messageOf, OperatorError, UsageError } from '../../infra/ops/errors';
import type { Database } from '../../infra/ops/ports';
import { accessTo, cloudPlace } from './cloud';

const LOOPBACK = new Set(['localhost', '127.0.0.1', '::1', '[::1]', '']);

/**
 * Reads a connection URL. Messages never repeat the URL: it may hold a password.
 * @throws UsageError for anything that is not a PostgreSQL URL, or that would cross a network without verified TLS
 */
export function parseDatabaseUrl(text: string): PostgresAddress {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new UsageError('DATABASE_URL is not a URL', {
      allowed: 'postgresql://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full',
      next: 'percent-encode special characters of the password: @ is %40, # is %23, / is %2F',
    });
  }
  if (!['postgres:', 'postgresql:'].includes(url.protocol)) {
    throw new UsageError(`DATABASE_URL begins with "${url.protocol}"`, { allowed: 'postgresql://' });
  }
  const host = url.searchParams.get('host') ?? url.hostname.replace(/^\[|\]$/g, '');
  // A folder is a unix socket; anything else, wherever in the URL it stands, is a host.
  const local = host.startsWith('/') || LOOPBACK.has(host);
  const database = decodeURIComponent(url.pathname.slice(1));
  if (database === '' || database.includes('/') || url.hash !== '') {
    throw new UsageError('DATABASE_URL names no database', {
      allowed: 'one name after the host, as in postgresql://host/mlb_qbench',
      next: 'percent-encode special characters of the password: @ is %40, # is %23, / is %2F',
    });
  }
  const sslmode = url.searchParams.get('sslmode') ?? (local ? 'disable' : 'verify-full');
  if (!local && sslmode !== 'verify-full') {
    throw new UsageError(`DATABASE_URL asks for sslmode=${sslmode} to a remote host`, {
      allowed: 'verify-full (others do not prove who answers)',
      next: 'add sslmode=verify-full, and sslrootcert=FILE where the CA is not a public one',
    });
  }
  const rootCertificate = url.searchParams.get('sslrootcert');
  return {
    host: host === '' ? 'localhost' : host,
    port: url.port === '' ? 5432 : Number(url.port),
    database,
    user: decodeURIComponent(url.username) || ROLE_NAMES.app,
    ...(url.password === '' ? {} : { password: decodeURIComponent(url.password) }),
    ...(local && sslmode === 'disable'
      ? {}
      : {
          ssl: {
            rejectUnauthorized: true,
            ...(rootCertificate === null ? {} : { ca: readCertificate(rootCertificate) }),
          },
        }),
  };
}

function readCertificate(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`sslrootcert of DATABASE_URL cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

export function databaseOf(stack: string, env: NodeJS.ProcessEnv, machine: MachineContext): Database {
  const url = env['DATABASE_URL'];
  if (url !== undefined && url !== '') {
    const address = parseDatabaseUrl(url);
    return new PostgresDatabase(`DATABASE_URL (${address.host}:${address.port}/${address.database})`, () => address);
  }
  const record = readRecord(stackLayout(machine, stack));
  // What the program says goes before what this machine has: a server of an earlier tier may be left here.
  if (record?.state !== 'initialised' || env[ENDPOINT_VARIABLE] !== undefined) {
    const place = cloudPlace(stack, env, machine);
    if (place !== undefined) {
      return new PostgresDatabase(`stack ${stack} (host in ${place.region})`, async ({ role = 'app' }) =>
        (await accessTo(place, env)).address(role),
      );
    }
  }
  if (record?.state !== 'initialised') {
    throw new OperatorError(`stack "${stack}" has no database on this machine, and DATABASE_URL is not set`, {
      next: `npm run up, or choose another stack with --stack, or set DATABASE_URL`,
    });
  }
  // Over the socket the server asks the kernel who is there: no password is read, sent or kept.
  return new PostgresDatabase(
    `stack ${stack} (${record.host}:${record.port}/${DATABASE_NAME})`,
    ({ role = 'app' }) => ({
      host: record.socketDir,
      port: record.port,
      database: DATABASE_NAME,
      user: ROLE_NAMES[role],
    }),
  );
}
