/**
 * The offline plugins against what the real ones were recorded to do. Proves that the engine ends with the recorded ids,
 * inputs, outputs and secrets, and takes the recorded steps for each change. Does not prove that nothing unrecorded differs.
 */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import * as command from '@pulumi/command';
import * as postgresql from '@pulumi/postgresql';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { marked, PluginEngine, type Run, type StateResource } from '../support/pluginEngine';

const golden = JSON.parse(
  readFileSync(join(import.meta.dirname, '../golden/provider-state.json'), 'utf8'),
) as StateResource[];
const server = inject('server');
const CANARY = 'canary-password-3f9c';

/** What a test changes of the program below. */
interface Change {
  environment?: string;
  stdin?: string;
  create?: string;
  createOnly?: string;
  remove?: string;
  triggers?: string[];
  appRole?: string;
  appPassword?: string;
  appLimit?: number;
  databaseName?: string;
  databaseOwner?: string;
  encoding?: string;
  extensionSchema?: string;
  databasePrivileges?: string[];
  grantRole?: string;
  grantSchema?: string;
  otherDatabase?: string;
}

let engine: PluginEngine;
beforeAll(async () => {
  engine = await PluginEngine.create();
});
afterAll(async () => {
  const destroyed = await engine.destroy();
  engine.remove();
  // The command with an asset leaves it in the folder that the test runs in.
  rmSync('out.json', { force: true });
  expect(destroyed.error).toBeUndefined();
});

/** The program that the real plugins were recorded with. */
function program(change: Change = {}): () => Promise<void> {
  return () => {
    new command.local.Command(
      'full',
      {
        create: change.create ?? 'cat; echo created $A',
        update: 'echo updated $A',
        delete: change.remove ?? 'echo deleted',
        environment: { A: change.environment ?? '1' },
        stdin: change.stdin ?? '{"x":1}',
        logging: 'none',
        triggers: change.triggers ?? ['t1'],
      },
      { additionalSecretOutputs: ['stdout', 'stderr'] },
    );
    new command.local.Command('create-only', {
      create: change.createOnly ?? 'echo only',
      interpreter: ['/bin/bash', '-c'],
      dir: '.',
    });
    new command.local.Command('assets', {
      create: `echo '{"k":1}' > out.json; echo done`,
      assetPaths: ['out.json'],
      archivePaths: [],
    });
    const provider = new postgresql.Provider('server', {
      host: server.host,
      port: server.port,
      username: 'postgres',
      password: server.superuserPassword,
      sslmode: 'disable',
    });
    const options = { provider };
    const owner = new postgresql.Role('owner', { name: 'qb_owner', connectionLimit: undefined }, options);
    new postgresql.Role(
      'monitor',
      { name: 'qb_monitor', login: true, password: CANARY, roles: ['pg_monitor'], connectionLimit: 3 },
      options,
    );
    const app = new postgresql.Role(
      'app',
      {
        name: change.appRole ?? 'qb_app',
        login: true,
        password: change.appPassword ?? CANARY,
        connectionLimit: change.appLimit ?? 20,
        searchPaths: ['public'],
        statementTimeout: 120000,
        idleInTransactionSessionTimeout: 60000,
      },
      options,
    );
    new postgresql.GrantRole(
      'settings',
      { role: app.name, grantRole: change.grantRole ?? 'pg_read_all_settings' },
      options,
    );
    const database = new postgresql.Database(
      'db',
      {
        name: change.databaseName ?? 'qb',
        owner: change.databaseOwner ?? owner.name,
        encoding: change.encoding ?? 'UTF8',
        connectionLimit: -1,
      },
      options,
    );
    const inside = change.otherDatabase ?? database.name;
    const schema = new postgresql.Schema('ops', { name: 'ops', database: inside, owner: owner.name }, options);
    new postgresql.Grant(
      'connect',
      {
        database: inside,
        role: app.name,
        objectType: 'database',
        privileges: change.databasePrivileges ?? ['CONNECT', 'TEMPORARY'],
      },
      options,
    );
    new postgresql.Extension(
      'vector',
      { name: 'vector', database: inside, schema: change.extensionSchema ?? 'public' },
      { provider, dependsOn: schema },
    );
    const inPublic = { database: inside, role: app.name, schema: change.grantSchema ?? 'public' };
    new postgresql.Grant(
      'usage',
      { ...inPublic, objectType: 'schema', privileges: ['USAGE'] },
      { provider, dependsOn: schema },
    );
    const all = ['SELECT', 'INSERT', 'UPDATE', 'DELETE'];
    new postgresql.Grant(
      'tables',
      { ...inPublic, objectType: 'table', privileges: all },
      { provider, dependsOn: schema },
    );
    new postgresql.DefaultPrivileges(
      'future',
      { ...inPublic, owner: owner.name, objectType: 'table', privileges: all },
      { provider, dependsOn: schema },
    );
    return Promise.resolve();
  };
}

