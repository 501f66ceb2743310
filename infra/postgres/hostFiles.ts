/** The files of a host that change with the configuration: what its first boot gets and what a later change brings to it. */
import type { HostParameters, ServerParameters } from '../capacity/plan';
import { ADMIN_ROLE, DATABASE_NAME, ROLE_NAMES } from '../naming';
import { hostAuthentication } from './hba';
import { postgresqlConf } from './parameters';
import { ARCHIVE_COMMAND, ARCHIVE_TIMEOUT_SECONDS, pgbackrestConf, type BackupRepositoryInput } from './pgbackrest';

/** One file of the host. */
export interface HostFile {
  path: string;
  content: string;
  /** Octal. @default 0644 */
  permissions?: string;
}

/** Where the data volume is mounted; the unit files name it too. */
export const DATA_MOUNT = '/srv/postgresql';
/** Records of restore drills: on the data volume, which outlives the host. */
export const DRILL_RECORDS = `${DATA_MOUNT}/drills`;
/** Folder of the server's socket. */
export const SOCKET_DIRECTORY = '/run/postgresql';

export interface HostFilesInput {
  /** Major version of PostgreSQL. */
  version: number;
  plan: ServerParameters;
  host: HostParameters;
  cores: number;
  port: number;
  /** The host's private IPv4 address. */
  address: string;
  /** Ranges that may connect. */
  cidrs: readonly string[];
  /** Lets the administrator in from these ranges too, for a program that runs inside the VPC. */
  directAdministration: boolean;
  overrides: Readonly<Record<string, string>>;
  repository: BackupRepositoryInput;
  /** Days that backups are kept. */
  retentionDays: number;
  /** One more lets the host take new passwords from its secret. */
  passwordGeneration: number;
}

/** Roles that may come over the network; the backup role works on the host itself. */
const NETWORK_ROLES = ['owner', 'app', 'readonly', 'monitor'] as const;

/**
 * The parameters of a host's server, and its postgresql.conf.
 * @throws ParameterError where an override cannot be
 */
export function serverConfiguration(
  input: Pick<HostFilesInput, 'version' | 'plan' | 'address' | 'port' | 'overrides'>,
): ReturnType<typeof postgresqlConf> {
  const { version, plan, address, port, overrides } = input;
  return postgresqlConf({
    tier: 'ec2',
    version,
    plan,
    overrides,
    archiving: { command: ARCHIVE_COMMAND, timeoutSeconds: ARCHIVE_TIMEOUT_SECONDS, summarizeWal: false },
    host: {
      listenAddresses: ['localhost', address],
      port,
      dataDirectory: dataDirectoryOf(version),
      configDirectory: `/etc/postgresql/${version}/main`,
      logDirectory: '/var/log/postgresql',
      socketDirectory: SOCKET_DIRECTORY,
      tlsCertFile: '/etc/postgresql/tls/server.crt',
      tlsKeyFile: '/etc/postgresql/tls/server.key',
    },
  });
}

const dataDirectoryOf = (version: number): string => `${DATA_MOUNT}/${version}/main`;

/**
 * postgresql.conf, pg_hba.conf, pg_ident.conf, pgbackrest.conf and the kernel settings of one host.
 * @throws ParameterError or RangeError where an override or a range cannot be
 */
export function hostFiles(input: HostFilesInput): HostFile[] {
  const { version, host, port, cidrs } = input;
  const conf = serverConfiguration(input);
  const authentication = hostAuthentication({
    database: DATABASE_NAME,
    networkRoles: NETWORK_ROLES.map((role) => ROLE_NAMES[role]),
    superuser: ROLE_NAMES.superuser,
    administrator: { role: ADMIN_ROLE, overNetwork: input.directAdministration },
    cidrs,
    operators: ['postgres'],
  });
  const pgbackrest = pgbackrestConf({
    repository: input.repository,
    retentionDays: input.retentionDays,
    dataDirectory: dataDirectoryOf(version),
    socketDirectory: SOCKET_DIRECTORY,
    port,
    spoolDirectory: `${DATA_MOUNT}/spool`,
    cores: input.cores,
  });
  return [
    { path: '/etc/qbench/postgresql/postgresql.conf', content: conf.text },
    { path: '/etc/qbench/postgresql/pg_hba.conf', content: authentication.hba },
    { path: '/etc/qbench/postgresql/pg_ident.conf', content: authentication.ident },
    { path: '/etc/pgbackrest/pgbackrest.conf', content: pgbackrest },
    { path: '/etc/sysctl.d/60-qbench.conf', content: sysctlConf(host) },
    // Read by nobody; that it changed is what starts the setup again.
    { path: '/etc/qbench/password-generation', content: `${input.passwordGeneration}\n` },
  ];
}

/** Kernel settings in the format of sysctl.d(5). */
function sysctlConf(host: HostParameters): string {
  return [
    '# Written by qbench from the capacity plan; changes by hand are overwritten.',
    `vm.nr_hugepages = ${host.hugePages2MiB}`,
    `vm.overcommit_memory = ${host.overcommitMemory}`,
    `vm.overcommit_ratio = ${host.overcommitRatioPercent}`,
    `vm.swappiness = ${host.swappiness}`,
    // Dirty pages are written early and steadily: a checkpoint finds little left to flush at once.
    'vm.dirty_background_bytes = 67108864',
    'vm.dirty_bytes = 536870912',
    '',
  ].join('\n');
}
