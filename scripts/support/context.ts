/** What every verb may use: streams, the chosen stack, the machine, the database, progress, and the signal to stop. */
import { homedir, tmpdir } from 'node:os';
import { dirname } from 'node:path';
import type { Command } from 'commander';
import type { MachineContext } from '../../infra/adapters/localServer/layout';
import { systemClock } from '../../infra/adapters/systemClock';
import type { Clock, Database, ProgressSink } from '../../infra/ops/ports';
import { databaseOf } from './endpoint';
import { createProgress } from './progress';

export const CHECKOUT = dirname(dirname(__dirname));

export interface CliContext {
  readonly env: NodeJS.ProcessEnv;
  readonly stdin: NodeJS.ReadStream;
  /** Both input and output are a terminal: a person can be asked. */
  readonly interactive: boolean;
  /** Width of the terminal in columns; 80 where there is none. */
  readonly columns: number;
  readonly defaultStack: string;
  readonly machine: MachineContext;
  readonly clock: Clock;
  /** Aborted by SIGINT and SIGTERM; long work watches it and cleans up. */
  readonly signal: AbortSignal;
  /** The exit code of a run that ends without an error; `health` sets it. */
  exitCode: number;
  /** Answers: to standard output. */
  write(text: string): void;
  /** Everything else: to standard error. */
  writeError(text: string): void;
  /** Prints `value` as JSON. */
  json(value: unknown): void;
  /** A live line on a terminal, plain lines elsewhere; on standard error, so that answers can be piped. */
  progress(): ProgressSink;
  /** The database of the stack that the command's options name; DATABASE_URL goes before. */
  database(command: Command): Database;
  dispose(): void;
}

/** The stack chosen by `--stack` before or after the verb. */
export function stackOf(command: Command): string {
  return command.optsWithGlobals<{ stack: string }>().stack;
}

/** Facts of this process that decide where things lie. */
export function machineContext(env: NodeJS.ProcessEnv): MachineContext {
  return {
    checkout: CHECKOUT,
    stateDir: env['QBENCH_STATE_DIR'] === '' ? undefined : env['QBENCH_STATE_DIR'],
    cacheDir: env['QBENCH_CACHE_DIR'] === '' ? undefined : env['QBENCH_CACHE_DIR'],
    home: homedir(),
    tmp: tmpdir(),
    uid: process.getuid?.() ?? -1,
    env,
  };
}

export function createContext(host: NodeJS.Process): CliContext {
  const abort = new AbortController();
  const stop = (): void => abort.abort(new Error('interrupted'));
  host.on('SIGINT', stop);
  host.on('SIGTERM', stop);
  for (const stream of [host.stdout, host.stderr]) {
    // `qbench ... | head` ends when head does, quietly.
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') host.exit(0);
      throw error;
    });
  }
  const env = host.env;
  const machine = machineContext(env);
  return {
    env,
    stdin: host.stdin,
    interactive: host.stdin.isTTY && host.stdout.isTTY,
    columns: host.stdout.isTTY ? host.stdout.columns : 80,
    defaultStack: env['QBENCH_STACK'] ?? 'dev',
    machine,
    clock: systemClock,
    signal: abort.signal,
    exitCode: 0,
    write: (text) => void host.stdout.write(text),
    writeError: (text) => void host.stderr.write(text),
    json(value) {
      this.write(`${JSON.stringify(value, null, 2)}\n`);
    },
    progress: () => createProgress(host.stderr),
    database: (command) => databaseOf(stackOf(command), env, machine),
    dispose() {
      host.off('SIGINT', stop);
      host.off('SIGTERM', stop);
    },
  };
}
