/** A stack's server on a machine of a test's own, made, broken and destroyed by the code of the local tier. */
import { chownSync } from 'node:fs';
import { afterEach, beforeEach } from 'vitest';
import { LocalCluster, type DesiredServer } from '../../infra/adapters/localServer/cluster';
import { serverUser } from '../../infra/adapters/localServer/identity';
import { postmasterPid } from '../../infra/adapters/localServer/probe';
import { openSession } from '../../infra/adapters/postgresDatabase';
import { systemClock } from '../../infra/adapters/systemClock';
import type { Session } from '../../infra/ops/ports';
import { postgresqlConf } from '../../infra/postgres/parameters';
import { recordedProgress, testMachine, type TestMachine } from './machine';
import { desiredServer } from './server';
import { DEV_PLAN } from './serverParameters';

export const PASSWORD = 'canary-superuser-1';
export const DESIRED = desiredServer({
  parameters: postgresqlConf({ tier: 'local', plan: { ...DEV_PLAN, sharedBuffersMiB: 64 } }).parameters,
});

export let machine: TestMachine;
export let progress: ReturnType<typeof recordedProgress>;
/** Undone after the test, last first. */
export let cleanup: (() => unknown)[];

beforeEach(() => {
  machine = testMachine();
  progress = recordedProgress();
  cleanup = [];
});

afterEach(async () => {
  for (const undo of cleanup.reverse()) await undo();
  await clusterOf().destroy();
  machine.remove();
});

export function clusterOf(desired: Partial<DesiredServer> = {}): LocalCluster {
  return new LocalCluster(machine.context, 'test', systemClock, progress, desired);
}

export async function up(change: Partial<DesiredServer> = {}, password = PASSWORD): Promise<LocalCluster> {
  const desired = { ...DESIRED, ...change };
  const cluster = clusterOf(desired);
  await cluster.apply(desired, password);
  return cluster;
}

export async function inside<T>(
  cluster: LocalCluster,
  work: (session: Session) => Promise<T>,
  password = PASSWORD,
): Promise<T> {
  const { record } = cluster;
  if (record === undefined) throw new Error('there is no server');
  const session = await openSession({
    host: record.host,
    port: record.port,
    database: 'postgres',
    user: 'postgres',
    password,
  });
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}

/** A table whose rows show later whether the data is the same. */
export const remember = (cluster: LocalCluster): Promise<unknown> =>
  inside(cluster, (session) =>
    session.query('CREATE TABLE kept AS SELECT g FROM pg_catalog.generate_series(1, 100) AS g'),
  );

export const remembered = (cluster: LocalCluster, password?: string): Promise<unknown> =>
  inside(
    cluster,
    async (session) => (await session.query<{ n: number }>('SELECT count(*)::int AS n FROM kept')).rows[0]?.n,
    password,
  );

export function pidOf(cluster: LocalCluster): number {
  const pid = postmasterPid(cluster.layout.dataDir);
  if (pid === undefined) throw new Error('no postmaster runs');
  return pid;
}

/** Gives a path to the user that the server runs as. */
export function ownedByServer(path: string): void {
  const { identity } = serverUser();
  if (identity !== undefined) chownSync(path, identity.uid, identity.gid);
}
