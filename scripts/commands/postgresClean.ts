/** `qbench postgres-clean`: drops and remakes every object of the application. */
import type { Command } from 'commander';
import { nodePgMigrateEngine } from '../../infra/adapters/migrationRunner';
import { DATABASE_NAME } from '../../infra/naming';
import { applicationObjects, countRows, remakeObjects } from '../../infra/ops/migrations/reset';
import { confirm } from '../support/confirm';
import type { CliContext } from '../support/context';

export function register(program: Command, context: CliContext): void {
  program
    .command('postgres-clean')
    .description('drops all tables and functions, then runs all migrations from nothing')
    .option('-y, --yes', 'does not ask')
    .option('--json', 'as JSON')
    .action(async (flags: { yes?: boolean; json?: boolean }, command: Command) => {
      const database = context.database(command);
      const names = (await applicationObjects(database)).map(({ kind, name }) => `${kind} ${name}`);
      const rows = (await countRows(database)).reduce((sum, table) => sum + table.rows, 0);
      const what = names.length === 0 ? 'nothing: the schema is empty' : names.join(', ');
      const consequence = `This drops ${what}, with ${rows.toLocaleString('en')} rows, in ${database.label}; only a restore brings them back.`;
      await confirm(context, flags.yes === true, DATABASE_NAME, consequence);
      const report = await remakeObjects(
        database,
        nodePgMigrateEngine,
        context.clock,
        context.progress(),
        context.signal,
      );
      if (flags.json === true) context.json(report);
      else {
        const indexes = report.indexes.length === 0 ? '' : `, vector indexes ${report.indexes.join(', ')} made again`;
        context.write(
          `dropped ${report.dropped.length} objects; applied ${report.migrations.length} migrations${indexes}\n`,
        );
      }
    });
}
