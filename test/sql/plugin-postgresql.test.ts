/**
 * The offline postgresql plugin against a real server: what each resource does to it, sees of it and leaves of it. Proves the
 * statements and the reading back; the engine's part is in test/engine.
 */
import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { checkInputs } from '../../scripts/toolchain/plugins/check';
import { diffProperties } from '../../scripts/toolchain/plugins/diff';
import { postgresqlPlugin } from '../../scripts/toolchain/plugins/postgresql';
import { scramVerifier } from '../../scripts/toolchain/plugins/postgresql/scram';
import type { Created, Operation, ResourceType } from '../../scripts/toolchain/plugins/provider';
import type { PlainProperties } from '../../scripts/toolchain/plugins/values';

const server = inject('server');
const tag = randomBytes(4).toString('hex');
/** Names that need quoting, and have underscores in them. */
const DB = `plug ${tag} "db"`;
const OWNER = `plug_${tag}_Owner's`;
const APP = `plug_${tag}_app`;
const operation: Operation = { urn: '', name: 'x', signal: new AbortController().signal, log: () => undefined };
const asPostgres = {
  host: server.host,
  port: server.port,
  username: 'postgres',
  password: server.superuserPassword,
  sslmode: 'disable',
};

function type(name: string): ResourceType {
  return postgresqlPlugin.resources[`postgresql:index/${name[0]!.toLowerCase()}${name.slice(1)}:${name}`]!;
}

/** Inputs as the engine hands them on: checked, with defaults. */
function checked(name: string, news: PlainProperties): PlainProperties {
  const { inputs, failures } = checkInputs(name, type(name).spec, news);
  expect(failures).toEqual([]);
  const { __defaults: _defaults, ...rest } = inputs as PlainProperties;
  return rest;
}

const create = (name: string, news: PlainProperties): Promise<Created> =>
  type(name).create(checked(name, news), operation, {});
const update = (name: string, state: PlainProperties, news: PlainProperties): Promise<PlainProperties> =>
  type(name).update(String(state['id']), state, checked(name, news), operation, {});
const read = (
  name: string,
  id: string,
  state: PlainProperties = {},
  inputs: PlainProperties = {},
): ReturnType<ResourceType['read']> => type(name).read(id, state, inputs, operation);
const remove = (name: string, state: PlainProperties): Promise<void> =>
  type(name).delete(String(state['id']), state, operation, {});

/** Property paths that differ between the state as read now and the inputs. */
function drift(name: string, inputs: PlainProperties, state: PlainProperties): string[] {
  return [...diffProperties(type(name).spec, inputs, state, inputs).detailed.keys()];
}

async function sql<Row extends object>(
  database: string,
  text: string,
  values: unknown[] = [],
  user?: [string, string],
): Promise<Row[]> {
  const [name, password] = user ?? ['postgres', server.superuserPassword];
  const client = new Client({ host: server.host, port: server.port, user: name, password, database, ssl: false });
  await client.connect();
  try {
    return (await client.query<Row>(text, values)).rows;
  } finally {
    await client.end();
  }
}

const q = (name: string): string => `"${name.replaceAll('"', '""')}"`;

beforeAll(async () => {
  postgresqlPlugin.configure(asPostgres);
  await create('Role', { name: OWNER });
  await create('Role', { name: APP, login: true, password: 'app-password' });
  await create('Database', { name: DB, owner: OWNER });
});

beforeEach(() => postgresqlPlugin.configure(asPostgres));

afterAll(async () => {
  postgresqlPlugin.configure(asPostgres);
  await remove('Database', { id: DB, name: DB });
  for (const name of [APP, OWNER]) await remove('Role', { id: name, name });
});

