/** Rules that migration files are held to, and how they are compared with a ledger. No server. */
import fc from 'fast-check';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  checkDeclared,
  migrationStates,
  pendingMigrations,
  type AppliedMigration,
} from '../../infra/ops/migrations/history';
import { migrationManifest, parseMigration, readMigrations } from '../../infra/ops/migrations/manifest';
import { firstDifference, normaliseDump } from '../../infra/ops/migrations/schemaDump';
import { splitStatements } from '../../infra/ops/migrations/statements';

describe('splitting SQL into statements', () => {
  it.each([
    ['two', 'SELECT 1; SELECT 2;', ['SELECT 1', 'SELECT 2']],
    ['no semicolon at the end', 'SELECT 1', ['SELECT 1']],
    ['comments alone', '-- nothing; here\n/* or; /* nested; */ here */', []],
    ['a string', "SELECT 'a;b', 'it''s;'", ["SELECT 'a;b', 'it''s;'"]],
    ['a string with escapes', String.raw`SELECT E'it\'s;'; SELECT 2`, [String.raw`SELECT E'it\'s;'`, 'SELECT 2']],
    ['a backslash in a standard string', String.raw`SELECT '\'; SELECT 2`, [String.raw`SELECT '\'`, 'SELECT 2']],
    ['an identifier', 'SELECT 1 AS "a;""b"', ['SELECT 1 AS "a;""b"']],
    [
      'dollar quotes',
      "DO $$ BEGIN PERFORM 1; END $$; SELECT $x$;'$$;$x$",
      ['DO $$ BEGIN PERFORM 1; END $$', "SELECT $x$;'$$;$x$"],
    ],
    ['parameters', 'SELECT $1; SELECT $2', ['SELECT $1', 'SELECT $2']],
    ['a comment between words', 'SELECT/**/1; SELECT 2--;', ['SELECT 1', 'SELECT 2']],
    [
      'a function body of the standard',
      'CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END; SELECT 2',
      ['CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END', 'SELECT 2'],
    ],
  ])('%s', (_, sql, expected) => {
    expect(splitStatements(sql)).toEqual(expected);
  });

  it.each(["SELECT 'open", 'SELECT "open', 'DO $a$ open', '/* open'])('refuses what has no end: %s', (sql) => {
    expect(() => splitStatements(sql)).toThrow(/has no end/);
  });

  it('finds every statement whatever its quotations hold', () => {
    const quoted = fc.oneof(
      fc.string().map((text) => `'${text.replaceAll("'", "''")}'`),
      fc.string({ minLength: 1 }).map((text) => `"${text.replaceAll('"', '""')}"`),
      fc
        .string()
        .filter((text) => !text.includes('$'))
        .map((text) => `$q$${text}$q$`),
    );
    const statement = fc.array(quoted, { minLength: 1, maxLength: 4 }).map((parts) => `SELECT ${parts.join(', ')}`);
    fc.assert(
      fc.property(fc.array(statement, { maxLength: 5 }), (statements) => {
        expect(splitStatements(statements.map((text) => `${text};\n-- it's; next\n`).join(''))).toEqual(statements);
      }),
    );
  });
});

describe('the rules of a migration file', () => {
  const concurrently = 'CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_a ON public.a (b);';

  it('reads number, hash, mode and the index that is built concurrently', () => {
    expect(parseMigration('000007-a.sql', `--! no-transaction\n-- why\n${concurrently}\n`)).toMatchObject({
      number: 7,
      noTransaction: true,
      concurrentIndex: 'idx_a',
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    });
  });

  it('hashes the same on systems with other line ends, and differently for any other change', () => {
    const hash = (text: string): string => parseMigration('000001-a.sql', text).sha256;
    expect(hash('SELECT 1;\r\nSELECT 2;\r\n')).toBe(hash('SELECT 1;\nSELECT 2;\n'));
    expect(hash('SELECT 1;\n')).not.toBe(hash('SELECT 1; \n'));
  });

  it.each([
    ['1-a.sql', 'SELECT 1', /"1-a\.sql" is not a name for a migration/],
    ['000001_a.sql', 'SELECT 1', /is not a name/],
    ['000001-A.sql', 'SELECT 1', /is not a name/],
    ['000001-a.sql', '-- only words\n', /has no statement/],
    ['000001-a.sql', '--! no-transactions\nSELECT 1', /"--! no-transactions" is not a directive/],
    ['000001-a.sql', '--!no-transaction down\nSELECT 1', /is not a directive/],
    ['000001-a.sql', `-- why\n--! no-transaction\n${concurrently}`, /is on line 2/],
    ['000001-a.sql', `--! no-transaction\n${concurrently}\nANALYZE a;`, /has 2 statements/],
    ['000001-a.sql', concurrently, /cannot run in a transaction: CREATE INDEX CONCURRENTLY/],
    [
      '000001-a.sql',
      '--! no-transaction\nCREATE INDEX CONCURRENTLY idx_a ON a (b)',
      /cannot be run again after an interruption/,
    ],
    [
      '000001-a.sql',
      '--! no-transaction\nCREATE INDEX CONCURRENTLY ON a (b)',
      /cannot be run again after an interruption/,
    ],
    ['000001-a.sql', 'SELECT 1; COMMIT; SELECT 2', /controls transactions itself: COMMIT/],
    ['000001-a.sql', 'BEGIN; SELECT 1', /controls transactions itself: BEGIN/],
    ['000001-a.sql', "SELECT 'open", /000001-a\.sql: a quotation has no end/],
  ])('%s: %s', (file, text, message) => {
    expect(() => parseMigration(file, text)).toThrow(message);
  });

  it('leaves COMMIT and CONCURRENTLY alone where they are only words', () => {
    const text = "DO $$ BEGIN NULL; END $$;\nCOMMENT ON TABLE a IS 'CREATE INDEX CONCURRENTLY; COMMIT;';";
    expect(parseMigration('000001-a.sql', text).noTransaction).toBe(false);
  });
});

