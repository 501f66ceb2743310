/** `qbench load` as a command: the demo corpus, its arguments, its standard input, and a role without the right. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { DEMO_DOCUMENTS } from '../../scripts/support/demo';
import { embedding } from '../support/loading';
import { databaseUrl, runQbench } from '../support/qbenchCli';
import { asSuperuser } from '../support/server';
import { createTestDatabase, type TestDatabase } from '../support/template';

const server = inject('server');
let db: TestDatabase;

beforeEach(async () => void (db = await createTestDatabase(server)));
afterEach(() => db.drop());

describe('the demo corpus', () => {
  it('loads once by the CLI, with one line of JSON, and then has nothing to do', async () => {
    const url = databaseUrl(server, db.name);
    const first = await runQbench(url, ['load', '--demo', '--if-empty', '--json']);
    expect(first.stderr).not.toMatch(/error|warn/i);
    expect(first.code).toBe(0);
    expect(first.stdout.trimEnd().split('\n')).toHaveLength(1);
    expect(JSON.parse(first.stdout)).toMatchObject({ outcome: 'complete', inserted: 360, steps: 360, zeroVectors: 0 });
    const second = await runQbench(url, ['load', '--demo', '--if-empty', '--json']);
    expect(JSON.parse(second.stdout)).toMatchObject({ outcome: 'nothing-to-do', inserted: 0 });
    const { rows: facts } = await asSuperuser(server, db.name, (session) =>
      session.query(
        `SELECT (SELECT count(*)::int FROM public.test_documents WHERE vector_norm(embedding) BETWEEN 0.99 AND 1.01) AS normalised,
              (SELECT count(DISTINCT test_document_id)::int FROM public.test_steps) AS with_steps,
              (SELECT reltuples::int FROM pg_class WHERE oid = 'public.test_documents'::regclass) AS analysed`,
      ),
    );
    expect(facts).toEqual([{ normalised: 360, with_steps: 240, analysed: 360 }]);
  });

  it('is plain text that agrees with its README', () => {
    const lines = gunzipSync(readFileSync(DEMO_DOCUMENTS)).toString('utf8').trimEnd().split('\n');
    expect(lines).toHaveLength(360);
    expect(new Set(lines.map((line) => (JSON.parse(line) as { uid: string }).uid)).size).toBe(360);
  });
});

describe('the command line', () => {
  it.each([
    [['load'], 2, /no file was given/],
    [['load', '--demo', 'x.jsonl'], 2, /--demo and files together/],
    [['load', 'missing.jsonl'], 2, /there is no file missing\.jsonl/],
    [['load', '-'], 2, /standard input holds no rows/],
    [['load', 'a', 'b', '--skip-bad', 'c'], 2, /--skip-bad with several files/],
    [['load', '--on-conflict', 'replace', 'x'], 2, /Allowed choices are update, skip, error/],
    [['load', '--bogus'], 2, /unknown option '--bogus'/],
  ])('%j', async (args, code, message) => {
    const result = await runQbench(databaseUrl(server, db.name), args);
    expect(result.stderr).toMatch(message);
    expect(result.code).toBe(code);
    expect(result.stdout).toBe('');
  });

  it('takes standard input, and tells a person what it did', async () => {
    const stdin = `${JSON.stringify({ uid: 'a', title: 'a', embedding: embedding([]) })}\n`;
    const result = await runQbench(databaseUrl(server, db.name), ['load', '-'], { stdin });
    expect(result.stdout).toMatch(
      /^standard input: 1 inserted; 0 steps \([\d,]+ documents\/s, [\d.]+ s\)\n {2}warning: 1 zero vectors/,
    );
    expect(result.code).toBe(0);
  });

  it('says what right is missing where the role may not write', async () => {
    const result = await runQbench(databaseUrl(server, db.name, 'readonly'), ['load', '--demo']);
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/permission denied/);
    expect(result.stderr).not.toMatch(/\n\s+at /);
  });
});
