/** The `MigrationEngine` by node-pg-migrate: it runs the file, wraps it in a transaction and writes the ledger row. */
import type { ClientBase } from 'pg';
import { LEDGER } from '../ops/migrations/ledger';
import type { MigrationFile } from '../ops/migrations/manifest';
import type { MigrationEngine } from '../ops/migrations/migrate';
import type { Session } from '../ops/ports';

/** Everything worth saying is said by the caller, and errors are thrown; node-pg-migrate would also print whole statements. */
const SILENT = { info: () => undefined, warn: () => undefined, error: () => undefined };

export const nodePgMigrateEngine: MigrationEngine = {
  async apply(session, migration, dir) {
    // Loaded late: it brings a compiler for TypeScript migrations, which no other verb should wait for.
    const { runner } = await import('node-pg-migrate');
    await runner({
      dbClient: asClient(session),
      dir,
      // Anything but .sql in the folder is a text for people.
      ignorePattern: '(?!.*\\.sql$).*',
      file: baseName(migration.file),
      direction: 'up',
      migrationsSchema: LEDGER.schema,
      migrationsTable: LEDGER.table,
      singleTransaction: false,
      // The caller holds a lock of its own: node-pg-migrate's fails at once or waits for ever, and names nobody.
      noLock: true,
      logger: SILENT,
      migrationLoaderStrategies: [
        {
          extensions: ['.sql'],
          // The text that was hashed and checked is the one that runs, also where the file changed since.
          loader: (paths) =>
            Promise.resolve(
              paths.map((path) => ({
                id: path,
                filePaths: [path],
                actions: { up: path.endsWith(`/${migration.file}`) && up(migration), down: false },
              })),
            ),
        },
      ],
    });
  },
};

function up(migration: MigrationFile): (pgm: { noTransaction(): unknown; sql(text: string): unknown }) => void {
  return (pgm) => {
    // The default of the ledger's column reads it; hexadecimal, so it needs no quoting.
    pgm.sql(`SET ${migration.noTransaction ? '' : 'LOCAL '}qbench.migration_sha256 = '${migration.sha256}'`);
    if (migration.noTransaction) pgm.noTransaction();
    pgm.sql(migration.sql.trimEnd());
  };
}

function baseName(file: string): string {
  return file.replace(/\.sql$/, '');
}

/** node-pg-migrate asks of a client that it answers queries; it neither connects nor ends one that is handed to it. */
function asClient(session: Session): ClientBase {
  return {
    query: (question: string | { text: string; values?: unknown[] }, values?: unknown[]) =>
      typeof question === 'string'
        ? session.query(question, values)
        : session.query(question.text, question.values ?? values),
  } as unknown as ClientBase;
}
