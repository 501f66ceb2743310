/** Running pgBackRest where its repository and cluster are: here, or on a host that the runner reaches. */
import { OperatorError } from '../../../ops/errors';
import type { CommandOptions, CommandResult, CommandRunner } from '../../../ops/ports';

export interface PgbackrestProgram {
  runner: CommandRunner;
  stanza: string;
  /** User that commands are given to by runuser; undefined where the runner already runs as the server's user. pgBackRest refuses root. */
  become?: string | undefined;
  /** @default the one that pgBackRest finds by itself */
  configFile?: string | undefined;
}

/** The runner, as the server's user. */
export function asServerUser({ runner, become }: Pick<PgbackrestProgram, 'runner' | 'become'>): CommandRunner {
  if (become === undefined) return runner;
  return {
    run: (file, args, options) => runner.run('runuser', ['-u', become, '--', file, ...args], { cwd: '/', ...options }),
  };
}

export function pgbackrest(
  program: PgbackrestProgram,
  command: string,
  options: readonly string[] = [],
  run: CommandOptions = {},
  operands: readonly string[] = [],
): Promise<CommandResult> {
  const { stanza, configFile } = program;
  const config = configFile === undefined ? [] : [`--config=${configFile}`];
  return asServerUser(program).run('pgbackrest', [...config, `--stanza=${stanza}`, ...options, command, ...operands], {
    cwd: '/',
    ...run,
  });
}

/** Exit code of pgBackRest where another one of it holds the stanza. https://github.com/pgbackrest/pgbackrest: src/build/error/error.yaml */
export const LOCK_ACQUIRE_ERROR = 50;

/** The ERROR lines of pgBackRest, with what it adds to them. */
export function complaintOf({ stdout, stderr }: CommandResult): string {
  const lines = `${stdout}\n${stderr}`.split('\n');
  const first = lines.findIndex((line) => /\bERROR: /.test(line));
  if (first < 0)
    return lines
      .filter((line) => line.trim() !== '')
      .slice(-3)
      .join('; ');
  const said = lines.slice(first, first + 4).map((line) => line.replace(/^.*\bERROR: /, '').trim());
  return said.filter((line) => line !== '' && !/P\d\d +(INFO|WARN|DETAIL)/.test(line)).join(' ');
}

/** @throws OperatorError in pgBackRest's words where it failed */
export function assertDone(result: CommandResult, what: string): void {
  if (result.code === 0) return;
  const words = complaintOf(result);
  throw new OperatorError(`${what} failed: ${words}`, { next: adviceFor(words) });
}

function adviceFor(words: string): string {
  if (/No space left/i.test(words))
    return 'free some space there: qbench expire removes what the retention no longer needs; then run it again';
  if (/RequestTimeTooSkewed/.test(words))
    return 'the clock of the host is wrong, not its rights: set it (timedatectl), then run it again';
  if (/unable to connect|timeout|unable to find|HTTP|host not found|get address/i.test(words))
    return 'the repository does not answer; commits go on and WAL waits on the host. qbench info tells how much is at risk, qbench check when it is over';
  return 'see the words above; qbench check tells whether server and repository are in order';
}
