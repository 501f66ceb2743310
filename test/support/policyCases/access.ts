/** Hosts, networks and rights: stacks that pass each rule of the policy pack, and stacks that do not. */
import {
  GITHUB,
  KEY,
  type PolicyCase,
  allow,
  allowAll,
  host,
  ingress,
  json,
  rights,
  snapshots,
  subject,
  trust,
  volume,
} from './subjects';

export const ACCESS_CASES: Readonly<Record<string, PolicyCase>> = {
  'imds-v2': {
    passes: [host({ metadataOptions: { httpTokens: 'required', httpPutResponseHopLimit: 1 } })],
    fails: [
      host({}),
      host({ metadataOptions: { httpTokens: 'optional', httpPutResponseHopLimit: 1 } }),
      host({ metadataOptions: { httpTokens: 'required', httpPutResponseHopLimit: 2 } }),
    ],
  },
  'disks-encrypted': {
    passes: [
      host({ rootBlockDevice: { encrypted: true, kmsKeyId: KEY } }),
      [volume({ encrypted: true, kmsKeyId: KEY })],
    ],
    fails: [host({}), [volume({ encrypted: true })], [volume({ encrypted: false, kmsKeyId: KEY })]],
  },
  'volume-snapshots': {
    passes: [[volume({ tags: { 'qbench:snapshots': 's' } }), snapshots]],
    fails: [[volume({ tags: { 'qbench:snapshots': 's' } })], [volume({ tags: {} }), snapshots]],
  },
  'host-through-ssm': {
    passes: [host({ iamInstanceProfile: 'p' })],
    fails: [host({}), host({ iamInstanceProfile: 'p', keyName: 'k' })],
  },
  'image-pinned': { passes: [host({}, { ignoreChanges: ['ami'] })], fails: [host({}, { ignoreChanges: [] })] },
  'host-no-public-address': {
    passes: [host({}), [subject('aws:ec2/eip:Eip', { domain: 'vpc' })]],
    fails: [host({ associatePublicIpAddress: true }), [subject('aws:ec2/eip:Eip', { networkInterface: 'eni-1' })]],
  },
  'subnet-no-public-addresses': {
    passes: [[subject('aws:ec2/subnet:Subnet', { mapPublicIpOnLaunch: false })]],
    fails: [[subject('aws:ec2/subnet:Subnet', { mapPublicIpOnLaunch: true })]],
  },
  'no-ingress-from-everywhere': {
    passes: [ingress({ cidrIpv4: '10.0.0.0/24' })],
    fails: [
      ingress({ cidrIpv4: '0.0.0.0/0' }),
      ingress({ cidrIpv6: '::/0' }),
      [
        subject('aws:ec2/securityGroup:SecurityGroup', {
          ingress: [{ fromPort: 22, toPort: 22, cidrBlocks: ['0.0.0.0/0'] }],
        }),
      ],
      [subject('aws:ec2/securityGroupRule:SecurityGroupRule', { type: 'ingress', cidrBlocks: ['0.0.0.0/0'] })],
    ],
  },
  'database-port-narrow': {
    passes: [
      ingress({ cidrIpv4: '10.0.0.0/17' }),
      ingress({ referencedSecurityGroupId: 'sg-1' }),
      ingress({ cidrIpv6: 'fd00::/64' }),
    ],
    fails: [ingress({ cidrIpv4: '10.0.0.0/16' }), ingress({ cidrIpv6: 'fd00::/48' }), ingress({})],
  },
  'default-group-closed': {
    passes: [[subject('aws:ec2/defaultSecurityGroup:DefaultSecurityGroup', { ingress: [], egress: [] })]],
    fails: [[subject('aws:ec2/defaultSecurityGroup:DefaultSecurityGroup', { ingress: [{ self: true }], egress: [] })]],
  },
  'flow-logs': {
    passes: [[subject('aws:ec2/vpc:Vpc', {}), subject('aws:ec2/flowLog:FlowLog', {})]],
    fails: [[subject('aws:ec2/vpc:Vpc', {})]],
  },
  'github-trust-exact': {
    passes: [
      trust({
        StringEquals: { [`${GITHUB}:aud`]: 'sts.amazonaws.com', [`${GITHUB}:sub`]: 'repo:o/r:ref:refs/heads/main' },
      }),
    ],
    fails: [
      trust({ StringEquals: { [`${GITHUB}:sub`]: 'repo:o/r:ref:refs/heads/main' } }),
      trust({
        StringEquals: { [`${GITHUB}:aud`]: 'sts.amazonaws.com' },
        StringLike: { [`${GITHUB}:sub`]: 'repo:o/*' },
      }),
    ],
  },
  'iam-no-wildcard-actions': {
    passes: [rights(allow('s3:GetObject', 'arn:aws:s3:::b/*'))],
    fails: [
      rights(allow('*')),
      rights(allow('s3:*', 'arn:aws:s3:::b')),
      rights({ Effect: 'Allow', NotAction: 's3:*', Resource: '*' }),
    ],
  },
  'iam-no-administrators': {
    passes: [
      [
        subject('aws:iam/rolePolicyAttachment:RolePolicyAttachment', {
          policyArn: 'arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole',
        }),
      ],
    ],
    fails: [
      [
        subject('aws:iam/rolePolicyAttachment:RolePolicyAttachment', {
          policyArn: 'arn:aws:iam::aws:policy/AdministratorAccess',
        }),
      ],
    ],
  },
  'iam-no-wildcard-resources': {
    passes: [
      rights(allow('s3:GetObject', 'arn:aws:s3:::b/*')),
      rights(allow('ec2:DescribeInstances')),
      rights(allow('cloudwatch:PutMetricData', '*', { StringEquals: { 'cloudwatch:namespace': 'qbench' } })),
    ],
    fails: [
      rights(allow('s3:GetObject')),
      rights(allow('cloudwatch:PutMetricData')),
      rights({ Effect: 'Allow', Action: 's3:GetObject', NotResource: 'arn:aws:s3:::b' }),
    ],
  },
  'iam-pass-role': {
    passes: [
      rights(
        allow('iam:PassRole', 'arn:aws:iam::1:role/r', {
          StringEquals: { 'iam:PassedToService': 'lambda.amazonaws.com' },
        }),
      ),
    ],
    fails: [
      rights(allow('iam:PassRole', 'arn:aws:iam::1:role/r')),
      rights(allow('iam:PassRole', '*', { StringEquals: { 'iam:PassedToService': 'lambda.amazonaws.com' } })),
    ],
  },
  'iam-send-command': {
    passes: [
      rights(
        allow('ssm:SendCommand', [
          'arn:aws:ssm:r:1:document/qbench-postgres-s-monitor',
          'arn:aws:ec2:r:1:instance/i-1',
        ]),
      ),
    ],
    fails: [
      rights(allow('ssm:SendCommand')),
      rights(allow('ssm:SendCommand', 'arn:aws:ssm:r::document/AWS-RunShellScript')),
      rights(allow('ssm:SendCommand', 'arn:aws:ec2:r:1:instance/*')),
    ],
  },
  'kms-no-decrypt-everything': {
    passes: [rights(allow('kms:Decrypt', KEY))],
    fails: [rights(allow('kms:Decrypt')), rights(allow(['kms:GenerateDataKey']))],
  },
  'kms-key-guarded': {
    passes: [
      [
        subject('aws:kms/key:Key', {
          enableKeyRotation: true,
          deletionWindowInDays: 30,
          policy: json({ ...(allow('kms:Decrypt') as object), Principal: { AWS: 'arn:aws:iam::1:root' } }),
        }),
      ],
    ],
    fails: [
      [subject('aws:kms/key:Key', { deletionWindowInDays: 30 })],
      [subject('aws:kms/key:Key', { enableKeyRotation: true, deletionWindowInDays: 7 })],
      [subject('aws:kms/key:Key', { enableKeyRotation: true, policy: json(allowAll) })],
    ],
  },
};
