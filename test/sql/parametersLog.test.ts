/**
 * No embedding and no password reaches the server's log, or pg_stat_statements: canaries go through everything that makes
 * PostgreSQL write a line or keep a text, and then neither is found.
 */
import { readFileSync, statSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { ROLE_NAMES } from '../../infra/naming';
import type { Session } from '../../infra/ops/ports';
import { openSession } from '../../infra/adapters/postgresDatabase';
import { addressOf, asSuperuser } from '../support/server';
import { createTestDatabase, type TestDatabase } from '../support/template';

const server = inject('server');

const CANARY_NUMBER = '0.73910265';
const CANARY_PASSWORD = 'canary-password-4711';
const VECTOR = `[${Array.from({ length: 1536 }, () => CANARY_NUMBER).join(',')}]`;
const BROKEN = `${VECTOR.slice(0, -1)},canary]`;

let database: TestDatabase;
let owner: Session;
let app: Session;
let offset: number;

const newLog = (): string => readFileSync(server.logFile).subarray(offset).toString('utf8');

beforeAll(async () => {
  database = await createTestDatabase(server);
  owner = await openSession(addressOf(server, database.name, ROLE_NAMES.owner));
  app = await openSession(addressOf(server, database.name, ROLE_NAMES.app));
  offset = statSync(server.logFile).size;
});

afterAll(async () => {
  await owner.close();
  await app.close();
  await database.drop();
});

/** Statements of the application and the owner that fail, or take long, with a vector or a password in them. */
const FAILING: readonly (readonly [what: string, sql: string, values: readonly unknown[]])[] = [
  ['a broken literal', `SELECT '${BROKEN}'::vector`, []],
  ['a broken bound value', 'SELECT $1::vector', [BROKEN]],
  [
    'a bound value of the wrong dimension',
    'INSERT INTO test_steps (test_document_id, step_index, embedding) VALUES (1, 1, $1)',
    [VECTOR.slice(0, 11) + ']'],
  ],
  [
    'a row that breaks NOT NULL',
    `INSERT INTO test_documents (test_case_id, uid, embedding) VALUES (1, 'u', '${VECTOR}')`,
    [],
  ],
  [
    'a row that breaks a foreign key',
    'INSERT INTO test_steps (test_document_id, step_index, embedding) VALUES (-1, 1, $1)',
    [VECTOR],
  ],
  ['a division by zero beside it', `SELECT 1 / 0, '${VECTOR}'::vector`, []],
  ['a string that never ends', `SELECT '${VECTOR}`, []],
  ['a word that is no SQL', `SELEC '${VECTOR}'`, []],
  ['a value that is no number', `SELECT '${CANARY_PASSWORD}'::integer`, []],
  ['an exception with the vector in its message', `DO $$ BEGIN RAISE EXCEPTION 'no: %', '${VECTOR}'; END $$`, []],
  [
    'a warning with the vector in its message',
    `DO $$ BEGIN RAISE WARNING 'no: %', '${VECTOR}'; PERFORM 1 / 0; END $$`,
    [],
  ],
  ['a role that may not be made', `CREATE ROLE canary LOGIN PASSWORD '${CANARY_PASSWORD}'`, []],
  ['a role whose password never ends', `ALTER ROLE qbench_app PASSWORD '${CANARY_PASSWORD}`, []],
  [
    'a search that takes too long',
    `SET statement_timeout = 300; SELECT pg_catalog.pg_sleep(2), '${VECTOR}'::vector`,
    [],
  ],
];

describe('the log', () => {
  it.each(FAILING)('hides %s', async (_, sql, values) => {
    for (const session of [app, owner]) {
      await expect(session.query(sql, values.length === 0 ? undefined : values)).rejects.toThrow();
      await session.query('RESET statement_timeout');
    }
    expect(newLog()).not.toContain(CANARY_NUMBER);
    expect(newLog()).not.toContain('canary');
  });

  it('hides a COPY that fails', async () => {
    for (const line of [`1\tu\tt\t${BROKEN}\n`, `x${CANARY_NUMBER}\tu\tt\t${VECTOR}\n`]) {
      const { stream, finish } = app.copyFrom('COPY test_documents (test_case_id, uid, title, embedding) FROM STDIN');
      stream.on('error', () => undefined);
      stream.end(line);
      await expect(finish).rejects.toThrow();
    }
    expect(newLog()).not.toContain(CANARY_NUMBER);
  });

  it('hides a statement that is slow or waits for a lock, and still says that it waited', async () => {
    await app.query(
      `INSERT INTO test_documents (test_case_id, uid, title, embedding) VALUES (7, 'u7', 't', '${VECTOR}')`,
    );
    await owner.query('BEGIN');
    await owner.query('UPDATE test_documents SET title = $1 WHERE test_case_id = 7', ['x']);
    const waiting = app.query(`UPDATE test_documents SET embedding = '${VECTOR}' WHERE test_case_id = 7`);
    // The server writes its line after deadlock_timeout.
    await expect.poll(newLog, { timeout: 20_000 }).toMatch(/still waiting for ShareLock/);
    await owner.query('ROLLBACK');
    await waiting;
    expect(newLog()).not.toContain(CANARY_NUMBER);
  });

  it('hides the passwords of roles that the superuser makes, and still names what failed', async () => {
    const create = `CREATE ROLE canary_role LOGIN PASSWORD '${CANARY_PASSWORD}'`;
    await asSuperuser(server, database.name, async (session) => {
      await session.query(create);
      await expect(session.query(create)).rejects.toThrow(/already exists/);
      await session.query(`ALTER ROLE canary_role PASSWORD '${CANARY_PASSWORD}2'`);
      await session.query('DROP ROLE canary_role');
      const { rows } = await session.query('SELECT FROM pg_stat_statements WHERE query LIKE $1', [
        `%${CANARY_PASSWORD}%`,
      ]);
      expect(rows).toEqual([]);
    });
    expect(newLog()).toContain('role "canary_role" already exists');
    expect(newLog()).not.toContain(CANARY_PASSWORD);
  });

  it('hides a password that does not fit', async () => {
    const address = { host: server.host, port: server.port, database: database.name, user: ROLE_NAMES.app };
    await expect(openSession({ ...address, password: CANARY_PASSWORD })).rejects.toThrow(
      /password authentication failed/,
    );
    expect(newLog()).toContain('password authentication failed for user "qbench_app"');
    expect(newLog()).not.toContain(CANARY_PASSWORD);
  });

  it('keeps the vectors of searches out of pg_stat_statements too', async () => {
    await app.query(`SELECT id FROM test_documents ORDER BY embedding <=> '${VECTOR}' LIMIT 3`);
    const { rows } = await asSuperuser(server, database.name, (session) =>
      session.query<{ canary: string; searches: string }>(
        `SELECT count(*) FILTER (WHERE query LIKE $1)::text AS canary, count(*) FILTER (WHERE query LIKE '%<=> $1 LIMIT $2%')::text AS searches
         FROM pg_stat_statements`,
        [`%${CANARY_NUMBER}%`],
      ),
    );
    expect(rows).toEqual([{ canary: '0', searches: '1' }]);
  });
});
