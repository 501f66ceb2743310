/** `qbench drill`: proves that a restore works, and keeps the record; exit code 1 where it does not. */
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { drill } from '../../infra/ops/backup/drill';
import type { DrillRecord } from '../../infra/ops/backup/evidence';
import { readBackupInfo } from '../../infra/ops/backup/info';
import { messageOf } from '../../infra/ops/errors';
import { backupsOf } from '../support/backupEngine';
import { stackOf, type CliContext } from '../support/context';
import { keepAndPublish } from '../support/evidence';
import { bytes } from '../support/output';
import { formatDuration } from '../support/progress';

interface Flags {
  to: string;
  target?: string;
  json?: boolean;
}

export function register(program: Command, context: CliContext): void {
  program
    .command('drill')
    .description('restores elsewhere, replays WAL, checks rows, indexes and recall, keeps a record, removes the copy')
    .option('--to <point>', 'latest, a time with its zone, or the name of a backup', 'latest')
    .option('--target <folder>', 'new folder on a disk with room for the database (default: beside the repository)')
    .option('--json', 'as JSON')
    .action(async (flags: Flags, command: Command) => {
      const stack = stackOf(command);
      const backups = await backupsOf(context, stack);
      // Before hours of restoring, not after them.
      await backups.readyForCopy();
      const progress = context.progress();
      const target = flags.target === undefined ? join(backups.roomDir, `drill-${process.pid}`) : resolve(flags.target);
      const record = await drill(
        backups.engine,
        {
          to: flags.to,
          target,
          source: async () => {
            try {
              return await context.database(command).connect({ role: 'readonly', applicationName: 'qbench drill' });
            } catch (error) {
              progress.note(`the living database is not asked: ${messageOf(error)}`);
              return undefined;
            }
          },
          copy: (restored) => backups.openCopy(restored),
          signal: context.signal,
        },
        context.clock,
        progress,
      );
      await keepAndPublish(context, stack, await readBackupInfo(backups.engine, context.clock.now()));
      context.exitCode = record.passed ? 0 : 1;
      if (flags.json === true) context.json(record);
      else context.write(forPeople(record));
      if (!record.passed) context.writeError('qbench: the drill failed; qbench verify tells of damaged backups\n');
    });
}

function forPeople(record: DrillRecord): string {
  const seconds = (value: number | undefined): string => (value === undefined ? 'unknown' : formatDuration(value));
  const lines = [
    `${record.passed ? 'proven' : 'NOT proven'}: ${record.backup === '' ? record.to : record.backup} of ${record.repository}`,
    ...(record.error === undefined ? [] : [`  ${record.error}`]),
    ...record.checks.map(({ name, passed, found }) => `  ${passed ? 'ok    ' : 'FAILED'} ${name}: ${found}`),
    `  RPO ${seconds(record.rpoSeconds)}, RTO ${seconds(record.rtoSeconds)} (copied in ${seconds(record.copySeconds)}, ` +
      `WAL replayed in ${seconds(record.replaySeconds)}, ${bytes(record.bytes ?? 0)})`,
  ];
  return `${lines.join('\n')}\n`;
}
