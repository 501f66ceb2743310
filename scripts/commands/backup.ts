/** `qbench backup`: takes one backup, then removes what the retention no longer needs. */
import { Option, type Command } from 'commander';
import { BACKUP_TYPES, type BackupType } from '../../infra/ops/backup/engine';
import { takeBackup } from '../../infra/ops/backup/take';
import { backupsOf } from '../support/backupEngine';
import { stackOf, type CliContext } from '../support/context';
import { bytes } from '../support/output';
import { formatDuration } from '../support/progress';

interface Flags {
  type: BackupType;
  expire: boolean;
  json?: boolean;
}

export function register(program: Command, context: CliContext): void {
  program
    .command('backup')
    .description('takes a backup; afterwards removes what the retention no longer needs')
    .addOption(
      new Option('-t, --type <type>', 'full; diff: since the last full one; incr: since the last one')
        .choices(BACKUP_TYPES)
        .default('incr'),
    )
    .option('--no-expire', 'removes nothing afterwards')
    .option('--json', 'as JSON')
    .action(async (flags: Flags, command: Command) => {
      const { engine } = await backupsOf(context, stackOf(command));
      const { type, expire } = flags;
      const taken = await takeBackup(
        engine,
        { type, expire, signal: context.signal },
        context.clock,
        context.progress(),
      );
      if (flags.json === true) {
        context.json(taken);
        return;
      }
      const { backup, seconds, expired } = taken;
      const rate = backup.storedBytes / Math.max(seconds, 0.001);
      context.write(
        `${backup.type} backup ${backup.name}: ${bytes(backup.storedBytes)} of ${bytes(backup.databaseBytes)} ` +
          `in ${formatDuration(seconds)} (${bytes(rate)}/s)\n`,
      );
      if (expired !== undefined && expired.backups.length + expired.segments > 0) {
        context.write(`expired ${expired.backups.join(', ') || 'no backup'} and ${expired.segments} WAL segments\n`);
      }
    });
}
