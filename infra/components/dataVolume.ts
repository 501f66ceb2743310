import { Volume } from '@pulumi/aws/ebs/volume';
import { LifecyclePolicy } from '@pulumi/aws/dlm/lifecyclePolicy';
import { Role } from '@pulumi/aws/iam/role';
import { RolePolicy } from '@pulumi/aws/iam/rolePolicy';
import {
  ComponentResource,
  type ComponentResourceOptions,
  type Input,
  type Output,
  type Resource,
} from '@pulumi/pulumi';
import { TYPE_PREFIX } from '../naming';
import type { CloudScope } from './cloudScope';
import { snapshotPolicy, trustOf } from './iamPolicies';

export interface DataVolumeArgs {
  scope: CloudScope;
  keyArn: Input<string>;
  availabilityZone: Input<string>;
  sizeGiB: number;
  iops: number;
  throughputMiBps: number;
  /** Daily snapshots that are kept. */
  snapshots: number;
}

/** Tag by which the snapshot policy finds the volume; the stack's name keeps two stacks' policies apart. */
const SNAPSHOT_TAG = 'qbench:snapshots';

/**
 * The gp3 volume that holds the cluster, apart from the host: the host can be replaced, the volume stays. It grows while it
 * is in use, and never shrinks. A daily snapshot is a second way back besides the backups. Cost: from 0.08 USD a GiB and month, by region;
 * `qbench plan` names it.
 */
export class DataVolume extends ComponentResource {
  readonly volumeId: Output<string>;
  readonly volume: Resource;

  constructor(name: string, args: DataVolumeArgs, options: ComponentResourceOptions = {}) {
    super(`${TYPE_PREFIX}:aws:DataVolume`, name, {}, options);
    const { scope } = args;
    const snapshotTag = { [SNAPSHOT_TAG]: scope.args.stack };
    const volume = new Volume(
      `${name}-volume`,
      {
        availabilityZone: args.availabilityZone,
        type: 'gp3',
        size: args.sizeGiB,
        iops: args.iops,
        throughput: args.throughputMiBps,
        encrypted: true,
        kmsKeyId: args.keyArn,
        tags: { ...scope.tags('data'), ...snapshotTag },
      },
      {
        parent: this,
        ...scope.keep(`${name}-volume`),
        // Each would replace the volume, which is to lose it; a volume moves by a snapshot and a new stack.
        ignoreChanges: ['availabilityZone', 'encrypted', 'kmsKeyId', 'snapshotId'],
      },
    );
    const role = new Role(
      `${name}-snapshot-role`,
      {
        name: scope.name('snapshots'),
        description: 'Daily snapshots of the data volume',
        assumeRolePolicy: JSON.stringify(trustOf('dlm.amazonaws.com', scope.args.accountId)),
        tags: scope.tags('snapshots'),
      },
      { parent: this, ...scope.guard(`${name}-volume`) },
    );
    const rights = new RolePolicy(
      `${name}-snapshot-rights`,
      {
        name: 'snapshots',
        role: role.name,
        policy: JSON.stringify(
          snapshotPolicy({ region: scope.region, accountId: scope.args.accountId, stack: scope.args.stack }),
        ),
      },
      { parent: this, deletedWith: role },
    );
    new LifecyclePolicy(
      `${name}-snapshots`,
      {
        description: `Daily snapshots of ${scope.name('data')}`,
        executionRoleArn: role.arn,
        state: 'ENABLED',
        policyDetails: {
          resourceTypes: ['VOLUME'],
          targetTags: snapshotTag,
          schedules: [
            {
              name: 'daily',
              createRule: { interval: 24, intervalUnit: 'HOURS', times: '01:00' },
              retainRule: { count: args.snapshots },
              // The right to delete them goes by the volume's tags.
              copyTags: true,
            },
          ],
        },
        tags: scope.tags('snapshots'),
      },
      // As protected as the volume that it covers.
      { parent: this, dependsOn: rights, ...scope.guard(`${name}-volume`) },
    );
    this.volume = volume;
    this.volumeId = volume.id;
    this.registerOutputs({ volumeId: this.volumeId });
  }
}
