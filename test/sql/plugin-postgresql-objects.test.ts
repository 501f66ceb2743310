/**
 * The offline postgresql plugin against a real server: databases, extensions, schemas and grants on what is in them.
 * Proves the statements and the reading back; the engine's part is in test/engine.
 */
import { Client } from 'pg';
import { beforeAll, describe, expect, it } from 'vitest';
import type { PlainProperties } from '../../scripts/toolchain/plugins/values';
import { must } from '../support/must';
import {
  APP,
  DB,
  OWNER,
  checked,
  create,
  drift,
  q,
  read,
  remove,
  server,
  sql,
  tag,
  update,
  useFixtures,
} from '../support/pluginResources';

useFixtures();

describe('Database', () => {
  const NAME = `plug_${tag}_database`;

  it('is created, changed in place, and dropped although sessions are open', async () => {
    const { id, outputs } = await create('Database', {
      name: NAME,
      owner: OWNER,
      lcCollate: 'C',
      lcCtype: 'C',
      connectionLimit: 5,
    });
    expect([id, outputs]).toMatchObject([
      NAME,
      { owner: OWNER, lcCollate: 'C', template: 'template0', encoding: 'UTF8' },
    ]);
    const next = { name: `${NAME}2`, owner: APP, connectionLimit: 6, isTemplate: true };
    const updated = await update('Database', outputs, next);
    expect(updated).toMatchObject({ id: `${NAME}2`, owner: APP, connectionLimit: 6, isTemplate: true });
    expect(drift('Database', checked('Database', next), updated)).toEqual([]);
    const client = new Client({
      host: server.host,
      port: server.port,
      user: 'postgres',
      password: server.superuserPassword,
      database: `${NAME}2`,
      ssl: false,
    });
    client.on('error', () => undefined);
    await client.connect();
    await remove('Database', updated);
    expect(await read('Database', `${NAME}2`, updated)).toBeUndefined();
    await expect(remove('Database', updated)).resolves.toBeUndefined();
    await client.end();
  });

  it('hands over what is inside only when told to', async () => {
    const { outputs } = await create('Database', { name: NAME, owner: OWNER });
    await sql(NAME, `CREATE TABLE mine (); ALTER TABLE mine OWNER TO ${q(OWNER)}`);
    const owner = async (): Promise<string> =>
      must(
        (await sql<{ owner: string }>(NAME, "SELECT tableowner AS owner FROM pg_tables WHERE tablename = 'mine'"))[0],
      ).owner;
    const kept = await update('Database', outputs, { name: NAME, owner: APP });
    expect(await owner()).toBe(OWNER);
    const back = await update('Database', kept, { name: NAME, owner: OWNER });
    await update('Database', back, { name: NAME, owner: APP, alterObjectOwnership: true });
    expect(await owner()).toBe(APP);
    await remove('Database', outputs);
    // REASSIGN OWNED moves the shared test database too, as PostgreSQL documents
    await sql('postgres', `ALTER DATABASE ${q(DB)} OWNER TO ${q(OWNER)}`);
  });

  it('says why it cannot be created, with the server’s words', async () => {
    await expect(create('Database', { name: NAME, encoding: 'KLINGON' })).rejects.toThrow(
      /creating database .*KLINGON.* is not a valid encoding/,
    );
  });

  it('can be imported by its name', async () => {
    const imported = await read('Database', DB);
    expect(must(imported).inputs).toMatchObject({ name: DB, owner: OWNER, encoding: 'UTF8', allowConnections: true });
  });
});

