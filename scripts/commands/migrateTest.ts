/** `qbench migrate-test`: rehearses all migrations in a scratch database on the same server. */
import type { Command } from 'commander';
import { nodePgMigrateEngine } from '../../infra/adapters/migrationRunner';
import { rehearseMigrations } from '../../infra/ops/migrations/rehearse';
import type { CliContext } from '../support/context';
import { table } from '../support/output';

export function register(program: Command, context: CliContext): void {
  program
    .command('migrate-test')
    .description(
      'runs all migrations from nothing in a scratch database, with sample rows, and checks the contract; exit code 1 where it is broken',
    )
    .option('--json', 'as JSON')
    .action(async (flags: { json?: boolean }, command: Command) => {
      const rehearsal = await rehearseMigrations(
        context.database(command),
        nodePgMigrateEngine,
        context.clock,
        context.progress(),
        {
          signal: context.signal,
        },
      );
      if (!rehearsal.ok) context.exitCode = 1;
      if (flags.json === true) {
        context.json(rehearsal);
        return;
      }
      context.write(
        table(
          ['migration', 'seconds'],
          rehearsal.migrations.map(({ file, seconds }) => [file, seconds.toFixed(2)]),
          [1],
        ),
      );
      for (const { check, ok, problems } of rehearsal.checks) {
        context.write(
          `${ok ? 'ok    ' : 'FAILED'}  ${check}\n${problems.map((problem) => `          ${problem}\n`).join('')}`,
        );
      }
    });
}
