/** The program: configuration -> settings -> tier -> stack outputs. No logic of its own. */
import { RunError } from '@pulumi/pulumi';
import { readConfig } from './config';
import { OperatorError } from './ops/errors';
import { parseSettings } from './settings';
import { deployTier } from './tiers';
import type { TierOutputs } from './tiers/outputs';

async function program(): Promise<TierOutputs> {
  // The SDK takes a stack for each of its promises and has it mapped to sources that it does not bring: a fifth of a preview's time.
  delete (Error as { prepareStackTrace?: unknown }).prepareStackTrace;
  try {
    const { raw, context } = readConfig();
    return await deployTier(parseSettings(raw, context), context.stack);
  } catch (error) {
    // A mistake of the person who runs this is told in words; only a defect of ours deserves its stack.
    if (error instanceof OperatorError) throw new RunError(error.toLines().join('\n'));
    throw error;
  }
}

export = program;
