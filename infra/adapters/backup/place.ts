/** The folder that a restore fills, looked at and moved by commands, so that it may be on another machine. */
import { join } from 'node:path';
import type { TargetFolder } from '../../ops/backup/engine';
import { OperatorError } from '../../ops/errors';
import type { CommandResult, CommandRunner } from '../../ops/ports';

const LOOK = `
[ -e "$1" ] || { echo absent; exit 0; }
[ -d "$1" ] || { echo "$1 is no folder" >&2; exit 1; }
entries=$(ls -A "$1") || exit 1
[ -n "$entries" ] && echo filled || echo empty
`;

/**
 * @param runner runs as the server's user
 * @throws OperatorError where it cannot be read
 */
export async function inspectTarget(runner: CommandRunner, binDir: string, target: string): Promise<TargetFolder> {
  const looked = await runner.run('sh', ['-c', LOOK, 'sh', target], { cwd: '/' });
  if (looked.code !== 0) throw new OperatorError(`cannot look into "${target}": ${looked.stderr.trim()}`);
  const exists = looked.stdout.trim() !== 'absent';
  const filled = looked.stdout.trim() === 'filled';
  if (!filled) return { exists, empty: true, runningPid: undefined, systemIdentifier: undefined };
  // Not as environment of the call: a runner that records its calls takes none.
  const inEnglish = (program: string, ...args: string[]): Promise<CommandResult> =>
    runner.run('env', ['LC_ALL=C', join(binDir, program), ...args], { cwd: '/' });
  const status = await inEnglish('pg_ctl', 'status', '-D', target);
  const control = await inEnglish('pg_controldata', '-D', target);
  const pid = /PID: (\d+)/.exec(status.stdout)?.[1];
  return {
    exists,
    empty: false,
    runningPid: status.code === 0 && pid !== undefined ? Number(pid) : undefined,
    systemIdentifier: /Database system identifier:\s*(\d+)/.exec(control.stdout)?.[1],
  };
}

/** Moves a folder beside itself. @returns its new path */
export async function setTargetAside(runner: CommandRunner, target: string, now: Date): Promise<string> {
  const aside = `${target}.before-restore-${now.toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}`;
  const result = await runner.run('mv', ['-T', '--', target, aside], { cwd: '/' });
  if (result.code !== 0) {
    throw new OperatorError(`"${target}" cannot be moved aside: ${result.stderr.trim()}`, {
      next: 'restore into a new folder with --target, and exchange the folders by hand',
    });
  }
  return aside;
}
