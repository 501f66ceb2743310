/** `postgresql:index/role:Role`: a role with its attributes, memberships and settings. */
import type { Operation, ResourceType } from '../provider';
import { zeroOf, type CheckFailure, type ResourceSpec } from '../spec';
import { sameValue, textOf, type PlainProperties } from '../values';
import type { DatabaseServer, Session } from './connection';
import { inputsFromServer, listOf, sameSet } from './inputs';
import { ident, literal } from './quote';
import { isVerifier, passwordForServer } from './scram';

const writeOnly = 'give password, as a secret: the state keeps it encrypted';

export const ROLE: ResourceSpec = {
  comparedWith: 'outputs',
  listsDefaults: true,
  rules: roleRules,
  properties: {
    name: { type: 'string', required: true },
    login: { type: 'boolean' },
    password: { type: 'string', secret: true },
    superuser: { type: 'boolean' },
    createDatabase: { type: 'boolean' },
    createRole: { type: 'boolean' },
    inherit: { type: 'boolean', default: true },
    replication: { type: 'boolean' },
    bypassRowLevelSecurity: { type: 'boolean' },
    connectionLimit: { type: 'integer', minimum: -1, default: -1 },
    encryptedPassword: { type: 'boolean', default: true },
    validUntil: { type: 'string', default: 'infinity' },
    roles: { type: 'set' },
    searchPaths: { type: 'list' },
    statementTimeout: { type: 'integer', minimum: 0 },
    idleInTransactionSessionTimeout: { type: 'integer', minimum: 0 },
    assumeRole: { type: 'string' },
    skipDropRole: { type: 'boolean' },
    skipReassignOwned: { type: 'boolean' },
    encrypted: { type: 'string', refused: 'it is the old name of encryptedPassword' },
    passwordWo: { type: 'string', secret: true, refused: writeOnly },
    passwordWoVersion: { type: 'string', refused: writeOnly },
  },
};

/** Attributes that are on or off. */
const FLAGS = [
  ['superuser', 'SUPERUSER'],
  ['createDatabase', 'CREATEDB'],
  ['createRole', 'CREATEROLE'],
  ['inherit', 'INHERIT'],
  ['login', 'LOGIN'],
  ['replication', 'REPLICATION'],
  ['bypassRowLevelSecurity', 'BYPASSRLS'],
] as const;

interface RoleRow {
  oid: string;
  name: string;
  superuser: boolean;
  inherit: boolean;
  create_role: boolean;
  create_database: boolean;
  login: boolean;
  replication: boolean;
  bypass_rls: boolean;
  connection_limit: number;
  valid_until: string;
  settings: string[];
  roles: string[];
}

function roleRules({ encryptedPassword, searchPaths }: PlainProperties): CheckFailure[] {
  const failures: CheckFailure[] = [];
  if (encryptedPassword === false) {
    failures.push({
      property: 'encryptedPassword',
      reason: 'PostgreSQL 10 and later store no password unencrypted; leave it out',
    });
  }
  if (Array.isArray(searchPaths) && searchPaths.some((path) => String(path).includes(', '))) {
    failures.push({
      property: 'searchPaths',
      reason: 'a schema name in searchPaths must not contain ", "; give one schema an element',
    });
  }
  return failures;
}

/** Statements that bring a role from `old` to `next`; on a creation `old` is empty and every attribute is stated. */
function attributes(old: PlainProperties | undefined, next: PlainProperties): string[] {
  const changed = (key: string): boolean => {
    const property = ROLE.properties[key];
    const zero = property === undefined ? null : zeroOf(property);
    return old === undefined ? next[key] !== undefined : !sameValue(old[key] ?? zero, next[key] ?? zero);
  };
  const words = FLAGS.filter(([key]) => changed(key)).map(([key, word]) => (next[key] === true ? word : `NO${word}`));
  if (changed('connectionLimit')) words.push(`CONNECTION LIMIT ${Number(next['connectionLimit'] ?? -1)}`);
  if (changed('validUntil')) words.push(`VALID UNTIL ${literal(validUntil(next))}`);
  const password = (next['password'] as string | undefined) ?? '';
  if (changed('password') && (old !== undefined || password !== '')) {
    words.push(password === '' ? 'PASSWORD NULL' : `PASSWORD ${literal(passwordForServer(password))}`);
  }
  return words;
}

