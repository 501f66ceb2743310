/**
 * What in a database differs from what this project makes: roles, grants, parameters set past the stack. Pure comparison of what
 * the catalog says with what is expected; `read.ts` asks.
 */
import { ADMIN_ROLE, DATABASE_NAME, ROLE_NAMES } from '../../naming';

export type DriftArea = 'resource' | 'role' | 'grant' | 'parameter' | 'schema' | 'index';

export interface Difference {
  area: DriftArea;
  /** What differs: "role reporting", "local-server". */
  object: string;
  /** How, in one sentence. */
  what: string;
  /** What to do, where there is one thing to do. */
  next?: string;
}

export interface RoleRow {
  name: string;
  attributes: string[];
  memberships: string[];
}

export interface GrantRow {
  kind: 'table' | 'sequence' | 'function' | 'schema' | 'database';
  name: string;
  grantee: string;
  privilege: string;
}

export interface SettingRow {
  by: 'ALTER SYSTEM' | 'ALTER ROLE' | 'ALTER DATABASE' | 'ALTER ROLE ALL';
  target: string;
  name: string;
  value: string;
}

const { owner, app, readonly, monitor, backup } = ROLE_NAMES;

/** Attributes and memberships of our roles; `components/roles.ts` asks for them, and a test holds the two together. */
const EXPECTED_ROLES: Readonly<Record<string, { attributes: string[]; memberships: string[] }>> = {
  [owner]: { attributes: [], memberships: [] },
  [app]: { attributes: [], memberships: [] },
  [readonly]: { attributes: [], memberships: [] },
  [monitor]: { attributes: [], memberships: ['pg_monitor', 'pg_use_reserved_connections'] },
  [backup]: {
    attributes: ['REPLICATION'],
    memberships: ['pg_checkpoint', 'pg_read_all_data', 'pg_use_reserved_connections'],
  },
};

/** The role by which the program works on a host; it becomes a member of each role that it makes. */
const ADMINISTRATOR = {
  attributes: ['CREATEDB', 'CREATEROLE', 'REPLICATION'],
  memberships: [
    ...['pg_checkpoint', 'pg_monitor', 'pg_read_all_data', 'pg_use_reserved_connections'],
    ...[owner, app, readonly, monitor, backup],
  ],
};

/** @param onHost whether the server is that of a host, which has an administrator that is no superuser */
export function roleDrift(rows: readonly RoleRow[], onHost = false): Difference[] {
  const all: typeof EXPECTED_ROLES = onHost ? { ...EXPECTED_ROLES, [ADMIN_ROLE]: ADMINISTRATOR } : EXPECTED_ROLES;
  const found: Difference[] = [];
  const report = (role: string, what: string, next?: string): void =>
    void found.push({ area: 'role', object: role, what, ...(next === undefined ? {} : { next }) });
  for (const { name, attributes, memberships } of rows) {
    const expected = all[name];
    if (expected === undefined) {
      report(name, 'was made by hand', `DROP ROLE ${name}, or give its work to a role of the stack`);
      continue;
    }
    for (const [kind, live, wanted] of [
      ['attribute', attributes, expected.attributes],
      ['membership in', memberships, expected.memberships],
    ] as const) {
      for (const extra of live.filter((each) => !wanted.includes(each)))
        report(name, `has the ${kind} ${extra} by hand`);
      for (const lost of wanted.filter((each) => !live.includes(each))) report(name, `has lost the ${kind} ${lost}`);
    }
  }
  const names = new Set(rows.map(({ name }) => name));
  for (const name of Object.keys(all)) if (!names.has(name)) report(name, 'is gone', 'npm run up makes it again');
  return found;
}

const TABLE_RIGHTS: Readonly<Record<string, readonly string[]>> = {
  [app]: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
  [readonly]: ['SELECT'],
  [monitor]: ['SELECT'],
};
const SEQUENCE_RIGHTS: Readonly<Record<string, readonly string[]>> = { [app]: ['USAGE', 'SELECT'] };

