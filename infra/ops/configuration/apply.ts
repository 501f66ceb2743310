/**
 * Makes a server run with new configuration files: by reload where that is enough, by restart where the server says so.
 * Files that it refuses, or cannot start with, give way to the last ones it ran with, and its own words come back as the error.
 *
 * Every step looks at the server, not at what an earlier run meant to do, so a run that was killed is finished by the next.
 */
import { OperatorError, messageOf } from '../errors';
import type { Clock, ProgressSink, Queryable } from '../ports';
import { sqlText } from '../sqlText';
import type { ConfigurableServer, ConfigurationFiles } from './ports';

/** How the files took effect. */
export type AppliedBy = 'start' | 'reload' | 'restart';

export interface AppliedConfiguration {
  by: AppliedBy;
  /** Parameters that needed the restart. */
  restartedFor: readonly string[];
}

const RELOAD_TIMEOUT_MS = 30_000;
const RELOAD_POLL_MS = 20;

/**
 * @throws OperatorError with the server's words where the files were refused; the server then runs with the last good
 * ones, if it ever ran
 */
export async function applyConfiguration(
  server: ConfigurableServer,
  wanted: ConfigurationFiles,
  clock: Clock,
  progress: ProgressSink,
): Promise<AppliedConfiguration> {
  const words = await server.check(wanted);
  if (words !== undefined) return rollBack(server, wanted, refusal(words), progress);
  const applied = (await server.running())
    ? await applyToLiving(server, wanted, clock, progress)
    : await startWith(server, wanted, progress, []);
  await server.keepLastGood(wanted);
  return applied;
}

async function applyToLiving(
  server: ConfigurableServer,
  wanted: ConfigurationFiles,
  clock: Clock,
  progress: ProgressSink,
): Promise<AppliedConfiguration> {
  await server.writeFiles(wanted);
  const rejected = await server.session(rejectedLines);
  if (rejected.length > 0) return rollBack(server, wanted, refusal(rejected.join('; ')), progress);
  const names = await server.session(parametersThatNeedRestart);
  if (names.length > 0) {
    progress.update({ phase: `restarting PostgreSQL (${names.join(', ')})` });
    await server.stop();
    return { ...(await startWith(server, wanted, progress, names)), by: 'restart' };
  }
  // Also where the files lay there already: a run before this one may have been killed before it told the server.
  const before = await server.session(loadTime);
  await server.reload();
  const until = clock.monotonicMs() + RELOAD_TIMEOUT_MS;
  while ((await server.session(loadTime)) === before) {
    if (clock.monotonicMs() > until) {
      const silence = `the server did not read its files within ${RELOAD_TIMEOUT_MS / 1000} s`;
      return rollBack(server, wanted, refusal(silence), progress);
    }
    await clock.sleep(RELOAD_POLL_MS);
  }
  return { by: 'reload', restartedFor: [] };
}

async function startWith(
  server: ConfigurableServer,
  wanted: ConfigurationFiles,
  progress: ProgressSink,
  restartedFor: readonly string[],
): Promise<AppliedConfiguration> {
  await server.writeFiles(wanted);
  try {
    await server.start();
  } catch (error) {
    return rollBack(server, wanted, error, progress);
  }
  return { by: 'start', restartedFor };
}

/** What the server says of files that it does not take. */
function refusal(words: string): OperatorError {
  return new OperatorError(words, {
    next: 'correct the parameter that it names (setting postgresParameters), then run it again',
  });
}

/** Puts the last good files back, makes the server run with them, and throws what went wrong. */
async function rollBack(
  server: ConfigurableServer,
  wanted: ConfigurationFiles,
  cause: unknown,
  progress: ProgressSink,
): Promise<never> {
  const good = await server.readLastGood();
  const alive = await server.running();
  // Without another configuration to go back to, or with the same one, there is nothing to tell but the cause.
  if (good === undefined || (sameFiles(good, wanted) && !alive)) throw cause;
  progress.note('putting the last good configuration back');
  await server.writeFiles(good);
  let now = 'it still runs with the configuration it had';
  if (!alive) {
    try {
      await server.start();
      now = 'it runs again with the configuration it had';
    } catch (second) {
      // The same complaint twice: a taken port, a full disk; it is not about the configuration.
      if (messageOf(second) === messageOf(cause)) throw cause;
      now = `it does not start with the configuration it had either (${messageOf(second)})`;
    }
  }
  throw new OperatorError(`PostgreSQL refused the new configuration, and ${now}: ${messageOf(cause)}`, {
    ...(cause instanceof OperatorError && cause.next !== undefined ? { next: cause.next } : {}),
    cause,
  });
}

function sameFiles(a: ConfigurationFiles, b: ConfigurationFiles): boolean {
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...names].every((name) => a[name] === b[name]);
}

/** Lines of the files that the server would refuse at a reload, in its own words. */
async function rejectedLines(session: Queryable): Promise<string[]> {
  const { rows } = await session.query<{ line: string }>(sqlText('queries/parameters-rejected'));
  return rows.map((row) => row.line);
}

/** Parameters whose value in the files differs from the running one and can only change at a start. */
async function parametersThatNeedRestart(session: Queryable): Promise<string[]> {
  const { rows } = await session.query<{ name: string }>(sqlText('queries/parameters-restart'));
  return rows.map((row) => row.name);
}

async function loadTime(session: Queryable): Promise<string> {
  const { rows } = await session.query<{ loaded: string }>('SELECT pg_catalog.pg_conf_load_time()::text AS loaded');
  return rows[0]?.loaded ?? '';
}
