/** What may be granted on what, and how grants are compared. */
import type { Session } from './connection';

/** Privileges by object type: https://www.postgresql.org/docs/18/ddl-priv.html */
export const PRIVILEGES = {
  database: ['CREATE', 'CONNECT', 'TEMPORARY'],
  schema: ['CREATE', 'USAGE'],
  table: ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER', 'MAINTAIN'],
  sequence: ['USAGE', 'SELECT', 'UPDATE'],
  function: ['EXECUTE'],
  procedure: ['EXECUTE'],
  routine: ['EXECUTE'],
  type: ['USAGE'],
  foreign_data_wrapper: ['USAGE'],
  foreign_server: ['USAGE'],
  column: ['SELECT', 'INSERT', 'UPDATE', 'REFERENCES'],
} as const satisfies Record<string, readonly string[]>;

export type ObjectType = keyof typeof PRIVILEGES;

/** What is wrong with privileges for an object type, or undefined. */
export function wrongPrivilege(type: ObjectType, privileges: readonly string[]): string | undefined {
  const allowed: readonly string[] = PRIVILEGES[type];
  const wrong = privileges.find((privilege) => privilege !== 'ALL' && !allowed.includes(privilege));
  return wrong === undefined
    ? undefined
    : `${JSON.stringify(wrong)} is no privilege on a ${type}; allowed: ALL, ${allowed.join(', ')}`;
}

/** True when what is granted is what was wanted; ALL stands for every privilege (MAINTAIN came with PostgreSQL 17). */
export function samePrivileges(type: ObjectType, granted: readonly string[], wanted: readonly string[]): boolean {
  if (wanted.includes('ALL')) {
    return PRIVILEGES[type].every((privilege) => privilege === 'MAINTAIN' || granted.includes(privilege));
  }
  return granted.length === new Set(wanted).size && wanted.every((privilege) => granted.includes(privilege));
}

/** Alphabetical, as the state has them. */
export function sortedPrivileges(privileges: readonly string[]): string[] {
  return [...new Set(privileges)].sort();
}

/** The oid of a grantee, 0 for PUBLIC, or undefined when there is no such role. */
export async function granteeOid(session: Session, role: string): Promise<string | undefined> {
  if (role.toLowerCase() === 'public') return '0';
  const [row] = await session.query<{ oid: string }>(
    `looking up role ${role}`,
    'SELECT oid::text AS oid FROM pg_catalog.pg_roles WHERE rolname = $1',
    [role],
  );
  return row?.oid;
}
