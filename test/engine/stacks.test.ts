/**
 * Test stacks on the real engine: they come seeded, stay while somebody uses them, are found when their making was cut off, and go
 * without a trace. Tier local for real; tier ec2 against the recording aws plugin and a stand-in of the tagging API.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LocalCluster } from '../../infra/adapters/localServer/cluster';
import { readRecord, stackLayout, type ServerRecord } from '../../infra/adapters/localServer/layout';
import { postmasterPid } from '../../infra/adapters/localServer/probe';
import { systemVExists, systemVSegment } from '../../infra/adapters/localServer/sharedMemory';
import { openSession } from '../../infra/adapters/postgresDatabase';
import { ProcessRunner } from '../../infra/adapters/processRunner';
import { systemClock } from '../../infra/adapters/systemClock';
import { DATABASE_NAME, ROLE_NAMES } from '../../infra/naming';
import type { CommandResult } from '../../infra/ops/ports';
import type { SweepReport } from '../../infra/ops/stacks/sweep';
import type { Marker } from '../../scripts/support/testStacks/marker';
import { nodeScript, writeExecutable } from '../../scripts/toolchain/plugins';
import { HostDatabases } from '../support/hostDatabase';
import { recordedProgress, testMachine } from '../support/machine';
import { eventually, postmastersBelow, processesNaming } from '../support/processes';
import { writeSessionPlugin } from '../support/sessionPlugin';
import { asSuperuser } from '../support/server';
import { expectSuccess } from '../support/stack';
import { TagServer } from '../support/tagServer';

const machine = testMachine();
const state = machine.context.stateDir ?? '';
const QBENCH = join(machine.context.checkout, 'scripts', 'qbench.mjs');
const account = join(state, 'account');
let tags: TagServer;
let databases: HostDatabases;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  tags = await TagServer.start(account);
  databases = await HostDatabases.start(account);
  const bin = join(state, 'test-bin');
  mkdirSync(bin);
  const plugin = join(machine.context.checkout, 'scripts/toolchain/plugins/bin/aws.ts');
  writeSessionPlugin(bin);
  writeExecutable(join(bin, 'pulumi-resource-aws'), nodeScript(machine.context, plugin));
  env = {
    ...process.env,
    ...databases.ssm.env,
    ...tags.env,
    DATABASE_URL: '',
    QBENCH_STATE_DIR: state,
    QBENCH_AWS_ACCOUNT: account,
    PATH: `${bin}${delimiter}${process.env['PATH'] ?? ''}`,
  };
});

afterAll(async () => {
  await tags.stop();
  await databases.stop();
  const stacks = join(state, 'stacks');
  for (const name of existsSync(stacks) ? readdirSync(stacks) : []) {
    await new LocalCluster(machine.context, name, systemClock, recordedProgress()).destroy();
  }
  machine.remove();
});

function qbench(...args: string[]): Promise<CommandResult> {
  return new ProcessRunner(env).run(process.execPath, [QBENCH, ...args]);
}

async function json<T>(...args: string[]): Promise<T> {
  return JSON.parse(expectSuccess(await qbench(...args, '--json')).stdout) as T;
}

function recordOf(stack: string): ServerRecord {
  const record = readRecord(stackLayout(machine.context, stack));
  if (record === undefined) throw new Error(`stack ${stack} has no server`);
  return record;
}

/** As if it had been made, and last touched, so many hours earlier. */
function age(stack: string, hours: number, change: Partial<Marker> = {}): void {
  const file = join(state, 'pulumi', 'test-stacks', `${stack}.json`);
  const marker = JSON.parse(readFileSync(file, 'utf8')) as Marker;
  const wallMs = Date.now() - hours * 3_600_000;
  writeFileSync(file, JSON.stringify({ ...marker, created: { wallMs }, changed: { wallMs }, ...change }));
}

/** What the sweep said of a stack; a failure shows its reason. */
function expectSwept(report: SweepReport, stack: string, expected: object): void {
  const found = report.stacks.find(({ name }) => name === stack);
  expect(found, `the sweep's words: ${JSON.stringify(found ?? report)}`).toMatchObject(expected);
}

async function expectNothingLeft(stack: string): Promise<void> {
  const result = await qbench('stack', 'leftovers', stack);
  expect(result.stdout).toContain(`nothing of stack ${stack} is left`);
  expect(result.code).toBe(0);
  expect(postmastersBelow(join(state, 'stacks', stack))).toEqual([]);
  await eventually('its runs have ended', () => processesNaming(`/${stack}/`).length === 0);
}

