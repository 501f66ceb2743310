/** The `native` engine: base backups and WAL in a folder, by PostgreSQL's own programs. */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import type {
  BackupEngine,
  BackupRequest,
  BackupSet,
  ExpireReport,
  RepositoryState,
  RestoredCluster,
  RestoreRequest,
  RunningBackup,
  TargetFolder,
  VerifyReport,
} from '../../../ops/backup/engine';
import { planRetention } from '../../../ops/backup/retention';
import { archiveState } from '../../../ops/backup/wal';
import { OperatorError } from '../../../ops/errors';
import type { Clock, CommandRunner, ProgressSink, Session } from '../../../ops/ports';
import { sqlText } from '../../../ops/sqlText';
import { lockHolder, releaseLock, tryLock } from '../../localServer/lock';
import type { ServerUser } from '../../localServer/identity';
import { inspectTarget, setTargetAside } from '../place';
import { stopCluster } from '../recovery';
import { expireWal } from './expire';
import { restoreNative } from './restore';
import { readSource, type SourceFacts } from '../source';
import { takeBaseBackup } from './take';
import { Repository } from './repository';
import { verifyRepository } from './verify';

export interface NativeEngineParts {
  repositoryDir: string;
  retentionDays: number;
  /** Folder of the stack: what marks that archiving began lies in it. */
  stackDir: string;
  binDir: string;
  dataDir: string;
  socketDir: string;
  port: number;
  user: ServerUser;
  /** Users of this machine that may be any role on a restored server's socket. */
  operators: readonly string[];
  tmp: string;
  /** Runs as the server's user. */
  runner: CommandRunner;
  clock: Clock;
  /** A superuser's session; undefined where the server is down. */
  connect(): Promise<Session | undefined>;
  freePort(): Promise<number>;
}

export class NativeEngine implements BackupEngine {
  readonly repository: Repository;

  constructor(readonly parts: NativeEngineParts) {
    this.repository = new Repository(parts.repositoryDir, parts.user.identity);
  }

  async state(): Promise<RepositoryState> {
    const { repository, parts } = this;
    const source = await this.source();
    const owner = repository.owner();
    return {
      engine: 'native',
      repository: repository.dir,
      systemIdentifier: owner?.systemIdentifier,
      postgresVersion: owner?.postgresVersion,
      backups: repository.sets(),
      archive: archiveState(repository.segments()),
      archiver: source?.archiver,
      running: await this.running(),
      retentionDays: parts.retentionDays,
    };
  }

  async running(): Promise<RunningBackup | undefined> {
    const pid = lockHolder(this.repository.lock);
    if (pid === undefined) return undefined;
    const file = this.repository.path('lock.json');
    const kept = existsSync(file)
      ? (JSON.parse(readFileSync(file, 'utf8')) as { what: string; since: string })
      : undefined;
    const progress = await this.withSession(async (session) => {
      const { rows } = await session.query<{ streamed: string; total: string | null }>(
        sqlText('queries/backup-progress'),
      );
      return rows[0];
    });
    return {
      pid,
      what: kept?.what ?? 'run',
      since: kept === undefined ? undefined : new Date(kept.since),
      ...(progress === undefined ? {} : { doneBytes: Number(progress.streamed) }),
      ...(progress === undefined || progress.total === null ? {} : { totalBytes: Number(progress.total) }),
    };
  }

  async backup(request: BackupRequest, progress: ProgressSink): Promise<BackupSet> {
    const source = await this.requireSource();
    this.repository.claim({
      version: 1,
      systemIdentifier: source.systemIdentifier,
      postgresVersion: source.postgresVersion,
    });
    return this.exclusive(`${request.type} backup`, () =>
      takeBaseBackup(this.parts, this.repository, source, request, progress),
    );
  }

  async expire(): Promise<ExpireReport> {
    return this.exclusive('expire', () => {
      const { repository, parts } = this;
      const plan = planRetention({ backups: repository.sets() }, parts.retentionDays, parts.clock.now());
      for (const label of plan.remove) rmSync(repository.path('backups', label), { recursive: true, force: true });
      const segments = plan.keepWalFrom === undefined ? 0 : expireWal(repository, plan.keepWalFrom);
      return Promise.resolve({ backups: plan.remove, segments });
    });
  }

  verify(progress: ProgressSink, only?: string): Promise<VerifyReport> {
    return this.exclusive('verify', () => verifyRepository(this.parts, this.repository, progress, only));
  }

