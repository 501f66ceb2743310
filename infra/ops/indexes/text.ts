/** SQL files with psql variables: `:"name"` is an identifier, `:name` a number. The same text runs by hand after `\set`. */
import { quoteIdent, sqlText } from '../sqlText';

/**
 * @param name as for sqlText
 * @param variables identifiers as strings (quoted here), numbers as they are
 * @throws Error where the file names a variable that was not given
 */
export function sqlWith(name: string, variables: Readonly<Record<string, string | number>>): string {
  return sqlText(name)
    .replace(/^--.*\n/gm, '')
    .replace(/(?<!:):("?)([a-z_]+)\1/g, (_whole, quoted: string, key: string) => {
      const value = variables[key];
      if (value === undefined) throw new Error(`sql/${name}.sql needs a value for :${key}`);
      if (quoted !== '') return quoteIdent(String(value));
      if (typeof value !== 'number' || !Number.isInteger(value))
        throw new Error(`:${key} of sql/${name}.sql is a whole number`);
      return String(value);
    });
}
