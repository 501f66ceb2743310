/** The backup engine of a stack. */
import { userInfo } from 'node:os';
import { NativeEngine } from '../../infra/adapters/backup/native/engine';
import { PgbackrestEngine } from '../../infra/adapters/backup/pgbackrest/engine';
import { asServerUser } from '../../infra/adapters/backup/pgbackrest/program';
import { readArchiverByPsql } from '../../infra/adapters/backup/source';
import { serverEnvironment } from '../../infra/adapters/localServer/cluster';
import { superuserSession } from '../../infra/adapters/localServer/configuration';
import { serverUser } from '../../infra/adapters/localServer/identity';
import { portSeed, readRecord, stackLayout } from '../../infra/adapters/localServer/layout';
import { findFreePort } from '../../infra/adapters/localServer/port';
import { waitUntilReady } from '../../infra/adapters/localServer/probe';
import { openSession } from '../../infra/adapters/postgresDatabase';
import { ProcessRunner } from '../../infra/adapters/processRunner';
import { DATABASE_NAME, ROLE_NAMES } from '../../infra/naming';
import type { BackupEngine, RestoredCluster } from '../../infra/ops/backup/engine';
import { OperatorError } from '../../infra/ops/errors';
import type { Session } from '../../infra/ops/ports';
import { DATA_MOUNT, DRILL_RECORDS } from '../../infra/postgres/hostFiles';
import { STANZA } from '../../infra/postgres/pgbackrest';
import type { Ec2Settings, LocalSettings } from '../../infra/settings';
import { hostAccess } from './cloud';
import { CHECKOUT, type CliContext } from './context';
import { stackSettings } from './stackSettings';

const DEFAULT_RETENTION_DAYS = 7;

export interface StackBackups {
  engine: BackupEngine;
  /** Data folder of the stack's own server. */
  dataDir: string;
  /** Folder on the machine of the server that has room for a restored copy. */
  roomDir: string;
  /** @throws OperatorError where `openCopy` could not reach a copy from here */
  readyForCopy: () => Promise<void>;
  /** Verbs that start, stop and reach the stack's own server, without `npm run qbench --`. */
  verbs: { start: string; stop: string; connect: string };
  /** A superuser's session of the application's database in a restored copy. */
  openCopy: (restored: RestoredCluster) => Promise<Session>;
}

/** @throws OperatorError where the stack has no server, or takes no backups */
export async function backupsOf(context: CliContext, stack: string): Promise<StackBackups> {
  const settings = stackSettings(CHECKOUT, stack);
  if (settings?.tier === 'ec2') return onHost(context, stack, settings);
  return onThisMachine(context, stack, settings?.tier === 'local' ? settings : undefined);
}

function onThisMachine(context: CliContext, stack: string, settings: LocalSettings | undefined): StackBackups {
  const { machine, clock } = context;
  const layout = stackLayout(machine, stack);
  const record = readRecord(layout);
  if (record?.state !== 'initialised' || record.binDir === undefined) {
    throw new OperatorError(`stack "${stack}" has no server on this machine`, {
      next: 'npm run up, or choose another stack with --stack',
    });
  }
  if (record.repositoryDir === undefined) {
    throw new OperatorError(`the server of stack "${stack}" archives no WAL`, {
      next: 'npm run up turns it on where backup.engine is "native"; a server that was made before this version restarts once for it',
    });
  }
  const user = serverUser(settings?.local.osUser);
  const engine = new NativeEngine({
    repositoryDir: record.repositoryDir,
    retentionDays: settings?.backup.retentionDays ?? DEFAULT_RETENTION_DAYS,
    stackDir: layout.dir,
    binDir: record.binDir,
    dataDir: record.dataDir,
    socketDir: record.socketDir,
    port: record.port,
    user,
    operators: [...new Set([machine.uid === 0 ? 'root' : userInfo().username, user.name])],
    tmp: machine.tmp,
    runner: new ProcessRunner(serverEnvironment(machine.env), user.identity),
    clock,
    connect: async () => ((await waitUntilReady(record.dataDir, clock)) ? superuserSession(record) : undefined),
    freePort: () => findFreePort(portSeed(`${layout.dir}/restored`), new Set([record.port])),
  });
  return {
    engine,
    dataDir: record.dataDir,
    roomDir: record.repositoryDir,
    verbs: { start: 'server start', stop: 'server stop', connect: 'psql' },
    readyForCopy: () => Promise.resolve(),
    openCopy: ({ socketDir, port }) =>
      openSession({ host: socketDir, port, database: DATABASE_NAME, user: ROLE_NAMES.superuser }),
  };
}

/** Port of a restored copy on a host: beside the server's own. */
const COPY_PORT = 5433;

/** On the host of the stack, by SSM: pgBackRest works there, and nothing of the repository passes through here. */
async function onHost(context: CliContext, stack: string, settings: Ec2Settings): Promise<StackBackups> {
  const { clock } = context;
  const access = await hostAccess(context, stack);
  const { instanceId } = await access.host();
  const runner = await access.runner();
  const version = settings.postgresVersion;
  const dataDir = `${DATA_MOUNT}/${version}/main`;
  const engine = new PgbackrestEngine({
    runner,
    stanza: STANZA,
    become: 'postgres',
    repository: `host ${instanceId}: /etc/pgbackrest/pgbackrest.conf`,
    retentionDays: settings.backup.retentionDays,
    binDir: `/usr/lib/postgresql/${version}/bin`,
    dataDir,
    serverConfigFile: `/etc/postgresql/${version}/main/postgresql.conf`,
    operators: ['root', 'postgres'],
    copyPort: () => Promise.resolve(settings.ec2.port === COPY_PORT ? COPY_PORT + 1 : COPY_PORT),
    tmp: '/tmp',
    evidenceDir: DRILL_RECORDS,
    clock,
    archiver: () => readArchiverByPsql(asServerUser({ runner, become: 'postgres' }), ['-p', String(settings.ec2.port)]),
  });
  return {
    engine,
    dataDir,
    roomDir: DATA_MOUNT,
    // What the setup does is right for a server that came back from another time too: its passwords are the host's again.
    verbs: { start: 'host apply', stop: 'host stop', connect: 'psql' },
    readyForCopy: () => access.readyForCopy(),
    openCopy: ({ port }) => access.copySession(port),
  };
}
