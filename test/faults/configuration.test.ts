/** Configuration of a living server: what a change takes, and that one that cannot be leaves the server as it was. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { LocalConfigurableServer } from '../../infra/adapters/localServer/configuration';
import { serverUser } from '../../infra/adapters/localServer/identity';
import { ProcessRunner } from '../../infra/adapters/processRunner';
import { systemClock } from '../../infra/adapters/systemClock';
import { applyConfiguration } from '../../infra/ops/configuration/apply';
import type { ConfigurationFiles } from '../../infra/ops/configuration/ports';
import type { ServerParameters } from '../../infra/capacity/parameters';
import { postgresqlConf } from '../../infra/postgres/parameters';
import { changeKind } from '../support/changeKind';
import { CHECKOUT, recordedProgress } from '../support/machine';
import { asSuperuser, desiredServer, startTestServer, type RunningTestServer } from '../support/server';
import { DEV_PLAN, PLAN_32_GIB } from '../support/serverParameters';

const PARAMETERS = postgresqlConf({ tier: 'local', plan: { ...DEV_PLAN, sharedBuffersMiB: 64 } }).parameters;

let server: RunningTestServer;

beforeAll(async () => {
  server = await startTestServer({ parameters: PARAMETERS });
});

afterAll(async () => server.stop());

// Whatever a test left behind, the next one begins with the same configuration, which proves by itself that apply converges.
beforeEach(async () => {
  await apply({});
});

const apply = (change: Record<string, string>): Promise<unknown> =>
  server.cluster.apply(desiredServer({ parameters: { ...PARAMETERS, ...change } }), server.superuserPassword);

/** What tells one run of a server from the next, and what it runs with. */
async function look(names: readonly string[] = []): Promise<{ startedAt: string; values: string[] }> {
  return asSuperuser(server, 'postgres', async (session) => {
    const { rows } = await session.query<{ at: string }>('SELECT pg_catalog.pg_postmaster_start_time()::text AS at');
    const values: string[] = [];
    for (const name of names) {
      const shown = await session.query<{ value: string }>('SELECT pg_catalog.current_setting($1) AS value', [name]);
      values.push(shown.rows[0]?.value ?? '');
    }
    return { startedAt: rows[0]?.at ?? '', values };
  });
}

const confOf = (): string => readFileSync(join(server.dataDir, 'postgresql.conf'), 'utf8');

describe('every rendered parameter is read back equal', () => {
  // As much of shared_buffers as this machine has room for; the memory is only mapped, not touched.
  const fitting: ServerParameters = {
    ...PLAN_32_GIB,
    sharedBuffersMiB: Math.min(PLAN_32_GIB.sharedBuffersMiB, Math.floor(totalmem() / 2 ** 20 / 4)),
  };

  it('for the plan of a 32 GB host', async () => {
    const { parameters } = postgresqlConf({
      tier: 'local',
      plan: fitting,
      archiving: { command: 'test ! -f nowhere && false', timeoutSeconds: 300, summarizeWal: true },
      // try must fall back where the machine has reserved none.
      overrides: { huge_pages: 'try' },
    });
    await server.cluster.apply(desiredServer({ parameters }), server.superuserPassword);
    const report = await server.cluster.parameters();
    expect(report.filter((state) => state.standing !== 'equal')).toEqual([]);
    expect(report.map((state) => state.name)).toEqual(
      expect.arrayContaining([...Object.keys(parameters), 'port', 'data_checksums']),
    );
    expect(report.find((state) => state.name === 'maintenance_work_mem')).toMatchObject({ wanted: '1GB', live: '1GB' });
  });
});

