/** Typed confirmation for what cannot be undone. */
import { createInterface } from 'node:readline/promises';
import { OperatorError, UsageError } from '../../infra/ops/errors';
import type { CliContext } from './context';

/**
 * Asks a person to type `word`; `--yes` answers for him. Without a terminal and without `--yes` it refuses at once.
 * @param consequence what will be destroyed, in one sentence
 * @throws UsageError without a terminal; OperatorError when something else was typed
 */
export async function confirm(context: CliContext, yes: boolean, word: string, consequence: string): Promise<void> {
  if (yes) return;
  if (!context.interactive) {
    throw new UsageError(`${consequence} There is no terminal to confirm it on`, { next: 'add --yes if you mean it' });
  }
  const prompt = createInterface({ input: context.stdin, output: process.stderr });
  try {
    const answer = await prompt.question(`${consequence}\nType ${word} to go on: `, { signal: context.signal });
    if (answer.trim() !== word)
      throw new OperatorError(`not confirmed: "${answer.trim()}" is not "${word}"; nothing was changed`);
  } finally {
    prompt.close();
  }
}
