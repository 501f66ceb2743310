/** Connections to the server: one at a time, one for each piece of work, none before there is work. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client, ClientConfig, QueryResultRow } from 'pg';
import type { Operation } from '../provider';
import type { PlainProperties } from '../values';
import { ident } from './quote';

/** Two sessions changing one catalogue row, or a template in use: passes by itself. */
const MOMENTARY_CODES: ReadonlySet<string> = new Set(['40001', '40P01', '55006']);
const ATTEMPTS = 6;
const RETRY_DELAY_MS = 250;

/** A failure whose message has nothing secret in it. */
export class DatabaseFailure extends Error {
  constructor(
    message: string,
    /** SQLSTATE, or the system's error code; '' when there is none. */
    readonly code: string,
  ) {
    super(message);
    this.name = 'DatabaseFailure';
  }
}

/** True for "there is no such database". */
export function isMissingDatabase(error: unknown): boolean {
  return error instanceof DatabaseFailure && error.code === '3D000';
}

/** True for "there is no such role, schema, table or function": what a delete need not take away. */
export function isMissingObject(error: unknown): boolean {
  return error instanceof DatabaseFailure && ['42704', '3F000', '42P01', '42883'].includes(error.code);
}

/** One session. */
export class Session {
  constructor(
    private readonly client: Client,
    private readonly hide: (text: string) => string,
  ) {}

  /** @throws DatabaseFailure naming what was attempted */
  async query<Row extends QueryResultRow>(what: string, sql: string, values: readonly unknown[] = []): Promise<Row[]> {
    try {
      return (await this.client.query<Row>(sql, [...values])).rows;
    } catch (error) {
      throw describe(what, error, this.hide);
    }
  }

  /** Runs a file of `sql/`. */
  async ask<Row extends QueryResultRow>(what: string, file: string, values: readonly unknown[]): Promise<Row[]> {
    return this.query<Row>(what, sqlFile(file), values);
  }

  /** Runs the work in a transaction that commits when it returns. */
  async transaction<T>(work: () => Promise<T>): Promise<T> {
    await this.query('starting a transaction', 'BEGIN');
    try {
      const result = await work();
      await this.query('committing', 'COMMIT');
      return result;
    } catch (error) {
      await this.client.query('ROLLBACK').catch(() => undefined);
      throw error;
    }
  }

  /**
   * Runs the work as a member of the roles: a server's owner-like user that is no superuser (as on RDS) may act on a
   * role's objects only then. Memberships it lacks are granted for the time of the work.
   */
  async asMemberOf<T>(roles: readonly string[], work: () => Promise<T>): Promise<T> {
    const [me] = await this.query<{ name: string; superuser: boolean }>(
      'looking up the current user',
      'SELECT rolname::text AS name, rolsuper AS superuser FROM pg_catalog.pg_roles WHERE rolname = current_user',
    );
    if (me === undefined || me.superuser) return work();
    const granted: string[] = [];
    for (const role of new Set(roles)) {
      const [row] = await this.query<{ missing: boolean }>(
        `looking up the role ${role}`,
        "SELECT NOT pg_catalog.pg_has_role(rolname, 'SET') AS missing FROM pg_catalog.pg_roles WHERE rolname = $1 AND NOT rolsuper",
        [role],
      );
      if (role === me.name || row?.missing !== true) continue;
      await this.query(
        `becoming a member of ${role}`,
        `GRANT ${ident(role)} TO ${ident(me.name)} WITH INHERIT TRUE, SET TRUE`,
      );
      granted.push(role);
    }
    try {
      return await work();
    } finally {
      for (const role of granted) {
        // inside a failed transaction this fails too, and the rollback has done it already
        await this.query(
          `leaving ${role}`,
          `REVOKE ${ident(role)} FROM ${ident(me.name)} GRANTED BY ${ident(me.name)}`,
        ).catch(() => undefined);
      }
    }
  }
}

/** The server that the provider's configuration names. */
export class DatabaseServer {
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly config: Omit<ClientConfig, 'password'> & { readonly password?: string | undefined },
    /** The database for everything that belongs to no database. */
    readonly database: string,
    /** Whether the user may read password hashes. */
    readonly superuser: boolean,
  ) {}

  /** The user that owns what has no other owner. */
  get user(): string {
    return this.config.user ?? 'postgres';
  }

  /**
   * Runs the work in a session of its own, after all earlier work: statements on roles and grants from several sessions at
   * once fail with "tuple concurrently updated".
   * @param secrets texts that must not be in a message, beside the provider's own password
   * @throws DatabaseFailure when there is no connection, or from the work
   */
  async session<T>(
    operation: Operation,
    database: string,
    work: (session: Session) => Promise<T>,
    secrets: readonly string[] = [],
  ): Promise<T> {
    const run = this.#last.then(async () => {
      for (let attempt = 1; ; attempt++) {
        operation.signal.throwIfAborted();
        try {
          return await this.#once(database, work, secrets);
        } catch (error) {
          if (attempt === ATTEMPTS || !isMomentary(error)) throw error;
          await new Promise((resolve) => setTimeout(resolve, RETRY_DELAY_MS * attempt));
        }
      }
    });
    this.#last = run.catch(() => undefined);
    return run;
  }

  async #once<T>(database: string, work: (session: Session) => Promise<T>, secrets: readonly string[]): Promise<T> {
    const hide = hider([...secrets, this.config.password ?? '']);
    // loaded with the first connection: a preview never needs it
    const { Client: PgClient } = await import('pg');
    const client = new PgClient({ ...this.config, database });
    // a connection that dies while idle reports here; the next query fails anyway
    client.on('error', () => undefined);
    try {
      await client.connect();
    } catch (error) {
      await client.end().catch(() => undefined);
      throw describe(`connecting to database ${database} at ${this.config.host}:${this.config.port}`, error, hide);
    }
    try {
      return await work(new Session(client, hide));
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}

function isMomentary(error: unknown): boolean {
  if (!(error instanceof DatabaseFailure)) return false;
  return MOMENTARY_CODES.has(error.code) || error.message.includes('tuple concurrently updated');
}

function hider(secrets: readonly string[]): (text: string) => string {
  const real = secrets.filter((secret) => secret !== '');
  return (text) => real.reduce((hidden, secret) => hidden.replaceAll(secret, '[secret]'), text);
}

/** What went wrong, with the server's detail and hint: never the statement, which may have a password in it. */
function describe(what: string, error: unknown, hide: (text: string) => string): DatabaseFailure {
  const first = error instanceof AggregateError ? (error.errors as unknown[])[0] : error;
  const { message, code, detail, hint } = first as { message?: string; code?: string; detail?: string; hint?: string };
  const lines = [`${what}: ${message ?? String(first)}`];
  if (detail !== undefined) lines.push(detail);
  if (hint !== undefined) lines.push(`hint: ${hint}`);
  return new DatabaseFailure(hide(lines.join('\n')), code ?? '');
}

const files = new Map<string, string>();

function sqlFile(name: string): string {
  let text = files.get(name);
  if (text === undefined) {
    text = readFileSync(join(__dirname, 'sql', `${name}.sql`), 'utf8');
    files.set(name, text);
  }
  return text;
}

/** The outputs that say where something is; gives the database a resource names, or the provider's. */
export function databaseOf(properties: PlainProperties, server: DatabaseServer): string {
  return (properties['database'] as string | undefined) ?? server.database;
}
