/**
 * What is inside the server of a stack of tier ec2, made for real: the program and the CLI reach a real PostgreSQL through
 * stand-ins of SSM, Secrets Manager and the session plugin, over TLS that is verified in full. Not proven: AWS's own side of a session.
 */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EPHEMERAL, messages, plannedDiff, RecordedAws } from '../support/awsPlugin';
import { HostDatabases, type HostStack } from '../support/hostDatabase';
import { keptEvidence } from '../../infra/adapters/keptEvidence';
import { readBackupEvidence } from '../../infra/ops/review/backupEvidence';
import { asSuperuser } from '../support/server';
import { expectSuccess } from '../support/stack';

const CONFIG = { ...EPHEMERAL, workload: { documents: 5000 } };

const aws = new RecordedAws();
let databases: HostDatabases;
let host: HostStack;

beforeAll(async () => {
  databases = await HostDatabases.start(aws.account);
  host = await databases.stack(aws, 'data', CONFIG);
});
afterAll(async () => {
  await databases.stop();
  aws.remove();
});

const inside = (sql: string): Promise<Record<string, unknown>[]> =>
  asSuperuser(host.server, 'mlb_qbench', async (session) => (await session.query(sql)).rows);

describe('a stack on a host', () => {
  it('is previewed without a session, a connection or a port', async () => {
    const planned = await plannedDiff(host.stack);
    expect(Object.keys(planned)).toEqual(
      expect.arrayContaining(['roles-app-role', 'database-database', 'schema-migrations', 'schema-indexes']),
    );
    expect(databases.ssm.calls).toEqual([]);
  });

  it('comes up with roles, database, extensions, grants, tables and indexes, by TLS alone', async () => {
    expectSuccess(await host.stack.up());
    expect(
      databases.ssm.sessions.map(({ document, parameters }) => [document, parameters['portNumber']]),
    ).toContainEqual(['AWS-StartPortForwardingSession', ['5432']]);
    expect(host.front.sessions).toBeGreaterThan(3);
    expect(host.front.refused).toBe(0);
    expect(await inside('SELECT extname::text, extowner::regrole::text AS owner FROM pg_extension ORDER BY 1')).toEqual(
      [
        { extname: 'pg_stat_statements', owner: 'postgres' },
        { extname: 'pg_trgm', owner: 'qbench_admin' },
        { extname: 'plpgsql', owner: 'postgres' },
        { extname: 'vector', owner: 'postgres' },
      ],
    );
    expect(
      await inside("SELECT pg_get_userbyid(datdba)::text AS owner FROM pg_database WHERE datname = 'mlb_qbench'"),
    ).toEqual([{ owner: 'qbench_owner' }]);
    expect(
      await inside("SELECT count(*)::int AS superusers FROM pg_roles WHERE rolsuper AND rolname LIKE 'qbench%'"),
    ).toEqual([{ superusers: 0 }]);
    const indexes = await inside(
      "SELECT indexname::text FROM pg_indexes WHERE indexdef LIKE '%USING hnsw%' ORDER BY 1",
    );
    expect(indexes).toHaveLength(2);
  });

  it('gives the connection string of the application as a secret', async () => {
    const { databaseUrl, connectCommand, endpoint } = await host.stack.outputs();
    expect(databaseUrl).toMatch(
      new RegExp(`^postgresql://qbench_app:[A-Za-z0-9]{32}@${String(endpoint)}:5432/mlb_qbench\\?sslmode=verify-full$`),
    );
    expect(connectCommand).toBe('npm run qbench -- psql --stack data');
    const password = /qbench_app:(\w+)@/.exec(String(databaseUrl))?.[1] ?? '';
    expect(JSON.stringify(await host.stack.state())).not.toContain(password);
  });

  it('has nothing to change afterwards, and opens nothing to find that out', async () => {
    const before = databases.ssm.calls.length;
    expect(await plannedDiff(host.stack)).toEqual({});
    expect(messages(expectSuccess(await host.stack.up()))).not.toMatch(/updated|created/);
    expect(databases.ssm.calls.slice(before)).toEqual([]);
  });

  it('changes in the database alone what is changed there', async () => {
    host.configure({ ...CONFIG, database: { connectionLimits: { app: 30 } } });
    expect(await plannedDiff(host.stack)).toEqual({
      'roles-app-role': { op: 'update', properties: ['connectionLimit'] },
    });
    expectSuccess(await host.stack.up());
    expect(await inside("SELECT rolconnlimit FROM pg_roles WHERE rolname = 'qbench_app'")).toEqual([
      { rolconnlimit: 30 },
    ]);
  });

  it('says in words what keeps it from the database, and goes on when that is gone', async () => {
    const [instance] = databases.ssm.instances;
    Object.assign(instance ?? {}, { ping: 'ConnectionLost' });
    host.configure({ ...CONFIG, database: { connectionLimits: { app: 31 } } });
    const failed = await host.stack.up();
    expect(failed.code).not.toBe(0);
    expect(messages(failed)).toMatch(/host i-0\w+ is ConnectionLost in SSM/);
    Object.assign(instance ?? {}, { ping: 'Online' });
    expectSuccess(await host.stack.up());
  });

  it('keeps its database when the host is replaced', async () => {
    host.configure({ ...CONFIG, database: { connectionLimits: { app: 31 } }, allowDestroy: ['host-instance'] });
    aws.publishImage('ami-0cccccccccccccccc');
    const planned = await plannedDiff(host.stack);
    expect(planned['host-instance']?.op).toMatch(/replace/);
    expect(
      Object.keys(planned).filter((name) => /^(roles|database|schema|administration|role-passwords)/.test(name)),
    ).toEqual([]);
  });
});

