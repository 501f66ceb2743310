import { OperatorError } from '../ops/errors';
import type { Settings } from '../settings';
import type { TierOutputs } from './outputs';

/**
 * Before anything else is asked for, such as a region.
 * @param tier as the configuration has it
 * @throws OperatorError for a tier that settings know, and that this version does not deploy
 */
export function checkTier(tier: unknown, stack: string): void {
  if (tier === 'aurora') throw unknownTier(tier, stack);
}

const unknownTier = (tier: string, stack: string): OperatorError =>
  new OperatorError(`tier "${tier}" is not part of this version`, {
    allowed: 'local, ec2',
    next: `pulumi config set tier ec2 --stack ${stack}: a host of the stack's own on AWS; tier local is this machine`,
  });

/** Deploys the stack by its tier. A tier is loaded only when it is used: the AWS SDK alone would double the start. */
export async function deployTier(settings: Settings, stack: string): Promise<TierOutputs> {
  switch (settings.tier) {
    case 'local':
      return (await import('./local')).deployLocal(settings, stack);
    case 'ec2':
      return (await import('./ec2')).deployEc2(settings, stack);
    case 'aurora':
      throw unknownTier(settings.tier, stack);
  }
}