describe('a change', () => {
  it.each([
    ['reload', { work_mem: '9MB' }, ['9MB']],
    ['reload', { log_autovacuum_min_duration: '90s', max_wal_size: '2GB' }, ['90s', '2GB']],
    ['restart', { max_connections: '77' }, ['77']],
    ['restart', { shared_buffers: '65MB', work_mem: '9MB' }, ['65MB', '9MB']],
  ] as const)('takes a %s, as predicted: %j', async (kind, change, values) => {
    const before = await look();
    expect(changeKind(PARAMETERS, { ...PARAMETERS, ...change })).toBe(kind);
    await apply(change);
    const after = await look(Object.keys(change));
    expect(after.startedAt === before.startedAt ? 'reload' : 'restart').toBe(kind);
    expect(after.values).toEqual(values);
    // A line that goes again needs what it needed when it came.
    await apply({});
    expect((await server.cluster.parameters()).filter((state) => state.standing !== 'equal')).toEqual([]);
  });

  it('of nothing leaves the server running', async () => {
    const before = await look();
    await apply({});
    expect(await look()).toEqual(before);
  });

  it('that lay in the file when its run was killed is finished by the next', async () => {
    const before = await look();
    // Written, and nobody told the server.
    const port = configurable();
    const files = await port.readFiles();
    await port.writeFiles(withLine(files, 'max_connections', '78'));
    await apply({ max_connections: '78' });
    const after = await look(['max_connections']);
    expect(after.values).toEqual(['78']);
    expect(after.startedAt).not.toBe(before.startedAt);
  });

  it('by hand is shown as what it is, and undone by the next apply', async () => {
    const port = configurable();
    await port.writeFiles(withLine(await port.readFiles(), 'work_mem', '5MB'));
    await port.writeFiles(withLine(await port.readFiles(), 'max_connections', '55'));
    await port.reload();
    const differing = async (): Promise<string[][]> =>
      (await server.cluster.parameters())
        .filter((state) => state.standing !== 'equal')
        .map((state) => [state.name, state.standing]);
    await expect.poll(differing).toEqual([['work_mem', 'differs']]);
    await apply({});
    expect(await differing()).toEqual([]);
  });
});

describe('a value that cannot be', () => {
  it.each([
    // Refused by the server's own reader: the running server is not touched.
    ['a unit there is none of', { work_mem: '8gb' }, /invalid value for parameter "work_mem": "8gb"/, 'untouched'],
    [
      'a time zone of another planet',
      { log_timezone: 'Mars/Olympus' },
      /invalid value for parameter "log_timezone"/,
      'untouched',
    ],
    [
      'a name that is none',
      { no_such_parameter: '1' },
      /unrecognized configuration parameter "no_such_parameter"/,
      'untouched',
    ],
    // Only a start can tell.
    [
      'a library that is missing',
      { shared_preload_libraries: 'no_such_library' },
      /could not access file "no_such_library"/,
      'restarted',
    ],
    [
      'more memory than there is',
      { shared_buffers: '8000GB' },
      /could not map anonymous shared memory|could not create shared memory/,
      'restarted',
    ],
    ['reserved connections above all', { max_connections: '5' }, /must be less than/, 'restarted'],
  ] as const)('%s is rolled back with the server’s own words', async (_, change, words, standing) => {
    const [before, conf] = [await look(), confOf()];
    await expect(apply({ ...change, work_mem: '6MB', ...change })).rejects.toThrow(words);
    expect(confOf()).toBe(conf);
    const after = await look();
    expect(after.startedAt === before.startedAt ? 'untouched' : 'restarted').toBe(standing);
    expect((await server.cluster.parameters()).filter((state) => state.standing !== 'equal')).toEqual([]);
    await apply({ work_mem: '6MB' });
    expect((await look(['work_mem'])).values).toEqual(['6MB']);
  });

  it('says that the server runs with the configuration it had, and what to correct', async () => {
    await expect(apply({ work_mem: '8gb' })).rejects.toMatchObject({
      message: expect.stringMatching(
        /^PostgreSQL refused the new configuration, and it still runs with the configuration it had: /,
      ) as string,
      next: expect.stringContaining('postgresParameters') as string,
    });
  });

  it('does not keep a killed server down', async () => {
    process.kill(Number(readFileSync(join(server.dataDir, 'postmaster.pid'), 'utf8').split('\n')[0]), 'SIGKILL');
    await expect(apply({ shared_preload_libraries: 'no_such_library' })).rejects.toThrow(
      /runs again with the configuration it had/,
    );
    expect((await look(['shared_preload_libraries'])).values).toEqual(['pg_stat_statements']);
  });

  it('in pg_hba.conf is refused before a reload, and put back', async () => {
    const port = configurable();
    const files = await port.readFiles();
    const broken: ConfigurationFiles = {
      ...files,
      'pg_hba.conf': `${files['pg_hba.conf'] ?? ''}hostssl all all 10.0.0.0/33 magic\n`,
    };
    const attempt = applyConfiguration(port, broken, systemClock, recordedProgress());
    await expect(attempt).rejects.toThrow(/pg_hba\.conf line 8: /);
    expect(await port.readFiles()).toEqual(files);
  });
});

