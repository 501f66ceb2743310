/**
 * The offline postgresql plugin against a real server: roles, memberships, default privileges, and the connection.
 * Proves the statements and the reading back; the engine's part is in test/engine.
 */
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { postgresqlPlugin } from '../../scripts/toolchain/plugins/postgresql';
import { scramVerifier } from '../../scripts/toolchain/plugins/postgresql/scram';
import { must } from '../support/must';
import {
  APP,
  DB,
  OWNER,
  asPostgres,
  checked,
  create,
  drift,
  operation,
  q,
  read,
  remove,
  server,
  sql,
  tag,
  type,
  update,
  useFixtures,
} from '../support/pluginResources';

useFixtures();

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
    expect(drift('Role', checked('Role', full), must(again).outputs)).toEqual([]);
    const [row] = await sql<{ path: string }>(
      'postgres',
      "SELECT current_setting('search_path') AS path",
      [],
      [NAME, full.password],
    );
    expect(must(row).path).toBe('"$user", "My ""schema""", public');
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
    expect(must(row).hash).toMatch(/^SCRAM-SHA-256\$4096:/);
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
    expect(must(now).outputs).toMatchObject({ name: NAME, connectionLimit: 3 });
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
    expect(drift('Role', checked('Role', inputs), must(now).outputs).sort()).toEqual([
      'connectionLimit',
      'password',
      'roles[0]',
      'statementTimeout',
      'superuser',
    ]);
    const healed = await update('Role', must(now).outputs, inputs);
    expect(drift('Role', checked('Role', inputs), healed)).toEqual([]);
    await remove('Role', outputs);
  });

  it('leaves memberships to GrantRole when it has no roles of its own', async () => {
    const { outputs } = await create('Role', { name: NAME });
    const member = await create('GrantRole', { role: NAME, grantRole: 'pg_monitor' });
    const now = await read('Role', NAME, outputs, checked('Role', { name: NAME }));
    expect(drift('Role', checked('Role', { name: NAME }), must(now).outputs)).toEqual([]);
    await update('Role', must(now).outputs, { name: NAME, connectionLimit: 2 });
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
    expect(must(row).owner).toBe('postgres');
    await sql('postgres', `DROP SCHEMA ${q(NAME)}`);
    await expect(remove('Role', outputs)).resolves.toBeUndefined();
  });

  it('is imported with all that is not at its default', async () => {
    await create('Role', { ...full, roles: ['pg_monitor'] });
    const imported = await read('Role', NAME);
    expect(must(imported).inputs).toMatchObject({
      name: NAME,
      login: true,
      connectionLimit: 7,
      roles: ['pg_monitor'],
      inherit: false,
    });
    expect(must(imported).inputs).not.toHaveProperty('superuser');
    await remove('Role', must(imported).outputs);
  });
});

describe('GrantRole and DefaultPrivileges', () => {
  it('a membership is granted, read, imported and revoked', async () => {
    const { id, outputs } = await create('GrantRole', { role: APP, grantRole: 'pg_monitor', withAdminOption: true });
    expect(id).toBe(`${APP}_pg_monitor_true`);
    expect(must(await read('GrantRole', id)).inputs).toEqual({
      role: APP,
      grantRole: 'pg_monitor',
      withAdminOption: true,
    });
    await sql('postgres', `REVOKE ADMIN OPTION FOR pg_monitor FROM ${q(APP)}`);
    expect(must(await read('GrantRole', id, outputs)).outputs['withAdminOption']).toBe(false);
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
    expect(must(row).can).toBe(true);
    const less = { ...inputs, privileges: ['SELECT'] };
    const updated = await update('DefaultPrivileges', outputs, less);
    expect(updated['privileges']).toEqual(['SELECT']);
    const now = await read('DefaultPrivileges', id, updated, less);
    expect(drift('DefaultPrivileges', less, must(now).outputs)).toEqual([]);
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
    expect(Number(must(row).count)).toBe(0);
    postgresqlPlugin.configure(asPostgres);
    await remove('Role', role.outputs);
  });

  it('works over the socket’s folder', async () => {
    postgresqlPlugin.configure({ ...asPostgres, host: server.socketDir });
    expect(must(await read('Database', DB)).id).toBe(DB);
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
    expect(await read('Role', must(names[0]))).toBeUndefined();
  });

  it('is given up when the engine cancels before the work begins', async () => {
    const cancelled = { ...operation, signal: AbortSignal.abort() };
    await expect(type('Role').read(APP, {}, {}, cancelled)).rejects.toThrow(/abort/i);
  });
});