describe('a folder of migrations', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'qbench-migrations-'));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  it('refuses two files with one number, naming both', () => {
    for (const name of ['000001-a.sql', '000002-b.sql', '000002-c.sql']) writeFileSync(join(dir, name), 'SELECT 1');
    expect(() => readMigrations(dir)).toThrow(/000002-b\.sql and 000002-c\.sql/);
  });

  it('takes .sql files in order and leaves texts for people', () => {
    for (const name of ['000010-b.sql', 'README.md', '000002-a.sql']) writeFileSync(join(dir, name), 'SELECT 1');
    expect(readMigrations(dir).map(({ file }) => file)).toEqual(['000002-a.sql', '000010-b.sql']);
  });

  it('of this checkout keeps all the rules', () => {
    const manifest = migrationManifest();
    expect(manifest[0]?.file).toBe('000001-requirements.sql');
    expect(manifest.every(({ sha256 }) => /^[0-9a-f]{64}$/.test(sha256))).toBe(true);
  });
});

describe('files against the ledger', () => {
  const files = ['000001-a.sql', '000002-b.sql', '000003-c.sql'].map((file) =>
    parseMigration(file, `SELECT '${file}'`),
  );
  const [a, b, c] = files as [(typeof files)[0], (typeof files)[0], (typeof files)[0]];
  const row = (file: string, sha256: string): AppliedMigration => ({
    file,
    sha256,
    appliedAt: '2026-01-02T03:04:05Z',
    appliedBy: 'qbench_owner',
  });
  const applied = (...done: typeof files): AppliedMigration[] => done.map(({ file, sha256 }) => row(file, sha256));

  it('applies what is not there yet, in order', () => {
    expect(pendingMigrations(files, applied(a)).map(({ file }) => file)).toEqual(['000002-b.sql', '000003-c.sql']);
    expect(pendingMigrations(files, applied(a, b, c))).toEqual([]);
  });

  it.each([
    ['an edited file', files, [row('000001-a.sql', 'f'.repeat(64))], '000001-a.sql', 'f'.repeat(64), a.sha256],
    ['a missing file', [a, c], applied(a, b), '000002-b.sql', b.sha256, 'none'],
    ['a file before the last applied one', files, applied(a, c), '000002-b.sql', c.sha256, b.sha256],
  ])('refuses %s with its name and both hashes', (_, present, ledger, name, first, second) => {
    const attempt = (): unknown => pendingMigrations(present, ledger);
    expect(attempt).toThrow(new RegExp(name.replace('.', '\\.')));
    expect(attempt).toThrow(new RegExp(`${first}[^]*${second}`));
  });

  it('tells the state of each', () => {
    const ledger = [
      row('000001-a.sql', a.sha256),
      row('000002-b.sql', '0'.repeat(64)),
      row('000009-z.sql', '1'.repeat(64)),
    ];
    const states = migrationStates([...files, { file: '000010-y.sql', sha256: a.sha256 }], ledger);
    expect(states.map(({ file, state }) => [file, state])).toEqual([
      ['000001-a.sql', 'applied'],
      ['000002-b.sql', 'edited'],
      ['000003-c.sql', 'out of order'],
      ['000009-z.sql', 'missing'],
      ['000010-y.sql', 'pending'],
    ]);
  });

  it('holds the files to what the Pulumi program declared', () => {
    expect(() => checkDeclared(files, files)).not.toThrow();
    expect(() => checkDeclared(files, [a, b])).toThrow(/000003-c\.sql is not the declared one: declared sha256 none/);
    expect(() => checkDeclared(files, [a, { file: b.file, sha256: 'x' }, c])).toThrow(
      /000002-b\.sql.*declared sha256 x/,
    );
  });
});

describe('sql/schema.sql', () => {
  it('loses what changes with each run or version of pg_dump, and nothing of a function body', () => {
    const dump =
      '--\n-- PostgreSQL database dump\n--\n\n\\restrict abc\n\n-- Dumped by pg_dump version 18.6\n\nSET statement_timeout = 0;\n\nCREATE FUNCTION f() AS $$\n-- kept\nSET x = 1;\n$$;\n\n\n\n\\unrestrict abc\n';
    const other = dump.replaceAll('abc', 'xyz').replace('18.6', '18.7');
    expect(normaliseDump(other)).toBe(normaliseDump(dump));
    expect(normaliseDump(dump).split('\n').slice(2)).toEqual([
      'CREATE FUNCTION f() AS $$',
      '-- kept',
      'SET x = 1;',
      '$$;',
      '',
    ]);
  });

  it('names the first line that differs', () => {
    expect(firstDifference('a\nb\n', 'a\nb\n')).toBeUndefined();
    expect(firstDifference('a\nb\n', 'a\nc\n')).toEqual({ line: 2, expected: 'b', found: 'c' });
    expect(firstDifference('a\nb', 'a')).toEqual({ line: 2, expected: 'b', found: '(end of file)' });
  });
});
