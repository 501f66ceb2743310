/** Which statements of a migration take data away. Judged by the text: what a function does when it is called is not seen. */
import { splitStatements } from '../migrations/statements';

export interface DestructiveStatement {
  /** What it takes away: "table test_steps", "column test_documents.title". */
  what: string;
  /** The statement on one line, shortened. */
  statement: string;
}

const NAME = String.raw`(?:ONLY\s+)?((?:"(?:[^"]|"")+"|[\w$]+)(?:\.(?:"(?:[^"]|"")+"|[\w$]+))*)`;

/** Statements that lose rows or values whatever the table holds. */
const DROPS: readonly (readonly [RegExp, (match: RegExpExecArray) => string])[] = [
  [
    new RegExp(
      String.raw`^DROP\s+(?:FOREIGN\s+)?TABLE\s+(?:IF\s+EXISTS\s+)?([^;]+?)(?:\s+(?:CASCADE|RESTRICT))?$`,
      'i',
    ),
    (m) => `table ${m[1]}`,
  ],
  [
    new RegExp(String.raw`^DROP\s+MATERIALIZED\s+VIEW\s+(?:IF\s+EXISTS\s+)?([^;]+?)(?:\s+CASCADE|\s+RESTRICT)?$`, 'i'),
    (m) => `materialized view ${m[1]}`,
  ],
  [
    new RegExp(
      String.raw`^DROP\s+(SCHEMA|DATABASE|EXTENSION|TYPE|DOMAIN|SEQUENCE|OWNED\s+BY)\s+(?:IF\s+EXISTS\s+)?([^;]+?)$`,
      'i',
    ),
    (m) => `${(m[1] ?? '').toLowerCase()} ${m[2]}`,
  ],
  [new RegExp(String.raw`^TRUNCATE\s+(?:TABLE\s+)?${NAME}`, 'i'), (m) => `the rows of ${m[1]}`],
];

const ALTER_TABLE = new RegExp(String.raw`^ALTER\s+(?:FOREIGN\s+)?TABLE\s+(?:IF\s+EXISTS\s+)?${NAME}\s+([^]*)$`, 'i');
const DROP_COLUMN =
  /\bDROP\s+(?!(?:CONSTRAINT|NOT|DEFAULT|EXPRESSION|IDENTITY)\b)(?:COLUMN\s+)?(?:IF\s+EXISTS\s+)?("(?:[^"]|"")+"|[\w$]+)/gi;
const RETYPE = /\bALTER\s+(?:COLUMN\s+)?("(?:[^"]|"")+"|[\w$]+)\s+(?:SET\s+DATA\s+)?TYPE\s+/gi;

/** What a statement that runs as code might do: the text inside is looked through, quoted or not. */
const INSIDE = /\b(DROP\s+TABLE|DROP\s+SCHEMA|DROP\s+COLUMN|TRUNCATE)\b\s*(?:IF\s+EXISTS\s+)?([\w$."%]*)/gi;

function oneLine(statement: string): string {
  const line = statement.replaceAll(/\s+/g, ' ').trim();
  return line.length > 120 ? `${line.slice(0, 117)}...` : line;
}

/**
 * The statements of a migration that drop a table, a column or what contains them, delete rows, or change a column's type.
 * @param sql text of the file
 * @throws Error where a quotation or a comment has no end
 */
export function destructiveStatements(sql: string): DestructiveStatement[] {
  return splitStatements(sql).flatMap((statement) => {
    const found = takenBy(statement);
    return found.map((what) => ({ what: what.replaceAll(/\s+/g, ' '), statement: oneLine(statement) }));
  });
}

function takenBy(statement: string): string[] {
  for (const [pattern, say] of DROPS) {
    const match = pattern.exec(statement);
    if (match !== null) return [say(match)];
  }
  const removed = new RegExp(String.raw`^DELETE\s+FROM\s+${NAME}`, 'i').exec(statement);
  if (removed !== null) return [`rows of ${removed[1]}`];
  const table = ALTER_TABLE.exec(statement);
  if (table !== null) {
    const [, name = '', actions = ''] = table;
    const bare = actions.replaceAll(/'(?:[^']|'')*'/g, "''");
    return [
      ...[...bare.matchAll(DROP_COLUMN)].map(([, column]) => `column ${name}.${column}`),
      ...[...bare.matchAll(RETYPE)].map(([, column]) => `values of ${name}.${column}, by its new type`),
    ];
  }
  // DO blocks run at once. A function's body runs when somebody calls it, which is not for the migration to answer for.
  if (/^DO\b/i.test(statement)) {
    return [...statement.matchAll(INSIDE)].map(
      ([, verb, name]) => `${oneLine(verb ?? '').toLowerCase()} ${name} in a DO block`,
    );
  }
  return [];
}
