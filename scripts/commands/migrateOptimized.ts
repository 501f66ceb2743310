/** `qbench migrate-optimized`: schema, rows, indexes and statistics in the order that is quickest for many rows. */
import type { Command } from 'commander';
import { nodePgMigrateEngine } from '../../infra/adapters/migrationRunner';
import { DATABASE_NAME } from '../../infra/naming';
import { UsageError } from '../../infra/ops/errors';
import { openInput } from '../../infra/ops/load/input';
import { reloadInBulk, vectorIndexes, type BulkReloadReport } from '../../infra/ops/migrations/bulkReload';
import { confirm } from '../support/confirm';
import { stackOf, type CliContext } from '../support/context';
import { DEMO_DOCUMENTS } from '../support/demo';
import { desiredState, hostFactsOf } from '../support/indexState';
import { table } from '../support/output';

interface Flags {
  demo?: boolean;
  pad?: boolean;
  skipBad?: string;
  yes?: boolean;
  json?: boolean;
}

const HELP = `
Applies the pending migrations, drops the vector indexes, loads the files (see qbench load --help), builds the indexes over all rows with
the plan's memory, and gathers statistics. Until the end, vector searches compare all rows: right, and slow. Rows are added and updated,
none is deleted; qbench db-clear empties the tables first. Run it again after an interruption, or qbench index apply for the indexes alone.`;

export function register(program: Command, context: CliContext): void {
  program
    .command('migrate-optimized')
    .argument('[files...]', 'what to load')
    .description('loads in bulk: schema, rows without vector indexes, then indexes and statistics')
    .option('--demo', 'the demo corpus of this checkout')
    .option('--pad', 'fills up embeddings that are too short with zeros, which keeps every cosine')
    .option('--skip-bad <file>', 'writes bad lines to this new file and goes on')
    .option('-y, --yes', 'does not ask')
    .option('--json', 'as JSON')
    .addHelpText('after', HELP)
    .action(async (files: string[], flags: Flags, command: Command) => {
      const paths = chosen(files, flags);
      const stack = stackOf(command);
      const database = context.database(command);
      // Known before anything is dropped: what cannot be built again is not dropped.
      const state = await desiredState(context, stack, {}, false);
      const dropped = await vectorIndexes(database);
      if (dropped.length > 0) {
        const consequence = `This drops ${dropped.join(' and ')} in ${database.label} until the rows are loaded; vector searches are slow meanwhile.`;
        await confirm(context, flags.yes === true, DATABASE_NAME, consequence);
      }
      const report = await reloadInBulk(database, {
        engine: nodePgMigrateEngine,
        clock: context.clock,
        progress: context.progress(),
        signal: context.signal,
        inputs: paths.map((path) => () => openInput(path)),
        loadOptions: {
          onConflict: 'update',
          pad: flags.pad === true,
          ignoreUnknown: false,
          restart: false,
          ifEmpty: false,
          ...(flags.skipBad === undefined ? {} : { skipBadFile: flags.skipBad }),
        },
        indexes: { state, host: hostFactsOf(context, stack) },
      });
      if (flags.json === true) context.json(report);
      else context.write(summary(report));
    });
}

function chosen(files: readonly string[], flags: Flags): readonly string[] {
  if ((flags.demo === true) === files.length > 0) {
    throw new UsageError(files.length > 0 ? '--demo and files together' : 'no file was given', {
      allowed: 'qbench migrate-optimized FILE..., or --demo',
    });
  }
  if (files.length > 1 && flags.skipBad !== undefined) {
    throw new UsageError('--skip-bad with several files: their line numbers would be mixed up', {
      next: 'load one file at a time',
    });
  }
  return flags.demo === true ? [DEMO_DOCUMENTS] : files;
}

function summary({ migrations, loads, indexes, seconds }: BulkReloadReport): string {
  const documents = loads.reduce((sum, { inserted, updated }) => sum + inserted + updated, 0);
  const built = indexes.indexes.filter(({ outcome }) => outcome !== 'kept').length;
  return table(
    ['phase', 'done', 'seconds'],
    [
      ['migrations', `${migrations.length} applied`, seconds.migrate.toFixed(1)],
      ['load', `${documents.toLocaleString('en')} documents inserted or updated`, seconds.load.toFixed(1)],
      ['vector indexes', `${built} built`, seconds.indexes.toFixed(1)],
      ['vacuum, analyze', 'both tables', seconds.analyze.toFixed(1)],
    ],
    [2],
  );
}
