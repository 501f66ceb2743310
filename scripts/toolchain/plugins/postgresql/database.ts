/** `postgresql:index/database:Database`. */
import { PartialFailure, type ResourceType } from '../provider';
import type { ResourceSpec } from '../spec';
import { sameValue, type Plain, type PlainProperties } from '../values';
import type { DatabaseServer, Session } from './connection';
import { inputsFromServer } from './inputs';
import { ident, literal } from './quote';

export const DATABASE: ResourceSpec = {
  comparedWith: 'outputs',
  listsDefaults: true,
  // two databases of one name cannot exist side by side
  deleteBeforeReplace: (old, next) => old['name'] === next['name'],
  properties: {
    name: { type: 'string', required: true },
    owner: { type: 'string', computed: true },
    template: { type: 'string', computed: true, replaces: true },
    encoding: { type: 'string', computed: true, replaces: true },
    lcCollate: { type: 'string', computed: true, replaces: true },
    lcCtype: { type: 'string', computed: true, replaces: true },
    tablespaceName: { type: 'string', computed: true },
    connectionLimit: { type: 'integer', minimum: -1, default: -1 },
    allowConnections: { type: 'boolean', default: true },
    isTemplate: { type: 'boolean', computed: true },
    alterObjectOwnership: { type: 'boolean' },
  },
};

interface DatabaseRow {
  name: string;
  owner: string;
  encoding: string;
  lc_collate: string;
  lc_ctype: string;
  tablespace_name: string;
  connection_limit: number;
  allow_connections: boolean;
  is_template: boolean;
}

/** `DEFAULT` is a keyword in CREATE DATABASE, not a name or a text. */
function orDefault(value: Plain, quote: (text: string) => string): string {
  const text = typeof value === 'string' ? value : '';
  return text.toUpperCase() === 'DEFAULT' ? 'DEFAULT' : quote(text);
}

function createStatement(inputs: PlainProperties, user: string): string {
  const parts = [
    `CREATE DATABASE ${ident(inputs['name'] as string)}`,
    `OWNER ${orDefault(inputs['owner'] ?? user, ident)}`,
    `TEMPLATE ${orDefault(inputs['template'] ?? 'template0', ident)}`,
    `ENCODING ${orDefault(inputs['encoding'] ?? 'UTF8', literal)}`,
  ];
  if (inputs['lcCollate'] !== undefined) parts.push(`LC_COLLATE ${orDefault(inputs['lcCollate'], literal)}`);
  if (inputs['lcCtype'] !== undefined) parts.push(`LC_CTYPE ${orDefault(inputs['lcCtype'], literal)}`);
  if (inputs['tablespaceName'] !== undefined) parts.push(`TABLESPACE ${orDefault(inputs['tablespaceName'], ident)}`);
  parts.push(`ALLOW_CONNECTIONS ${inputs['allowConnections'] !== false}`);
  parts.push(`CONNECTION LIMIT ${Number(inputs['connectionLimit'] ?? -1)}`);
  parts.push(`IS_TEMPLATE ${inputs['isTemplate'] === true}`);
  return parts.join(' ');
}

async function readDatabase(
  session: Session,
  name: string,
  state: PlainProperties,
): Promise<PlainProperties | undefined> {
  const [row] = await session.ask<DatabaseRow>(`reading database ${name}`, 'database', [name]);
  if (row === undefined) return undefined;
  return {
    id: row.name,
    name: row.name,
    owner: row.owner,
    encoding: row.encoding,
    lcCollate: row.lc_collate,
    lcCtype: row.lc_ctype,
    tablespaceName: row.tablespace_name,
    connectionLimit: row.connection_limit,
    allowConnections: row.allow_connections,
    isTemplate: row.is_template,
    alterObjectOwnership: state['alterObjectOwnership'] ?? false,
    // the catalogue does not remember it
    template: state['template'] ?? 'template0',
  };
}

