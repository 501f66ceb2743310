/** The program: configuration -> settings -> tier -> stack outputs. No logic of its own. */
import { log, RunError } from '@pulumi/pulumi';
import { readConfig } from './config';
import { OperatorError } from './ops/errors';
import { parseSettings, settingsWithoutEffect } from './settings';
import { checkTier, deployTier } from './tiers';
import type { TierOutputs } from './tiers/outputs';

async function program(): Promise<TierOutputs> {
  // The SDK takes a stack for each of its promises and has it mapped to sources that it does not bring: a fifth of a preview's time.
  delete (Error as { prepareStackTrace?: unknown }).prepareStackTrace;
  try {
    const { raw, context } = readConfig();
    checkTier(raw['tier'], context.stack);
    const settings = parseSettings(raw, context);
    const idle = settingsWithoutEffect(raw);
    if (idle.length > 0) {
      void log.warn(
        `on tier ${settings.tier} these settings have no effect: ${idle.join(', ')}; pulumi config rm --path takes one out`,
      );
    }
    return await deployTier(settings, context.stack);
  } catch (error) {
    // A mistake of the person who runs this is told in words; only a defect of ours deserves its stack.
    if (error instanceof OperatorError) throw new RunError(error.toLines().join('\n'));
    throw error;
  }
}

export = program;
