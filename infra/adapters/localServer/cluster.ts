/**
 * The PostgreSQL server of one stack on this machine: reserved, made, started, changed, stopped and removed.
 * Every step looks at what is there first, so a run that was cut off at any point is finished by the next one.
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ROLE_NAMES } from '../../naming';
import { OperatorError } from '../../ops/errors';
import type { Clock, ProgressSink, Session } from '../../ops/ports';
import { scramVerifier } from '../../postgres/scram';
import { applyConfiguration } from '../../ops/configuration/apply';
import { ensureSessionLogging } from '../../ops/configuration/sessionLogging';
import { writeAtomically } from '../atomicFile';
import { begunFile, Repository } from '../backup/native/repository';
import { walScript } from '../backup/native/walScript';
import { openSession } from '../postgresDatabase';
import { ProcessRunner } from '../processRunner';
import { resolveBinaries, type PostgresBinaries, type PostgresSource } from './binaries';
import {
  configurationFiles,
  configuredPort,
  lastGoodParameters,
  LocalConfigurableServer,
  superuserSession,
  type DesiredConfiguration,
} from './configuration';
import { holdsCluster, inspectDataFolder } from './dataFolder';
import { initialiseCluster, removePartials } from './initialise';
import { reportParameters, type ParameterReport } from './parameterReport';
import { serverUser, type ServerUser } from './identity';
import {
  cacheDir,
  portSeed,
  readRecord,
  stackLayout,
  stacksDir,
  type MachineContext,
  type ServerRecord,
  type StackLayout,
} from './layout';
import { withLock } from './lock';
import { findFreePort } from './port';
import { postmasterPid } from './probe';
import { startServer, stopServer, stopStrays } from './process';
import {
  mappedSegments,
  noteSegments,
  notedSegments,
  removeDeadSegments,
  removeDeadSystemV,
  systemVSegment,
} from './sharedMemory';

/** What `qbench server apply` is told on its standard input. Compared in previews, so it names no path of this machine unless the user did. */
export interface DesiredServer extends DesiredConfiguration {
  stack: string;
  source: PostgresSource;
  /** @default chosen for root, else the caller */
  osUser?: string;
  /** @default a folder of the stack's own */
  dataDir?: string;
  generation: number;
}

const LOCK_WAIT_MS = 120_000;

export class LocalCluster {
  readonly layout: StackLayout;
  private readonly user: ServerUser;

  constructor(
    private readonly context: MachineContext,
    private readonly stack: string,
    private readonly clock: Clock,
    private readonly progress: ProgressSink,
    options: { osUser?: string | undefined; dataDir?: string | undefined } = {},
  ) {
    this.layout = stackLayout(context, stack, options.dataDir ?? readRecord(stackLayout(context, stack))?.dataDir);
    this.user = serverUser(options.osUser);
  }

  get record(): ServerRecord | undefined {
    return readRecord(this.layout);
  }

  /** Reserves host and port; the same ones on every later call unless another port is asked for. */
  async reserve(port: number): Promise<ServerRecord> {
    this.makeFolders();
    return withLock(this.layout.lock, LOCK_WAIT_MS, this.clock, async () => {
      const record = this.record;
      if (record !== undefined && (port === 0 || port === record.port)) return record;
      if (port !== 0) return this.promise(record, port);
      // Two stacks that look for a port at the same moment must not both find the same one.
      return withLock(`${stacksDir(this.context)}.lock`, LOCK_WAIT_MS, this.clock, async () =>
        this.promise(record, await findFreePort(portSeed(this.layout.dir), this.reservedPorts())),
      );
    });
  }

  private promise(record: ServerRecord | undefined, port: number): ServerRecord {
    const fresh: ServerRecord = {
      version: 1,
      stack: this.stack,
      state: 'reserved',
      host: '127.0.0.1',
      dataDir: this.layout.dataDir,
      socketDir: this.layout.socketDir,
      logFile: this.layout.logFile,
      generation: 0,
      ...record,
      port,
    };
    this.writeRecord(fresh);
    return fresh;
  }

