/** `postgresql:index/schema:Schema`. */
import type { ResourceType } from '../provider';
import type { ResourceSpec } from '../spec';
import { textOf, type PlainProperties } from '../values';
import { databaseOf, isMissingDatabase, type DatabaseServer, type Session } from './connection';
import { splitDottedId } from './ids';
import { inputsFromServer } from './inputs';
import { ident } from './quote';

export const SCHEMA: ResourceSpec = {
  comparedWith: 'outputs',
  listsDefaults: true,
  deleteBeforeReplace: (old, next) => old['name'] === next['name'],
  properties: {
    name: { type: 'string', required: true },
    database: { type: 'string', computed: true, replaces: true },
    owner: { type: 'string', computed: true },
    ifNotExists: { type: 'boolean', default: true },
    dropCascade: { type: 'boolean' },
    policies: { type: 'any', computed: true, refused: 'use a Grant with objectType "schema"' },
  },
};

const OWNER =
  'SELECT pg_catalog.pg_get_userbyid(nspowner)::text AS owner FROM pg_catalog.pg_namespace WHERE nspname = $1';
const DATABASE_OWNER =
  'SELECT pg_catalog.pg_get_userbyid(datdba)::text AS owner FROM pg_catalog.pg_database WHERE datname = current_database()';

async function readSchema(
  session: Session,
  database: string,
  name: string,
  state: PlainProperties,
): Promise<PlainProperties | undefined> {
  const [row] = await session.query<{ owner: string }>(`reading schema ${name} of database ${database}`, OWNER, [name]);
  if (row === undefined) return undefined;
  return {
    id: `${database}.${name}`,
    name,
    database,
    owner: row.owner,
    ifNotExists: state['ifNotExists'] ?? true,
    dropCascade: state['dropCascade'] ?? false,
    policies: [],
  };
}

/** The owners whose member one must be to work on the database's schemas. */
async function ownersFor(session: Session, owner: unknown): Promise<string[]> {
  const [row] = await session.query<{ owner: string }>('looking up the database’s owner', DATABASE_OWNER);
  return [...(row === undefined ? [] : [row.owner]), ...(typeof owner === 'string' && owner !== '' ? [owner] : [])];
}

/** @param server gives the configured server */
export function schemaResource(server: () => DatabaseServer): ResourceType {
  const mustRead = async (session: Session, database: string, inputs: PlainProperties): Promise<PlainProperties> => {
    const name = inputs['name'] as string;
    const outputs = await readSchema(session, database, name, inputs);
    if (outputs === undefined)
      throw new Error(`schema ${name} is gone again from database ${database}; someone else drops it`);
    return outputs;
  };
  return {
    spec: SCHEMA,

    create(inputs, operation) {
      const database = databaseOf(inputs, server());
      const name = inputs['name'] as string;
      const owner = inputs['owner'] as string | undefined;
      return server().session(operation, database, (session) =>
        session.transaction(async () => {
          const outputs = await session.asMemberOf(await ownersFor(session, owner), async () => {
            const existing = await readSchema(session, database, name, inputs);
            const authorization = owner === undefined ? '' : ` AUTHORIZATION ${ident(owner)}`;
            if (existing === undefined || inputs['ifNotExists'] === false) {
              await session.query(`creating schema ${name}`, `CREATE SCHEMA ${ident(name)}${authorization}`);
            } else if (owner !== undefined && owner !== existing['owner']) {
              await session.query(
                `giving schema ${name} to ${owner}`,
                `ALTER SCHEMA ${ident(name)} OWNER TO ${ident(owner)}`,
              );
            }
            return mustRead(session, database, inputs);
          });
          return { id: `${database}.${name}`, outputs };
        }),
      );
    },

    async read(id, state, inputs, operation) {
      const [database, name] =
        state['name'] === undefined
          ? splitDottedId(id, 'schema')
          : [databaseOf(state, server()), state['name'] as string];
      try {
        const outputs = await server().session(operation, database, (session) =>
          readSchema(session, database, name, state),
        );
        return outputs && { id: `${database}.${name}`, outputs, inputs: inputsFromServer(SCHEMA, inputs, outputs) };
      } catch (error) {
        if (isMissingDatabase(error)) return undefined;
        throw error;
      }
    },

    update(_id, state, inputs, operation) {
      const database = databaseOf(state, server());
      const [old, name] = [state['name'] as string, inputs['name'] as string];
      const [oldOwner, owner] = [state['owner'] as string, inputs['owner'] as string | undefined];
      return server().session(operation, database, (session) =>
        session.transaction(async () =>
          session.asMemberOf([...(await ownersFor(session, owner)), oldOwner], async () => {
            if (old !== name) {
              await session.query(
                `renaming schema ${old} to ${name}`,
                `ALTER SCHEMA ${ident(old)} RENAME TO ${ident(name)}`,
              );
            }
            if (owner !== undefined && owner !== oldOwner) {
              await session.query(
                `giving schema ${name} to ${owner}`,
                `ALTER SCHEMA ${ident(name)} OWNER TO ${ident(owner)}`,
              );
            }
            return mustRead(session, database, inputs);
          }),
        ),
      );
    },

    async delete(id, state, operation) {
      const [database, name] =
        state['name'] === undefined
          ? splitDottedId(id, 'schema')
          : [databaseOf(state, server()), state['name'] as string];
      const mode = state['dropCascade'] === true ? 'CASCADE' : 'RESTRICT';
      try {
        await server().session(operation, database, (session) =>
          session.transaction(async () =>
            session.asMemberOf(
              [textOf(state, 'owner')].filter((owner) => owner !== ''),
              async () => {
                await session.query(
                  `dropping schema ${name} of database ${database}`,
                  `DROP SCHEMA IF EXISTS ${ident(name)} ${mode}`,
                );
              },
            ),
          ),
        );
      } catch (error) {
        if (!isMissingDatabase(error)) throw error;
      }
    },
  };
}
