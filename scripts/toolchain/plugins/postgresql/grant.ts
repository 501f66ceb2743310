/** `postgresql:index/grant:Grant`: exactly these privileges of one role on these objects; what is more is revoked. */
import type { Operation, ResourceType } from '../provider';
import type { CheckFailure, ResourceSpec } from '../spec';
import { textOf, type PlainProperties } from '../values';
import { isMissingDatabase, isMissingObject, type DatabaseServer, type Session } from './connection';
import { splitByWhatExists } from './ids';
import { inputsFromServer, listOf } from './inputs';
import {
  granteeOid,
  PRIVILEGES,
  samePrivileges,
  sortedPrivileges,
  wrongPrivilege,
  type ObjectType,
} from './privileges';
import { grantee, ident } from './quote';

const TYPES = Object.keys(PRIVILEGES).filter((type) => type !== 'type') as ObjectType[];
/** Object types that belong to the database and not to a schema. */
const WITHOUT_SCHEMA: readonly string[] = ['database', 'foreign_data_wrapper', 'foreign_server'];

export const GRANT: ResourceSpec = {
  comparedWith: 'outputs',
  listsDefaults: true,
  // the old one's delete would take away what the new one has just granted on the same objects
  deleteBeforeReplace: (old, next) =>
    ['role', 'database', 'schema', 'objectType'].every((key) => (old[key] ?? null) === (next[key] ?? null)),
  rules: grantRules,
  properties: {
    role: { type: 'string', required: true, replaces: true },
    database: { type: 'string', required: true, replaces: true },
    schema: { type: 'string', replaces: true },
    objectType: { type: 'string', required: true, replaces: true, oneOf: TYPES },
    objects: { type: 'set', replaces: true },
    columns: { type: 'set', replaces: true },
    privileges: { type: 'set', required: true },
    withGrantOption: { type: 'boolean', replaces: true },
  },
};

interface PrivilegeRow {
  object: string;
  privileges: string[];
}

function grantRules(inputs: PlainProperties, given: ReadonlySet<string>): CheckFailure[] {
  const { objectType } = inputs;
  if (typeof objectType !== 'string') return [];
  const failures: CheckFailure[] = [];
  const fail = (property: string, reason: string): number => failures.push({ property, reason });
  const wrong = wrongPrivilege(objectType as ObjectType, listOf(inputs, 'privileges'));
  if (wrong !== undefined) fail('privileges', wrong);
  if (!WITHOUT_SCHEMA.includes(objectType) && !given.has('schema'))
    fail('schema', `a Grant on a ${objectType} needs schema`);
  const noObjects = objectType === 'database' || objectType === 'schema';
  if (noObjects && listOf(inputs, 'objects').length > 0) fail('objects', `a Grant on a ${objectType} takes no objects`);
  const named = objectType === 'column' || objectType.startsWith('foreign_');
  if (named && (!given.has('objects') || (inputs['objects'] !== undefined && listOf(inputs, 'objects').length !== 1))) {
    fail('objects', `a Grant on a ${objectType} needs exactly one object`);
  }
  if (objectType === 'column' && !given.has('columns')) fail('columns', 'a Grant on a column needs columns');
  if (objectType !== 'column' && listOf(inputs, 'columns').length > 0)
    fail('columns', 'columns go with objectType "column" only');
  return failures;
}

/** The id of the real provider: names joined by underscores, as they are. */
function grantId(properties: PlainProperties): string {
  const inSchema = WITHOUT_SCHEMA.includes(textOf(properties, 'objectType')) ? [] : ['schema'];
  const names = ['role', 'database', ...inSchema, 'objectType'].map((key) => textOf(properties, key));
  const lists = ['objects', 'columns'].flatMap((key) => [...listOf(properties, key)].sort());
  return [...names, ...lists].join('_');
}