  async check(): Promise<{ segment: string; seconds: number }> {
    const source = await this.requireSource();
    this.repository.claim({
      version: 1,
      systemIdentifier: source.systemIdentifier,
      postgresVersion: source.postgresVersion,
    });
    const { clock } = this.parts;
    const begun = clock.monotonicMs();
    const segment = await this.withSession(async (session) => {
      const { rows } = await session.query<{ segment: string }>(sqlText('maintenance/switch-wal'));
      return rows[0]?.segment ?? '';
    });
    if (segment === undefined) throw new OperatorError('the server is down');
    for (;;) {
      const seconds = (clock.monotonicMs() - begun) / 1000;
      if (existsSync(this.repository.path('wal', `${segment}.gz`))) return { segment, seconds };
      if (this.repository.labels().length === 0) {
        throw new OperatorError('there is no backup yet: WAL is kept from the first one on', { next: 'qbench backup' });
      }
      if (seconds > CHECK_SECONDS) throw await this.archiveStuck(segment);
      await clock.sleep(100);
    }
  }

  inspect(target: string): Promise<TargetFolder> {
    return inspectTarget(this.parts.runner, this.parts.binDir, target);
  }

  setAside(target: string): Promise<string> {
    return setTargetAside(this.parts.runner, target, this.parts.clock.now());
  }

  restore(request: RestoreRequest, progress: ProgressSink): Promise<RestoredCluster> {
    return this.exclusive('restore', () => restoreNative(this.parts, this.repository, request, progress));
  }

  async discard(restored: RestoredCluster): Promise<void> {
    const { runner, binDir } = this.parts;
    await stopCluster(runner, binDir, restored.dataDir, 'immediate');
    rmSync(restored.dataDir, { recursive: true, force: true });
    if (!restored.socketDir.startsWith(restored.dataDir)) rmSync(restored.socketDir, { recursive: true, force: true });
  }

  keepEvidence(name: string, text: string): Promise<void> {
    this.repository.makeDir(this.repository.path('drills'));
    this.repository.writeFile(this.repository.path('drills', `${name}.json`), text);
    return Promise.resolve();
  }

  evidence(): Promise<string[]> {
    return Promise.resolve(this.repository.evidence());
  }

  private async withSession<T>(work: (session: Session) => Promise<T>): Promise<T | undefined> {
    const session = await this.parts.connect();
    if (session === undefined) return undefined;
    try {
      return await work(session);
    } finally {
      await session.close();
    }
  }

  private source(): Promise<SourceFacts | undefined> {
    return this.withSession(readSource);
  }

  private async requireSource(): Promise<SourceFacts> {
    const source = await this.source();
    if (source === undefined) {
      throw new OperatorError('the server is down: there is nothing to back up', {
        next: 'npm run qbench -- server start',
      });
    }
    if (source.archiveMode === 'off') {
      throw new OperatorError('the server does not archive its WAL', {
        next: 'npm run up turns it on; a server that was made before this version restarts once for it',
      });
    }
    return source;
  }

  private async archiveStuck(segment: string): Promise<OperatorError> {
    const archiver = (await this.source())?.archiver;
    const why =
      archiver === undefined
        ? 'the server is down'
        : `${archiver.failures} failures, ${archiver.waiting} segments wait`;
    return new OperatorError(`WAL ${segment} did not reach the repository within ${CHECK_SECONDS} s (${why})`, {
      next: `is "${this.repository.dir}" there, writable and not full? The server's log tells: npm run qbench -- server logs. It tries again by itself`,
    });
  }

  /** @throws OperatorError at once, naming the run that holds the repository */
  private async exclusive<T>(what: string, work: () => Promise<T>): Promise<T> {
    const { repository, parts } = this;
    if (!existsSync(repository.dir)) {
      throw new OperatorError(`there is no backup repository at "${repository.dir}"`, {
        next: 'qbench backup makes it',
      });
    }
    const holder = tryLock(repository.lock);
    if (holder !== undefined)
      throw busy(what, (await this.running()) ?? { pid: holder, what: 'run', since: undefined });
    try {
      repository.writeFile(
        repository.path('lock.json'),
        JSON.stringify({ what, since: parts.clock.now().toISOString() }),
      );
      return await work();
    } finally {
      rmSync(repository.path('lock.json'), { force: true });
      releaseLock(repository.lock);
    }
  }
}

/** archive_timeout is a minute; a switch hands over at once. */
const CHECK_SECONDS = 30;

/** Says who holds the repository. */
function busy(what: string, running: RunningBackup): OperatorError {
  const since = running.since === undefined ? '' : `, since ${running.since.toISOString()}`;
  return new OperatorError(
    `no ${what} now: a ${running.what} is already running (pid ${running.pid ?? 'unknown'}${since})`,
    {
      next: 'wait for it: qbench info tells how far it is',
    },
  );
}