/**
 * @param migrations texts of the migrations: a grant that one of them makes is no drift
 */
export function grantDrift(rows: readonly GrantRow[], migrations: readonly string[]): Difference[] {
  const granted = migrations.flatMap((text) => text.match(/^GRANT\b[^;]*;/gm) ?? []);
  const byMigration = ({ name, grantee, privilege }: GrantRow): boolean => {
    const plain = name.split('.').pop() ?? name;
    const words = new RegExp(`\\b(${privilege}|ALL)\\b[^;]*\\b${plain}\\b[^;]*\\bTO\\b[^;]*\\b${grantee}\\b`);
    return granted.some((statement) => words.test(statement));
  };
  const extra = rows.filter((row) => !isExpected(row) && !byMigration(row));
  const found = extra.map((row): Difference => ({
    area: 'grant',
    object: `${row.kind} ${row.name}`,
    what: `${row.privilege} was granted to ${row.grantee} by hand`,
    next: `REVOKE ${row.privilege} ON ${row.kind} ${row.name} FROM ${row.grantee}`,
  }));
  const tables = [...new Set(rows.filter(({ kind }) => kind === 'table').map(({ name }) => name))];
  const has = (name: string, grantee: string, privilege: string): boolean =>
    rows.some((row) => row.name === name && row.grantee === grantee && row.privilege === privilege);
  for (const name of tables.filter((each) => each.startsWith('public.'))) {
    for (const [grantee, rights] of Object.entries(TABLE_RIGHTS)) {
      for (const right of rights.filter((each) => !has(name, grantee, each))) {
        found.push({
          area: 'grant',
          object: `table ${name}`,
          what: `${grantee} has lost ${right}`,
          next: `GRANT ${right} ON ${name} TO ${grantee}`,
        });
      }
    }
  }
  return found;
}

function isExpected({ kind, name, grantee, privilege }: GrantRow): boolean {
  if (grantee === ROLE_NAMES.superuser || grantee === owner) return true;
  const inPublic = name.startsWith('public.');
  switch (kind) {
    case 'table':
      return inPublic && TABLE_RIGHTS[grantee]?.includes(privilege) === true;
    case 'sequence':
      return inPublic && SEQUENCE_RIGHTS[grantee]?.includes(privilege) === true;
    case 'function':
      // The default of every function; a migration takes it away where it matters.
      return grantee === 'public' && privilege === 'EXECUTE';
    case 'schema':
      // pg_database_owner owns public in a new database, and everybody may use it there.
      return name === 'public' && (privilege === 'USAGE' || grantee === 'pg_database_owner');
    case 'database':
      return name !== DATABASE_NAME || (privilege === 'CONNECT' && [app, readonly, monitor, backup].includes(grantee));
  }
}

/** Settings that the stack itself makes: of roles, of the log, the search breadth of the indexes. Their values are judged elsewhere. */
const OWN_SETTINGS =
  /^(search_path|log_min_messages|statement_timeout|idle_in_transaction_session_timeout|hnsw\..+|ivfflat\..+)$/;

/** What maintenance/admin-role.sql sets on a host, so that the administrator may use the roles that it makes. */
function isAdministrators(target: string, name: string): boolean {
  return target === ADMIN_ROLE && name === 'createrole_self_grant';
}

export function settingDrift(rows: readonly SettingRow[]): Difference[] {
  return rows
    .filter(
      ({ by, target, name }) => by === 'ALTER SYSTEM' || !(OWN_SETTINGS.test(name) || isAdministrators(target, name)),
    )
    .map(({ by, target, name, value }) => ({
      area: 'parameter',
      object: name,
      what: `was set to ${value === '' ? "''" : value} for ${target} by ${by}`,
      next:
        by === 'ALTER SYSTEM'
          ? `ALTER SYSTEM RESET ${name}; to keep it, postgresParameters of the stack`
          : `${by} ... RESET ${name}`,
    }));
}
