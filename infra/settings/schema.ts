/**
 * The shape of the configuration: every key, its kind, its limits and its default. Rules between keys are in `rules.ts`;
 * what each key means is in `types.ts` and, for users, in Pulumi.yaml.
 */
import { z } from 'zod';
import { DEFAULT_WORKLOAD } from '../capacity/workload';
import { choice, decimal, flag, group, integer, line, list, map, noted, text } from './fields';
import { parameterName, parameterValue } from './postgresParameters';
import { backupSchedule, monitorSchedule } from './schedule';
import { auroraGroup, awsGroup, ec2Group, networkGroup } from './schemaAws';
import {
  absolutePath,
  arnOf,
  baseUrl,
  email,
  hasControlCharacter,
  matches,
  moment,
  policyException,
  timeZone,
  weeklyWindow,
} from './values';

/** Unprivileged ports; 22 and the other well-known ones belong to somebody else. */
const UNPRIVILEGED = { first: 1024, last: 65_535 };

const PATH_ALLOWED = 'an absolute path, without ~, .. and variables';
const BACKUP_SCHEDULE_ALLOWED =
  'cron(minutes hours day-of-month month day-of-week year), as EventBridge Scheduler takes it';

/** Roles with a limit of their own; the superuser has none. */
const ROLE_LIMIT = integer(1, 5000).exactOptional();

const port = noted(z.union([z.literal(0), z.int().min(UNPRIVILEGED.first).max(UNPRIVILEGED.last)]), {
  allowed: `0 (a free port), or an integer from ${String(UNPRIVILEGED.first)} to ${String(UNPRIVILEGED.last)}`,
});

const workload = group({
  documents: integer(1, 100_000_000).default(DEFAULT_WORKLOAD.documents),
  stepsPerDocument: decimal(0, 1000).default(DEFAULT_WORKLOAD.stepsPerDocument),
  shareWithSteps: decimal(0, 1, 'a share, not a percentage').default(DEFAULT_WORKLOAD.shareWithSteps),
  dimensions: integer(1, 16_000, "pgvector's limit (VECTOR_MAX_DIM)").default(DEFAULT_WORKLOAD.dimensions),
  textBytesPerDocument: integer(0, 10_000_000).default(DEFAULT_WORKLOAD.textBytesPerDocument),
  growthPerMonth: decimal(0, 1, 'a share, not a percentage').default(DEFAULT_WORKLOAD.growthPerMonth),
  horizonMonths: integer(0, 120).default(DEFAULT_WORKLOAD.horizonMonths),
  connections: integer(5, 5000).default(DEFAULT_WORKLOAD.connections),
});

const index = group({
  profile: choice(['speed', 'accuracy', 'compact', 'ivfflat']).default('speed'),
  type: choice(['vector', 'halfvec', 'bit']).exactOptional(),
  m: integer(2, 100, "pgvector's limit (hnsw m)").exactOptional(),
  efConstruction: integer(4, 1000, "pgvector's limit (hnsw ef_construction)").exactOptional(),
  efSearch: integer(1, 1000, "pgvector's limit (hnsw.ef_search)").exactOptional(),
  lists: integer(1, 32_768, "pgvector's limit (ivfflat lists)").exactOptional(),
  probes: integer(1, 32_768, "pgvector's limit (ivfflat.probes)").exactOptional(),
  recallTolerance: decimal(0, 1, 'a share of recall@10').exactOptional(),
  buildWorkers: integer(0, 64, '0 builds serially, without /dev/shm').exactOptional(),
});

const local = group({
  port: port.default(0),
  dataDir: text(PATH_ALLOWED, absolutePath).exactOptional(),
  osUser: text('the name of an unprivileged user of this machine', (name) =>
    name === 'root'
      ? 'is root, as which PostgreSQL refuses to run'
      : matches(/^[a-z_][a-z0-9_-]{0,31}$/, 'is no user name')(name),
  ).exactOptional(),
  postgresSource: choice(['wheel', 'installed']).default('wheel'),
  binDir: text(PATH_ALLOWED, absolutePath).exactOptional(),
  memoryMiB: integer(256, 4_194_304).default(2048),
  sampleData: flag().default(false),
});

const database = group({
  connectionLimits: group({
    owner: ROLE_LIMIT,
    app: ROLE_LIMIT,
    readonly: ROLE_LIMIT,
    monitor: ROLE_LIMIT,
    backup: ROLE_LIMIT,
  }),
  passwordGeneration: integer(1, 1_000_000).default(1),
});

const backup = group({
  engine: choice(['native', 'pgbackrest', 'aurora']).exactOptional(),
  retentionDays: integer(1, 365).default(7),
  schedule: text(BACKUP_SCHEDULE_ALLOWED, backupSchedule).default('cron(0 2 ? * MON-SAT *)'),
  fullSchedule: text(BACKUP_SCHEDULE_ALLOWED, backupSchedule).default('cron(0 2 ? * SUN *)'),
  timeZone: text('an IANA time zone such as Etc/UTC or Europe/Berlin', timeZone).default('Etc/UTC'),
  repositoryDir: text(PATH_ALLOWED, absolutePath).exactOptional(),
});

