/** Reads what a file under sql/ declares in its leading comment. `sql/README.md` says how. */
import type { DatabaseRole } from '../../infra/naming';
import { quoteIdent, quoteLiteral } from '../../infra/ops/sqlText';

/** The value of a parameter that names none, by its declared type. */
const SAMPLES: Readonly<Record<string, unknown>> = {
  bigint: '1',
  'bigint[]': ['1'],
  boolean: true,
  'double precision': 0.5,
  integer: 1,
  'integer[]': [1],
  interval: '1 hour',
  jsonb: '{}',
  oid: 1259,
  real: 0.5,
  text: 'sample',
  'text[]': ['sample'],
  timestamptz: '2026-01-02T03:04:05Z',
  vector: `[1${',0'.repeat(1535)}]`,
};
const ROLES: readonly DatabaseRole[] = ['superuser', 'owner', 'app', 'readonly', 'monitor', 'backup'];
const PARAMETER = /^\$(\d+) ([a-z][a-z ]*(?:\[\])?)(?: = (.*))?$/;

export interface SqlHeader {
  /** Sample values of $1, $2 ... */
  parameters: unknown[];
  role: DatabaseRole;
  /** Files, below sql/ and without extension, that are run before in the same transaction. */
  after: string[];
  /** A query that changes rows, as a step of something larger. */
  writes: boolean;
  /** The text with psql's variables filled in. */
  text: string;
}

/** @throws Error where a parameter is used and not declared, or declared in a way that is not understood */
export function parseHeader(file: string, text: string): SqlHeader {
  const line = (name: string): string | undefined => new RegExp(`^-- ${name}: *(.+?) *$`, 'm').exec(text)?.[1];
  const parameters = (
    line('parameters')
      ?.replace(/ \([^)]*\)$/, '')
      .split(/, (?=\$\d)/) ?? []
  ).map((part, index) => sample(file, part, index));
  const used = highestParameter(text);
  if (used !== parameters.length) {
    throw new Error(
      `${file} uses ${used} parameters and declares ${parameters.length}; declare them: "-- parameters: $1 type, ..."`,
    );
  }
  const role = ROLES.find((name) => name === (line('role') ?? 'superuser'));
  if (role === undefined) throw new Error(`${file}: the role is none of ${ROLES.join(', ')}`);
  return {
    parameters,
    role,
    after: line('after')?.split(/, */) ?? [],
    writes: /^-- writes\b/m.test(text),
    text: fillVariables(text, line('psql') ?? ''),
  };
}

function sample(file: string, part: string, index: number): unknown {
  const match = PARAMETER.exec(part.trim());
  if (match === null || Number(match[1]) !== index + 1) {
    throw new Error(`${file}: "${part}" is not "$${index + 1} type" or "$${index + 1} type = value"`);
  }
  const [, , type = '', value] = match;
  if (value !== undefined) return value;
  if (!(type in SAMPLES))
    throw new Error(`${file}: no sample of type ${type}; write one behind it: "$${index + 1} ${type} = value"`);
  return SAMPLES[type];
}

/** The highest n of all $n outside of comments and quotations. */
function highestParameter(text: string): number {
  const bare = text
    .replaceAll(/--.*$/gm, '')
    .replaceAll(/'(?:[^']|'')*'/g, '')
    .replaceAll(/\$([a-z]*)\$[^]*?\$\1\$/gi, '');
  return Math.max(0, ...[...bare.matchAll(/\$(\d+)/g)].map((match) => Number(match[1])));
}

/** Does what psql does with `\set name value` and :name, :"name", :'name'. */
function fillVariables(text: string, sets: string): string {
  let filled = text;
  for (const [, name = '', value = ''] of sets.matchAll(/\\set (\w+) (\S+)/g)) {
    filled = filled
      .replaceAll(`:"${name}"`, quoteIdent(value))
      .replaceAll(`:'${name}'`, quoteLiteral(value))
      .replaceAll(new RegExp(`(?<!:):${name}\\b`, 'g'), value);
  }
  return filled;
}
