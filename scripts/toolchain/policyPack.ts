/** Puts this project's policy pack before every change that goes through the toolchain. */
import { join } from 'node:path';
import { OperatorError } from '../../infra/ops/errors';
import { stackSettings } from '../support/stackSettings';
import { commandOf } from './cliArguments';

/** Commands of the CLI that take a policy pack, and that change something or say what would change. */
const CHANGES = new Set(['up', 'update', 'preview', 'pre']);

/**
 * The option for `pulumi up` and `pulumi preview`. A server on this machine that is nobody's production goes without: no rule
 * would stop it, and loading the pack takes a second or two.
 */
export function policyPackArguments(checkout: string, stack: string | undefined, args: readonly string[]): string[] {
  const given = args.some((arg) => arg === '--policy-pack' || arg.startsWith('--policy-pack='));
  if (stack === undefined || given || !CHANGES.has(commandOf(args) ?? '')) return [];
  const settings = settingsOf(checkout, stack);
  const own = settings?.tier === 'local' && ['dev', 'test'].includes(settings.environment);
  return own ? [] : ['--policy-pack', join(checkout, 'infra', 'policy')];
}

/** Settings that cannot be are the program's to complain about; the pack goes before them all the same. */
function settingsOf(checkout: string, stack: string): ReturnType<typeof stackSettings> {
  try {
    return stackSettings(checkout, stack);
  } catch (error) {
    if (error instanceof OperatorError) return undefined;
    throw error;
  }
}