describe('Role', () => {
  const NAME = `plug_${tag}_role`;
  const full = {
    name: NAME,
    login: true,
    password: 'it\'s \\ a "password"',
    createDatabase: true,
    createRole: true,
    replication: true,
    bypassRowLevelSecurity: true,
    inherit: false,
    connectionLimit: 7,
    validUntil: '2031-02-03T04:05:06Z',
    roles: ['pg_monitor', 'pg_read_all_data'],
    searchPaths: ['$user', 'My "schema"', 'public'],
    statementTimeout: 5000,
    idleInTransactionSessionTimeout: 6000,
  };

  it('is created with everything, read back without drift, and can log in', async () => {
    const { id, outputs } = await create('Role', full);
    expect(id).toBe(NAME);
    expect(outputs).toMatchObject(full);
    const again = await read('Role', id, outputs, checked('Role', full));
    expect(drift('Role', checked('Role', full), again!.outputs)).toEqual([]);
    const [row] = await sql<{ path: string }>(
      'postgres',
      "SELECT current_setting('search_path') AS path",
      [],
      [NAME, full.password],
    );
    expect(row!.path).toBe('"$user", "My ""schema""", public');
    await remove('Role', outputs);
    expect(await read('Role', id, outputs)).toBeUndefined();
  });

  it('never sends a password in clear', async () => {
    const { outputs } = await create('Role', { name: NAME, login: true, password: 'clear-canary-1' });
    const [row] = await sql<{ hash: string }>(
      'postgres',
      'SELECT rolpassword AS hash FROM pg_authid WHERE rolname = $1',
      [NAME],
    );
    expect(row!.hash).toMatch(/^SCRAM-SHA-256\$4096:/);
    await expect(type('Role').create({ name: NAME, password: 'clear-canary-1' }, operation, {})).rejects.toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('clear-canary-1') as string }) as Error,
    );
    await remove('Role', outputs);
  });

  it('takes a SCRAM verifier as it is', async () => {
    const verifier = scramVerifier('from-verifier', randomBytes(16), 4096);
    const { outputs } = await create('Role', { name: NAME, login: true, password: verifier });
    expect(outputs['password']).toBe(verifier);
    await expect(sql('postgres', 'SELECT 1', [], [NAME, 'from-verifier'])).resolves.toHaveLength(1);
    await remove('Role', outputs);
  });

  it('is updated in place: renamed, every attribute changed, settings and memberships taken away', async () => {
    const { outputs } = await create('Role', full);
    const next = { name: `${NAME}2`, roles: ['pg_monitor'] };
    const updated = await update('Role', outputs, next);
    expect(updated).toMatchObject({
      id: `${NAME}2`,
      name: `${NAME}2`,
      login: false,
      createDatabase: false,
      inherit: true,
      connectionLimit: -1,
      validUntil: 'infinity',
      roles: ['pg_monitor'],
      searchPaths: null,
      statementTimeout: 0,
    });
    expect(drift('Role', checked('Role', next), updated)).toEqual([]);
    await remove('Role', updated);
  });

  it('keeps its old state when an update fails half-way', async () => {
    const { outputs } = await create('Role', { name: NAME, connectionLimit: 3 });
    await expect(
      update('Role', outputs, { name: `${NAME}2`, connectionLimit: 4, roles: ['no_such_role'] }),
    ).rejects.toThrow('role "no_such_role" does not exist');
    const now = await read('Role', NAME, outputs);
    expect(now!.outputs).toMatchObject({ name: NAME, connectionLimit: 3 });
    await remove('Role', outputs);
  });

  it('is not there at all when its creation fails half-way', async () => {
    await expect(create('Role', { name: NAME, roles: ['no_such_role'] })).rejects.toThrow('no_such_role');
    expect(await read('Role', NAME)).toBeUndefined();
  });

  it('shows what was changed by hand', async () => {
    const inputs = { name: NAME, login: true, password: 'x', roles: ['pg_monitor'], connectionLimit: 5 };
    const { outputs } = await create('Role', inputs);
    await sql('postgres', `ALTER ROLE ${q(NAME)} SUPERUSER CONNECTION LIMIT 9 PASSWORD NULL`);
    await sql('postgres', `ALTER ROLE ${q(NAME)} SET statement_timeout TO 1000`);
    await sql('postgres', `REVOKE pg_monitor FROM ${q(NAME)}`);
    const now = await read('Role', NAME, outputs, checked('Role', inputs));
    expect(drift('Role', checked('Role', inputs), now!.outputs).sort()).toEqual([
      'connectionLimit',
      'password',
      'roles[0]',
      'statementTimeout',
      'superuser',
    ]);
    const healed = await update('Role', now!.outputs, inputs);
    expect(drift('Role', checked('Role', inputs), healed)).toEqual([]);
    await remove('Role', outputs);
  });

  it('leaves memberships to GrantRole when it has no roles of its own', async () => {
    const { outputs } = await create('Role', { name: NAME });
    const member = await create('GrantRole', { role: NAME, grantRole: 'pg_monitor' });
    const now = await read('Role', NAME, outputs, checked('Role', { name: NAME }));
    expect(drift('Role', checked('Role', { name: NAME }), now!.outputs)).toEqual([]);
    await update('Role', now!.outputs, { name: NAME, connectionLimit: 2 });
    expect(await read('GrantRole', member.id, member.outputs)).toBeDefined();
    await remove('Role', outputs);
  });

  it('gives what it owns to the provider’s user, drops its privileges, and is gone', async () => {
    const { outputs } = await create('Role', { name: NAME });
    await sql('postgres', `CREATE SCHEMA AUTHORIZATION ${q(NAME)}`);
    await remove('Role', outputs);
    const [row] = await sql<{ owner: string }>(
      'postgres',
      'SELECT nspowner::regrole::text AS owner FROM pg_namespace WHERE nspname = $1',
      [NAME],
    );
    expect(row!.owner).toBe('postgres');
    await sql('postgres', `DROP SCHEMA ${q(NAME)}`);
    await expect(remove('Role', outputs)).resolves.toBeUndefined();
  });

  it('is imported with all that is not at its default', async () => {
    await create('Role', { ...full, roles: ['pg_monitor'] });
    const imported = await read('Role', NAME);
    expect(imported!.inputs).toMatchObject({
      name: NAME,
      login: true,
      connectionLimit: 7,
      roles: ['pg_monitor'],
      inherit: false,
    });
    expect(imported!.inputs).not.toHaveProperty('superuser');
    await remove('Role', imported!.outputs);
  });
});

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
      (await sql<{ owner: string }>(NAME, "SELECT tableowner AS owner FROM pg_tables WHERE tablename = 'mine'"))[0]!
        .owner;
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
    expect(imported!.inputs).toMatchObject({ name: DB, owner: OWNER, encoding: 'UTF8', allowConnections: true });
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
    expect(now!.outputs['schema']).toBe('tools');
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
    (await sql<{ can: boolean }>(DB, `SELECT ${check} AS can`))[0]!.can;

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
    expect(drift('Grant', checked('Grant', inputs), now!.outputs)).toEqual([]);
    expect(now!.inputs).toEqual(checked('Grant', inputs));
    await remove('Grant', outputs);
    const none = await read('Grant', id, outputs);
    expect(none!.outputs['privileges']).toEqual([]);
  });

  it('is exact: an update revokes what is no longer wanted, and a refresh shows what was changed by hand', async () => {
    const inputs = { role: APP, database: DB, schema: 'g', objectType: 'table', privileges: ['SELECT', 'UPDATE'] };
    const { id, outputs } = await create('Grant', inputs);
    const less = { ...inputs, privileges: ['SELECT'] };
    const updated = await update('Grant', outputs, less);
    expect(await can(`has_table_privilege('${APP}', 'g.one', 'UPDATE')`)).toBe(false);
    await sql(DB, `GRANT DELETE ON g.two TO ${q(APP)}`);
    const now = await read('Grant', id, updated, less);
    expect(now!.outputs['privileges']).toEqual(['DELETE', 'SELECT']);
    expect(drift('Grant', less, now!.outputs)).toEqual(['privileges[0]']);
    await update('Grant', now!.outputs, less);
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
    expect(imported!.inputs).toEqual(inputs);
    expect(await read('Grant', `nobody_postgres_import_${tag}_schema`)).toBeUndefined();
    await expect(read('Grant', 'what')).rejects.toThrow('ROLE_DATABASE_SCHEMA_TYPE');
    await sql('postgres', `DROP SCHEMA import_${tag}`);
  });
});

