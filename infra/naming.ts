/** Names that more than one room must agree on. Constants and pure functions of the stack's name only. */

/** The five roles of the database and the superuser, by what they are for. */
export type DatabaseRole = 'owner' | 'app' | 'readonly' | 'monitor' | 'backup' | 'superuser';

/** The application's database; its name is part of the application's contract. */
export const DATABASE_NAME = 'mlb_qbench';

/** The schema of every object of the application: its driver looks the type `vector` up there by name. */
export const APP_SCHEMA = 'public';

/** Dimensions of the application's embeddings: its columns are vector(1536). */
export const EMBEDDING_DIMENSIONS = 1536;

/** Roles in the server. `superuser` is the one initdb makes; people and programs use the other five. */
export const ROLE_NAMES: Readonly<Record<DatabaseRole, string>> = {
  superuser: 'postgres',
  owner: 'qbench_owner',
  app: 'qbench_app',
  readonly: 'qbench_readonly',
  monitor: 'qbench_monitor',
  backup: 'qbench_backup',
};

/**
 * The role that makes the others on a host, the database and what is in it. No superuser: it may come over the network where
 * `access` is `direct`. See sql/maintenance/admin-role.sql.
 */
export const ADMIN_ROLE = 'qbench_admin';

/** First part of the type token of every component: `qbench:<room>:<Type>`. */
export const TYPE_PREFIX = 'qbench';

/** Oldest pgvector served: 0.8.3 and 0.8.4 fixed corruption of HNSW indexes under vacuum. */
export const PGVECTOR_MINIMUM = '0.8.4';

/** Below this pgvector a warning is given. */
export const PGVECTOR_ADVISED = '0.8.6';

/** Advisory lock keys (one bigint each) that keep two runs of the same work apart: the bytes of "qbench" and a number. */
export const ADVISORY_LOCKS = {
  migrate: 0x71_62_65_6e_63_01n,
  indexApply: 0x71_62_65_6e_63_02n,
  load: 0x71_62_65_6e_63_03n,
} as const;

/** First part of the names of everything in an AWS account, and the value of the tag `project`. */
export const PROJECT = 'qbench-postgres';

/** Namespace of every metric in CloudWatch; each has the one dimension `METRIC_DIMENSION`, the stack's name. */
export const METRIC_NAMESPACE = 'QBench/Postgres';
export const METRIC_DIMENSION = 'stack';

/** `detail-type` of the events by which SSM tells that a command ended: https://docs.aws.amazon.com/systems-manager/latest/userguide/monitoring-eventbridge-events.html */
export const COMMAND_ENDED = 'EC2 Command Status-change Notification';

/** Parameters of the SSM documents by which the Lambdas work on the host. */
export const HOST_PARAMETERS = { step: 'Step', slot: 'Slot', comparisons: 'Comparisons' } as const;

/** Keys of the tags that every resource of ours carries, and that rights are limited by. */
export const TAGS = {
  project: 'project',
  stack: 'stack',
  owner: 'owner',
  environment: 'environment',
  managedBy: 'managed-by',
  /** On ephemeral stacks only: how long after its creation a sweeper may remove the resource. */
  ttl: 'ttl',
  /** On ephemeral stacks only: when the stack was made, ISO 8601 in UTC. Its time to live counts from then. */
  created: 'created',
  /** Written by the host itself: how its setup went. */
  status: 'qbench:status',
} as const;

/** Path-like name of a secret of a stack: `qbench-postgres/prod/roles`. */
export function secretName(stack: string, suffix: string): string {
  return `${PROJECT}/${stack}/${suffix}`;
}

/** Parameter in which a host publishes the certificate authority of its server. */
export function caParameterName(stack: string): string {
  return `/${secretName(stack, 'tls-ca')}`;
}

/** Parameter in which `qbench drill` publishes that a restore was proven. */
export function evidenceParameterName(stack: string): string {
  return `/${secretName(stack, 'backup-evidence')}`;
}

/** Environment variable that tells a command of the program how its stack's database is reached: JSON, no secret. */
export const ENDPOINT_VARIABLE = 'QBENCH_ENDPOINT';

const GATEWAY_PORTS = { first: 20_000, count: 10_000 } as const;

/**
 * The port of the operator's machine that leads to a stack's database while the program runs: always the same for a stack, so
 * that it is no change. Below the ports that systems give away by themselves.
 */
export function gatewayPort(stack: string): number {
  let hash = 0x811c9dc5;
  // FNV-1a: http://www.isthe.com/chongo/tech/comp/fnv/.
  for (const byte of Buffer.from(stack)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return GATEWAY_PORTS.first + (hash % GATEWAY_PORTS.count);
}