function validUntil(properties: PlainProperties): string {
  const text = (properties['validUntil'] as string | undefined) ?? 'infinity';
  return text === '' || text.toUpperCase() === 'NULL' ? 'infinity' : text;
}

/** Memberships are managed only where `roles` is given: a GrantRole resource may manage them too. */
async function applyMemberships(session: Session, old: PlainProperties, next: PlainProperties): Promise<void> {
  const name = next['name'] as string;
  const [before, after] = [listOf(old, 'roles'), listOf(next, 'roles')];
  for (const role of before.filter((item) => !after.includes(item))) {
    await session.query(`revoking role ${role} from ${name}`, `REVOKE ${ident(role)} FROM ${ident(name)}`);
  }
  for (const role of after.filter((item) => !before.includes(item))) {
    await session.query(`granting role ${role} to ${name}`, `GRANT ${ident(role)} TO ${ident(name)}`);
  }
}

/** The settings a role starts its sessions with. */
async function applySettings(session: Session, old: PlainProperties, next: PlainProperties): Promise<void> {
  const name = next['name'] as string;
  const rows: [key: string, parameter: string, value: string | undefined][] = [
    ['searchPaths', 'search_path', listOf(next, 'searchPaths').map(ident).join(', ') || undefined],
    ['statementTimeout', 'statement_timeout', numberOrNone(next, 'statementTimeout')],
    [
      'idleInTransactionSessionTimeout',
      'idle_in_transaction_session_timeout',
      numberOrNone(next, 'idleInTransactionSessionTimeout'),
    ],
    ['assumeRole', 'role', next['assumeRole'] ? ident(next['assumeRole'] as string) : undefined],
  ];
  for (const [key, parameter, value] of rows) {
    const [before, after] = [old[key] ?? null, next[key] ?? null];
    const none = (item: unknown): boolean =>
      item === null || item === 0 || item === '' || (Array.isArray(item) && item.length === 0);
    if (sameValue(before, after) || (none(before) && none(after))) continue;
    const change = value === undefined ? `RESET ${parameter}` : `SET ${parameter} TO ${value}`;
    await session.query(`setting ${parameter} of role ${name}`, `ALTER ROLE ${ident(name)} ${change}`);
  }
}

function numberOrNone(properties: PlainProperties, key: string): string | undefined {
  const value = Number(properties[key] ?? 0);
  return value === 0 ? undefined : String(value);
}

/** The role's outputs, or undefined when there is no such role. */
async function readRole(
  session: Session,
  server: DatabaseServer,
  name: string,
  state: PlainProperties,
): Promise<PlainProperties | undefined> {
  const [row] = await session.ask<RoleRow>(`reading role ${name}`, 'role', [name]);
  if (row === undefined) return undefined;
  const managed = Object.keys(state).length === 0 || (state['roles'] !== undefined && state['roles'] !== null);
  const roles = managed && row.roles.length > 0 ? row.roles : null;
  const stated = state['validUntil'];
  return {
    id: row.name,
    name: row.name,
    assumeRole: setting(row.settings, 'role') ?? '',
    bypassRowLevelSecurity: row.bypass_rls,
    connectionLimit: row.connection_limit,
    createDatabase: row.create_database,
    createRole: row.create_role,
    encrypted: null,
    encryptedPassword: true,
    idleInTransactionSessionTimeout: Number(setting(row.settings, 'idle_in_transaction_session_timeout') ?? 0),
    inherit: row.inherit,
    login: row.login,
    password: await readPassword(session, server, row, (state['password'] as string | undefined) ?? ''),
    passwordWo: null,
    passwordWoVersion: null,
    replication: row.replication,
    roles: roles !== null && sameSet(roles, state['roles']) ? (state['roles'] ?? null) : roles,
    searchPaths: setting(row.settings, 'search_path')?.split(', ').map(unquoted) ?? null,
    skipDropRole: state['skipDropRole'] ?? false,
    skipReassignOwned: state['skipReassignOwned'] ?? false,
    statementTimeout: Number(setting(row.settings, 'statement_timeout') ?? 0),
    superuser: row.superuser,
    validUntil: typeof stated === 'string' && sameMoment(stated, row.valid_until) ? stated : row.valid_until,
  };
}

/**
 * As the real provider: a password in the state stands for any SCRAM verifier on the server (it cannot be told from
 * another); that there is none any more, and an exchanged verifier, are seen.
 */
