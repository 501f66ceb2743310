/** What in a live schema differs from what the migrations make: two dumps of pg_dump, compared statement by statement. Pure. */
import type { Difference } from './objects';

/** Statements of a dump; a function's body, whatever it holds, stays in one piece. */
export function statementsOf(dump: string): string[] {
  const statements: string[] = [];
  let current = '';
  // A semicolon ends a statement unless it stands in a body or a text.
  for (const part of dump.split(/(\$[A-Za-z_]*\$[^]*?\$[A-Za-z_]*\$|'(?:[^']|'')*')/)) {
    if (part.startsWith('$') || part.startsWith("'")) {
      current += part;
      continue;
    }
    const pieces = part.split(';');
    pieces.forEach((piece, i) => {
      current += piece;
      if (i === pieces.length - 1) return;
      const text = current.replaceAll(/^--.*$/gm, '').trim();
      if (text !== '') statements.push(text);
      current = '';
    });
  }
  return statements;
}

/** Vector indexes come and go with `qbench index`; what that finds is reported for itself. */
const VECTOR_INDEX = /^CREATE INDEX [^]* USING (hnsw|ivfflat) /;

/** "INDEX public.idx_x", "FUNCTION public.f(integer)": what two versions of one statement have in common. */
function nameOf(statement: string): string {
  const words =
    /^(?:CREATE|ALTER|COMMENT ON)\s+(?:OR REPLACE\s+|UNIQUE\s+|ONLY\s+)*(\w+)\s+(?:ONLY\s+)?([^\s(;]+)/.exec(statement);
  const constraint = /ADD CONSTRAINT (\S+)/.exec(statement);
  if (words === null) return statement.split('\n', 1)[0] ?? statement;
  return `${words[1] ?? ''} ${words[2] ?? ''}${constraint === null ? '' : ` ${constraint[1] ?? ''}`}`;
}

/**
 * @param expected sql/schema.sql
 * @param live dump of the database
 */
export function schemaDrift(expected: string, live: string): Difference[] {
  const [wanted, found] = [expected, live].map(
    (dump) => new Set(statementsOf(dump).filter((statement) => !VECTOR_INDEX.test(statement))),
  ) as [Set<string>, Set<string>];
  const missing = [...wanted].filter((statement) => !found.has(statement));
  const extra = [...found].filter((statement) => !wanted.has(statement));
  const lost = new Set(missing.map(nameOf));
  const differences = extra.map((statement): Difference => {
    const name = nameOf(statement);
    const changed = lost.delete(name);
    return {
      area: 'schema',
      object: name,
      what: changed ? 'was changed by hand' : 'was made by hand',
      next: 'undo it, or write it as a migration',
    };
  });
  const gone = [...lost].map((name): Difference => ({
    area: 'schema',
    object: name,
    what: 'is gone',
    next: 'make it again as its migration does; a restore, where rows went with it',
  }));
  return [...differences, ...gone];
}
