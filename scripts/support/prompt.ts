/** Questions to the person at the terminal. */
import { createInterface } from 'node:readline/promises';
import { EXIT_INTERRUPTED, OperatorError } from '../../infra/ops/errors';
import type { CliContext } from './context';

/**
 * @param work is given a function that asks one question and gives the answer without spaces around it
 * @throws OperatorError (exit code 130) where the person leaves with Ctrl-C or Ctrl-D
 */
export async function withQuestions<T>(
  context: CliContext,
  work: (ask: (words: string) => Promise<string>) => Promise<T>,
): Promise<T> {
  const prompt = createInterface({ input: context.stdin, output: process.stderr });
  try {
    return await work(async (words) => (await prompt.question(words, { signal: context.signal })).trim());
  } catch (error) {
    if ((error as Error).name !== 'AbortError') throw error;
    throw new OperatorError('interrupted: nothing was changed', { exitCode: EXIT_INTERRUPTED, cause: error });
  } finally {
    prompt.close();
  }
}
