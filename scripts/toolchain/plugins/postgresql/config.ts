/** The provider's configuration: which server, as whom. */
import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import type { CheckFailure, ResourceSpec } from '../spec';
import { hasUnknown, reveal, Secret, type PlainProperties, type Properties, type Value } from '../values';
import { DatabaseServer } from './connection';

const cloud = 'it belongs to a cloud’s own login; give username and password';

export const CONFIG: ResourceSpec = {
  comparedWith: 'inputs',
  properties: {
    host: { type: 'string' },
    port: { type: 'integer', minimum: 1 },
    username: { type: 'string' },
    password: { type: 'string', secret: true },
    database: { type: 'string' },
    databaseUsername: { type: 'string' },
    sslmode: { type: 'string', oneOf: ['disable', 'require', 'verify-ca', 'verify-full'] },
    sslrootcert: { type: 'string' },
    superuser: { type: 'boolean' },
    connectTimeout: { type: 'integer', minimum: 0 },
    maxConnections: { type: 'integer', minimum: 0 },
    expectedVersion: { type: 'string' },
    scheme: { type: 'string', oneOf: ['postgres', 'postgresql'] },
    sslMode: { type: 'string', refused: 'it is the old name of sslmode' },
    clientcert: { type: 'any', refused: 'client certificates are not supported; give a password' },
    awsRdsIamAuth: { type: 'boolean', refused: cloud },
    awsRdsIamProfile: { type: 'string', refused: cloud },
    awsRdsIamProviderRoleArn: { type: 'string', refused: cloud },
    awsRdsIamRegion: { type: 'string', refused: cloud },
    azureIdentityAuth: { type: 'boolean', refused: cloud },
    azureTenantId: { type: 'string', refused: cloud },
    gcpIamImpersonateServiceAccount: { type: 'string', refused: cloud },
  },
};

/** Provider inputs arrive as text (`"5432"`, `"true"`); gives them with their types, and what could not be read. */
export function parseConfig(news: Properties): { config: Properties; failures: CheckFailure[] } {
  const config: Properties = {};
  const failures: CheckFailure[] = [];
  for (const [key, value] of Object.entries(news)) {
    const type = CONFIG.properties[key]?.type;
    const text = reveal(value);
    if (hasUnknown(value) || typeof text !== 'string' || (type !== 'integer' && type !== 'boolean')) {
      config[key] = value;
      continue;
    }
    const parsed = parseText(text);
    if (parsed === undefined)
      failures.push({
        property: key,
        reason: `${key} is ${value instanceof Secret ? 'a secret' : JSON.stringify(text)}; it must be ${type === 'integer' ? 'a whole number' : 'true or false'}`,
      });
    else config[key] = value instanceof Secret ? new Secret(parsed) : parsed;
  }
  return { config, failures };
}

function parseText(text: string): Value | undefined {
  if (text === 'true' || text === 'false') return text === 'true';
  return /^-?\d+$/.test(text) ? Number(text) : undefined;
}

/**
 * The server of a configuration; what is left out comes from libpq's environment variables, then from the real
 * provider's defaults. Opens nothing.
 */
export function serverOf(config: PlainProperties, environment: NodeJS.ProcessEnv): DatabaseServer {
  const text = (key: string, variable: string): string | undefined =>
    (config[key] as string | undefined) ?? (environment[variable] === '' ? undefined : environment[variable]);
  const host = text('host', 'PGHOST') ?? 'localhost';
  const sslmode = text('sslmode', 'PGSSLMODE') ?? 'require';
  const timeoutS = Number((config['connectTimeout'] as number | undefined) ?? environment['PGCONNECT_TIMEOUT'] ?? 180);
  const database = text('database', 'PGDATABASE') ?? 'postgres';
  return new DatabaseServer(
    {
      host,
      port: Number((config['port'] as number | undefined) ?? environment['PGPORT'] ?? 5432),
      user: text('username', 'PGUSER') ?? 'postgres',
      password: text('password', 'PGPASSWORD'),
      connectionTimeoutMillis: timeoutS * 1000,
      application_name: 'pulumi',
      options: '-c timezone=UTC -c client_min_messages=warning',
      // as libpq: a socket is never encrypted
      ssl: host.startsWith('/') ? false : tlsOf(sslmode, config['sslrootcert'] as string | undefined),
    },
    database,
    (config['superuser'] as boolean | undefined) ?? true,
  );
}

function tlsOf(sslmode: string, rootCertificate: string | undefined): false | ConnectionOptions {
  if (sslmode === 'disable') return false;
  const ca = rootCertificate === undefined ? {} : { ca: readFileSync(rootCertificate, 'utf8') };
  switch (sslmode) {
    case 'require':
      // libpq: with a root certificate, require checks the chain as verify-ca does
      return rootCertificate === undefined
        ? { rejectUnauthorized: false }
        : { ...ca, checkServerIdentity: () => undefined };
    case 'verify-ca':
      return { ...ca, checkServerIdentity: () => undefined };
    case 'verify-full':
      return ca;
    default:
      throw new Error(`sslmode is ${JSON.stringify(sslmode)}; allowed: disable, require, verify-ca, verify-full`);
  }
}
