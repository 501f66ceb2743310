/** `postgresql:index/defaultPrivileges:DefaultPrivileges`: what a role gets on objects that an owner will create. */
import type { Operation, ResourceType } from '../provider';
import type { CheckFailure, ResourceSpec } from '../spec';
import { textOf, type PlainProperties } from '../values';
import { isMissingDatabase, isMissingObject, type DatabaseServer, type Session } from './connection';
import { splitByWhatExists } from './ids';
import { inputsFromServer, listOf } from './inputs';
import { granteeOid, samePrivileges, sortedPrivileges, wrongPrivilege, type ObjectType } from './privileges';
import { grantee, ident } from './quote';

/** The letters of pg_default_acl.defaclobjtype. */
const LETTERS = { table: 'r', sequence: 'S', function: 'f', routine: 'f', type: 'T', schema: 'n' } as const;
type DefaultType = keyof typeof LETTERS;
const TYPES = Object.keys(LETTERS) as DefaultType[];
/** Stands for "all schemas" in an id. */
const NO_SCHEMA = 'noschema';

const DEFAULT_PRIVILEGES: ResourceSpec = {
  comparedWith: 'outputs',
  listsDefaults: true,
  // the old one's delete would take away what the new one has just set
  deleteBeforeReplace: (old, next) =>
    ['role', 'database', 'owner', 'schema', 'objectType'].every((key) => (old[key] ?? null) === (next[key] ?? null)),
  rules,
  properties: {
    role: { type: 'string', required: true, replaces: true },
    database: { type: 'string', required: true, replaces: true },
    owner: { type: 'string', required: true, replaces: true },
    schema: { type: 'string', replaces: true },
    objectType: { type: 'string', required: true, replaces: true, oneOf: TYPES },
    privileges: { type: 'set', required: true },
    withGrantOption: { type: 'boolean', replaces: true },
  },
};

function rules(inputs: PlainProperties, given: ReadonlySet<string>): CheckFailure[] {
  const failures: CheckFailure[] = [];
  const { objectType, role, withGrantOption } = inputs;
  if (typeof objectType === 'string') {
    const wrong = wrongPrivilege(objectType as ObjectType, listOf(inputs, 'privileges'));
    if (wrong !== undefined) failures.push({ property: 'privileges', reason: wrong });
    if (objectType === 'schema' && given.has('schema')) {
      failures.push({ property: 'schema', reason: 'default privileges on schemas take no schema' });
    }
  }
  if (withGrantOption === true && typeof role === 'string' && role.toLowerCase() === 'public') {
    failures.push({ property: 'withGrantOption', reason: 'PUBLIC cannot have a grant option' });
  }
  return failures;
}

function idOf(properties: PlainProperties): string {
  const schema = textOf(properties, 'schema');
  const [role, database, owner, type] = ['role', 'database', 'owner', 'objectType'].map((key) =>
    textOf(properties, key),
  );
  return [role, database, schema === '' ? NO_SCHEMA : schema, owner, type].join('_');
}

/** The start of both statements, up to the schema. */
function alter({ owner, schema }: PlainProperties): string {
  const inSchema = typeof schema === 'string' ? ` IN SCHEMA ${ident(schema)}` : '';
  return `ALTER DEFAULT PRIVILEGES FOR ROLE ${ident(owner as string)}${inSchema}`;
}

function objects(properties: PlainProperties): string {
  return `${(properties['objectType'] as string).toUpperCase()}S`;
}

async function revoke(session: Session, properties: PlainProperties): Promise<void> {
  await session.query(
    `revoking default privileges of ${textOf(properties, 'role')}`,
    `${alter(properties)} REVOKE ALL ON ${objects(properties)} FROM ${grantee(properties['role'] as string)}`,
  );
}