/** What a comparison with the recording leaves out: the bridge's own bookkeeping, and the random part of a command's id. */
function comparable(resource: StateResource): object {
  const { type, inputs, outputs, additionalSecretOutputs } = resource;
  const { __pulumi_raw_state_delta: _delta, ...kept } = outputs;
  const id = type.startsWith('command:') ? resource.id.replace(/[0-9a-f]{8}$/, 'XXXXXXXX') : resource.id;
  return {
    type,
    id,
    inputs: marked(inputs),
    outputs: marked(kept),
    additionalSecretOutputs: additionalSecretOutputs ?? [],
  };
}

describe('the fourteen recorded resources', () => {
  it('leave the recorded state, and no change afterwards', async () => {
    const run = await engine.up(program());
    expect(run.error).toBeUndefined();
    const state = await engine.resources();
    const key = (resource: StateResource): string => `${resource.type} ${resource.id.replace(/[0-9a-f]{8}$/, '')}`;
    const byKey = (list: StateResource[]): object[] =>
      [...list].sort((a, b) => key(a).localeCompare(key(b))).map(comparable);
    expect(byKey(state)).toEqual(byKey(golden));

    const again = await engine.preview(program());
    expect([again.error, again.steps]).toEqual([undefined, []]);
    const second = await engine.up(program());
    expect([second.error, second.steps]).toEqual([undefined, []]);
  });

  it('keep the password out of the state and the output', async () => {
    expect(JSON.stringify(await engine.state())).not.toContain(CANARY);
    expect(JSON.stringify(await engine.state())).not.toContain(server.superuserPassword);
  });

  it('see no change after a refresh', async () => {
    const refreshed = await engine.refresh(program());
    expect(refreshed.error).toBeUndefined();
    const again = await engine.preview(program());
    expect([again.error, again.steps]).toEqual([undefined, []]);
  });
});

/**
 * The changes, in batches of those that do not touch each other: a batch is one run of the engine, and each row of the
 * table is looked up in it.
 */
const BATCHES = {
  attributes: {
    environment: '2',
    createOnly: 'echo other',
    appPassword: 'another-1',
    extensionSchema: 'ops',
    databasePrivileges: ['CONNECT'],
    grantRole: 'pg_monitor',
  },
  owners: { stdin: '{"x":2}', appLimit: 21, databaseOwner: 'qb_monitor', grantSchema: 'ops' },
  renamedDatabase: { remove: 'echo gone', databaseName: 'qb2' },
  renamedRole: { triggers: ['t2'], appRole: 'qb_app2' },
  encoding: { encoding: 'SQL_ASCII' },
  elsewhere: { otherDatabase: 'postgres' },
} satisfies Record<string, Change>;
type Batch = keyof typeof BATCHES;

const INSIDE = ['ops', 'connect', 'vector', 'usage', 'tables', 'future'];

