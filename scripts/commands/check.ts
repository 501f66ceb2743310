/** `qbench check`: whether WAL gets from the server into the repository. */
import type { Command } from 'commander';
import { backupsOf } from '../support/backupEngine';
import { stackOf, type CliContext } from '../support/context';

export function register(program: Command, context: CliContext): void {
  program
    .command('check')
    .description('makes the server hand over its WAL now and waits until it is in the repository')
    .option('--json', 'as JSON')
    .action(async (flags: { json?: boolean }, command: Command) => {
      const { engine } = await backupsOf(context, stackOf(command));
      const checked = await engine.check();
      if (flags.json === true) context.json(checked);
      else context.write(`WAL ${checked.segment} is in the repository, after ${checked.seconds.toFixed(1)} s\n`);
    });
}
