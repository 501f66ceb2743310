/** `qbench db-clear`: empties the tables, keeps the schema. */
import type { Command } from 'commander';
import { DATABASE_NAME } from '../../infra/naming';
import { clearRows, countRows } from '../../infra/ops/migrations/reset';
import { confirm } from '../support/confirm';
import type { CliContext } from '../support/context';

export function register(program: Command, context: CliContext): void {
  program
    .command('db-clear')
    .description('clears all rows, keeps the schema')
    .option('-y, --yes', 'does not ask')
    .option('--json', 'as JSON')
    .action(async (flags: { yes?: boolean; json?: boolean }, command: Command) => {
      const database = context.database(command);
      const counts = await countRows(database);
      const words = counts.map(({ table, rows }) => `${rows.toLocaleString('en')} rows of ${table}`).join(', ');
      await confirm(
        context,
        flags.yes === true,
        DATABASE_NAME,
        `This deletes ${words} in ${database.label}; only a restore brings them back.`,
      );
      await clearRows(database);
      if (flags.json === true) context.json({ cleared: counts });
      else context.write(`cleared ${words}\n`);
    });
}
