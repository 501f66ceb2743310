/**
 * The migration files as they lie in the checkout: read, checked and hashed. Only files are touched here, no database,
 * so the Pulumi program may use it to declare what it wants.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { OperatorError, messageOf } from '../errors';
import { SQL_ROOT } from '../sqlText';
import { splitStatements } from './statements';

export const MIGRATIONS_DIR = join(SQL_ROOT, 'migrations');

/** What is declared of a migration, in a preview and in the ledger. */
export interface ManifestEntry {
  /** "000002-test-documents.sql" */
  file: string;
  /** Of the text, 64 hex digits. */
  sha256: string;
}

export interface MigrationFile extends ManifestEntry {
  number: number;
  sql: string;
  /** Runs outside a transaction, because its one statement must. */
  noTransaction: boolean;
  /** Index that a CREATE INDEX CONCURRENTLY of this file makes, without its schema. */
  concurrentIndex?: string;
}

const FILE_NAME = /^(\d{6})-[a-z0-9]+(?:-[a-z0-9]+)*\.sql$/;
const DIRECTIVE = /^--!\s*(.*?)\s*$/;
const CONCURRENTLY = /^CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+(IF\s+NOT\s+EXISTS\s+)?([A-Za-z_][\w$]*)\s+ON\b/i;
/** A COMMIT of its own would part a migration from its ledger row. */
const TRANSACTION_CONTROL =
  /^(BEGIN|START\s+TRANSACTION|COMMIT|END|ROLLBACK|ABORT|SAVEPOINT|RELEASE|PREPARE\s+TRANSACTION)\b/i;

/**
 * The declared state of the schema: every migration file with the hash of its text, in order.
 * @throws OperatorError naming the file that breaks a rule
 */
export function migrationManifest(dir: string = MIGRATIONS_DIR): ManifestEntry[] {
  return readMigrations(dir).map(({ file, sha256 }) => ({ file, sha256 }));
}

/**
 * Reads the folder whole: names, numbers, directives, statements.
 * @throws OperatorError naming the file that breaks a rule
 */
export function readMigrations(dir: string = MIGRATIONS_DIR): MigrationFile[] {
  const names = readdirSync(dir)
    .filter((name) => name.endsWith('.sql'))
    .sort();
  const files = names.map((name) => parseMigration(name, readFileSync(join(dir, name), 'utf8')));
  files.forEach((migration, index) => {
    const before = files[index - 1];
    if (before?.number === migration.number) {
      throw new OperatorError(`two migrations have one number: ${before.file} and ${migration.file}`, {
        next: 'give the newer one the next free number; never rename one that was applied',
      });
    }
  });
  return files;
}

/**
 * @param text content of the file; line ends of other systems count as "\n", so that a checkout on one hashes the same
 * @throws OperatorError where the name, a directive or the statements are not allowed
 */
export function parseMigration(file: string, text: string): MigrationFile {
  const number = FILE_NAME.exec(file)?.[1];
  if (number === undefined) {
    throw new OperatorError(`"${file}" is not a name for a migration`, {
      allowed: 'six digits, a dash, lower-case words joined by dashes: 000014-add-owner.sql',
    });
  }
  const sql = text.replaceAll('\r\n', '\n');
  const directives = readDirectives(file, sql);
  const noTransaction = directives.includes('no-transaction');
  let statements: string[];
  try {
    statements = splitStatements(sql);
  } catch (error) {
    throw new OperatorError(`${file}: ${messageOf(error)}`);
  }
  if (statements.length === 0) throw new OperatorError(`${file} has no statement`);
  const control = statements.find((statement) => TRANSACTION_CONTROL.test(statement));
  if (control !== undefined) {
    throw new OperatorError(`${file} controls transactions itself: ${oneLine(control)}`, {
      allowed:
        'each file is one transaction already, with its ledger row; "--! no-transaction" on the first line is the exception',
    });
  }
  const concurrent = statements.map((statement) => CONCURRENTLY.exec(statement)).find((match) => match !== null);
  checkTransactionMode(file, statements, noTransaction, concurrent ?? undefined);
  return {
    file,
    number: Number(number),
    sha256: createHash('sha256').update(sql).digest('hex'),
    sql,
    noTransaction,
    ...(concurrent?.[2] === undefined ? {} : { concurrentIndex: concurrent[2].toLowerCase() }),
  };
}

function readDirectives(file: string, sql: string): string[] {
  const lines = sql.split('\n');
  const directives = lines.flatMap((line, index) => {
    const name = DIRECTIVE.exec(line)?.[1];
    if (name === undefined) return [];
    if (name !== 'no-transaction') {
      throw new OperatorError(`${file}: "${line.trim()}" is not a directive`, { allowed: '--! no-transaction' });
    }
    // Further down it would be read by people and by nothing else.
    if (index > 0)
      throw new OperatorError(`${file}: the directive "${line.trim()}" is on line ${index + 1}`, {
        allowed: 'the first line',
      });
    return [name];
  });
  return directives;
}

function checkTransactionMode(
  file: string,
  statements: string[],
  noTransaction: boolean,
  concurrent?: RegExpExecArray,
): void {
  if (noTransaction && statements.length > 1) {
    throw new OperatorError(`${file} has ${statements.length} statements`, {
      allowed:
        'one statement after "--! no-transaction": without a transaction, a failure between two would leave half of it',
    });
  }
  const uses = statements.find((statement) => /^(CREATE|DROP|REINDEX)\b[^]*?\bCONCURRENTLY\b/i.test(statement));
  if (!noTransaction && uses !== undefined) {
    throw new OperatorError(`${file} cannot run in a transaction: ${oneLine(uses)}`, {
      next: 'put "--! no-transaction" on its first line',
    });
  }
  if (noTransaction && uses !== undefined && /^CREATE/i.test(uses) && concurrent?.[1] === undefined) {
    throw new OperatorError(`${file} cannot be run again after an interruption: ${oneLine(uses)}`, {
      allowed: 'CREATE INDEX CONCURRENTLY IF NOT EXISTS name ON table',
      next: 'name the index, unquoted, and add IF NOT EXISTS',
    });
  }
}

function oneLine(statement: string): string {
  const line = statement.replaceAll(/\s+/g, ' ');
  return line.length > 100 ? `${line.slice(0, 97)}...` : line;
}