  /**
   * Makes the server match what is desired: fetched, initialised, configured, running, with this superuser password.
   * @throws OperatorError naming the cause; data that is there is never touched
   */
  async apply(desired: DesiredServer, superuserPassword: string): Promise<ServerRecord> {
    await this.reserve(0);
    return withLock(this.layout.lock, LOCK_WAIT_MS, this.clock, async () => {
      const record = this.record as ServerRecord;
      this.refuseMovedData(record);
      const caller = new ProcessRunner(this.context.env);
      const binaries = await resolveBinaries(desired.source, cacheDir(this.context), caller, this.progress);
      let current: ServerRecord = { ...record, binDir: binaries.binDir, dataDir: this.layout.dataDir };
      if (!(await inspectDataFolder(this.layout.dataDir, record, binaries, this.runner()))) {
        current = await initialiseCluster(
          {
            record: current,
            binaries,
            stackDir: this.layout.dir,
            runner: this.runner(),
            giveToServer: (path) => this.giveToServer(path),
            keepRecord: (made) => this.writeRecord(made),
            clock: this.clock,
            progress: this.progress,
          },
          superuserPassword,
        );
      }
      current = this.prepareArchiving(current, desired.backup);
      // Also where a run before this one was killed between the end of initdb and this word.
      current = { ...current, state: 'initialised' };
      this.writeRecord(current);
      await this.configureAndStart(desired, current, binaries);
      this.noteSharedMemory(current);
      await this.ensureSuperuserPassword(current, superuserPassword);
      current = {
        ...current,
        postgresVersion: binaries.version,
        pgvectorVersion: binaries.pgvectorVersion,
        generation: desired.generation,
      };
      this.writeRecord(current);
      return current;
    });
  }

  /** Starts the server as it was last configured; heals one that was killed. */
  async start(): Promise<ServerRecord> {
    const record = this.existing();
    if (postmasterPid(record.dataDir) === undefined) await this.startProcess(record);
    this.noteSharedMemory(record);
    return record;
  }

  async stop(): Promise<void> {
    const { record } = this;
    if (record !== undefined) await this.stopCleanly(record.dataDir);
  }

  /**
   * Stops the server and removes everything of it. Succeeds where nothing is left. A folder that does not hold this stack's
   * own cluster is never removed. Whether the data may go is decided before: a protected resource is never deleted.
   */
  async destroy(): Promise<void> {
    if (!existsSync(this.layout.dir)) return;
    await withLock(this.layout.lock, LOCK_WAIT_MS, this.clock, () => this.remove());
    removeIfEmpty(dirname(this.layout.dir));
  }

  private async remove(): Promise<void> {
    const { record } = this;
    const dataDir = record?.dataDir ?? this.layout.dataDir;
    const ours = record?.systemIdentifier !== undefined && holdsCluster(dataDir, record.systemIdentifier);
    if (ours) await this.stopCleanly(dataDir);
    if (ours || !existsSync(dataDir)) await stopStrays(dataDir, this.clock);
    removeDeadSegments(notedSegments(this.layout.dir));
    rmSync(this.layout.socketDir, { recursive: true, force: true });
    if (ours) rmSync(dataDir, { recursive: true, force: true });
    else if (existsSync(dataDir) && readdirSync(dataDir).length > 0) {
      this.progress.note(`"${dataDir}" is left as it is: it does not hold the cluster of this stack`);
      rmSync(this.layout.record, { force: true });
      // A folder inside the stack's own would go with that.
      if (dirname(dataDir) === this.layout.dir) return;
    }
    await removePartials(dataDir, this.clock);
    this.removeRepository(record);
    rmSync(this.layout.dir, { recursive: true, force: true });
  }

