/**
 * Reads the SQL files under `sql/`. They are the words; ops decides which to say. Kept as files so that the same
 * statement can be run by hand with psql, and be executed, formatted and linted one by one in the tests.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The folder `sql/` of this checkout. A bundled handler replaces this module with one that carries the texts. */
export const SQL_ROOT = join(__dirname, '..', '..', 'sql');

const cache = new Map<string, string>();

/**
 * @param name path below `sql/`, without the extension: "queries/health"
 * @returns the text of the file, comments included
 */
export function sqlText(name: string): string {
  let text = cache.get(name);
  if (text === undefined) {
    text = readFileSync(join(SQL_ROOT, `${name}.sql`), 'utf8');
    cache.set(name, text);
  }
  return text;
}

/** Quotes an identifier for use in a statement that cannot take it as a bind parameter. */
export function quoteIdent(name: string): string {
  if (name === '' || name.includes('\0')) throw new Error(`not an SQL identifier: ${JSON.stringify(name)}`);
  return `"${name.replaceAll('"', '""')}"`;
}

/** Quotes a literal for a statement that takes no bind parameters (SET, ALTER SYSTEM, CREATE ROLE ...). */
export function quoteLiteral(value: string): string {
  if (value.includes('\0')) throw new Error('an SQL literal cannot hold a NUL character');
  const quoted = `'${value.replaceAll("'", "''")}'`;
  return value.includes('\\') ? ` E${quoted.replaceAll('\\', '\\\\')}` : quoted;
}
