/** What tier ec2 declares that is paid by the month, from its settings alone; a test holds it to what the program declares. */
import type { Gp3Volume } from '../../capacity/prices';
import type { Priced } from './cost';

export interface StackShape {
  instanceType: string;
  rootVolumeGiB: number;
  volume: Gp3Volume;
  /** The stack makes its own network. */
  ownNetwork: boolean;
  egress: 'nat' | 'public';
  /** The stack makes its own key. */
  ownKey: boolean;
}

/** Names and types are the program's own. Functions, alarms and logs follow from thresholds and use: they are one unknown line. */
export function stackResources(shape: StackShape): Priced[] {
  const { instanceType, rootVolumeGiB, volume, ownNetwork, egress, ownKey } = shape;
  const nat = ownNetwork && egress === 'nat';
  return [
    {
      type: 'aws:ec2/instance:Instance',
      name: 'host-instance',
      inputs: { instanceType, rootBlockDevice: { volumeSize: rootVolumeGiB } },
    },
    {
      type: 'aws:ebs/volume:Volume',
      name: 'data-volume',
      inputs: { type: 'gp3', size: volume.sizeGiB, iops: volume.iops, throughput: volume.throughputMiBps },
    },
    { type: 'aws:s3/bucket:Bucket', name: 'backups-bucket', inputs: {} },
    ...['secrets-superuser', 'secrets-host', 'role-passwords'].map((secret) => ({
      type: 'aws:secretsmanager/secret:Secret',
      name: `${secret}-secret`,
      inputs: {},
    })),
    ...(ownKey ? [{ type: 'aws:kms/key:Key', name: 'key-key', inputs: {} }] : []),
    ...(nat
      ? [
          { type: 'aws:ec2/natGateway:NatGateway', name: 'network-nat', inputs: {} },
          { type: 'aws:ec2/eip:Eip', name: 'network-nat-address', inputs: {} },
        ]
      : []),
    ...(ownNetwork && egress === 'public' ? [{ type: 'aws:ec2/eip:Eip', name: 'host-public', inputs: {} }] : []),
    { type: 'aws:dlm/lifecyclePolicy:LifecyclePolicy', name: 'data-snapshots', inputs: {} },
    { type: 'aws:cloudwatch/monitoring', name: 'functions, alarms, logs', inputs: {} },
  ];
}
