/**
 * The offline plugins under the real engine: failures part-way, secrets, previews with unknowns, imports, drift, and the end
 * of the engine. Proves how the engine takes their answers. Does not prove that the real plugins answer the same.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as command from '@pulumi/command';
import * as postgresql from '@pulumi/postgresql';
import * as pulumi from '@pulumi/pulumi';
import * as random from '@pulumi/random';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { must } from '../support/must';
import { processesNaming } from '../support/processes';
import { marked, PluginEngine, type StateResource } from '../support/pluginEngine';

const server = inject('server');

let engine: PluginEngine;
beforeAll(async () => {
  engine = await PluginEngine.create();
});
afterEach(async () => {
  expect((await engine.destroy()).error).toBeUndefined();
});
afterAll(() => engine.remove());

type Program = () => Promise<void>;
const program =
  (body: () => unknown): Program =>
  () => {
    body();
    return Promise.resolve();
  };

async function only(type: string): Promise<StateResource> {
  const [resource, ...rest] = (await engine.resources()).filter((item) => item.type === type);
  expect(rest).toEqual([]);
  return must(resource);
}

const COMMAND = 'command:local:Command';
const ROLE = 'postgresql:index/role:Role';

function provider(change: postgresql.ProviderArgs = {}): postgresql.Provider {
  return new postgresql.Provider('server', {
    host: server.host,
    port: server.port,
    username: 'postgres',
    password: server.superuserPassword,
    sslmode: 'disable',
    ...change,
  });
}

async function sql(text: string): Promise<unknown[]> {
  const client = new Client({
    host: server.host,
    port: server.port,
    user: 'postgres',
    password: server.superuserPassword,
    database: 'postgres',
    ssl: false,
  });
  await client.connect();
  try {
    return (await client.query<object>(text)).rows;
  } finally {
    await client.end();
  }
}

/** What a program without the SDK's types could declare. */
class NoSuchProperty extends pulumi.CustomResource {
  constructor() {
    super('command:local:Command', 'c', { craete: 'true' });
  }
}

/** Processes whose command line names this engine's folder. */
function processes(): string[] {
  const all = execFileSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' }).split('\n');
  return all.filter((line) => line.includes(engine.folder));
}

describe('Command', () => {
  it('that fails shows how, its script and both streams, and is not in the state', async () => {
    const script = 'echo out; echo err >&2; exit 3';
    const run = await engine.up(program(() => new command.local.Command('fails', { create: script })));
    expect(run.error).toBeDefined();
    expect(run.text).toMatch(/exit status 3: running "echo out; echo err >&2; exit 3":\s+out\s+err/);
    expect(await engine.resources()).toEqual([]);
  });

  it('whose update fails keeps its old state, and is updated by the next up', async () => {
    const make = (A: string): Program =>
      program(
        () =>
          new command.local.Command('c', {
            create: 'echo $A',
            update: 'test $A != bad && echo $A',
            environment: { A },
          }),
      );
    await engine.up(make('one'));
    const before = await only(COMMAND);
    expect((await engine.up(make('bad'))).error).toContain('exit status 1');
    const kept = await only(COMMAND);
    expect([kept.id, kept.inputs, kept.outputs]).toEqual([before.id, before.inputs, before.outputs]);
    expect((await engine.up(make('two'))).error).toBeUndefined();
    expect((await only(COMMAND)).outputs).toMatchObject({ stdout: 'two', environment: { A: 'two' } });
  });

  it('hands on its last output, unless told not to, and a failing delete stops the destroy', async () => {
    const log = join(engine.work, 'log');
    const args = {
      update: `echo "$PULUMI_COMMAND_STDOUT" >> '${log}'; echo second`,
      delete: `echo "$PULUMI_COMMAND_STDOUT" >> '${log}'; test -f '${log}.ok'`,
    };
    const make = (create: string, more = {}): Program =>
      program(() => new command.local.Command('c', { create, ...args, ...more }));
    await engine.up(make('echo first'));
    await engine.up(make('echo other'));
    expect((await engine.destroy()).error).toContain('exit status 1');
    expect((await only(COMMAND)).outputs['stdout']).toBe('second');
    await engine.up(make('echo third', { addPreviousOutputInEnv: false }));
    writeFileSync(`${log}.ok`, '');
    expect((await engine.destroy()).error).toBeUndefined();
    expect(readFileSync(log, 'utf8').split('\n')).toEqual(['first', 'second', '', '', '']);
  });

  it('keeps secrets encrypted in the state and out of what is printed', async () => {
    const secret = 'canary-7d21';
    const make = (end: string): Program =>
      program(
        () =>
          new command.local.Command(
            'c',
            {
              create: `cat; echo " is $TOKEN"; ${end}`,
              environment: { TOKEN: pulumi.secret(secret), OPEN: 'x' },
              stdin: pulumi.secret(secret),
            },
            { additionalSecretOutputs: ['stdout'] },
          ),
      );
    const failed = await engine.up(make('exit 1'));
    expect(failed.text).toContain('[secret] is [secret]');
    const done = await engine.up(make('true'));
    expect(done.error).toBeUndefined();
    expect(failed.text + done.text + JSON.stringify(await engine.state())).not.toContain(secret);
    const { inputs, outputs } = await only(COMMAND);
    expect(marked(outputs)).toMatchObject({ stdin: '<secret>', stdout: '<secret>', stderr: '' });
    expect(marked(outputs['environment'])).toEqual(marked(inputs['environment']));
  });

  it('shows its lines while it runs, only those of the streams that logging names', async () => {
    const both = 'echo to-out; echo to-err >&2';
    const run = await engine.up(
      program(() => {
        new command.local.Command('all', { create: both.replaceAll('to', 'all') });
        new command.local.Command('err', { create: both.replaceAll('to', 'one'), logging: 'stderr' });
        new command.local.Command('none', { create: both.replaceAll('to', 'none'), logging: 'none' });
      }),
    );
    expect(run.error).toBeUndefined();
    for (const shown of ['all-out', 'all-err', 'one-err']) expect(run.text).toContain(shown);
    for (const hidden of ['one-out', 'none-out', 'none-err']) expect(run.text).not.toContain(hidden);
  });
});