describe('qbench server parameters', () => {
  const run = (...args: string[]): string => {
    const cli = [join(CHECKOUT, 'scripts', 'qbench.mjs'), 'server', 'parameters', '--stack', 'test', ...args];
    const stateDir = dirname(dirname(dirname(server.dataDir)));
    const result = spawnSync(process.execPath, cli, {
      encoding: 'utf8',
      env: { ...process.env, QBENCH_STATE_DIR: stateDir },
    });
    expect(result.stderr).toBe('');
    return result.stdout;
  };

  it('shows every parameter with what was asked, what is, what a change takes, and why', () => {
    expect(JSON.parse(run('--json'))).toContainEqual({
      name: 'fsync',
      wanted: 'on',
      live: 'on',
      standing: 'equal',
      source: 'configuration file',
      kind: 'mandatory',
      why: expect.stringContaining('loses acknowledged rows') as string,
      needs: 'reload',
      link: 'https://www.postgresql.org/docs/18/runtime-config-wal.html#GUC-FSYNC',
    });
    expect(run()).toMatch(/^shared_buffers +64MB +64MB +equal +restart +searches collapse/m);
  });
});

describe('a crash', () => {
  it('writes no statement of the process that died into the log', async () => {
    const canary = '0.73910265';
    const offset = statSync(server.logFile).size;
    const session = asSuperuser(server, 'postgres', (inside) =>
      inside.query(`SELECT pg_catalog.pg_sleep(60), '[${canary}]' AS v`),
    );
    const victim = async (): Promise<number | undefined> => {
      const found = await asSuperuser(server, 'postgres', (inside) =>
        inside.query<{ pid: number }>("SELECT pid FROM pg_catalog.pg_stat_activity WHERE wait_event = 'PgSleep'"),
      );
      return found.rows[0]?.pid;
    };
    session.catch(() => undefined);
    await expect.poll(victim).toBeDefined();
    process.kill((await victim()) ?? 0, 'SIGKILL');
    await expect(session).rejects.toThrow();
    const log = (): string => readFileSync(server.logFile).subarray(offset).toString('utf8');
    await expect.poll(log, { timeout: 20_000 }).toMatch(/was terminated by signal 9[\s\S]*ready to accept connections/);
    expect(log()).not.toContain(canary);
  });
});

describe('the very first configuration', () => {
  it('is not rolled back, its mistake is named, and the next one is taken', async () => {
    const cluster = server.cluster;
    await cluster.destroy();
    const attempt = apply({ shared_preload_libraries: 'no_such_library' });
    await expect(attempt).rejects.toThrow(/^PostgreSQL did not start: .*no_such_library/);
    await apply({});
    expect((await cluster.parameters()).filter((state) => state.standing !== 'equal')).toEqual([]);
  });
});

function withLine(files: ConfigurationFiles, name: string, value: string): ConfigurationFiles {
  const conf = files['postgresql.conf'] ?? '';
  expect(conf).toMatch(new RegExp(`^${name} = `, 'm'));
  return { ...files, 'postgresql.conf': conf.replace(new RegExp(`^${name} = .*$`, 'm'), `${name} = '${value}'`) };
}

/** The port that the cluster applies changes through, on its own. */
function configurable(): LocalConfigurableServer {
  const { record } = server.cluster;
  if (record === undefined || !existsSync(record.dataDir)) throw new Error('the server of this test is gone');
  const user = serverUser();
  return new LocalConfigurableServer({
    record,
    stackDir: dirname(record.dataDir),
    binDir: server.binDir,
    user,
    runner: new ProcessRunner(process.env, user.identity),
    clock: systemClock,
    startProcess: async () => {
      await server.cluster.start();
    },
  });
}