/** @param server gives the configured server */
export function databaseResource(server: () => DatabaseServer): ResourceType {
  const mustRead = async (session: Session, name: string, state: PlainProperties): Promise<PlainProperties> => {
    const outputs = await readDatabase(session, name, state);
    if (outputs === undefined) throw new Error(`database ${name} is gone again; someone else drops it`);
    return outputs;
  };
  return {
    spec: DATABASE,

    create: (inputs, operation) =>
      server().session(operation, server().database, async (session) => {
        const name = inputs['name'] as string;
        const owner = inputs['owner'] as string | undefined;
        await session.asMemberOf(owner === undefined ? [] : [owner], async () => {
          await session.query(`creating database ${name}`, createStatement(inputs, server().user));
        });
        try {
          return { id: name, outputs: await mustRead(session, name, inputs) };
        } catch (error) {
          // CREATE DATABASE cannot be rolled back: the state must know of it
          throw new PartialFailure(`database ${name} was created, but: ${(error as Error).message}`, name, {
            ...inputs,
            id: name,
          });
        }
      }),

    read: (id, state, inputs, operation) =>
      server().session(operation, server().database, async (session) => {
        const name = (state['name'] as string | undefined) ?? id;
        const outputs = await readDatabase(session, name, state);
        return outputs && { id: name, outputs, inputs: inputsFromServer(DATABASE, inputs, outputs) };
      }),

    async update(_id, state, inputs, operation) {
      const [old, name] = [state['name'] as string, inputs['name'] as string];
      const [oldOwner, owner] = [state['owner'] as string, inputs['owner'] as string | undefined];
      const ownerChanges = owner !== undefined && owner !== oldOwner;
      if (ownerChanges && inputs['alterObjectOwnership'] === true) {
        await server().session(operation, old, (session) =>
          session.asMemberOf([oldOwner, owner], async () => {
            await session.query(
              `giving what ${oldOwner} owns in database ${old} to ${owner}`,
              `REASSIGN OWNED BY ${ident(oldOwner)} TO ${ident(owner)}`,
            );
          }),
        );
      }
      return server().session(operation, server().database, async (session) => {
        const changed = (key: string): boolean =>
          inputs[key] !== undefined && !sameValue(state[key] ?? null, inputs[key]);
        const alter = (what: string, change: string): Promise<unknown> =>
          session.query(`changing ${what} of database ${name}`, `ALTER DATABASE ${ident(name)} ${change}`);
        // SET TABLESPACE cannot be part of the transaction, so it goes first and by itself
        if (changed('tablespaceName')) {
          const tablespace = orDefault(inputs['tablespaceName'] ?? 'DEFAULT', ident);
          await session.query(
            `changing the tablespace of database ${old}`,
            `ALTER DATABASE ${ident(old)} SET TABLESPACE ${tablespace === 'DEFAULT' ? 'pg_default' : tablespace}`,
          );
        }
        return session.transaction(async () => {
          if (old !== name) {
            await session.query(
              `renaming database ${old} to ${name}`,
              `ALTER DATABASE ${ident(old)} RENAME TO ${ident(name)}`,
            );
          }
          if (ownerChanges) {
            await session.asMemberOf([oldOwner, owner], async () => {
              await alter('the owner', `OWNER TO ${ident(owner)}`);
            });
          }
          if (changed('connectionLimit'))
            await alter('the connection limit', `CONNECTION LIMIT ${Number(inputs['connectionLimit'])}`);
          if (changed('allowConnections')) {
            await alter('whether connections are allowed', `ALLOW_CONNECTIONS ${inputs['allowConnections'] === true}`);
          }
          if (changed('isTemplate'))
            await alter('whether it is a template', `IS_TEMPLATE ${inputs['isTemplate'] === true}`);
          return mustRead(session, name, { ...state, ...inputs });
        });
      });
    },

    delete: (id, state, operation) =>
      server().session(operation, server().database, async (session) => {
        const name = (state['name'] as string | undefined) ?? id;
        const existing = await readDatabase(session, name, state);
        if (existing === undefined) return;
        await session.asMemberOf([existing['owner'] as string], async () => {
          if (existing['isTemplate'] === true) {
            await session.query(
              `making database ${name} no template`,
              `ALTER DATABASE ${ident(name)} IS_TEMPLATE false`,
            );
          }
          await session.query(`dropping database ${name}`, `DROP DATABASE IF EXISTS ${ident(name)} WITH (FORCE)`);
        });
      }),
  };
}
