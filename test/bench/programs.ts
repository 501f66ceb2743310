/** Programs that a benchmark runs: psql, pgbench and this project's own commands. */
import { join } from 'node:path';
import { ProcessRunner } from '../../infra/adapters/processRunner';
import type { CommandResult } from '../../infra/ops/ports';
import { clientEnv, type Stage } from './stage';

/** Runs a program to its end. @throws Error with what it printed where it did not end well */
export async function run(
  file: string,
  args: readonly string[],
  options: { env?: Record<string, string>; signal: AbortSignal; cwd?: string; stdin?: string },
): Promise<CommandResult> {
  const result = await new ProcessRunner(process.env).run(file, args, options);
  options.signal.throwIfAborted();
  if (result.code !== 0)
    throw new Error(`${file} ended with ${result.code}: ${result.stderr.trim() || result.stdout.trim()}`);
  return result;
}

/** Runs psql on the stage's database; the commands run one after the other in one session. */
export function psql(
  stage: Pick<Stage, 'server' | 'database'>,
  commands: readonly string[],
  signal: AbortSignal,
): Promise<CommandResult> {
  const args = [
    '--no-psqlrc',
    '--quiet',
    '-v',
    'ON_ERROR_STOP=1',
    ...commands.flatMap((command) => ['--command', command]),
  ];
  return run(join(stage.server.binDir, 'psql'), args, { env: clientEnv(stage), signal });
}