describe('a preview', () => {
  it('runs nothing, and knows nothing that a run would decide', async () => {
    const ran = join(engine.work, 'ran');
    const body = (text: string): Program =>
      program(() => {
        const server = provider();
        const first = new command.local.Command('first', { create: `touch '${ran}'; echo ${text}` });
        new command.local.Command('second', {
          create: 'echo "$A"',
          environment: { A: first.stdout },
          triggers: [first.stdout],
        });
        const role = new postgresql.Role(
          'role',
          { name: pulumi.interpolate`${first.stdout}_role` },
          { provider: server },
        );
        new postgresql.GrantRole('member', { role: role.name, grantRole: 'pg_monitor' }, { provider: server });
      });
    const empty = await engine.preview(body('plug_preview'));
    expect(empty.error).toBeUndefined();
    expect(existsSync(ran)).toBe(false);
    expect(await engine.resources()).toEqual([]);

    expect((await engine.up(body('plug_preview'))).error).toBeUndefined();
    rmSync(ran);
    const change = await engine.preview(body('plug_other'));
    expect([change.error, existsSync(ran)]).toEqual([undefined, false]);
    const detailed = Object.fromEntries(
      change.steps
        .filter(({ op }) => op !== 'create-replacement' && op !== 'delete-replaced')
        .map(({ name, detailed: paths }) => [name, paths]),
    );
    expect(detailed).toEqual({
      first: { create: 'update' },
      second: { 'environment.A': 'update', 'triggers[0]': 'update-replace' },
      role: { name: 'update' },
      member: { role: 'update-replace' },
    });
  });

  it('and a destroy with deletedWith need no server', async () => {
    const make = (connectionLimit: number, port: number): Program =>
      program(() => {
        const host = new command.local.Command('host', { create: 'true' });
        const options = { provider: provider({ port }), deletedWith: host };
        new postgresql.Role('role', { name: 'plug_down', connectionLimit }, options);
      });
    expect((await engine.up(make(1, server.port))).error).toBeUndefined();
    const preview = await engine.preview(make(2, 1));
    expect(preview.error).toBeUndefined();
    expect(preview.steps.find(({ name }) => name === 'role')).toMatchObject({
      op: 'update',
      detailed: { connectionLimit: 'update' },
    });
    // the provider in the state points nowhere from here on; a role that is left over is dropped below
    const up = await engine.up(make(2, 1));
    expect(up.error).toContain('connecting to database postgres');
    expect((await engine.destroy()).error).toBeUndefined();
    expect(await sql("SELECT FROM pg_roles WHERE rolname = 'plug_down'")).toHaveLength(1);
    await sql('DROP ROLE plug_down');
  });
});

describe('what the plugins do not have', () => {
  it('is refused by name: a type, a property, a missing input', async () => {
    const unknownType = await engine.preview(
      program(() => new command.remote.Command('far', { connection: { host: 'h' }, create: 'true' })),
    );
    expect(unknownType.text).toContain(
      'does not know the resource type command:remote:Command; it knows: command:local:Command',
    );
    const unknownProperty = await engine.preview(program(() => new NoSuchProperty()));
    expect(unknownProperty.text).toContain(
      'command:local:Command has no input property craete; it has: create, update',
    );
    const missing = await engine.preview(program(() => new postgresql.Role('r', {}, { provider: provider() })));
    expect(missing.text).toContain('postgresql:index/role:Role needs name');
    const config = await engine.preview(
      program(() => new postgresql.Role('r', { name: 'r' }, { provider: provider({ sslmode: 'prefer' }) })),
    );
    expect(config.text).toContain('allowed: disable, require, verify-ca, verify-full');
  });

  it('a wrong value of a secret is refused without being printed', async () => {
    const wrong = pulumi.secret(['canary-9a']) as unknown as string;
    const run = await engine.preview(
      program(() => new postgresql.Role('r', { name: 'r', password: wrong }, { provider: provider() })),
    );
    expect(run.text).toContain('password of postgresql:index/role:Role must be a string');
    expect(run.text).not.toContain('canary-9a');
  });
});

