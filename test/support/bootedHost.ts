/** A host of tier ec2 as a guest: the user data of the tier itself, with what AWS gives it (secrets, S3, its volume) beside it. */
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openSession, type PostgresAddress } from '../../infra/adapters/postgresDatabase';
import { DATABASE_NAME, ROLE_NAMES, secretName, type DatabaseRole } from '../../infra/naming';
import type { Queryable, Session } from '../../infra/ops/ports';
import { userDataBase64, type CloudInitInput } from '../../infra/postgres/cloudInit';
import { scramVerifier } from '../../infra/postgres/scram';
import type { AwsEndpoint } from './awsEndpoint';
import { debianImages } from './debianRoot';
import { Guest, GUEST_ADDRESS, MACHINE_ADDRESS, type Disk, type GuestOptions } from './guest';
import { S3Server } from './s3Server';
import { DEV_PLAN } from './serverParameters';

/** 20 characters: as long as a virtio disk's serial can be, and a volume id of EC2 is. */
export const VOLUME = 'vol0123456789abcdef0';
/** One password for every role of a test. */
const PASSWORD = randomBytes(16).toString('hex');
const NETWORK_ROLES = ['owner', 'app', 'readonly', 'monitor'] as const;
const S3_AUTHORITY = '/etc/qbench/s3-authority.crt';

/** The configuration of the guest: small memory, everything else as the tier gives it. */
export function hostInput(s3: S3Server | undefined, changes: Partial<CloudInitInput> = {}): CloudInitInput {
  return {
    stack: 'booted',
    region: 'eu-central-1',
    version: 18,
    plan: { ...DEV_PLAN, sharedBuffersMiB: 128, maxConnections: 50, minWalSizeMiB: 80, maxWalSizeMiB: 256 },
    host: { hugePages2MiB: 90, devShmMiB: 256, overcommitMemory: 2, overcommitRatioPercent: 90, swappiness: 1 },
    cores: 2,
    port: 5432,
    address: GUEST_ADDRESS,
    cidrs: ['10.0.2.0/24'],
    overrides: {},
    repository:
      s3 === undefined
        ? { kind: 'folder', path: '/srv/postgresql/repository' }
        : {
            kind: 's3',
            bucket: s3.bucket,
            region: 'eu-central-1',
            path: '/booted',
            server: { host: MACHINE_ADDRESS, port: s3.port, caFile: S3_AUTHORITY },
          },
    retentionDays: 7,
    directAdministration: false,
    passwordGeneration: 0,
    volumeSerial: VOLUME,
    packageSource: 'debian',
    secretId: 'arn:aws:secretsmanager:eu-central-1:111122223333:secret:qbench-postgres/booted/host-AbCdEf',
    caParameter: '/qbench-postgres/booted/tls-ca',
    agent: false,
    statusTag: 'qbench:status',
    ...changes,
  };
}

/** Puts the host's secret where the guest fetches it. */
export function giveSecret(aws: AwsEndpoint, input: CloudInitInput): void {
  aws.secrets.set(input.secretId, {
    superuserVerifier: scramVerifier(PASSWORD, randomBytes(16)),
    adminVerifier: scramVerifier(PASSWORD, randomBytes(16)),
    repositoryPassphrase: 'a passphrase of the test',
  });
}

/** Values of a stack's secrets by name, as the program stores them; undefined where there is no such secret. */
export function secretOf(stack: string, id: string): string | undefined {
  const values: Record<string, Record<string, string>> = {
    [secretName(stack, 'superuser')]: { username: ROLE_NAMES.superuser, password: PASSWORD },
    [secretName(stack, 'roles')]: Object.fromEntries(NETWORK_ROLES.map((role) => [role, PASSWORD])),
  };
  return values[id] === undefined ? undefined : JSON.stringify(values[id]);
}

