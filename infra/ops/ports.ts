/**
 * The ports of the operations: what `ops` needs from the outside world, and nothing more.
 * `adapters` implements them with sockets and processes; tests may implement them with less.
 */
import type { Readable, Writable } from 'node:stream';
import type { DatabaseRole } from '../naming';

/** A row as the driver hands it over: column name to value. */
export type Row = Record<string, unknown>;

export interface QueryResult<R> {
  rows: R[];
  /** Rows returned or changed; 0 where the statement counts none. */
  rowCount: number;
}

/** Anything that answers SQL. Values always travel as bind parameters, never pasted into the text. */
export interface Queryable {
  query<R = Row>(text: string, values?: readonly unknown[]): Promise<QueryResult<R>>;
}

/** One server session (one backend process), held until closed. */
export interface Session extends Queryable {
  /** Process id of the backend, as in pg_stat_activity. */
  readonly backendPid: number;
  /** Starts COPY ... FROM STDIN and returns the stream that takes the data; `finish` resolves to the number of rows copied. */
  copyFrom(sql: string): { stream: Writable; finish: Promise<number> };
  /** Starts COPY ... TO STDOUT and returns its data. */
  copyTo(sql: string): Readable;
  /** Calls back for every NOTICE and WARNING of this session. */
  onNotice(listener: (notice: { severity: string; message: string }) => void): void;
  /** Ends the session. Idempotent; never throws. */
  close(): Promise<void>;
}

export interface ConnectOptions {
  /** Seen in pg_stat_activity; the default names the running verb. */
  applicationName?: string;
  /** statement_timeout of the session in milliseconds; 0 means none. @default the role's own setting */
  statementTimeoutMs?: number;
  /** Database role to connect as. @default the role of the connection string, else the app role */
  role?: DatabaseRole;
  /** Connects to this database of the server instead of the application's. */
  database?: string;
}

/** A database that sessions can be opened to. */
export interface Database {
  /** What a person would call it, without any password: "stack dev at 127.0.0.1:5433/mlb_qbench". */
  readonly label: string;
  connect(options?: ConnectOptions): Promise<Session>;
}

export interface CommandResult {
  /** Exit code; 128 + signal number where a signal ended it. */
  code: number;
  stdout: string;
  stderr: string;
}

export interface CommandOptions {
  stdin?: string;
  /** Added to (not instead of) the environment of this process. Secrets go here or through stdin, never into args. */
  env?: Record<string, string>;
  timeoutMs?: number;
  signal?: AbortSignal;
  cwd?: string;
}

/** Runs a program to its end. Rejects only where it could not be started. */
export interface CommandRunner {
  run(file: string, args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
}

export interface Clock {
  now(): Date;
  /** Milliseconds of a clock that never goes backwards; for durations. */
  monotonicMs(): number;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Where long work says how far it is. Implementations decide between a live line and plain lines. */
export interface ProgressSink {
  /** `done` and `total` in `unit`; without `total` no ETA can be given. */
  update(progress: { phase: string; done?: number; total?: number; unit?: string; etaSeconds?: number }): void;
  /** A line that stays: a warning, a NOTICE of the server, the start of a new phase. */
  note(message: string): void;
}
