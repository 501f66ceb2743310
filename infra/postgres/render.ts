/** The file format of postgresql.conf: one `name = 'value'` a line, sorted, so that two files differ only where they mean to. */

const HEADER =
  '# Written by qbench; changes by hand are overwritten. `qbench server parameters` tells why each line is here.';

/**
 * @returns the value between quotes, as the server's own reader takes it back (guc-file.l)
 * @throws RangeError for a control character: no escape of it is read alike by every version
 */
export function quoteValue(value: string): string {
  if (/[\x00-\x1f\x7f]/.test(value))
    throw new RangeError(`a value holds a control character: ${JSON.stringify(value)}`);
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}

/** @throws RangeError for a name that is none, or a value with a control character */
export function renderPostgresqlConf(parameters: Readonly<Record<string, string>>): string {
  const lines = Object.entries(parameters)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => {
      if (!/^[A-Za-z_][\w$]*(\.[A-Za-z_][\w$]*)?$/.test(name))
        throw new RangeError(`"${name}" is no name of a parameter`);
      return `${name} = ${quoteValue(value)}`;
    });
  return [HEADER, ...lines, ''].join('\n');
}

/** Reads a postgresql.conf, also one that initdb or a person wrote; of a name given twice the last value counts, as in the server. */
export function parsePostgresqlConf(text: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const line of text.split('\n')) {
    const match = /^\s*([A-Za-z_][\w$.]*)\s*(?:=\s*|\s)\s*('(?:[^'\\]|''|\\.)*'|[^\s#']+)/.exec(line);
    if (match === null) continue;
    const [, name = '', raw = ''] = match;
    found[name] = raw.startsWith("'") ? unquote(raw.slice(1, -1)) : raw;
  }
  return found;
}

function unquote(body: string): string {
  return body.replaceAll(/''|\\(.)/g, (_, escaped: string | undefined) => escaped ?? "'");
}