/** Powers a guest on with the exact user data of `input`. */
export async function bootHost(
  input: CloudInitInput,
  aws: AwsEndpoint,
  s3: S3Server | undefined,
  options: Partial<GuestOptions> & { disks?: readonly Disk[] } = {},
): Promise<Guest> {
  return Guest.start({
    images: await debianImages(),
    userData: userDataBase64(input),
    environment: aws.environment(MACHINE_ADDRESS),
    ...options,
    files: {
      ...(s3 === undefined
        ? {}
        : {
            [S3_AUTHORITY]: s3.authority,
            // On AWS the instance profile gives these, renewed; a server of one's own has keys.
            '/etc/pgbackrest/conf.d/s3-keys.conf': `[global]\nrepo1-s3-key=${s3.accessKey}\nrepo1-s3-key-secret=${s3.secretKey}\n`,
          }),
      ...options.files,
    },
  });
}

/** Roles, database and grants as the Pulumi program makes them, by the statements that every test without an engine uses. */
export async function prepareDatabase(guest: Guest): Promise<void> {
  const roles = readFileSync(join(__dirname, 'roles.sql'), 'utf8');
  await guest.sql(`CREATE DATABASE ${DATABASE_NAME} TEMPLATE template0`);
  await guest.sql(roles, DATABASE_NAME);
  await guest.sql(
    [
      `ALTER DATABASE ${DATABASE_NAME} OWNER TO ${ROLE_NAMES.owner}`,
      `REVOKE ALL ON DATABASE ${DATABASE_NAME} FROM PUBLIC`,
      `GRANT CONNECT ON DATABASE ${DATABASE_NAME} TO ${ROLE_NAMES.app}, ${ROLE_NAMES.readonly}, ${ROLE_NAMES.monitor}`,
      ...NETWORK_ROLES.map(
        (role) => `ALTER ROLE ${ROLE_NAMES[role]} PASSWORD '${scramVerifier(PASSWORD, randomBytes(16))}'`,
      ),
    ].join(';\n'),
  );
}

/** How this machine reaches the guest's database: through the forwarded port, by the authority that the host published. */
export function addressOf(guest: Guest, authority: string, role: DatabaseRole = 'owner'): PostgresAddress {
  return {
    host: '127.0.0.1',
    port: guest.port,
    database: DATABASE_NAME,
    user: ROLE_NAMES[role],
    password: PASSWORD,
    ssl: { rejectUnauthorized: true, ca: authority },
  };
}

/** The same as DATABASE_URL; the authority is written to `file`. */
export function urlOf(guest: Guest, authority: string, file: string, role: DatabaseRole = 'owner'): string {
  writeFileSync(file, authority);
  return `postgresql://${ROLE_NAMES[role]}:${PASSWORD}@127.0.0.1:${guest.port}/${DATABASE_NAME}?sslmode=verify-full&sslrootcert=${encodeURIComponent(file)}`;
}

/** Questions of the superuser, who comes from the host itself alone: one statement each, as psql on the host asks it. */
export function asSuperuser(guest: Guest, database = 'postgres'): Queryable {
  return {
    query: async <T>(statement: string) => {
      const inner = statement.trim().replace(/;$/, '');
      const text = await guest.sql(`SELECT pg_catalog.json_agg(q) FROM (${inner}) AS q`, database);
      const rows = (text === '' ? [] : JSON.parse(text)) as T[];
      return { rows, rowCount: rows.length };
    },
  };
}

/** Documents with embeddings, as JSON Lines. */
export function documentLines(count: number): string {
  const lines = Array.from({ length: count }, (_, i) =>
    JSON.stringify({
      test_case_id: i + 1,
      uid: `T${i + 1}`,
      title: `Case ${i + 1}`,
      embedding: Array.from({ length: 1536 }, (__, d) => Number(Math.sin((i + 1) * (d + 1)).toFixed(4))),
    }),
  );
  return `${lines.join('\n')}\n`;
}

/** Runs `work` in one session over TLS. */
export async function inSession<T>(address: PostgresAddress, work: (session: Session) => Promise<T>): Promise<T> {
  const session = await openSession(address);
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}