async function readDefaults(session: Session, properties: PlainProperties): Promise<PlainProperties | undefined> {
  const [role, owner] = [textOf(properties, 'role'), textOf(properties, 'owner')];
  const { objectType, schema } = properties;
  const oid = await granteeOid(session, role);
  if (oid === undefined) return undefined;
  const type = objectType as DefaultType;
  const [row] = await session.ask<{ privileges: string[] }>(
    `reading default privileges of ${role}`,
    'defaultPrivileges',
    [oid, owner, LETTERS[type], schema ?? null],
  );
  const found = row?.privileges ?? [];
  const wanted = listOf(properties, 'privileges');
  // none at all is "gone", unless none was what was wanted
  if (found.length === 0 && wanted.length > 0) return undefined;
  return {
    id: idOf(properties),
    role,
    database: textOf(properties, 'database'),
    owner,
    schema: schema ?? null,
    objectType: type,
    privileges: sortedPrivileges(samePrivileges(type, found, wanted) ? wanted : found),
    withGrantOption: properties['withGrantOption'] ?? false,
  };
}

/** @param server gives the configured server */
export function defaultPrivilegesResource(server: () => DatabaseServer): ResourceType {
  const work = <T>(
    operation: Operation,
    properties: PlainProperties,
    act: (session: Session) => Promise<T>,
  ): Promise<T> =>
    server().session(operation, properties['database'] as string, (session) =>
      session.transaction(() => session.asMemberOf([properties['owner'] as string], () => act(session))),
    );
  // in one transaction, so that no object is created without the privileges that stay
  const set = (operation: Operation, inputs: PlainProperties): Promise<PlainProperties> =>
    work(operation, inputs, async (session) => {
      await revoke(session, inputs);
      const privileges = listOf(inputs, 'privileges');
      if (privileges.length > 0) {
        const option = inputs['withGrantOption'] === true ? ' WITH GRANT OPTION' : '';
        await session.query(
          `setting default privileges of ${textOf(inputs, 'role')}`,
          `${alter(inputs)} GRANT ${privileges.join(', ')} ON ${objects(inputs)} TO ${grantee(inputs['role'] as string)}${option}`,
        );
      }
      const outputs = await readDefaults(session, inputs);
      if (outputs === undefined)
        throw new Error(`default privileges of ${textOf(inputs, 'role')} are gone again; someone else revokes them`);
      return outputs;
    });
  return {
    spec: DEFAULT_PRIVILEGES,
    create: async (inputs, operation) => ({ id: idOf(inputs), outputs: await set(operation, inputs) }),
    update: (_id, _state, inputs, operation) => set(operation, inputs),

    async read(id, state, inputs, operation) {
      const properties = state['role'] === undefined ? await fromId(server(), operation, id) : state;
      if (properties === undefined) return undefined;
      try {
        const outputs = await server().session(operation, properties['database'] as string, (session) =>
          readDefaults(session, properties),
        );
        return (
          outputs && { id: idOf(properties), outputs, inputs: inputsFromServer(DEFAULT_PRIVILEGES, inputs, outputs) }
        );
      } catch (error) {
        if (isMissingDatabase(error)) return undefined;
        throw error;
      }
    },

    async delete(_id, state, operation) {
      try {
        await work(operation, state, (session) => revoke(session, state));
      } catch (error) {
        // without the role, the owner, the schema or the database there is nothing to revoke
        if (!isMissingDatabase(error) && !isMissingObject(error)) throw error;
      }
    },
  };
}

async function fromId(server: DatabaseServer, operation: Operation, id: string): Promise<PlainProperties | undefined> {
  const type = TYPES.find((candidate) => id.endsWith(`_${candidate}`));
  if (type === undefined) {
    throw new Error(
      `the id ${JSON.stringify(id)} is none of default privileges; write it as ROLE_DATABASE_SCHEMA_OWNER_TYPE`,
    );
  }
  const names = id.slice(0, -type.length - 1);
  const split = await splitByWhatExists(server, operation, names, ['role', 'database', 'schema', 'role'], NO_SCHEMA);
  if (split === undefined) return undefined;
  const [role = '', database = '', schema = '', owner = ''] = split;
  return { role, database, owner, objectType: type, privileges: [], ...(schema === NO_SCHEMA ? {} : { schema }) };
}
