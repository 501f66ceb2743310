/** Typed confirmation for what cannot be undone. */
import { OperatorError, UsageError } from '../../infra/ops/errors';
import type { CliContext } from './context';
import { withQuestions } from './prompt';

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
  const answer = await withQuestions(context, (ask) => ask(`${consequence}\nType ${word} to go on: `));
  if (answer !== word) throw new OperatorError(`not confirmed: "${answer}" is not "${word}"; nothing was changed`);
}