async function readPassword(session: Session, server: DatabaseServer, row: RoleRow, stated: string): Promise<string> {
  if (!row.login || !server.superuser) return stated;
  const [stored] = await session.query<{ password: string | null }>(
    `reading the password of role ${row.name} (a user who is no superuser needs superuser: false in the provider)`,
    'SELECT rolpassword AS password FROM pg_catalog.pg_authid WHERE oid = $1::oid',
    [row.oid],
  );
  const verifier = stored?.password ?? '';
  return verifier !== '' && stated !== '' && !isVerifier(stated) ? stated : verifier;
}

function setting(settings: readonly string[], name: string): string | undefined {
  return settings.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1);
}

function unquoted(name: string): string {
  return /^".*"$/s.test(name) ? name.slice(1, -1).replaceAll('""', '"') : name;
}

function sameMoment(left: string, right: string): boolean {
  if (left === right) return true;
  const [a, b] = [left, right].map((text) => Date.parse(text.replace(/([+-]\d\d)$/, '$1:00')));
  return a !== undefined && !Number.isNaN(a) && a === b;
}

/** @param server gives the configured server */
export function roleResource(server: () => DatabaseServer): ResourceType {
  const secrets = (...all: PlainProperties[]): string[] => all.map((properties) => textOf(properties, 'password'));
  const inSession = <T>(operation: Operation, hidden: string[], work: (session: Session) => Promise<T>): Promise<T> =>
    server().session(operation, server().database, work, hidden);
  const mustRead = async (session: Session, name: string, state: PlainProperties): Promise<PlainProperties> => {
    const outputs = await readRole(session, server(), name, state);
    if (outputs === undefined) throw new Error(`role ${name} is gone again; someone else drops it`);
    return outputs;
  };
  return {
    spec: ROLE,

    create: (inputs, operation) =>
      inSession(operation, secrets(inputs), async (session) => {
        const name = inputs['name'] as string;
        const outputs = await session.transaction(async () => {
          await session.query(
            `creating role ${name}`,
            `CREATE ROLE ${ident(name)} ${attributes(undefined, inputs).join(' ')}`,
          );
          await applyMemberships(session, {}, inputs);
          await applySettings(session, {}, inputs);
          return mustRead(session, name, inputs);
        });
        return { id: name, outputs };
      }),

    read: (id, state, inputs, operation) =>
      inSession(operation, secrets(state), async (session) => {
        const name = (state['name'] as string | undefined) ?? id;
        const outputs = await readRole(session, server(), name, state);
        return outputs && { id: name, outputs, inputs: inputsFromServer(ROLE, inputs, outputs) };
      }),

    update: (_id, state, inputs, operation) =>
      inSession(operation, secrets(state, inputs), (session) =>
        session.transaction(async () => {
          const [old, name] = [state['name'] as string, inputs['name'] as string];
          if (old !== name) {
            await session.query(`renaming role ${old} to ${name}`, `ALTER ROLE ${ident(old)} RENAME TO ${ident(name)}`);
          }
          const words = attributes(state, inputs);
          if (words.length > 0)
            await session.query(`altering role ${name}`, `ALTER ROLE ${ident(name)} ${words.join(' ')}`);
          await applyMemberships(session, state, inputs);
          await applySettings(session, state, inputs);
          return mustRead(session, name, inputs);
        }),
      ),

    delete: (id, state, operation) =>
      inSession(operation, secrets(state), async (session) => {
        const name = (state['name'] as string | undefined) ?? id;
        const rows = await session.query(
          `looking up role ${name}`,
          'SELECT FROM pg_catalog.pg_roles WHERE rolname = $1',
          [name],
        );
        if (rows.length === 0) return;
        await session.transaction(async () => {
          if (state['skipReassignOwned'] !== true) {
            await session.asMemberOf([name], async () => {
              const owner = ident(server().user);
              await session.query(`reassigning what role ${name} owns`, `REASSIGN OWNED BY ${ident(name)} TO ${owner}`);
              await session.query(`dropping the privileges of role ${name}`, `DROP OWNED BY ${ident(name)}`);
            });
          }
          if (state['skipDropRole'] !== true) await session.query(`dropping role ${name}`, `DROP ROLE ${ident(name)}`);
        });
      }),
  };
}