describe('the server’s own state', () => {
  it('a role dropped by hand is gone after a refresh, and made again by up', async () => {
    const make = program(() => new postgresql.Role('role', { name: 'plug_dropped' }, { provider: provider() }));
    await engine.up(make);
    await sql('DROP ROLE plug_dropped');
    expect((await engine.refresh(make)).error).toBeUndefined();
    expect(await engine.resources()).toEqual([]);
    const up = await engine.up(make);
    expect(up.steps.map(({ op }) => op)).toContain('create');
    expect((await only(ROLE)).id).toBe('plug_dropped');
  });

  it('is imported, whole and without a following change', async () => {
    await sql(
      "CREATE ROLE plug_imported LOGIN PASSWORD 'canary-import' CONNECTION LIMIT 4; GRANT pg_monitor TO plug_imported",
    );
    const make = (options: pulumi.CustomResourceOptions): Program =>
      program(() => {
        const server = provider();
        new postgresql.Role(
          'role',
          { name: 'plug_imported', login: true, connectionLimit: 4, roles: ['pg_monitor'] },
          { ...options, provider: server, ignoreChanges: ['password'] },
        );
      });
    const imported = await engine.up(make({ import: 'plug_imported' }));
    expect(imported.error).toBeUndefined();
    const role = await only(ROLE);
    expect(marked(role.outputs)).toMatchObject({
      name: 'plug_imported',
      connectionLimit: 4,
      roles: ['pg_monitor'],
      password: '<secret>',
    });
    const again = await engine.preview(make({}));
    expect([again.error, again.steps]).toEqual([undefined, []]);
  });
});

describe('Random', () => {
  it('draws once, keeps its secret, and draws again when keepers change', async () => {
    const make = (keeper: string): Program =>
      program(() => new random.RandomPassword('p', { length: 24, special: false, keepers: { keeper } }));
    await engine.up(make('1'));
    const first = await only('random:index/randomPassword:RandomPassword');
    expect([first.id, marked(first.outputs)]).toMatchObject([
      'none',
      { result: '<secret>', length: 24, special: false },
    ]);
    const same = await engine.up(make('1'));
    expect(same.steps).toEqual([]);
    const changed = await engine.up(make('2'));
    expect(changed.steps.find(({ op }) => op === 'replace')?.detailed).toEqual({ 'keepers.keeper': 'update-replace' });
    expect((await only('random:index/randomPassword:RandomPassword')).outputs['result']).not.toEqual(
      first.outputs['result'],
    );
  });
});

describe('the end of the engine', () => {
  /** Starts a command that waits for ever, and gives the run and the process ids of the engine and of the command's child. */
  async function waiting(): Promise<{ run: Promise<{ text: string }>; pulumi: number; child: number }> {
    const file = join(engine.work, 'pid');
    rmSync(file, { force: true });
    const create = `sleep 600 & echo $! > '${file}'; wait`;
    const run = engine.up(program(() => new command.local.Command('waits', { create })));
    await vi.waitUntil(() => existsSync(file) && readFileSync(file, 'utf8').trim() !== '', {
      timeout: 60_000,
      interval: 100,
    });
    // The CLI names the folder in its environment only.
    const cli = processesNaming(engine.folder).find(({ command: line }) => /\/pulumi up /.test(line));
    return { run, pulumi: must(cli).pid, child: Number(readFileSync(file, 'utf8')) };
  }
  const alive = (pid: number): boolean =>
    existsSync(`/proc/${pid}`) && !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');

  it('by Ctrl-C stops the command with its children, and leaves no plugin', async () => {
    const { run, pulumi: pid, child } = await waiting();
    process.kill(pid, 'SIGINT');
    const { text } = await run;
    expect(text).toContain('signal: terminated: running');
    await vi.waitUntil(() => !alive(child) && processes().length === 0, { timeout: 30_000, interval: 100 });
    expect(await engine.resources()).toEqual([]);
  });

  it('by SIGKILL leaves neither a plugin nor the command’s children', async () => {
    const { run, pulumi: pid, child } = await waiting();
    process.kill(pid, 'SIGKILL');
    await run;
    await vi.waitUntil(() => !alive(child) && processes().length === 0, { timeout: 30_000, interval: 100 });
    await engine.cancel();
  });
});
