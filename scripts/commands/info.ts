/** `qbench info`: what there is to recover from. */
import type { Command } from 'commander';
import { readBackupInfo, type BackupInfo } from '../../infra/ops/backup/info';
import { windowWords } from '../../infra/ops/backup/window';
import { backupsOf } from '../support/backupEngine';
import { stackOf, type CliContext } from '../support/context';
import { keep, keepPublished } from '../support/evidence';
import { bytes, table } from '../support/output';
import { formatDuration } from '../support/progress';

export function register(program: Command, context: CliContext): void {
  program
    .command('info')
    .description('the backups, the recovery window, WAL archiving and the last proven restore')
    .option('--published', 'what the last drill of a stack in AWS published, as JSON; the host is not asked')
    .option('--json', 'as JSON')
    .action(async (flags: { json?: boolean; published?: boolean }, command: Command) => {
      const stack = stackOf(command);
      if (flags.published === true) {
        context.json(await keepPublished(context, stack));
        return;
      }
      const { engine } = await backupsOf(context, stack);
      const info = await readBackupInfo(engine, context.clock.now());
      keep(context, stack, info);
      if (flags.json === true) context.json({ stack, ...info });
      else context.write(forPeople(info));
    });
}

function forPeople(info: BackupInfo): string {
  const { archive, archiver, running, metrics, lastProvenRestore } = info;
  const age = (seconds: number | undefined): string =>
    seconds === undefined ? 'never' : `${formatDuration(seconds)} ago`;
  const lines = [
    `${info.engine} repository ${info.repository}, ${bytes(metrics.repositoryBytes)}, ${info.retentionDays} days kept`,
    windowWords(info.windows),
    ...(running === undefined
      ? []
      : [`a ${running.what} is running${running.pid === undefined ? '' : ` (pid ${running.pid})`}`]),
  ];
  if (info.backups.length > 0) {
    const rows = info.backups.map((backup) => [
      backup.name,
      backup.type,
      backup.stoppedAt.toISOString(),
      bytes(backup.storedBytes),
      backup.damage ?? 'good',
    ]);
    lines.push('', table(['backup', 'type', 'ended', 'size', ''], rows, [3]));
  }
  lines.push(
    `WAL: ${archive.segments} segments, ${bytes(archive.storedBytes)}, ${archive.first ?? '-'} to ${archive.last ?? '-'}`,
  );
  for (const gap of archive.gaps) lines.push(`  missing: ${gap.from} to ${gap.to} (after ${gap.after.toISOString()})`);
  if (archiver === undefined) lines.push('  the server is down');
  else {
    lines.push(`  ${archiver.waiting} segments wait, ${formatDuration(archiver.secondsAtRisk)} of commits at risk`);
    if (archiver.waiting > 0 && archiver.lastFailedAt !== undefined) {
      lines.push(
        `  archiving failed ${archiver.failures} times, last at ${archiver.lastFailedAt.toISOString()} (${archiver.lastFailedWal ?? '-'})`,
      );
    }
  }
  lines.push(
    lastProvenRestore === undefined
      ? 'no restore was proven yet: qbench drill'
      : `last proven restore: ${lastProvenRestore.backup}, ${age(metrics.provenRestoreAgeSeconds)}, ` +
          `back in ${formatDuration(lastProvenRestore.rtoSeconds ?? 0)}`,
  );
  return `${lines.join('\n')}\n`;
}
