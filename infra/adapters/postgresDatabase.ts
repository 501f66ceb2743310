/** The `Database` port over TCP or a unix socket, by node-postgres. The only place that opens a database session. */
import { Client, type ClientConfig, type QueryResult as DriverResult } from 'pg';
import { from as copyFromStream, to as copyToStream } from 'pg-copy-streams';
import type { Readable, Writable } from 'node:stream';
import { OperatorError, messageOf } from '../ops/errors';
import type { ConnectOptions, Database, QueryResult, Row, Session } from '../ops/ports';

/** Where a database is and how to log in, for one role. Built by `endpoint.ts` or by a test. */
export interface PostgresAddress {
  /** Host name, address, or the folder of a unix socket. */
  host: string;
  port: number;
  database: string;
  user: string;
  /** Absent where the server knows the user by the socket's peer. */
  password?: string;
  ssl?: ClientConfig['ssl'];
}

const CONNECT_TIMEOUT_MS = 10_000;

class PostgresSession implements Session {
  private closed = false;

  constructor(
    private readonly client: Client,
    readonly backendPid: number,
  ) {
    // Without a listener a connection that the server drops while idle would end the whole process.
    client.on('error', () => undefined);
  }

  async query<R = Row>(text: string, values?: readonly unknown[]): Promise<QueryResult<R>> {
    const raw: DriverResult<Row> | DriverResult<Row>[] = await (values === undefined
      ? this.client.query(text)
      : this.client.query(text, [...values]));
    // A file of several statements answers with one result each; the last one is the question's answer.
    const last = ([] as DriverResult<Row>[]).concat(raw).at(-1);
    return { rows: (last?.rows ?? []) as R[], rowCount: last?.rowCount ?? 0 };
  }

  copyFrom(sql: string): { stream: Writable; finish: Promise<number> } {
    const stream = this.client.query(copyFromStream(sql));
    const finish = new Promise<number>((resolve, reject) => {
      stream.on('finish', () => resolve(stream.rowCount));
      stream.on('error', reject);
    });
    // Whoever writes the stream may see the error first; `finish` must not become an unhandled rejection then.
    finish.catch(() => undefined);
    return { stream, finish };
  }

  copyTo(sql: string): Readable {
    return this.client.query(copyToStream(sql));
  }

  onNotice(listener: (notice: { severity: string; message: string }) => void): void {
    this.client.on('notice', (notice) =>
      listener({ severity: notice.severity ?? 'NOTICE', message: notice.message ?? '' }),
    );
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.client.end().catch(() => undefined);
  }
}

/**
 * Opens one session.
 * @throws OperatorError naming the address (never the password) when the server cannot be reached or refuses
 */
export async function openSession(address: PostgresAddress, options: ConnectOptions = {}): Promise<Session> {
  const client = new Client({
    host: address.host,
    port: address.port,
    database: options.database ?? address.database,
    user: address.user,
    ...(address.password === undefined ? {} : { password: address.password }),
    ...(address.ssl === undefined ? {} : { ssl: address.ssl }),
    application_name: options.applicationName ?? 'qbench',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    ...(options.statementTimeoutMs === undefined ? {} : { statement_timeout: options.statementTimeoutMs }),
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ pid: number }>('SELECT pg_catalog.pg_backend_pid() AS pid');
    return new PostgresSession(client, rows[0]?.pid ?? 0);
  } catch (error) {
    await client.end().catch(() => undefined);
    const where = `${address.host}:${address.port}/${options.database ?? address.database} as ${address.user}`;
    throw new OperatorError(`cannot connect to ${where}: ${messageOf(error)}`, {
      next: '`qbench server start` starts the server of this machine, `qbench server status` tells of it, `npm run up` heals it',
      cause: error,
    });
  }
}

/** A database whose address is worked out for each role when a session is opened. */
export class PostgresDatabase implements Database {
  constructor(
    readonly label: string,
    private readonly addressFor: (options: ConnectOptions) => Promise<PostgresAddress> | PostgresAddress,
  ) {}

  async connect(options: ConnectOptions = {}): Promise<Session> {
    return openSession(await this.addressFor(options), options);
  }
}
