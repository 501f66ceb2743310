/** Where the local tier keeps its things on this machine: one folder a stack, below a folder of the checkout's own. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Facts of the process that decide the folders; scripts read them from the environment. */
export interface MachineContext {
  /** Root of the checkout. */
  checkout: string;
  /** Overrides the folder of all stacks (QBENCH_STATE_DIR). */
  stateDir?: string | undefined;
  /** Overrides the folder of fetched and built programs (QBENCH_CACHE_DIR). */
  cacheDir?: string | undefined;
  home: string;
  tmp: string;
  /** Effective user id; 0 is root. */
  uid: number;
  env: NodeJS.ProcessEnv;
}

/** Record of one local server, kept beside its data. It holds no secret. */
export interface ServerRecord {
  version: 1;
  stack: string;
  /** `initialised` once initdb has ended; a folder without its data is then a loss, not a beginning. */
  state: 'reserved' | 'initialised';
  host: '127.0.0.1';
  port: number;
  dataDir: string;
  socketDir: string;
  logFile: string;
  binDir?: string;
  /** Database system identifier of pg_control: tells this cluster from any other. */
  systemIdentifier?: string;
  postgresVersion?: string;
  pgvectorVersion?: string;
  /** Folder of the backup repository that the server archives into; absent where it archives nothing. */
  repositoryDir?: string;
  /** Counts restarts that healed a dead server; the program asks for one more when it finds the server down. */
  generation: number;
}

export interface StackLayout {
  /** Folder of this stack's server; everything in it belongs to the server's user. */
  dir: string;
  record: string;
  lock: string;
  dataDir: string;
  socketDir: string;
  logFile: string;
  /** Backup repository, unless a setting names another folder. */
  repositoryDir: string;
  /** Script that the server hands its WAL to. */
  walScript: string;
}

/** Longest path of a unix socket on Linux is 107 bytes (macOS 103), with `/.s.PGSQL.65535` at its end. */
const SOCKET_DIR_MAX_BYTES = 88;

/** Eight hex digits that tell two checkouts apart. */
function checkoutId(checkout: string): string {
  return createHash('sha256').update(realpathSync(checkout)).digest('hex').slice(0, 8);
}

/** Hex digits that depend on a stack's folder: where the search for its port begins, so that two stacks rarely meet. */
export function portSeed(stackDir: string): string {
  return createHash('sha256').update(stackDir).digest('hex');
}

/** Whether any user may pass through every folder on the way to `path`. */
function reachableByAll(path: string): boolean {
  for (let dir = realpathSync(path); ; dir = dirname(dir)) {
    if ((statSync(dir).mode & 0o001) === 0) return false;
    if (dir === dirname(dir)) return true;
  }
}

/**
 * The folder that holds one folder a stack. In the checkout, except for root in a checkout that the server's
 * unprivileged user cannot reach (such as one below a home folder).
 */
export function stacksDir(context: MachineContext): string {
  if (context.stateDir !== undefined && context.stateDir !== '') return join(context.stateDir, 'stacks');
  if (context.uid === 0 && !reachableByAll(context.checkout)) {
    return join('/var/lib/qbench-postgres', checkoutId(context.checkout), 'stacks');
  }
  return join(context.checkout, '.qbench', 'stacks');
}

/** The folder of fetched and built programs, shared by all checkouts of this user. */
export function cacheDir(context: MachineContext): string {
  if (context.cacheDir !== undefined && context.cacheDir !== '') return context.cacheDir;
  // Root's home is closed to the server's user.
  if (context.uid === 0) return '/var/cache/qbench-postgres';
  return join(context.env['XDG_CACHE_HOME'] ?? join(context.home, '.cache'), 'qbench-postgres');
}

export function stackLayout(context: MachineContext, stack: string, dataDir?: string): StackLayout {
  const dir = join(stacksDir(context), stack);
  let socketDir = join(dir, 'socket');
  if (Buffer.byteLength(socketDir) > SOCKET_DIR_MAX_BYTES) {
    const id = createHash('sha256').update(dir).digest('hex').slice(0, 12);
    socketDir = join(context.tmp, `qbench-${id}`);
  }
  return {
    dir,
    record: join(dir, 'server.json'),
    lock: join(dir, 'server.lock'),
    dataDir: dataDir ?? join(dir, 'data'),
    socketDir,
    logFile: join(dir, 'log', 'postgresql.log'),
    repositoryDir: join(dir, 'backups'),
    walScript: join(dir, 'qbench-wal'),
  };
}

/** The record of a stack's server, or undefined where there is none. */
export function readRecord(layout: Pick<StackLayout, 'record'>): ServerRecord | undefined {
  if (!existsSync(layout.record)) return undefined;
  return JSON.parse(readFileSync(layout.record, 'utf8')) as ServerRecord;
}
