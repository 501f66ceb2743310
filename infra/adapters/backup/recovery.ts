/** Starting a restored cluster so that it replays WAL up to the point and takes writes, and reading from its log how that went. */
import { join } from 'node:path';
import type { RecoveryPoint } from '../../ops/backup/engine';
import { lsnBytes } from '../../ops/backup/wal';
import { messageOf, OperatorError } from '../../ops/errors';
import type { Clock, CommandResult, CommandRunner, ProgressSink } from '../../ops/ports';
import { parsePostgresqlConf, quoteValue } from '../../postgres/render';

export interface RecoveryParts {
  binDir: string;
  dataDir: string;
  /** Folder in which the server's socket lies while it recovers: nobody else looks there. */
  socketDir: string;
  port: number;
  /** Newest WAL segment that may be used: what came in after the restore was judged stays out. */
  lastWal: string | undefined;
  /** Where the configuration lies outside of the data folder. */
  configFile?: string | undefined;
  /** Runs as the server's user. */
  runner: CommandRunner;
  clock: Clock;
  progress: ProgressSink;
  signal?: AbortSignal | undefined;
}

export interface RecoveryOutcome {
  lastCommitAt: Date | undefined;
  timeline: number;
  seconds: number;
}

const POLL_MS = 1_000;
/** Starts the server $2 by $1 with the log $3 and the options $4, and waits until it takes writes or is gone. Recovery may take hours. */
const START_AND_WAIT = `
"$1" start --silent --wait --timeout 600000 -D "$2" -l "$3" -o "$4" || exit 1
until grep -q 'database system is ready to accept connections' "$3"; do
  "$1" status -D "$2" >/dev/null || exit 1
  sleep 0.1
done
`;
const LOG = 'qbench-recovery.log';
/** What the server says where its WAL ends before a time to recover to: every commit up to then has been replayed. */
const ENDED_BEFORE_TARGET = /recovery ended before configured recovery target was reached/;

export const recoveryLog = (dataDir: string): string => join(dataDir, LOG);

/** Settings that make a server recover to a point and then take writes. */
function pointSettings(point: RecoveryPoint): Record<string, string> {
  return {
    // The server takes at most one target, and an empty one counts.
    ...(point.kind === 'backup' ? { recovery_target: 'immediate' } : {}),
    ...(point.kind === 'time' ? { recovery_target_time: point.time } : {}),
    recovery_target_action: 'promote',
    recovery_target_timeline: 'latest',
  };
}

/** Writes a file of the cluster, as the server's user, wherever the runner runs. */
export async function writeAs(runner: CommandRunner, path: string, text: string): Promise<void> {
  const result = await runner.run('sh', ['-c', 'umask 077; cat > "$1"', 'sh', path], { stdin: text, cwd: '/' });
  if (result.code !== 0) throw new OperatorError(`cannot write ${path}: ${result.stderr.trim()}`);
}

async function readAs(runner: CommandRunner, path: string): Promise<string> {
  const result = await runner.run('sh', ['-c', '[ ! -e "$1" ] || cat "$1"', 'sh', path], { cwd: '/' });
  if (result.code !== 0) throw new OperatorError(`cannot read ${path}: ${result.stderr.trim()}`);
  return result.stdout;
}

/**
 * Recovers to the point. A time after the last commit in the repository is reached by replaying all there is: the server itself
 * would end with an error, since it never sees a commit beyond that time.
 * @param settings what postgresql.auto.conf gets while it recovers
 * @throws OperatorError with the server's words
 */
export async function recover(
  parts: RecoveryParts,
  point: RecoveryPoint,
  settings: Readonly<Record<string, string>>,
): Promise<RecoveryOutcome> {
  const { runner, dataDir, clock } = parts;
  const auto = join(dataDir, 'postgresql.auto.conf');
  const found = await readAs(runner, auto);
  const before = found.replaceAll(/^recovery_target\w* *=.*\n?/gm, '');
  const command = settings['restore_command'] ?? parsePostgresqlConf(before)['restore_command'];
  const capped = command === undefined ? {} : { restore_command: cappedCommand(command, parts.lastWal) };
  const begun = clock.monotonicMs();
  const attempt = async (goal: RecoveryPoint): Promise<string> => {
    const lines = Object.entries({ ...settings, ...capped, ...pointSettings(goal) }).map(
      ([name, value]) => `${name} = ${quoteValue(value)}`,
    );
    await writeAs(runner, auto, `${before.trimEnd()}\n${lines.join('\n')}\n`);
    await writeAs(runner, join(dataDir, 'recovery.signal'), '');
    return start(parts);
  };
  let log = await attempt(point);
  if (point.kind === 'time' && ENDED_BEFORE_TARGET.test(log)) {
    log = await attempt({ kind: 'latest' });
    parts.progress.note(
      `the WAL in the repository holds no commit after ${point.time}: all of it was replayed. What was committed before that time and never archived is not there`,
    );
  }
  if (!/database system is ready to accept connections/.test(log)) throw recoveryFailed(log, dataDir);
  await writeAs(runner, auto, before);
  const commit = [...log.matchAll(/last completed transaction was at log time (.+)$/gm)].at(-1)?.[1];
  const timeline = [...log.matchAll(/selected new timeline ID: (\d+)/g)].at(-1)?.[1];
  return {
    lastCommitAt:
      commit === undefined ? undefined : new Date(commit.replace(/ UTC$/, 'Z').replace(' ', 'T').replace(/\+00$/, 'Z')),
    timeline: Number(timeline ?? 1),
    seconds: (clock.monotonicMs() - begun) / 1000,
  };
}

