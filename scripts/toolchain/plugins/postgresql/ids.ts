/** Reading ids back, for imports: the real provider's ids join names without quoting them. */
import type { Operation } from '../provider';
import type { DatabaseServer } from './connection';

/** `database.name` as its two parts. @throws Error when there are not exactly two */
export function splitDottedId(id: string, kind: string): [database: string, name: string] {
  const [database, name, ...rest] = id.split('.');
  if (!database || !name || rest.length > 0) {
    throw new Error(`the id ${JSON.stringify(id)} is no ${kind}; write it as DATABASE.${kind.toUpperCase()}`);
  }
  return [database, name];
}

/** Every way to split a text at underscores into `count` parts, none of them empty. */
export function splitsAtUnderscores(text: string, count: number): string[][] {
  if (count === 1) return text === '' ? [] : [[text]];
  const all: string[][] = [];
  for (let at = text.indexOf('_'); at >= 0; at = text.indexOf('_', at + 1)) {
    const head = text.slice(0, at);
    if (head !== '') all.push(...splitsAtUnderscores(text.slice(at + 1), count - 1).map((rest) => [head, ...rest]));
  }
  return all;
}

/** What a part of an id names. */
export type IdPart = 'role' | 'database' | 'schema';

/**
 * Splits an id whose names may have underscores themselves, by asking the server which of the readings exists.
 * @param parts what each part names; a schema belongs to the database named before it
 * @param alias a schema part that stands for "none" and is taken as it is
 * @returns the parts, or undefined when no reading exists
 * @throws Error when more than one reading exists
 */
export async function splitByWhatExists(
  server: DatabaseServer,
  operation: Operation,
  text: string,
  parts: readonly IdPart[],
  alias?: string,
): Promise<string[] | undefined> {
  const names = await server.session(operation, server.database, async (session) => {
    const roles = await session.query<{ name: string }>(
      'listing roles',
      'SELECT rolname::text AS name FROM pg_catalog.pg_roles',
    );
    const databases = await session.query<{ name: string }>(
      'listing databases',
      'SELECT datname::text AS name FROM pg_catalog.pg_database WHERE datallowconn',
    );
    return {
      role: new Set(['public', ...roles.map(({ name }) => name)]),
      database: new Set(databases.map(({ name }) => name)),
    };
  });
  const schemas = new Map<string, Set<string>>();
  const exists = async (split: readonly string[]): Promise<boolean> => {
    for (const [index, part] of parts.entries()) {
      const name = split[index] ?? '';
      if (part !== 'schema') {
        if (!names[part].has(name)) return false;
      } else if (name !== alias) {
        const database = split[parts.indexOf('database')] ?? '';
        if (!names.database.has(database)) return false;
        const known = schemas.get(database) ?? (await schemasOf(server, operation, database));
        schemas.set(database, known);
        if (!known.has(name)) return false;
      }
    }
    return true;
  };
  const readings: string[][] = [];
  for (const split of splitsAtUnderscores(text, parts.length)) if (await exists(split)) readings.push(split);
  if (readings.length > 1) {
    const list = readings
      .map((reading) => parts.map((part, index) => `${part} ${reading[index]}`).join(', '))
      .join('; or ');
    throw new Error(
      `the id ${JSON.stringify(text)} can be read in more than one way: ${list}. It cannot be imported; create it instead`,
    );
  }
  return readings[0];
}

async function schemasOf(server: DatabaseServer, operation: Operation, database: string): Promise<Set<string>> {
  return server.session(operation, database, async (session) => {
    const rows = await session.query<{ name: string }>(
      'listing schemas',
      'SELECT nspname::text AS name FROM pg_catalog.pg_namespace',
    );
    return new Set(rows.map(({ name }) => name));
  });
}
