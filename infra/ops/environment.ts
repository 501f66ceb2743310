/** `qbench check-env`: whether a machine and a database have what is needed; each line says what to do. */
import { PGVECTOR_ADVISED, PGVECTOR_MINIMUM, ROLE_NAMES, type DatabaseRole } from '../naming';
import { messageOf } from './errors';
import type { MigrationStatus } from './migrations/history';
import type { Session } from './ports';
import { sqlText } from './sqlText';

export type CheckLevel = 'ok' | 'warn' | 'fail';

export interface Check {
  name: string;
  level: CheckLevel;
  /** What was found. */
  detail: string;
  /** What to do about it. */
  next?: string;
}

/** Oldest server that the migrations and the operations are made for. */
const OLDEST_POSTGRES_MAJOR = 17;
const OLDEST_NODE_MAJOR = 22;
/** Node that package.json brings. */
const OWN_NODE_MAJOR = 24;

/** -1 where `a` is the older version, 0 where they are equal, 1 where it is the newer one. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((text) => text.split('.').map((part) => Number.parseInt(part, 10)));
  for (let i = 0; i < Math.max(left?.length ?? 0, right?.length ?? 0); i++) {
    const difference = (left?.[i] ?? 0) - (right?.[i] ?? 0);
    if (difference !== 0) return Math.sign(difference);
  }
  return 0;
}

/** @param version as process.versions.node gives it */
export function checkNode(version: string): Check {
  const major = Number.parseInt(version, 10);
  const found = { name: 'Node.js', detail: version };
  if (major < OLDEST_NODE_MAJOR) {
    return {
      ...found,
      level: 'fail',
      next: `npm ci brings Node ${OWN_NODE_MAJOR} for the npm scripts; ${OLDEST_NODE_MAJOR} is the oldest that works`,
    };
  }
  return { ...found, level: 'ok' };
}

/** The gate of pgvector versions, the same for every tier. */
export function checkPgvector(version: string): Check {
  const found = { name: 'pgvector', detail: version };
  const next = 'upgrade the package, then ALTER EXTENSION vector UPDATE';
  if (compareVersions(version, PGVECTOR_MINIMUM) < 0) {
    return {
      ...found,
      level: 'fail',
      detail: `${version}, which can corrupt HNSW indexes; ${PGVECTOR_MINIMUM} is the oldest that is served`,
      next,
    };
  }
  if (compareVersions(version, PGVECTOR_ADVISED) < 0) {
    return { ...found, level: 'warn', detail: `${version}; ${PGVECTOR_ADVISED} or newer is advised`, next };
  }
  return { ...found, level: 'ok' };
}

interface ServerFacts {
  version_num: number;
  version: string;
  in_recovery: boolean;
  role_name: string;
  parameters: Record<string, string | null>;
}

/** Everything that is asked of a reachable database. */
export async function checkDatabase(session: Session): Promise<Check[]> {
  const server = (await session.query<ServerFacts>(sqlText('queries/environment-server'))).rows[0];
  if (server === undefined) throw new Error('the server says nothing of itself');
  return [
    checkServer(server),
    ...(await checkExtensions(session)),
    ...(await checkRoles(session)),
    ...checkParameters(server.parameters),
  ];
}

function checkServer({ version, version_num, in_recovery, role_name }: ServerFacts): Check {
  const found = { name: 'server', detail: `PostgreSQL ${version}, as ${role_name}` };
  const major = Math.floor(version_num / 10_000);
  if (major < OLDEST_POSTGRES_MAJOR) {
    return {
      ...found,
      level: 'fail',
      next: `upgrade: PostgreSQL ${OLDEST_POSTGRES_MAJOR} is the oldest that is served`,
    };
  }
  if (in_recovery)
    return {
      ...found,
      level: 'warn',
      detail: `${found.detail}; a standby, which only answers`,
      next: 'connect to the primary to change anything',
    };
  return { ...found, level: 'ok' };
}

interface ExtensionFacts {
  name: string;
  version: string | null;
  schema_name: string | null;
  available_version: string | null;
}

async function checkExtensions(session: Session): Promise<Check[]> {
  const { rows } = await session.query<ExtensionFacts>(sqlText('queries/environment-extensions'));
  return rows.map(({ name, version, schema_name, available_version }) => {
    const label = name === 'vector' ? 'pgvector' : name;
    if (version === null) {
      const next =
        available_version === null ? `install the server's package of ${label}, then pulumi up` : 'pulumi up makes it';
      return { name: label, level: 'fail', detail: 'not in this database', next };
    }
    if (name === 'vector' && schema_name !== 'public') {
      return {
        name: label,
        level: 'fail',
        detail: `in schema ${schema_name}; the application looks for it in public`,
        next: 'as a superuser: ALTER EXTENSION vector SET SCHEMA public',
      };
    }
    return name === 'vector' ? checkPgvector(version) : { name: label, level: 'ok', detail: version };
  });
}