describe('qbench drift on the stack', () => {
  interface Found {
    differences: { area: string; object: string; what: string }[];
    notLookedAt: unknown[];
  }
  const drift = async (): Promise<Found> => {
    const { code, stdout, stderr } = await host.stack.qbench(['drift', '--json']);
    expect(code, stderr).toBe(1);
    return JSON.parse(stdout) as Found;
  };

  it('compares everything by the stack’s own way, and finds what is not as the plan says', async () => {
    const { differences, notLookedAt } = await drift();
    expect(notLookedAt).toEqual([]);
    // The server that stands in for the host has the parameters of tier local; all else is as the stack made it.
    expect(differences.filter(({ area }) => area !== 'parameter')).toEqual([]);
    const said = (name: string): string | undefined => differences.find(({ object }) => object === name)?.what;
    expect(said('shared_buffers')).toMatch(/^is 512MB, not \d+MB \(from configuration file\)/);
    expect(said('fsync')).toBeUndefined();

    const wanted = /not (\w+)/.exec(said('work_mem') ?? '')?.[1] ?? '';
    appendFileSync(join(host.server.dataDir, 'postgresql.conf'), `work_mem = '${wanted}'\n`);
    for (const statement of [
      'SELECT pg_reload_conf()',
      'CREATE ROLE reporting LOGIN',
      'GRANT SELECT ON test_documents TO reporting',
      'ALTER TABLE test_documents ADD COLUMN by_hand text',
      'DROP INDEX idx_test_documents_embedding',
      'ALTER ROLE qbench_app CONNECTION LIMIT 3',
      "ALTER ROLE qbench_monitor SET random_page_cost = '9'",
    ])
      await inside(statement);
    const changed = await drift();
    expect(changed.notLookedAt).toEqual([]);
    const found = changed.differences.map(({ area, object, what }) => `${area} ${object} ${what}`);
    for (const line of [
      /^role reporting was made by hand/,
      /^grant table public\.test_documents SELECT was granted to reporting/,
      /^schema TABLE public\.test_documents was changed by hand/,
      /^index idx_test_documents_embedding /,
      /^resource roles-app-role was changed by hand/,
      /^parameter random_page_cost was set to 9 for qbench_monitor by ALTER ROLE/,
    ])
      expect(found).toEqual(expect.arrayContaining([expect.stringMatching(line) as string]));
    expect(found.filter((line) => line.startsWith('parameter work_mem'))).toEqual([]);
    for (const statement of [
      'REVOKE SELECT ON test_documents FROM reporting',
      'DROP ROLE reporting',
      'ALTER TABLE test_documents DROP COLUMN by_hand',
      'ALTER ROLE qbench_monitor RESET random_page_cost',
    ])
      await inside(statement);
    expectSuccess(await host.stack.qbench(['index', 'apply']));
  });
});

