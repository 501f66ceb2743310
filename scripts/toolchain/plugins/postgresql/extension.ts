/** `postgresql:index/extension:Extension`. */
import type { ResourceType } from '../provider';
import type { ResourceSpec } from '../spec';
import type { PlainProperties } from '../values';
import { databaseOf, isMissingDatabase, type DatabaseServer, type Session } from './connection';
import { splitDottedId } from './ids';
import { inputsFromServer } from './inputs';
import { ident, literal } from './quote';

export const EXTENSION: ResourceSpec = {
  comparedWith: 'outputs',
  listsDefaults: true,
  // a new extension under an unchanged name: the old one goes first, as with the real provider
  deleteBeforeReplace: (old, next) => old['name'] === next['name'],
  properties: {
    name: { type: 'string', required: true, replaces: true },
    schema: { type: 'string', computed: true },
    version: { type: 'string', computed: true },
    database: { type: 'string', computed: true, replaces: true },
    dropCascade: { type: 'boolean' },
    createCascade: { type: 'boolean' },
  },
};

async function readExtension(
  session: Session,
  database: string,
  name: string,
  state: PlainProperties,
): Promise<PlainProperties | undefined> {
  const [row] = await session.ask<{ schema: string; version: string }>(
    `reading extension ${name} of database ${database}`,
    'extension',
    [name],
  );
  if (row === undefined) return undefined;
  return {
    id: `${database}.${name}`,
    name,
    database,
    schema: row.schema,
    version: row.version,
    dropCascade: state['dropCascade'] ?? false,
    createCascade: state['createCascade'] ?? false,
  };
}

/** @param server gives the configured server */
export function extensionResource(server: () => DatabaseServer): ResourceType {
  const mustRead = async (session: Session, database: string, inputs: PlainProperties): Promise<PlainProperties> => {
    const name = inputs['name'] as string;
    const outputs = await readExtension(session, database, name, inputs);
    if (outputs === undefined)
      throw new Error(`extension ${name} is gone again from database ${database}; someone else drops it`);
    return outputs;
  };
  return {
    spec: EXTENSION,

    create(inputs, operation) {
      const database = databaseOf(inputs, server());
      const name = inputs['name'] as string;
      const words = [`CREATE EXTENSION IF NOT EXISTS ${ident(name)}`];
      if (inputs['schema'] !== undefined) words.push(`SCHEMA ${ident(inputs['schema'] as string)}`);
      if (inputs['version'] !== undefined) words.push(`VERSION ${literal(inputs['version'] as string)}`);
      if (inputs['createCascade'] === true) words.push('CASCADE');
      return server().session(operation, database, (session) =>
        session.transaction(async () => {
          await session.query(`creating extension ${name} in database ${database}`, words.join(' '));
          return { id: `${database}.${name}`, outputs: await mustRead(session, database, inputs) };
        }),
      );
    },

    async read(id, state, inputs, operation) {
      const [database, name] =
        state['name'] === undefined
          ? splitDottedId(id, 'extension')
          : [databaseOf(state, server()), state['name'] as string];
      try {
        const outputs = await server().session(operation, database, (session) =>
          readExtension(session, database, name, state),
        );
        return outputs && { id: `${database}.${name}`, outputs, inputs: inputsFromServer(EXTENSION, inputs, outputs) };
      } catch (error) {
        if (isMissingDatabase(error)) return undefined;
        throw error;
      }
    },

    update(_id, state, inputs, operation) {
      const database = databaseOf(state, server());
      const name = inputs['name'] as string;
      const alter = (session: Session, what: string, change: string): Promise<unknown> =>
        session.query(`changing the ${what} of extension ${name}`, `ALTER EXTENSION ${ident(name)} ${change}`);
      return server().session(operation, database, (session) =>
        session.transaction(async () => {
          const { schema, version } = inputs;
          if (schema !== undefined && schema !== state['schema']) {
            await alter(session, 'schema', `SET SCHEMA ${ident(schema as string)}`);
          }
          if (version !== undefined && version !== state['version']) {
            await alter(session, 'version', `UPDATE TO ${literal(version as string)}`);
          }
          return mustRead(session, database, { ...inputs, database });
        }),
      );
    },

    async delete(id, state, operation) {
      const [database, name] =
        state['name'] === undefined
          ? splitDottedId(id, 'extension')
          : [databaseOf(state, server()), state['name'] as string];
      const mode = state['dropCascade'] === true ? 'CASCADE' : 'RESTRICT';
      try {
        await server().session(operation, database, (session) =>
          session.query(
            `dropping extension ${name} of database ${database}`,
            `DROP EXTENSION IF EXISTS ${ident(name)} ${mode}`,
          ),
        );
      } catch (error) {
        if (!isMissingDatabase(error)) throw error;
      }
    },
  };
}