describe('the table of recorded changes', () => {
  const previews = new Map<Batch, Promise<Run>>();
  const previewOf = (batch: Batch): Promise<Run> => {
    const known = previews.get(batch) ?? engine.preview(program(BATCHES[batch]));
    previews.set(batch, known);
    return known;
  };

  const rows: [what: string, batch: Batch, name: string, op: string, detailed: Record<string, string>][] = [
    ['Command: environment value, with update', 'attributes', 'full', 'update', { 'environment.A': 'update' }],
    ['Command: stdin, with update', 'owners', 'full', 'update', { stdin: 'update' }],
    ['Command: create, without update', 'attributes', 'create-only', 'update', { create: 'update' }],
    ['Command: delete', 'renamedDatabase', 'full', 'update', { delete: 'update' }],
    ['Command: triggers', 'renamedRole', 'full', 'replace', { 'triggers[0]': 'update-replace' }],
    ['Role: name', 'renamedRole', 'app', 'update', { name: 'update' }],
    ['Role: password', 'attributes', 'app', 'update', { password: 'update' }],
    ['Role: connectionLimit', 'owners', 'app', 'update', { connectionLimit: 'update' }],
    ['Database: name', 'renamedDatabase', 'db', 'update', { name: 'update' }],
    ['Database: owner', 'owners', 'db', 'update', { owner: 'update' }],
    ['Database: encoding', 'encoding', 'db', 'replace', { encoding: 'update-replace' }],
    ['Extension: schema', 'attributes', 'vector', 'update', { schema: 'update' }],
    ['Extension: database', 'elsewhere', 'vector', 'replace', { database: 'update-replace' }],
    ['Schema: database', 'elsewhere', 'ops', 'replace', { database: 'update-replace' }],
    ['Grant: database', 'elsewhere', 'connect', 'replace', { database: 'update-replace' }],
    ['DefaultPrivileges: database', 'elsewhere', 'future', 'replace', { database: 'update-replace' }],
    ['Grant: privileges', 'attributes', 'connect', 'update', { 'privileges[1]': 'delete' }],
    ['Grant: schema', 'owners', 'tables', 'replace', { schema: 'update-replace' }],
    ['Grant: role', 'renamedRole', 'connect', 'replace', { role: 'update-replace' }],
    ['GrantRole: grantRole', 'attributes', 'settings', 'replace', { grantRole: 'update-replace' }],
  ];

  it.each(rows)('%s', async (_what, batch, name, op, detailed) => {
    const run = await previewOf(batch);
    expect(run.error).toBeUndefined();
    const found = run.steps.filter((step) => step.name === name && step.op === op);
    expect(found.map((step) => step.detailed)).toEqual([detailed]);
  });

  it.each([
    ['a renamed role', 'renamedRole', ['settings', 'connect', 'usage', 'tables', 'future']],
    ['a renamed database', 'renamedDatabase', INSIDE],
    ['a replaced database', 'encoding', INSIDE],
  ] as [string, Batch, string[]][])('%s replaces everything that names it', async (_what, batch, names) => {
    const run = await previewOf(batch);
    const replaced = run.steps
      .filter(({ op, type }) => op === 'replace' && type.startsWith('postgresql:'))
      .map(({ name }) => name);
    const inside = replaced.filter((name) => name !== 'db');
    expect([...new Set(inside)].sort()).toEqual([...names].sort());
  });

  it('a replaced command is created before the old one is deleted', async () => {
    const run = await previewOf('renamedRole');
    const ops = run.steps.filter(({ name }) => name === 'full').map(({ op }) => op);
    expect(ops.indexOf('create-replacement')).toBeLessThan(ops.indexOf('delete-replaced'));
  });

  it.each(['attributes', 'owners', 'renamedDatabase', 'renamedRole', 'encoding'] as Batch[])(
    '%s: happens, is no drift afterwards, and goes back',
    async (batch) => {
      const wanted = program(BATCHES[batch]);
      expect((await engine.up(wanted)).error).toBeUndefined();
      expect((await engine.refresh(wanted)).error).toBeUndefined();
      const again = await engine.preview(wanted);
      expect([again.error, again.steps]).toEqual([undefined, []]);
      expect((await engine.up(program())).error).toBeUndefined();
    },
  );

  it('ends where it began', async () => {
    const state = await engine.resources();
    expect(state.map(({ type }) => type).sort()).toEqual(golden.map(({ type }) => type).sort());
    const again = await engine.preview(program());
    expect([again.error, again.steps]).toEqual([undefined, []]);
  });
});