describe('a stack whose runner is inside the network', () => {
  it('is reached at the private address of its host, by TLS alone and without any session', async () => {
    const network = { allowedCidrs: ['10.20.0.0/24'] };
    const near = await databases.stack(aws, 'near', { ...CONFIG, access: 'direct', network });
    const sessions = databases.ssm.sessions.length;
    expectSuccess(await near.stack.up());
    expect(near.front.sessions).toBeGreaterThan(3);
    expect(near.front.refused).toBe(0);
    const { stdout } = expectSuccess(await near.stack.qbench(['index', 'list', '--json']));
    expect(stdout).toContain('hnsw');
    expect(databases.ssm.sessions).toHaveLength(sessions);
    expectSuccess(await near.stack.destroy());
  });
});

describe('qbench on the stack', () => {
  it('finds the database by the settings alone', async () => {
    const { stdout } = expectSuccess(await host.stack.qbench(['migrate', '--status', '--json']));
    const states = JSON.parse(stdout) as { state: string }[];
    expect(new Set(states.map(({ state }) => state))).toEqual(new Set(['applied']));
  });

  it('opens psql as any role, without a password on the command line', async () => {
    const ask = (...args: string[]): Promise<{ stdout: string }> =>
      host.stack
        .qbench(['psql', ...args, '--', '--tuples-only', '--no-align', '-c', 'SELECT current_user'])
        .then(expectSuccess);
    expect((await ask()).stdout.trim()).toBe('qbench_app');
    expect((await ask('--role', 'monitor')).stdout.trim()).toBe('qbench_monitor');
  });

  it('knows of a proven restore what a drill published, without asking the host', async () => {
    const nothing = await host.stack.qbench(['info', '--published']);
    expect(nothing.code).toBe(1);
    expect(nothing.stderr).toContain('no evidence of backups of stack data was published');
    const published = {
      stack: 'data',
      repository: 'host i-0: /etc/pgbackrest/pgbackrest.conf',
      backups: [{ name: '20261122-020000F' }],
      lastProvenRestore: { backup: '20261122-020000F', passed: true, finishedAt: '2026-11-22T04:00:00.000Z' },
    };
    databases.ssm.parameters['/qbench-postgres/data/backup-evidence'] = JSON.stringify(published);
    const before = databases.ssm.calls.length;
    const { stdout } = expectSuccess(await host.stack.qbench(['info', '--published']));
    expect(JSON.parse(stdout)).toEqual(published);
    expect(databases.ssm.calls.slice(before)).toEqual(['GetParameter']);
    const kept = readBackupEvidence(keptEvidence(host.stack.machine.context, 'data') ?? '');
    expect(kept).toMatchObject({ label: '20261122-020000F', stack: 'data' });
  });

  it('runs on the host what concerns the host', async () => {
    const told = await host.stack.qbench(['host', 'logs', 'nothing']);
    expect(told.code).toBe(2);
    expect(told.stderr).toMatch(/setup, health, agent, server, backup/);
    const restart = await host.stack.qbench(['host', 'restart']);
    expect(restart.stderr).toMatch(/add --yes/);
    expect((await host.stack.qbench(['host', 'shell'])).stdout).toMatch(/a shell on i-0/);
  });
});

describe('the end', () => {
  it('needs no way to the database', async () => {
    await databases.stop();
    expectSuccess(await host.stack.destroy());
    expect((await host.stack.state()).filter(({ type }) => type !== 'pulumi:pulumi:Stack')).toEqual([]);
  });
});