describe('Extension and Schema', () => {
  it('an extension is created, moved, read, imported and dropped', async () => {
    const schema = await create('Schema', { name: 'tools', database: DB, owner: OWNER });
    const { id, outputs } = await create('Extension', { name: 'pg_trgm', database: DB, schema: 'public' });
    expect(id).toBe(`${DB}.pg_trgm`);
    const moved = await update('Extension', outputs, { name: 'pg_trgm', database: DB, schema: 'tools' });
    expect(moved['schema']).toBe('tools');
    const now = await read('Extension', id, outputs);
    expect(must(now).outputs['schema']).toBe('tools');
    await expect(remove('Schema', schema.outputs)).rejects.toThrow(/cannot drop schema tools/);
    await remove('Extension', moved);
    expect(await read('Extension', id, moved)).toBeUndefined();
    await remove('Schema', schema.outputs);
    expect(await read('Schema', schema.id, schema.outputs)).toBeUndefined();
  });

  it('a schema that exists is taken over, unless that was refused; a rename keeps what is inside', async () => {
    await sql(DB, 'CREATE SCHEMA found; CREATE TABLE found.t ()');
    await expect(create('Schema', { name: 'found', database: DB, ifNotExists: false })).rejects.toThrow(
      'already exists',
    );
    const { outputs } = await create('Schema', { name: 'found', database: DB, owner: OWNER });
    expect(outputs['owner']).toBe(OWNER);
    const renamed = await update('Schema', outputs, { name: 'kept', database: DB, owner: APP, dropCascade: true });
    expect(renamed).toMatchObject({ id: `${DB}.kept`, owner: APP });
    await expect(sql(DB, 'SELECT FROM kept.t')).resolves.toEqual([]);
    await remove('Schema', renamed);
  });

  it('what is in a database that is gone is gone, and need not be deleted', async () => {
    const missing = { database: `plug_${tag}_missing`, owner: OWNER };
    for (const [name, state] of [
      ['Extension', { id: 'x', name: 'vector', ...missing }],
      ['Schema', { id: 'x', name: 's', ...missing }],
      ['Grant', { id: 'x', role: APP, objectType: 'database', privileges: ['CONNECT'], ...missing }],
      ['DefaultPrivileges', { id: 'x', role: APP, objectType: 'table', privileges: ['SELECT'], ...missing }],
    ] as [string, PlainProperties][]) {
      expect(await read(name, 'x', state)).toBeUndefined();
      await expect(remove(name, state)).resolves.toBeUndefined();
    }
  });
});