/** The objects as GRANT and REVOKE name them. */
function target(properties: PlainProperties): string {
  const type = properties['objectType'] as ObjectType;
  const schema = properties['schema'] as string;
  const objects = listOf(properties, 'objects');
  const keyword = type.replaceAll('_', ' ').toUpperCase();
  switch (type) {
    case 'database':
      return `DATABASE ${ident(properties['database'] as string)}`;
    case 'schema':
      return `SCHEMA ${ident(schema)}`;
    case 'foreign_data_wrapper':
    case 'foreign_server':
      return `${keyword} ${objects.map(ident).join(', ')}`;
    case 'column':
      return `TABLE ${ident(schema)}.${ident(objects[0] ?? '')}`;
    default:
      if (objects.length === 0) return `ALL ${keyword}S IN SCHEMA ${ident(schema)}`;
      return `${keyword} ${objects.map((object) => `${ident(schema)}.${routineName(object)}`).join(', ')}`;
  }
}

/** A name, with the argument types that a routine's may have, as in `add(integer, integer)`. */
function routineName(object: string): string {
  const at = object.indexOf('(');
  if (at < 0) return ident(object);
  const types = object.slice(at);
  if (!/^\([\w\s,."[\]]*\)$/.test(types))
    throw new Error(`${JSON.stringify(object)} is no routine; write it as NAME(TYPE, ...)`);
  return ident(object.slice(0, at)) + types;
}

/** Privileges as GRANT and REVOKE name them, each with its columns where it is about columns. */
function named(properties: PlainProperties, privileges: readonly string[]): string {
  const columns = listOf(properties, 'columns');
  const suffix = properties['objectType'] === 'column' ? ` (${columns.map(ident).join(', ')})` : '';
  return privileges.map((privilege) => privilege + suffix).join(', ');
}

/** What the server has, object by object; undefined when the role or the schema is gone. */
async function granted(session: Session, properties: PlainProperties): Promise<PrivilegeRow[] | undefined> {
  const [role, database] = [textOf(properties, 'role'), textOf(properties, 'database')];
  const [schema, objectType] = [textOf(properties, 'schema'), textOf(properties, 'objectType')];
  const oid = await granteeOid(session, role);
  if (oid === undefined) return undefined;
  const what = `reading the privileges of ${role} in database ${database}`;
  const objects = listOf(properties, 'objects').map((object) => object.replace(/\(.*$/s, ''));
  const names = objects.length === 0 ? null : objects;
  const ask = (file: string, values: readonly unknown[]): Promise<PrivilegeRow[]> =>
    session.ask(what, file, [oid, ...values]);
  if (objectType === 'database') return ask('privilegesDatabase', [database]);
  if (WITHOUT_SCHEMA.includes(objectType)) return ask('privilegesForeign', [objects, objectType]);
  const ofSchema = await ask('privilegesSchema', [schema]);
  if (ofSchema.length === 0) return undefined;
  switch (objectType as ObjectType) {
    case 'schema':
      return ofSchema;
    case 'table':
      return ask('privilegesRelation', [schema, ['r', 'p', 'v', 'm', 'f'], names]);
    case 'sequence':
      return ask('privilegesRelation', [schema, ['S'], names]);
    case 'column':
      return ask('privilegesColumn', [schema, objects[0], listOf(properties, 'columns')]);
    default: {
      const kinds = { function: ['f', 'a', 'w'], procedure: ['p'], routine: ['f', 'a', 'w', 'p'] };
      return ask('privilegesRoutine', [schema, kinds[objectType as keyof typeof kinds], names]);
    }
  }
}

/**
 * The grant's outputs. Objects that have something else than what was wanted show what the first of them has; a schema
 * without objects shows what was wanted.
 */
async function readGrant(session: Session, properties: PlainProperties): Promise<PlainProperties | undefined> {
  const rows = await granted(session, properties);
  if (rows === undefined) return undefined;
  const type = properties['objectType'] as ObjectType;
  const wanted = listOf(properties, 'privileges');
  const other = rows.find((row) => !samePrivileges(type, row.privileges, wanted));
  return {
    id: grantId(properties),
    role: textOf(properties, 'role'),
    database: textOf(properties, 'database'),
    schema: properties['schema'] ?? null,
    objectType: type,
    objects: nullIfEmpty(listOf(properties, 'objects')),
    columns: nullIfEmpty(listOf(properties, 'columns')),
    privileges: sortedPrivileges(other === undefined ? wanted : other.privileges),
    withGrantOption: properties['withGrantOption'] ?? false,
  };
}

function nullIfEmpty(list: readonly string[]): readonly string[] | null {
  return list.length === 0 ? null : [...list].sort();
}

/** @param server gives the configured server */
export function grantResource(server: () => DatabaseServer): ResourceType {
  const work = <T>(
    operation: Operation,
    properties: PlainProperties,
    act: (session: Session) => Promise<T>,
  ): Promise<T> =>
    server().session(operation, properties['database'] as string, (session) =>
      session.transaction(async () => session.asMemberOf(await ownersOf(session, properties), () => act(session))),
    );
  const revoke = async (session: Session, properties: PlainProperties): Promise<void> => {
    await session.query(
      `revoking privileges of ${textOf(properties, 'role')}`,
      `REVOKE ${named(properties, ['ALL PRIVILEGES'])} ON ${target(properties)} FROM ${grantee(properties['role'] as string)}`,
    );
  };
  // in one transaction, so that the role is never without the privileges that stay
  const set = (operation: Operation, inputs: PlainProperties): Promise<PlainProperties> =>
    work(operation, inputs, async (session) => {
      await revoke(session, inputs);
      const privileges = listOf(inputs, 'privileges');
      if (privileges.length > 0) {
        const option = inputs['withGrantOption'] === true ? ' WITH GRANT OPTION' : '';
        await session.query(
          `granting privileges to ${textOf(inputs, 'role')}`,
          `GRANT ${named(inputs, privileges)} ON ${target(inputs)} TO ${grantee(inputs['role'] as string)}${option}`,
        );
      }
      const outputs = await readGrant(session, inputs);
      if (outputs === undefined)
        throw new Error(`role ${textOf(inputs, 'role')} or its schema is gone again; someone else drops it`);
      return outputs;
    });
  return {
    spec: GRANT,
    create: async (inputs, operation) => ({ id: grantId(inputs), outputs: await set(operation, inputs) }),
    update: (_id, _state, inputs, operation) => set(operation, inputs),

    async read(id, state, inputs, operation) {
      const properties = state['role'] === undefined ? await fromId(server(), operation, id) : state;
      if (properties === undefined) return undefined;
      try {
        const outputs = await server().session(operation, properties['database'] as string, (session) =>
          readGrant(session, properties),
        );
        return outputs && { id: grantId(properties), outputs, inputs: inputsFromServer(GRANT, inputs, outputs) };
      } catch (error) {
        if (isMissingDatabase(error)) return undefined;
        throw error;
      }
    },

    async delete(_id, state, operation) {
      try {
        await work(operation, state, (session) => revoke(session, state));
      } catch (error) {
        // without the role, the schema or the database there is nothing to revoke
        if (!isMissingDatabase(error) && !isMissingObject(error)) throw error;
      }
    },
  };
}

async function ownersOf(session: Session, properties: PlainProperties): Promise<string[]> {
  const { schema } = properties;
  if (typeof schema !== 'string') return [];
  const rows = await session.ask<{ owner: string }>(`looking up owners in schema ${schema}`, 'ownersInSchema', [
    schema,
  ]);
  return rows.map(({ owner }) => owner);
}

/** A grant from its id, for an import: privileges are those the server has on the first object. */
async function fromId(server: DatabaseServer, operation: Operation, id: string): Promise<PlainProperties | undefined> {
  const type = TYPES.find((candidate) => id.endsWith(`_${candidate}`));
  if (type === undefined || type === 'column' || type.startsWith('foreign_')) {
    throw new Error(
      `the id ${JSON.stringify(id)} is no grant to import; write it as ROLE_DATABASE_SCHEMA_TYPE or ROLE_DATABASE_database`,
    );
  }
  const names = id.slice(0, -type.length - 1);
  const parts = type === 'database' ? (['role', 'database'] as const) : (['role', 'database', 'schema'] as const);
  const split = await splitByWhatExists(server, operation, names, parts);
  if (split === undefined) return undefined;
  const [role = '', database = '', schema] = split;
  const properties: PlainProperties = {
    role,
    database,
    objectType: type,
    privileges: [],
    ...(schema === undefined ? {} : { schema }),
  };
  const rows = await server.session(operation, database, (session) => granted(session, properties));
  return { ...properties, privileges: sortedPrivileges(rows?.[0]?.privileges ?? []) };
}