  /** A repository elsewhere goes too, where it holds the backups of this very cluster. */
  private removeRepository(record: ServerRecord | undefined): void {
    if (record?.repositoryDir === undefined) return;
    const repository = new Repository(record.repositoryDir, this.user.identity);
    const owner = repository.owner();
    if (owner === undefined) return;
    if (owner.systemIdentifier === record.systemIdentifier) rmSync(repository.dir, { recursive: true, force: true });
    else this.progress.note(`"${repository.dir}" is left as it is: it does not hold the backups of this stack`);
  }

  /** Stops the server, and removes the shared memory of one that had been killed: nobody else will. */
  private async stopCleanly(dataDir: string): Promise<void> {
    const systemV = systemVSegment(dataDir);
    const pid = postmasterPid(dataDir);
    const segments = [...notedSegments(this.layout.dir), ...(pid === undefined ? [] : mappedSegments(pid))];
    await stopServer(dataDir, this.clock);
    // Backends of a killed postmaster use its memory until they notice that it is gone.
    if (pid === undefined) await stopStrays(dataDir, this.clock);
    removeDeadSegments(segments);
    await removeDeadSystemV(systemV, new ProcessRunner(this.context.env));
  }

  /** Every parameter that was asked for, read back from the running server, with why it is asked for. */
  async parameters(): Promise<ParameterReport[]> {
    const record = this.existing();
    const wanted = lastGoodParameters(this.layout.dir);
    if (wanted === undefined || postmasterPid(record.dataDir) === undefined) {
      throw new OperatorError(`the server of stack ${this.stack} is down`, {
        next: `npm run qbench -- server start --stack ${this.stack}, or npm run up`,
      });
    }
    const session = await superuserSession(record);
    try {
      return await reportParameters(session, wanted);
    } finally {
      await session.close();
    }
  }

  /** A superuser session over the socket, where the server knows the caller by his user id; no password is involved. */
  superuserSession(record: ServerRecord): Promise<Session> {
    return superuserSession(record);
  }

  /** @throws OperatorError where local.dataDir names another folder than the one that holds the data */
  private refuseMovedData(record: ServerRecord): void {
    const { dataDir } = this.layout;
    if (record.state !== 'initialised' || record.dataDir === dataDir || !existsSync(record.dataDir)) return;
    throw new OperatorError(
      `local.dataDir is "${dataDir}", but the data of stack ${this.stack} lies in "${record.dataDir}"`,
      {
        allowed: record.dataDir,
        next: `set it back; or move the data yourself: npm run qbench -- server stop, mv ${record.dataDir} ${dataDir}, npm run up`,
      },
    );
  }

  private existing(): ServerRecord {
    const record = this.record;
    if (record?.state !== 'initialised') {
      throw new OperatorError(`stack ${this.stack} has no server on this machine`, { next: 'npm run up' });
    }
    if (!existsSync(record.dataDir)) {
      throw new OperatorError(`the data folder "${record.dataDir}" of stack ${this.stack} is gone`, {
        next: 'put the folder back or restore a backup; to start with an empty database: npm run destroy, then npm run up',
      });
    }
    return record;
  }

  private runner(): ProcessRunner {
    return new ProcessRunner(serverEnvironment(this.context.env), this.user.identity);
  }

  private makeFolders(): void {
    mkdirSync(stacksDir(this.context), { recursive: true, mode: 0o755 });
    for (const dir of [this.layout.dir, this.layout.socketDir, dirname(this.layout.logFile)]) {
      mkdirSync(dir, { recursive: true, mode: 0o700 });
      chmodSync(dir, 0o700);
      this.giveToServer(dir);
    }
  }

  private giveToServer(path: string): void {
    const { identity } = this.user;
    if (identity !== undefined) chownSync(path, identity.uid, identity.gid);
  }

  private writeRecord(record: ServerRecord): void {
    writeAtomically(this.layout.record, `${JSON.stringify(record, null, 2)}\n`);
  }

