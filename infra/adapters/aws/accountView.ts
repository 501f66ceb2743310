/** What an account shows of one stack, asked of AWS by the stack's tags. */
import {
  DescribeInstancesCommand,
  DescribeSecurityGroupsCommand,
  DescribeVolumesCommand,
  EC2Client,
} from '@aws-sdk/client-ec2';
import { GetPublicAccessBlockCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { PROJECT, TAGS } from '../../naming';
import type { AccountView } from '../../ops/acceptance/checks';
import { awsCall, clientOptions } from './clients';
import type { StackAccess } from './stackAccess';

/**
 * @param bucket of the stack's backups
 */
export function accountView(access: StackAccess, bucket: string): AccountView {
  const { region, stack } = access.place;
  const ec2 = new EC2Client(clientOptions(region));
  const s3 = new S3Client(clientOptions(region));
  const Filters = [
    { Name: `tag:${TAGS.project}`, Values: [PROJECT] },
    { Name: `tag:${TAGS.stack}`, Values: [stack] },
  ];
  return {
    host: () => access.host(),
    volumes: () =>
      awsCall('listing disks', 'ec2:DescribeVolumes', async () => {
        const { Volumes = [] } = await ec2.send(new DescribeVolumesCommand({ Filters }));
        return Volumes.map(({ VolumeId = '', Encrypted = false, VolumeType = '' }) => ({
          id: VolumeId,
          encrypted: Encrypted,
          type: VolumeType,
        }));
      }),
    inbound: () =>
      awsCall('listing security groups', 'ec2:DescribeSecurityGroups', async () => {
        const { SecurityGroups = [] } = await ec2.send(new DescribeSecurityGroupsCommand({ Filters }));
        return SecurityGroups.flatMap(({ IpPermissions = [] }) =>
          IpPermissions.flatMap(({ FromPort, IpRanges = [], Ipv6Ranges = [], UserIdGroupPairs = [] }) =>
            [
              ...IpRanges.map(({ CidrIp }) => CidrIp),
              ...Ipv6Ranges.map(({ CidrIpv6 }) => CidrIpv6),
              ...UserIdGroupPairs.map(({ GroupId }) => GroupId),
            ].map((source) => `${FromPort ?? 'all ports'} from ${source ?? 'unknown'}`),
          ),
        );
      }),
    metadataToken: () =>
      awsCall('describing the instance', 'ec2:DescribeInstances', async () => {
        const { instanceId } = await access.host();
        const { Reservations = [] } = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [instanceId] }));
        return Reservations[0]?.Instances?.[0]?.MetadataOptions?.HttpTokens === 'required' ? 'required' : 'optional';
      }),
    backupObjects: (prefix) =>
      awsCall(`listing ${bucket}`, 's3:ListBucket', async () => {
        const { Contents = [] } = await s3.send(
          new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, MaxKeys: 20 }),
        );
        return Contents.map(({ Key = '' }) => Key);
      }),
    bucketPrivate: () =>
      awsCall(`asking for the settings of ${bucket}`, 's3:GetBucketPublicAccessBlock', async () => {
        const { PublicAccessBlockConfiguration: block } = await s3.send(
          new GetPublicAccessBlockCommand({ Bucket: bucket }),
        );
        const settings = [
          block?.BlockPublicAcls,
          block?.BlockPublicPolicy,
          block?.IgnorePublicAcls,
          block?.RestrictPublicBuckets,
        ];
        return settings.every((setting) => setting === true);
      }),
  };
}