describe('GrantRole and DefaultPrivileges', () => {
  it('a membership is granted, read, imported and revoked', async () => {
    const { id, outputs } = await create('GrantRole', { role: APP, grantRole: 'pg_monitor', withAdminOption: true });
    expect(id).toBe(`${APP}_pg_monitor_true`);
    expect((await read('GrantRole', id))!.inputs).toEqual({
      role: APP,
      grantRole: 'pg_monitor',
      withAdminOption: true,
    });
    await sql('postgres', `REVOKE ADMIN OPTION FOR pg_monitor FROM ${q(APP)}`);
    expect((await read('GrantRole', id, outputs))!.outputs['withAdminOption']).toBe(false);
    await remove('GrantRole', outputs);
    expect(await read('GrantRole', id, outputs)).toBeUndefined();
    await expect(remove('GrantRole', outputs)).resolves.toBeUndefined();
  });

  it.each([['public'], [undefined]])('default privileges in schema %s reach new tables', async (schema) => {
    const inputs = {
      role: APP,
      database: DB,
      owner: OWNER,
      objectType: 'table',
      privileges: ['SELECT', 'INSERT'],
      ...(schema && { schema }),
    };
    const { id, outputs } = await create('DefaultPrivileges', inputs);
    await sql(DB, `SET ROLE ${q(OWNER)}; CREATE TABLE public.fresh ()`);
    const [row] = await sql<{ can: boolean }>(
      DB,
      `SELECT has_table_privilege('${APP}', 'public.fresh', 'INSERT') AS can`,
    );
    expect(row!.can).toBe(true);
    const less = { ...inputs, privileges: ['SELECT'] };
    const updated = await update('DefaultPrivileges', outputs, less);
    expect(updated['privileges']).toEqual(['SELECT']);
    const now = await read('DefaultPrivileges', id, updated, less);
    expect(drift('DefaultPrivileges', less, now!.outputs)).toEqual([]);
    await remove('DefaultPrivileges', updated);
    expect(await read('DefaultPrivileges', id, updated)).toBeUndefined();
    await sql(DB, 'DROP TABLE public.fresh');
  });
});