interface RoleFacts {
  name: string;
  there: boolean;
  can_login: boolean | null;
  superuser: boolean | null;
  create_role: boolean | null;
  create_database: boolean | null;
  bypass_rls: boolean | null;
  replication: boolean | null;
}

async function checkRoles(session: Session): Promise<Check[]> {
  const roles = (Object.keys(ROLE_NAMES) as DatabaseRole[]).filter((role) => role !== 'superuser');
  const { rows } = await session.query<RoleFacts>(sqlText('queries/environment-roles'), [
    roles.map((role) => ROLE_NAMES[role]),
  ]);
  const problems = rows.flatMap((row): Check[] => {
    const name = `role ${row.name}`;
    if (!row.there) return [{ name, level: 'fail', detail: 'missing', next: 'pulumi up makes it' }];
    const tooMuch = [
      row.superuser === true ? 'SUPERUSER' : undefined,
      row.create_role === true ? 'CREATEROLE' : undefined,
      row.create_database === true ? 'CREATEDB' : undefined,
      row.bypass_rls === true ? 'BYPASSRLS' : undefined,
      row.replication === true && row.name !== ROLE_NAMES.backup ? 'REPLICATION' : undefined,
    ].filter((attribute) => attribute !== undefined);
    if (tooMuch.length > 0) {
      return [
        {
          name,
          level: 'warn',
          detail: `has ${tooMuch.join(', ')}, which its work does not need`,
          next: 'pulumi refresh, then pulumi up',
        },
      ];
    }
    return row.can_login === true
      ? []
      : [{ name, level: 'fail', detail: 'may not log in', next: 'pulumi refresh, then pulumi up' }];
  });
  return problems.length > 0
    ? problems
    : [{ name: 'roles', level: 'ok', detail: `all ${rows.length}, with no more rights than they need` }];
}

interface ParameterCheck {
  name: string;
  good(value: string): boolean;
  level: 'warn' | 'fail';
  why: string;
}

const PARAMETERS: readonly ParameterCheck[] = [
  {
    name: 'fsync',
    good: (value) => value === 'on',
    level: 'fail',
    why: 'a crash of the machine can corrupt everything',
  },
  {
    name: 'full_page_writes',
    good: (value) => value === 'on',
    level: 'fail',
    why: 'a crash of the machine can tear pages',
  },
  { name: 'data_checksums', good: (value) => value === 'on', level: 'warn', why: 'damage on disk goes unnoticed' },
  { name: 'autovacuum', good: (value) => value === 'on', level: 'warn', why: 'dead rows stay' },
  { name: 'track_counts', good: (value) => value === 'on', level: 'warn', why: 'autovacuum is blind without it' },
  {
    name: 'password_encryption',
    good: (value) => value === 'scram-sha-256',
    level: 'warn',
    why: 'md5 verifiers can be used to log in',
  },
  // pg_settings appends the unit: this one counts bytes.
  {
    name: 'log_parameter_max_length_on_error',
    good: (value) => value === '0B',
    level: 'warn',
    why: 'embeddings and texts get into the log',
  },
  {
    name: 'shared_preload_libraries',
    good: (value) => value.includes('pg_stat_statements'),
    level: 'warn',
    why: 'statement statistics are not collected',
  },
];

function checkParameters(parameters: Readonly<Record<string, string | null>>): Check[] {
  const judged = PARAMETERS.flatMap((rule) => {
    const value = parameters[rule.name];
    return value === undefined || value === null ? [] : [{ ...rule, value }];
  });
  const problems = judged.filter((rule) => !rule.good(rule.value));
  const checks = problems.map(({ name, level, why, value }): Check => ({
    name: `parameter ${name}`,
    level,
    detail: `${value === '' ? 'empty' : value}: ${why}`,
    next: 'pulumi up sets it',
  }));
  return checks.length > 0
    ? checks
    : [{ name: 'parameters', level: 'ok', detail: `${judged.length} that matter are as they should be` }];
}

/** Whether the schema is the one of this checkout. */
export function checkSchema(states: readonly MigrationStatus[]): Check {
  const name = 'schema';
  const wrong = states.find(({ state }) => state !== 'applied' && state !== 'pending');
  if (wrong !== undefined) {
    return {
      name,
      level: 'fail',
      detail: `migration ${wrong.file} is ${wrong.state}`,
      next: 'qbench migrate --status, and restore the file from version control',
    };
  }
  const pending = states.filter(({ state }) => state === 'pending').length;
  if (pending > 0)
    return {
      name,
      level: 'fail',
      detail: `${pending} of ${states.length} migrations are pending`,
      next: 'pulumi up, or qbench migrate',
    };
  return { name, level: 'ok', detail: `all ${states.length} migrations are applied` };
}

/** Runs a check; what it throws becomes a failed one. */
export async function attempt(name: string, next: string, work: () => Promise<Check[]>): Promise<Check[]> {
  try {
    return await work();
  } catch (error) {
    return [{ name, level: 'fail', detail: messageOf(error), next }];
  }
}
