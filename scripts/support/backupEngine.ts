/** The backup engine of a stack. */
import { userInfo } from 'node:os';
import { NativeEngine } from '../../infra/adapters/backup/native/engine';
import { serverEnvironment } from '../../infra/adapters/localServer/cluster';
import { superuserSession } from '../../infra/adapters/localServer/configuration';
import { serverUser } from '../../infra/adapters/localServer/identity';
import { portSeed, readRecord, stackLayout } from '../../infra/adapters/localServer/layout';
import { findFreePort } from '../../infra/adapters/localServer/port';
import { waitUntilReady } from '../../infra/adapters/localServer/probe';
import { ProcessRunner } from '../../infra/adapters/processRunner';
import type { BackupEngine } from '../../infra/ops/backup/engine';
import { OperatorError } from '../../infra/ops/errors';
import { CHECKOUT, type CliContext } from './context';
import { stackSettings } from './stackSettings';

const DEFAULT_RETENTION_DAYS = 7;

export interface StackBackups {
  engine: BackupEngine;
  /** Data folder of the stack's own server. */
  dataDir: string;
  /** Folder on the machine of the server that has room for backups. */
  repositoryDir: string;
}

/** @throws OperatorError where the stack has no server, or takes no backups */
export function backupsOf(context: CliContext, stack: string): StackBackups {
  const { machine, clock } = context;
  const settings = stackSettings(CHECKOUT, stack);
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
  const user = serverUser(settings?.tier === 'local' ? settings.local.osUser : undefined);
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
  return { engine, dataDir: record.dataDir, repositoryDir: record.repositoryDir };
}
