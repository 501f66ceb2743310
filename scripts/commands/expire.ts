/** `qbench expire`: removes what the retention no longer needs. */
import type { Command } from 'commander';
import { backupsOf } from '../support/backupEngine';
import { stackOf, type CliContext } from '../support/context';

export function register(program: Command, context: CliContext): void {
  program
    .command('expire')
    .description('removes backups and WAL that the retention no longer needs; never the last good full backup')
    .option('--json', 'as JSON')
    .action(async (flags: { json?: boolean }, command: Command) => {
      const { engine } = await backupsOf(context, stackOf(command));
      const expired = await engine.expire();
      if (flags.json === true) context.json(expired);
      else if (expired.backups.length + expired.segments === 0) context.write('nothing to remove\n');
      else context.write(`removed ${expired.backups.join(', ') || 'no backup'} and ${expired.segments} WAL segments\n`);
    });
}