/**
 * restore_command that finds nothing after a segment, on whichever timeline: the first 8 digits of a name are not compared. History
 * files have longer names than 24 and are always asked for. A shell runs it, and % is PostgreSQL's own.
 */
export function cappedCommand(command: string, lastWal: string | undefined): string {
  if (lastWal === undefined) return command;
  const last = lastWal.slice(8);
  const newest = `$(printf "%%s\\n" "%f" "${lastWal}" | cut -c 9- | LC_ALL=C sort | tail -n 1)`;
  return `case "%f" in *.*) ;; *) [ "${newest}" = "${last}" ] || exit 1 ;; esac; ${command}`;
}

/** @returns the log of this start, whether it came up or not */
async function start(parts: RecoveryParts): Promise<string> {
  const { runner, binDir, dataDir, socketDir, port, progress, signal } = parts;
  const log = recoveryLog(dataDir);
  await writeAs(runner, log, '');
  const options = [
    // Nobody gets in before the point is reached, so no half-recovered state is taken for the database.
    "-c hot_standby=off -c listen_addresses=''",
    `-c unix_socket_directories=${word(socketDir)} -c port=${port} -c log_destination=stderr -c logging_collector=off`,
    '-c log_timezone=UTC -c lc_messages=C -c log_startup_progress_interval=1s',
    ...(parts.configFile === undefined ? [] : [`-c config_file=${word(parts.configFile)}`]),
  ].join(' ');
  let ended = false;
  // pg_ctl's wait ends as soon as the server replays: without hot standby that already counts as up.
  const started = runner
    .run('env', ['LC_ALL=C', 'sh', '-c', START_AND_WAIT, 'sh', join(binDir, 'pg_ctl'), dataDir, log, options], {
      cwd: '/',
    })
    .finally(() => (ended = true));
  // Watched beside; its failure is told by the start itself.
  void watch(parts, () => ended).catch((error: unknown) => progress.note(messageOf(error)));
  const interrupted = new Promise<'interrupted'>((resolve) => {
    if (signal?.aborted === true) resolve('interrupted');
    signal?.addEventListener('abort', () => resolve('interrupted'), { once: true });
  });
  const result = await Promise.race([started, interrupted]);
  if (result === 'interrupted') {
    await stopCluster(runner, binDir, dataDir, 'immediate');
    await started.catch(() => undefined);
    throw new OperatorError('interrupted');
  }
  return readAs(runner, log);
}

async function watch(parts: RecoveryParts, ended: () => boolean): Promise<void> {
  const { runner, dataDir, clock, progress } = parts;
  progress.update({ phase: 'replaying WAL' });
  while (!ended()) {
    await clock.sleep(POLL_MS);
    if (ended()) return;
    const log = await readAs(runner, recoveryLog(dataDir));
    const from = /redo starts at ([0-9A-F]+\/[0-9A-F]+)/.exec(log)?.[1];
    const at = [...log.matchAll(/redo in progress.*current LSN: ([0-9A-F]+\/[0-9A-F]+)/g)].at(-1)?.[1];
    if (from !== undefined && at !== undefined && !ended()) {
      progress.update({
        phase: 'replaying WAL',
        done: Math.round((lsnBytes(at) - lsnBytes(from)) / 1024 ** 2),
        unit: 'MiB',
      });
    }
  }
}

/** A word of the options that pg_ctl hands to a shell. */
function word(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function recoveryFailed(log: string, dataDir: string): OperatorError {
  const telling = log.split('\n').flatMap((line) => /((?:FATAL|PANIC|qbench): .*)/.exec(line)?.[1] ?? []);
  const words = (telling.length > 0 ? telling : log.trim().split('\n').slice(-3)).slice(-4).join('; ');
  return new OperatorError(`the restored cluster did not recover: ${words}`, {
    next: `read ${recoveryLog(dataDir)}; qbench verify tells of damaged backups and WAL, qbench info of the recovery window`,
  });
}

/** Ends a server; succeeds where none runs. */
export async function stopCluster(
  runner: CommandRunner,
  binDir: string,
  dataDir: string,
  mode: 'fast' | 'immediate',
): Promise<CommandResult> {
  return runner.run(join(binDir, 'pg_ctl'), ['stop', '--silent', '--wait', '-m', mode, '-D', dataDir], { cwd: '/' });
}