describe('test stacks on this machine', () => {
  it('come up side by side, seeded, with ports and names of their own', async () => {
    const made = await Promise.all([
      json<{ name: string; port: number }>('stack', 'create', 'pr-1'),
      json<{ name: string; port: number }>('stack', 'create', '--ttl', '2'),
    ]);
    const [one, two] = made;
    expect(one.name).toBe('pr-1');
    expect(two.name).toMatch(/^t-[a-z0-9]{6}$/);
    expect(one.port).not.toBe(two.port);
    for (const { name } of made) expect((await qbench('health', '--stack', name)).code).toBe(0);
    const listed = await json<{ name: string; sweep: boolean }[]>('stack', 'list');
    expect(listed.map(({ name, sweep }) => [name, sweep])).toEqual([
      ['pr-1', false],
      [two.name, false],
    ]);
    // The second has done its work; a leftover of it would be one of the first, too.
    expectSuccess(await qbench('stack', 'destroy', two.name, '--yes'));
    await expectNothingLeft(two.name);
    expect(postmasterPid(recordOf('pr-1').dataDir)).toBeDefined();
  });

  it('refuses a name that is no test stack’s, and destroys none that it did not make', async () => {
    const taken = await qbench('stack', 'create', 'dev');
    expect(taken.code).toBe(2);
    expect(taken.stderr).toMatch(/"dev" exists and is no test stack/);
    const foreign = await qbench('stack', 'destroy', 'dev', '--yes');
    expect(foreign.code).toBe(2);
    expect(foreign.stderr).toMatch(/"dev" is no test stack/);
    expect((await qbench('stack', 'destroy', 'pr-1')).stderr).toMatch(/no terminal/);
    expect((await qbench('stack', 'sweep')).stderr).toMatch(/no terminal/);
  });

  it('says what was changed by hand, and nothing where nothing was', async () => {
    const clean = await qbench('drift', '--stack', 'pr-1');
    expect(clean.stdout, clean.stderr).toContain('stack pr-1 is as it was declared');
    expect(clean.code).toBe(0);
    const { socketDir: host, port } = recordOf('pr-1');
    const session = await openSession({ host, port, database: DATABASE_NAME, user: ROLE_NAMES.superuser });
    for (const statement of [
      'CREATE ROLE reporting LOGIN',
      'ALTER ROLE qbench_app CONNECTION LIMIT 3',
      'ALTER ROLE qbench_readonly CREATEDB',
      'GRANT SELECT ON test_documents TO reporting',
      'REVOKE SELECT ON test_steps FROM qbench_readonly',
      'CREATE INDEX by_hand ON test_documents (title)',
      'DROP INDEX idx_test_documents_embedding',
      "ALTER ROLE qbench_monitor SET work_mem = '9MB'",
    ])
      await session.query(statement);
    await session.close();
    const drift = await qbench('drift', '--stack', 'pr-1', '--json');
    expect(drift.code).toBe(1);
    const { differences, notLookedAt } = JSON.parse(drift.stdout) as {
      differences: { area: string; object: string; what: string }[];
      notLookedAt: unknown[];
    };
    expect(notLookedAt).toEqual([]);
    const found = differences.map(({ area, object, what }) => `${area} ${object} ${what}`);
    for (const line of [
      /^role reporting was made by hand/,
      /^resource roles-app-role was changed by hand/,
      /^role qbench_readonly has the attribute CREATEDB/,
      /^grant table public\.test_documents SELECT was granted to reporting/,
      /^grant table public\.test_steps qbench_readonly has lost SELECT/,
      /^schema INDEX by_hand was made by hand/,
      /^index idx_test_documents_embedding /,
      /^parameter work_mem was set to 9MB for qbench_monitor by ALTER ROLE/,
    ])
      expect(found).toEqual(expect.arrayContaining([expect.stringMatching(line) as string]));
  });

  it('remembers who changed what', async () => {
    const { entries, planBesideActual } = await json<{
      entries: { source: string; what: string }[];
      planBesideActual: { documents: { planned: number; actual: number } };
    }>('history', '--stack', 'pr-1');
    const words = entries.map(({ source, what }) => `${source} ${what}`);
    expect(words).toEqual(
      expect.arrayContaining([expect.stringMatching(/^pulumi update succeeded: \d+ created/) as string]),
    );
    expect(words).toEqual(expect.arrayContaining(['migration 000001-requirements.sql applied']));
    expect(planBesideActual.documents).toMatchObject({ planned: 5000 });
    expect(planBesideActual.documents.actual).toBeGreaterThan(100);
  });

  it('are never swept while somebody is connected or they are protected; then with their killed server’s memory', async () => {
    age('pr-1', 100);
    const { socketDir: host, port, dataDir } = recordOf('pr-1');
    const session = await openSession({ host, port, database: DATABASE_NAME, user: ROLE_NAMES.app });
    const used = await json<SweepReport>('stack', 'sweep', '--yes');
    expectSwept(used, 'pr-1', { sweep: false, reason: expect.stringMatching(/in use/) as string });
    await session.close();

    const config = join(state, 'pulumi', 'config', 'Pulumi.pr-1.yaml');
    const text = readFileSync(config, 'utf8');
    writeFileSync(config, text.replace(/protectData: .*/, "protectData: 'true'"));
    const guarded = await json<SweepReport>('stack', 'sweep', '--yes');
    expectSwept(guarded, 'pr-1', { sweep: false, reason: expect.stringMatching(/protected/) as string });
    writeFileSync(config, text);

    const segments = readFileSync(join(state, 'stacks', 'pr-1', 'shared-memory'), 'utf8')
      .trim()
      .split('\n');
    const systemV = systemVSegment(dataDir);
    expect(segments.every((name) => existsSync(join('/dev/shm', name)))).toBe(true);
    process.kill(postmasterPid(dataDir) ?? 0, 'SIGKILL');
    const done = await json<SweepReport>('stack', 'sweep', '--yes');
    expectSwept(done, 'pr-1', { sweep: true, proof: { gone: true } });
    await expectNothingLeft('pr-1');
    expect(segments.filter((name) => existsSync(join('/dev/shm', name)))).toEqual([]);
    expect(systemV !== undefined && systemVExists(systemV)).toBe(false);
    expect(await json('stack', 'list')).toEqual([]);
  });

  it('whose making is killed are swept once nobody has gone on for a while', async () => {
    const child = spawn(process.execPath, [QBENCH, 'stack', 'create', 'cut'], { env, stdio: 'ignore', detached: true });
    const record = (): ServerRecord | undefined => readRecord(stackLayout(machine.context, 'cut'));
    await eventually('its server is made', () => record()?.state === 'initialised', 300_000);
    // The whole group: the CLI, the engine and its plugins.
    process.kill(-(child.pid ?? 0), 'SIGKILL');
    const fresh = await json<SweepReport>('stack', 'sweep', '--yes');
    expectSwept(fresh, 'cut', { sweep: false });
    const stillAtWork = (): string[] =>
      processesNaming(state).flatMap(({ command }) =>
        /(bin\/postgres -D|^postgres: )/.test(command) ? [] : [command],
      );
    await eventually('what the killed run had started has ended', () => stillAtWork().length === 0, 120_000);
    age('cut', 1);
    const file = join(state, 'pulumi/backend/.pulumi/stacks/qbench-postgres/cut.json');
    const hourAgo = Date.now() / 1_000 - 3_600;
    utimesSync(file, hourAgo, hourAgo);
    const done = await json<SweepReport>('stack', 'sweep', '--yes');
    expectSwept(done, 'cut', { sweep: true, proof: { gone: true } });
    await expectNothingLeft('cut');
  });
});

