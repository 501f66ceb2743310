/** `qbench restore`: a point in time, the latest state or one backup, into a new folder. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { restoreBackup, type RestoreOutcome } from '../../infra/ops/backup/restore';
import { backupsOf, type StackBackups } from '../support/backupEngine';
import { confirm } from '../support/confirm';
import { stackOf, type CliContext } from '../support/context';
import { bytes } from '../support/output';
import { formatDuration } from '../support/progress';

interface Flags {
  to: string;
  target: string;
  start?: boolean;
  yes?: boolean;
  json?: boolean;
}

export function register(program: Command, context: CliContext): void {
  program
    .command('restore')
    .description('restores into a new folder and replays WAL up to the point; never over what is there unasked')
    .option('--to <point>', 'latest, a time with its zone (2026-11-22T20:45:00Z), or the name of a backup', 'latest')
    .requiredOption(
      '--target <folder>',
      "new data folder; the stack's own, where that was lost, to bring the stack back",
    )
    .option('--start', 'leaves the restored server running')
    .option('-y, --yes', 'does not ask before what lies in the folder is moved aside')
    .option('--json', 'as JSON')
    .action(async (flags: Flags, command: Command) => {
      const stack = stackOf(command);
      const { engine, dataDir, verbs } = await backupsOf(context, stack);
      const own = ownCommands(verbs, stack);
      const outcome = await restoreBackup(
        engine,
        {
          to: flags.to,
          target: resolve(flags.target),
          ownDataDir: dataDir,
          stopCommand: own.stopCommand,
          keepRunning: flags.start === true,
          signal: context.signal,
          confirm: (word, consequence) => confirm(context, flags.yes === true, word, consequence),
        },
        context.clock,
        context.progress(),
      );
      // A server that was restored in place is the stack's again.
      const commands = outcome.restored.dataDir === dataDir ? own : outcome.restored;
      if (flags.json === true) context.json({ ...outcome, restored: { ...outcome.restored, ...commands } });
      else context.write(forPeople(outcome, commands));
    });
}

type Commands = Pick<RestoreOutcome['restored'], 'startCommand' | 'stopCommand' | 'connectCommand'>;

function ownCommands({ start, stop, connect }: StackBackups['verbs'], stack: string): Commands {
  const qbench = (verb: string): string => `npm run qbench -- ${verb} --stack ${stack}`;
  return { startCommand: qbench(start), stopCommand: qbench(stop), connectCommand: qbench(connect) };
}

function forPeople({ plan, restored, setAside, seconds }: RestoreOutcome, commands: Commands): string {
  const upTo = restored.lastCommitAt === undefined ? '' : `, last commit at ${restored.lastCommitAt.toISOString()}`;
  const lines = [
    `restored ${plan.backup.name} into ${restored.dataDir}: ${bytes(restored.bytes)} in ${formatDuration(seconds)} ` +
      `(copied in ${formatDuration(restored.copySeconds)}, WAL replayed in ${formatDuration(restored.replaySeconds)})${upTo}`,
    ...(setAside === undefined
      ? []
      : [`what the folder held lies in ${setAside}; remove it when you no longer need it`]),
    restored.running ? `it runs on port ${restored.port}` : `start:   ${commands.startCommand}`,
    `connect: ${commands.connectCommand}`,
    `stop:    ${commands.stopCommand}`,
  ];
  return `${lines.join('\n')}\n`;
}