describe('Grant', () => {
  beforeAll(async () => {
    await sql(
      DB,
      `CREATE SCHEMA g; CREATE TABLE g.one (a int, b int); CREATE TABLE g.two (); CREATE VIEW g.v AS SELECT 1 AS x;
       CREATE SEQUENCE g.s; CREATE FUNCTION g.f(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
       CREATE PROCEDURE g.p() LANGUAGE sql AS 'SELECT 1'`,
    );
  });

  const can = async (check: string): Promise<boolean> =>
    must((await sql<{ can: boolean }>(DB, `SELECT ${check} AS can`))[0]).can;

  it.each([
    ['database', {}, ['CONNECT', 'TEMPORARY'], `has_database_privilege('${APP}', current_database(), 'TEMPORARY')`],
    ['schema', { schema: 'g' }, ['USAGE'], `has_schema_privilege('${APP}', 'g', 'USAGE')`],
    ['table', { schema: 'g' }, ['SELECT', 'INSERT'], `has_table_privilege('${APP}', 'g.v', 'SELECT')`],
    ['table', { schema: 'g', objects: ['one'] }, ['ALL'], `has_table_privilege('${APP}', 'g.one', 'MAINTAIN')`],
    ['sequence', { schema: 'g' }, ['USAGE'], `has_sequence_privilege('${APP}', 'g.s', 'USAGE')`],
    [
      'function',
      { schema: 'g', objects: ['f(integer)'] },
      ['EXECUTE'],
      `has_function_privilege('${APP}', 'g.f(int)', 'EXECUTE')`,
    ],
    ['procedure', { schema: 'g' }, ['EXECUTE'], `has_function_privilege('${APP}', 'g.p()', 'EXECUTE')`],
    ['routine', { schema: 'g' }, ['EXECUTE'], `has_function_privilege('${APP}', 'g.p()', 'EXECUTE')`],
    [
      'column',
      { schema: 'g', objects: ['one'], columns: ['a'] },
      ['SELECT'],
      `has_column_privilege('${APP}', 'g.one', 'a', 'SELECT')`,
    ],
  ] as [string, PlainProperties, string[], string][])('on a %s %j', async (objectType, where, privileges, check) => {
    const inputs = { role: APP, database: DB, objectType, privileges, ...where };
    const { id, outputs } = await create('Grant', inputs);
    expect(await can(check)).toBe(true);
    const now = await read('Grant', id, outputs, checked('Grant', inputs));
    expect(drift('Grant', checked('Grant', inputs), must(now).outputs)).toEqual([]);
    expect(must(now).inputs).toEqual(checked('Grant', inputs));
    await remove('Grant', outputs);
    const none = await read('Grant', id, outputs);
    expect(must(none).outputs['privileges']).toEqual([]);
  });

  it('is exact: an update revokes what is no longer wanted, and a refresh shows what was changed by hand', async () => {
    const inputs = { role: APP, database: DB, schema: 'g', objectType: 'table', privileges: ['SELECT', 'UPDATE'] };
    const { id, outputs } = await create('Grant', inputs);
    const less = { ...inputs, privileges: ['SELECT'] };
    const updated = await update('Grant', outputs, less);
    expect(await can(`has_table_privilege('${APP}', 'g.one', 'UPDATE')`)).toBe(false);
    await sql(DB, `GRANT DELETE ON g.two TO ${q(APP)}`);
    const now = await read('Grant', id, updated, less);
    expect(must(now).outputs['privileges']).toEqual(['DELETE', 'SELECT']);
    expect(drift('Grant', less, must(now).outputs)).toEqual(['privileges[0]']);
    await update('Grant', must(now).outputs, less);
    expect(await can(`has_table_privilege('${APP}', 'g.two', 'DELETE')`)).toBe(false);
    await remove('Grant', outputs);
  });

  it('to PUBLIC, and with the grant option', async () => {
    const everyone = await create('Grant', {
      role: 'public',
      database: DB,
      objectType: 'database',
      privileges: ['CONNECT'],
    });
    expect(await can(`has_database_privilege('${APP}', current_database(), 'TEMPORARY')`)).toBe(false);
    await remove('Grant', everyone.outputs);
    const option = {
      role: APP,
      database: DB,
      schema: 'g',
      objectType: 'schema',
      privileges: ['USAGE'],
      withGrantOption: true,
    };
    const { outputs } = await create('Grant', option);
    expect(await can(`has_schema_privilege('${APP}', 'g', 'USAGE WITH GRANT OPTION')`)).toBe(true);
    await remove('Grant', outputs);
  });

  it('is gone with its role or its schema, and need not be deleted then', async () => {
    const role = await create('Role', { name: `plug_${tag}_brief` });
    const inputs = { role: role.id, database: DB, schema: 'g', objectType: 'table', privileges: ['SELECT'] };
    const { id, outputs } = await create('Grant', inputs);
    await sql(DB, `DROP OWNED BY ${q(role.id)}; DROP ROLE ${q(role.id)}`);
    expect(await read('Grant', id, outputs)).toBeUndefined();
    await expect(remove('Grant', outputs)).resolves.toBeUndefined();
  });

  it('is imported by an id whose names have underscores', async () => {
    await sql('postgres', `CREATE SCHEMA IF NOT EXISTS import_${tag}`);
    const inputs = {
      role: APP,
      database: 'postgres',
      schema: `import_${tag}`,
      objectType: 'schema',
      privileges: ['USAGE'],
    };
    const { id } = await create('Grant', inputs);
    const imported = await read('Grant', id);
    expect(must(imported).inputs).toEqual(inputs);
    expect(await read('Grant', `nobody_postgres_import_${tag}_schema`)).toBeUndefined();
    await expect(read('Grant', 'what')).rejects.toThrow('ROLE_DATABASE_SCHEMA_TYPE');
    await sql('postgres', `DROP SCHEMA import_${tag}`);
  });
});
