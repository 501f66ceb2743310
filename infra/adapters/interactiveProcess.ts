/** Programs that take over the terminal. */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';

/**
 * Runs a program with this process's own streams.
 * @param env its whole environment; secrets go here, never into args
 * @returns its exit code, 128 + number where a signal ended it; rejects where it could not be started
 */
export function runInteractive(file: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { env, stdio: 'inherit' });
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
}