describe('the connection', () => {
  it('as a user who is no superuser: what it made it can own, grant on and drop', async () => {
    const admin = `plug_${tag}_admin`;
    const role = await create('Role', {
      name: admin,
      login: true,
      password: 'admin-pw',
      createDatabase: true,
      createRole: true,
    });
    postgresqlPlugin.configure({ ...asPostgres, username: admin, password: 'admin-pw', superuser: false });
    const owner = await create('Role', { name: `${admin}_owner` });
    const app = await create('Role', { name: `${admin}_app`, login: true, password: 'x' });
    const database = await create('Database', { name: `${admin}_db`, owner: owner.id });
    const schema = await create('Schema', { name: 'inner', database: database.id, owner: owner.id });
    const grant = await create('Grant', {
      role: app.id,
      database: database.id,
      schema: 'inner',
      objectType: 'schema',
      privileges: ['USAGE'],
    });
    const defaults = await create('DefaultPrivileges', {
      role: app.id,
      database: database.id,
      owner: owner.id,
      schema: 'inner',
      objectType: 'table',
      privileges: ['SELECT'],
    });
    for (const [name, made] of [
      ['DefaultPrivileges', defaults],
      ['Grant', grant],
      ['Schema', schema],
      ['Database', database],
      ['Role', app],
      ['Role', owner],
    ] as const) {
      await remove(name, made.outputs);
    }
    const [row] = await sql<{ count: string }>(
      'postgres',
      'SELECT count(*) FROM pg_auth_members WHERE member = $1::regrole AND set_option',
      [q(admin)],
    );
    expect(Number(row!.count)).toBe(0);
    postgresqlPlugin.configure(asPostgres);
    await remove('Role', role.outputs);
  });

  it('works over the socket’s folder', async () => {
    postgresqlPlugin.configure({ ...asPostgres, host: server.socketDir });
    expect((await read('Database', DB))!.id).toBe(DB);
  });

  it('that is refused names the server and not the password', async () => {
    postgresqlPlugin.configure({ ...asPostgres, port: 1, password: 'canary-2b' });
    const error = await read('Role', APP).then(
      () => undefined,
      (thrown: unknown) => String(thrown),
    );
    expect(error).toMatch(new RegExp(`connecting to database postgres at ${server.host}:1: .*ECONNREFUSED`));
    expect(error).not.toContain('canary-2b');
  });

  it('survives many changes at once', async () => {
    const names = Array.from({ length: 8 }, (_, index) => `plug_${tag}_many${index}`);
    const made = await Promise.all(names.map((name) => create('Role', { name, roles: ['pg_monitor'] })));
    await Promise.all(
      names.map((role) => create('Grant', { role, database: DB, objectType: 'database', privileges: ['CONNECT'] })),
    );
    await sql(DB, names.map((name) => `DROP OWNED BY ${q(name)}`).join('; '));
    await Promise.all(made.map(({ outputs }) => remove('Role', outputs)));
    expect(await read('Role', names[0]!)).toBeUndefined();
  });

  it('is given up when the engine cancels before the work begins', async () => {
    const cancelled = { ...operation, signal: AbortSignal.abort() };
    await expect(type('Role').read(APP, {}, {}, cancelled)).rejects.toThrow(/abort/i);
  });
});
