/** What a stack costs a month by its settings alone. */
import { OperatorError } from '../../infra/ops/errors';
import { costOfResources, type Cost } from '../../infra/ops/review/cost';
import { stackResources } from '../../infra/ops/review/stackResources';
import type { Settings } from '../../infra/settings';
import { ec2Machine } from '../../infra/tiers/ec2Host';

/**
 * Prices what the settings ask for, without asking AWS.
 * @throws OperatorError for a tier that has no prices, or a workload that no host holds
 */
export function costOfSettings(settings: Settings): Cost {
  if (settings.tier === 'local') return costOfResources([], { region: undefined });
  if (settings.tier === 'aurora') {
    throw new OperatorError('tier "aurora" is not part of this version, and neither are its prices', {
      allowed: 'local, ec2',
    });
  }
  const { type, volume, plan } = ec2Machine(settings);
  const resources = stackResources({
    instanceType: type.name,
    rootVolumeGiB: settings.ec2.rootVolumeGiB,
    volume,
    ownNetwork: settings.network.vpcId === undefined,
    egress: settings.network.egress,
    ownKey: settings.aws.kmsKeyArn === undefined,
  });
  return costOfResources(resources, { region: settings.aws.region, backupBytes: 2 * plan.backup.fullBytes });
}