describe('a test stack on AWS', () => {
  it('comes up tagged with its end, is found by its tags, and goes with all of them', async () => {
    const region = ['--region', 'eu-central-1'];
    const { server } = await databases.serve('pr-7');
    await json('stack', 'create', 'pr-7', '--tier', 'ec2', ...region, '--ttl', '1');
    const seeded = await asSuperuser(server, DATABASE_NAME, (session) =>
      session.query<{ rows: number }>('SELECT count(*)::int AS rows FROM test_documents WHERE embedding IS NOT NULL'),
    );
    expect(seeded.rows[0]?.rows).toBeGreaterThan(100);
    const tagged = readdirSync(join(account, 'tags')).map((name) => readFileSync(join(account, 'tags', name), 'utf8'));
    expect(tagged.length).toBeGreaterThan(10);
    for (const text of tagged) expect(JSON.parse(text)).toMatchObject({ tags: { stack: 'pr-7', ttl: '1h' } });

    // Another machine, whose backend knows nothing of it, names what it cannot take.
    age('pr-7', 3);
    const marker = join(state, 'pulumi', 'test-stacks', 'pr-7.json');
    const kept = readFileSync(marker, 'utf8');
    const left = await qbench('stack', 'leftovers', 'pr-7');
    expect(left.code).toBe(1);
    expect(left.stdout).toMatch(/cloud resource: arn:aws:ec2:.*volume/);

    tags.time = new Date(Date.now() + 3_600_000);
    const skewed = await qbench('stack', 'sweep', '--yes', ...region);
    expect(skewed.stderr).toMatch(/the clock of this machine is 1 h 0 min behind AWS|59 min behind AWS/);
    expect(readFileSync(marker, 'utf8')).toBe(kept);
    tags.time = undefined;

    // The machine that stands in for its host has no psql for the user postgres: who is connected stays unknown, and the stack stays.
    const unsure = await json<SweepReport>('stack', 'sweep', '--yes', ...region);
    expectSwept(unsure, 'pr-7', { sweep: false });
    databases.ssm.instances.length = 0;

    const done = await json<SweepReport>('stack', 'sweep', '--yes', ...region);
    expectSwept(done, 'pr-7', { sweep: true, proof: { gone: true } });
    expect(readdirSync(join(account, 'tags')).filter((name) => !/key|instance/.test(name))).toEqual([]);
    await expectNothingLeft('pr-7');
  });
});
