import { addAbortSignal } from 'node:stream';
import { text } from 'node:stream/consumers';
import { UsageError } from '../../infra/ops/errors';
import type { CliContext } from './context';

/**
 * The desired state that the Pulumi program passes on standard input.
 * @throws UsageError where there is none, or it is not JSON
 */
export async function readJsonFromStdin<T>(context: CliContext): Promise<T> {
  if (context.stdin.isTTY) throw new UsageError('the desired state is read from standard input, and none was given');
  const input = await text(addAbortSignal(context.signal, context.stdin));
  try {
    return JSON.parse(input) as T;
  } catch (error) {
    throw new UsageError('standard input is not JSON', { cause: error });
  }
}
