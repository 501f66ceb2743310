/** Cuts SQL text into statements: enough of PostgreSQL's lexer to know which semicolons end one. */

/** One alternative for each thing that may hide a semicolon; https://www.postgresql.org/docs/current/sql-syntax-lexical.html */
const TOKEN = new RegExp(
  [
    /--[^\n]*/, // comment to the end of the line
    /\/\*/, // comment that may nest: cut by hand
    /\b[eE]'(?:[^'\\]|\\[^]|'')*'/, // string with backslash escapes
    /'(?:[^']|'')*'/, // string
    /"(?:[^"]|"")*"/, // identifier
    /(?<![\w$])\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/, // opening of a dollar-quoted string: cut by hand
    /\bBEGIN\s+ATOMIC\b/, // body of an SQL-standard function: its semicolons are not the statement's
    /;/,
  ]
    .map((part) => part.source)
    .join('|'),
  'gi',
);

/**
 * @param sql any SQL text
 * @returns its statements without their semicolons, comments before them and surrounding blanks; comments alone are none
 * @throws Error where a quotation or a comment has no end
 */
export function splitStatements(sql: string): string[] {
  const statements: string[] = [];
  let current = '';
  let at = 0;
  const finish = (): void => {
    if (current.trim() !== '') statements.push(current.trim());
    current = '';
  };
  for (;;) {
    TOKEN.lastIndex = at;
    const token = TOKEN.exec(sql);
    if (token === null) break;
    const [text] = token;
    const before = sql.slice(at, token.index);
    if (/['"]/.test(before)) break;
    current += before;
    at = token.index + text.length;
    if (text === ';') finish();
    else if (text.startsWith('--')) current += ' ';
    else if (text === '/*') {
      at = endOfBlockComment(sql, token.index);
      current += ' ';
    } else if (text.startsWith('$')) {
      const end = sql.indexOf(text, at);
      if (end < 0) throw new Error(`the string that begins with ${text} has no end`);
      at = end + text.length;
      current += sql.slice(token.index, at);
    } else if (/^BEGIN\s/i.test(text)) {
      const end = /\bEND\b/gi;
      end.lastIndex = at;
      if (end.exec(sql) === null) throw new Error('BEGIN ATOMIC has no END');
      at = end.lastIndex;
      current += sql.slice(token.index, at);
    } else current += text;
  }
  const rest = sql.slice(at);
  if (/['"]/.test(rest)) throw new Error('a quotation has no end');
  current += rest;
  finish();
  return statements;
}

function endOfBlockComment(sql: string, start: number): number {
  const edge = /\/\*|\*\//g;
  edge.lastIndex = start;
  let depth = 0;
  for (let found = edge.exec(sql); found !== null; found = edge.exec(sql)) {
    depth += found[0] === '/*' ? 1 : -1;
    if (depth === 0) return edge.lastIndex;
  }
  throw new Error('a comment that begins with /* has no end');
}
