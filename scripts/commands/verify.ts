/** `qbench verify`: reads backups and WAL back; exit code 1 where something is damaged. */
import type { Command } from 'commander';
import { backupsOf } from '../support/backupEngine';
import { stackOf, type CliContext } from '../support/context';
import { bytes } from '../support/output';

export function register(program: Command, context: CliContext): void {
  program
    .command('verify')
    .argument('[backup]', 'name of one backup, see qbench info (default: all of them, and the WAL archive)')
    .description('reads every file of the backups and the WAL archive and names what is damaged')
    .option('--json', 'as JSON')
    .action(async (only: string | undefined, flags: { json?: boolean }, command: Command) => {
      const { engine } = await backupsOf(context, stackOf(command));
      const report = await engine.verify(context.progress(), only);
      const { damages } = report;
      context.exitCode = damages.length > 0 ? 1 : 0;
      if (flags.json === true) {
        context.json(report);
        return;
      }
      for (const { where, file, problem } of damages) context.write(`${where}: ${file}: ${problem}\n`);
      context.write(`${report.backups} backups and ${report.segments} WAL segments read, ${bytes(report.bytes)}: `);
      context.write(damages.length === 0 ? 'all good\n' : `${damages.length} damaged\n`);
      if (damages.length > 0) {
        context.writeError(
          'qbench: damaged backups are not restored from; take a new one: qbench backup --type full\n',
        );
      }
    });
}
