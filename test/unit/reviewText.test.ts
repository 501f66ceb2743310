/** Texts that the report judges: SQL that takes data away, and secrets that must not be shown. */
import { describe, expect, it } from 'vitest';
import { readMigrations } from '../../infra/ops/migrations/manifest';
import { destructiveStatements } from '../../infra/ops/review/destructiveSql';
import { isSecret, MASK, maskText } from '../../infra/ops/review/mask';

const taken = (sql: string): string[] => destructiveStatements(sql).map(({ what }) => what);

describe('destructive SQL', () => {
  it.each([
    ['DROP TABLE test_steps', ['table test_steps']],
    ['drop table if exists public."Test Steps" cascade', ['table public."Test Steps"']],
    ['DROP TABLE a, b', ['table a, b']],
    ['-- why\nALTER TABLE test_documents\n  DROP COLUMN title', ['column test_documents.title']],
    ['ALTER TABLE IF EXISTS ONLY t DROP IF EXISTS a, DROP COLUMN IF EXISTS b CASCADE', ['column t.a', 'column t.b']],
    ['ALTER TABLE t ALTER COLUMN a TYPE integer USING a::integer', ['values of t.a, by its new type']],
    ['TRUNCATE TABLE t', ['the rows of t']],
    ['DELETE FROM t WHERE id < 7', ['rows of t']],
    ['DROP SCHEMA audit CASCADE', ['schema audit CASCADE']],
    ['DROP EXTENSION vector', ['extension vector']],
    ['DROP MATERIALIZED VIEW v', ['materialized view v']],
    ["DO $$ BEGIN EXECUTE 'DROP TABLE x'; END $$", ['drop table x in a DO block']],
  ])('%s', (sql, what) => expect(taken(sql)).toEqual(what));

  it.each([
    'ALTER TABLE t DROP CONSTRAINT c',
    'ALTER TABLE t ALTER COLUMN a DROP NOT NULL',
    'ALTER TABLE t ALTER COLUMN a DROP DEFAULT',
    "ALTER TABLE t ADD COLUMN dropped text DEFAULT 'drop column a'",
    'DROP INDEX i',
    'DROP FUNCTION f()',
    'DROP VIEW v',
    "COMMENT ON TABLE t IS 'DROP TABLE t;'",
    '-- DROP TABLE t;\nSELECT 1',
    'CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$ DELETE FROM t $$',
  ])('leaves alone: %s', (sql) => expect(taken(sql)).toEqual([]));

  it('is found in no migration of this project', () => {
    for (const { file, sql } of readMigrations()) expect(taken(sql), file).toEqual([]);
  });
});

describe('secrets', () => {
  it.each([
    ['postgresql://app:hunter22@h/d', `postgresql://app:${MASK}@h/d`],
    ['verifier SCRAM-SHA-256$4096:abc$def:ghi', `verifier ${MASK}`],
    ['-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----', MASK],
    ['key AKIAABCDEFGHIJKLMNOP', `key ${MASK}`],
    ['PGPASSWORD=hunter22 psql', `PGPASSWORD=${MASK} psql`],
    ['"password": "hunter22"', `"password": "${MASK}"`],
  ])('are masked: %s', (text, masked) => expect(maskText(text)).toBe(masked));

  it('are known by the name of the property, but their ARNs are none', () => {
    for (const path of ['masterPassword', 'environment.PGPASSWORD', 'secretString', 'tags["api_token"]'])
      expect(isSecret(path, 'x'), path).toBe(true);
    for (const path of ['secretArn', 'kmsKeyId', 'passwordGeneration', 'tokens.count'])
      expect(isSecret(path, 'x'), path).toBe(false);
    expect(isSecret('any', MASK)).toBe(true);
  });
});