/** Retentions that CloudWatch Logs knows. https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html */
const LOG_RETENTION_DAYS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

const threshold = noted(
  z.strictObject({ warning: decimal(0, 1e15).exactOptional(), critical: decimal(0, 1e15).exactOptional() }),
  { allowed: 'an object of warning and critical, numbers in the unit of the metric' },
);

const monitoring = group({
  schedule: text(
    'rate(N minutes), rate(N hours), or cron(...) as EventBridge Scheduler takes it',
    monitorSchedule,
  ).default('rate(5 minutes)'),
  apiUrl: text(
    'an http or https URL without user, password and query, such as http://qbench.internal:8000',
    baseUrl,
  ).exactOptional(),
  alertEmail: text('a mail address', email).exactOptional(),
  snsTopicArn: text(
    'the ARN of an SNS topic: arn:aws:sns:REGION:ACCOUNT:NAME',
    arnOf('sns', /^[\w-]{1,256}$/),
  ).exactOptional(),
  budgetUsdPerMonth: decimal(1, 1_000_000, 'leave it out for no budget').exactOptional(),
  logRetentionDays: noted(
    z.int().refine((days) => LOG_RETENTION_DAYS.includes(days)),
    { allowed: `one of ${LOG_RETENTION_DAYS.join(', ')}; the retentions CloudWatch Logs knows` },
  ).default(30),
  thresholds: map(
    'a map from the name of a metric to { warning, critical }',
    matches(/^[A-Za-z]\w{0,79}$/, 'is no name of a metric'),
    threshold,
  ).default({}),
});

/** Tags that the program sets itself. */
const RESERVED_TAGS: readonly string[] = [
  'project',
  'stack',
  'owner',
  'environment',
  'managed-by',
  'expires-at',
  'Name',
];

/** AWS takes 50 tags a resource; the program's own come first. */
export const MOST_TAGS = 50 - RESERVED_TAGS.length;

function tagName(name: string): string | undefined {
  if (name === '') return 'is empty';
  if (/^aws:/i.test(name)) return 'begins with aws:, which AWS keeps for itself';
  if (hasControlCharacter(name)) return 'holds a control character';
  if (RESERVED_TAGS.includes(name)) return 'is a tag that the program sets itself';
  return /^[\p{L}\p{Z}\p{N}_.:/=+\-@]{1,128}$/u.test(name)
    ? undefined
    : 'is longer than 128 characters or holds one that tags cannot have';
}

function tagValue(value: string): string | undefined {
  if (hasControlCharacter(value)) return 'holds a control character';
  return /^[\p{L}\p{Z}\p{N}_.:/=+\-@]{1,256}$/u.test(value)
    ? undefined
    : 'is longer than 256 characters or holds one that tags cannot have';
}

const tags = map(
  `at most ${String(MOST_TAGS)} tags; names of 1 to 128 and values of 1 to 256 letters, digits, spaces and _ . : / = + - @`,
  tagName,
  text('1 to 256 letters, digits, spaces and _ . : / = + - @', tagValue),
).default({});

/** A resource by its logical name, or by its URN. */
const resourceName = text(
  'a logical name or a URN',
  matches(/^(urn:pulumi:[^\s]+|[\w.:/-]{1,200})$/, 'is no name of a resource'),
);

/** Every key of the namespace, in the order in which messages list them. */
export const settingsSchema = z.strictObject({
  tier: choice(['local', 'ec2', 'aurora']).default('local'),
  environment: choice(['dev', 'test', 'staging', 'production']).default('dev'),
  // Pulumi demands every declared key that has no default: '' stands for none.
  owner: noted(z.union([z.literal(''), line(100)]), {
    allowed: 'one line of at most 100 characters; a team or a person',
  }).default(''),
  protectData: flag().default(true),
  allowDestroy: list(resourceName, 'logical names or URNs', 1000).default([]),
  policyExceptions: list(
    text('RULE RESOURCE until YYYY-MM-DD: reason', policyException),
    'exceptions such as "flow-logs network-vpc until 2027-06-30: costs more than it tells"',
    100,
  ).default([]),
  ephemeral: flag().default(false),
  ttlHours: integer(1, 720, 'thirty days').default(24),
  createdAt: noted(z.union([z.literal(''), text('a moment in UTC, such as 2026-01-31T08:00:00Z', moment)]), {
    allowed: 'a moment in UTC, such as 2026-01-31T08:00:00Z',
  }).default(''),
  postgresVersion: integer(17, 18, 'the major version alone').default(18),
  workload,
  index,
  database,
  postgresParameters: map('a map from the name of a parameter to its value', parameterName, parameterValue).default({}),
  backup,
  monitoring,
  tags,
  local,
  access: choice(['tunnel', 'direct']).default('tunnel'),
  maintenanceWindow: text('a weekly window in UTC, such as sun:04:00-sun:05:00', weeklyWindow).default(
    'sun:04:00-sun:05:00',
  ),
  aws: awsGroup,
  network: networkGroup,
  ec2: ec2Group,
  aurora: auroraGroup,
});

/** What the schema gives: right in each value, not yet between values. */
export type ParsedSettings = z.output<typeof settingsSchema>;