  private reservedPorts(): Set<number> {
    const dir = stacksDir(this.context);
    const records = readdirSync(dir).map((name) => readRecord({ record: join(dir, name, 'server.json') }));
    return new Set(records.flatMap((record) => (record === undefined ? [] : [record.port])));
  }

  /** Before the configuration that names the script. */
  private prepareArchiving(record: ServerRecord, backup: DesiredServer['backup']): ServerRecord {
    const { repositoryDir: before, ...rest } = record;
    if (backup === undefined) return rest;
    const repositoryDir = backup.repositoryDir ?? this.layout.repositoryDir;
    if (before !== undefined && before !== repositoryDir) {
      this.progress.note(`backups now go to "${repositoryDir}"; those in "${before}" are left as they are`);
    }
    const { dir, walScript: script } = this.layout;
    const text = walScript({ repositoryDir, begunFile: begunFile(dir, repositoryDir) });
    writeAtomically(script, text, { mode: 0o700, own: (path) => this.giveToServer(path) });
    return { ...rest, repositoryDir };
  }

  private async configureAndStart(
    desired: DesiredServer,
    record: ServerRecord,
    binaries: PostgresBinaries,
  ): Promise<void> {
    const server = new LocalConfigurableServer({
      record,
      stackDir: this.layout.dir,
      binDir: binaries.binDir,
      user: this.user,
      runner: this.runner(),
      clock: this.clock,
      startProcess: () => this.startProcess({ ...record, binDir: binaries.binDir }),
    });
    const files = configurationFiles(record, desired, this.user, this.context);
    await applyConfiguration(server, files, this.clock, this.progress);
    await server.session(ensureSessionLogging);
  }

  private async startProcess(record: ServerRecord): Promise<void> {
    this.progress.update({ phase: 'starting PostgreSQL' });
    mkdirSync(record.socketDir, { recursive: true, mode: 0o700 });
    this.giveToServer(record.socketDir);
    await startServer({
      binDir: record.binDir ?? '',
      dataDir: record.dataDir,
      logFile: record.logFile,
      socketDir: record.socketDir,
      port: configuredPort(record),
      runner: this.runner(),
      clock: this.clock,
    });
  }

  /** Whoever started the server: a run that was killed right after its start left no note. */
  private noteSharedMemory(record: ServerRecord): void {
    const pid = postmasterPid(record.dataDir);
    if (pid !== undefined) noteSegments(this.layout.dir, pid);
  }

  /** Sets the password only where it does not work yet, so that an unchanged one leaves no trace in the log. */
  private async ensureSuperuserPassword(record: ServerRecord, password: string): Promise<void> {
    const address = {
      host: record.host,
      port: record.port,
      database: 'postgres',
      user: ROLE_NAMES.superuser,
      password,
    };
    try {
      await (await openSession(address)).close();
      return;
    } catch (error) {
      if ((error as { cause?: { code?: string } }).cause?.code !== '28P01') throw error;
    }
    const session = await this.superuserSession(record);
    try {
      // Even the verifier stays out of the log.
      await session.query("SELECT pg_catalog.set_config('log_statement', 'none', false)");
      await session.query(`ALTER ROLE ${ROLE_NAMES.superuser} PASSWORD '${scramVerifier(password, randomBytes(16))}'`);
    } finally {
      await session.close();
    }
  }
}

function removeIfEmpty(dir: string): void {
  if (existsSync(dir) && readdirSync(dir).length === 0) rmSync(dir, { recursive: true });
}

/** What the server and its tools may know of our environment: it stays theirs for life, and readable by their user. */
const SERVER_ENVIRONMENT = /^(PATH|HOME|LANG|LC_.*|TZ|TMPDIR|LD_LIBRARY_PATH|DYLD_LIBRARY_PATH|QBENCH_STATE_DIR)$/;

export function serverEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => SERVER_ENVIRONMENT.test(name)));
}
