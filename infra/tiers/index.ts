import { OperatorError } from '../ops/errors';
import type { Settings } from '../settings';
import type { TierOutputs } from './outputs';

/** Deploys the stack by its tier. A tier is loaded only when it is used: the AWS SDK alone would double the start. */
export async function deployTier(settings: Settings, stack: string): Promise<TierOutputs> {
  switch (settings.tier) {
    case 'local':
      return (await import('./local')).deployLocal(settings, stack);
    case 'ec2':
      return (await import('./ec2')).deployEc2(settings, stack);
    case 'aurora':
      throw new OperatorError(`tier "${settings.tier}" is not part of this version`, {
        allowed: 'local, ec2',
        next: `pulumi config set tier local --stack ${stack}`,
      });
  }
}
