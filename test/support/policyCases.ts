/** For every rule of the policy pack stacks that pass it, and stacks that do not. */
import { gzipSync } from 'node:zlib';
import type { StackFacts, Subject } from '../../infra/policy/rules/types';

export const PRODUCTION_FACTS: StackFacts = {
  environment: 'production',
  ephemeral: false,
  allowDestroy: [],
  imagePinned: false,
  destructiveMigrations: new Map([['000099-drop-title.sql', ['column test_documents.title']]]),
};

type Parts = Partial<Omit<Subject, 'type' | 'inputs'>>;

export function subject(type: string, inputs: Record<string, unknown>, parts: Parts = {}): Subject {
  const name = parts.name ?? 'it';
  return { type, name, urn: `urn:pulumi:s::p::${type}::${name}`, inputs, protect: false, masked: false, ...parts };
}

export interface PolicyCase {
  passes: readonly (readonly Subject[])[];
  fails: readonly (readonly Subject[])[];
  facts?: Partial<StackFacts>;
}

const KEY = 'arn:aws:kms:eu-central-1:111122223333:key/1';
const json = (...Statement: unknown[]): string => JSON.stringify({ Version: '2012-10-17', Statement });
const allow = (Action: unknown, Resource: unknown = '*', Condition?: unknown): unknown => ({
  Sid: 'S',
  Effect: 'Allow',
  Action,
  Resource,
  Condition,
});
const rights = (...statements: unknown[]): Subject[] => [
  subject('aws:iam/rolePolicy:RolePolicy', { policy: json(...statements) }),
];
const denyClear = {
  Effect: 'Deny',
  Principal: '*',
  Action: '*',
  Resource: '*',
  Condition: { Bool: { 'aws:SecureTransport': 'false' } },
};
const allowAll = { Sid: 'S', Effect: 'Allow', Principal: '*', Action: '*', Resource: '*' };
const host = (inputs: Record<string, unknown>, parts: Parts = {}): Subject[] => [
  subject('aws:ec2/instance:Instance', inputs, parts),
];
const ingress = (inputs: Record<string, unknown>): Subject[] => [
  subject('aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule', {
    ipProtocol: 'tcp',
    fromPort: 5432,
    toPort: 5432,
    ...inputs,
  }),
];
const bucket = subject('aws:s3/bucket:Bucket', { bucket: 'b' }, { name: 'bucket' });
const part = (type: string, inputs: Record<string, unknown>): Subject =>
  subject(type, { bucket: 'b', ...inputs }, { name: 'part' });
const ofBucket = (type: string, inputs: Record<string, unknown>): Subject[] => [bucket, part(type, inputs)];
const fn = (inputs: Record<string, unknown>, name = 'monitor'): Subject =>
  subject('aws:lambda/function:Function', { name: 'f', ...inputs }, { name });
const document = (file: string, ...lines: string[]): Subject[] => [
  subject('aws:ssm/document:Document', {
    content: JSON.stringify({
      mainSteps: [{ inputs: { runCommand: [`take /etc/qbench/postgresql/${file} <<'END'`, ...lines, 'END'] } }],
    }),
  }),
];
const cluster = (inputs: Record<string, unknown>): Subject[] => [subject('aws:rds/cluster:Cluster', inputs)];
const command = (inputs: Record<string, unknown>, parts: Parts = {}): Subject[] => [
  subject('command:local:Command', inputs, parts),
];
const trust = (condition: unknown): Subject[] => [
  subject('aws:iam/role:Role', {
    assumeRolePolicy: json({
      Effect: 'Allow',
      Principal: { Federated: 'arn:aws:iam::1:oidc-provider/token.actions.githubusercontent.com' },
      Condition: condition,
    }),
  }),
];
const GITHUB = 'token.actions.githubusercontent.com';
const CONF = [
  "ssl = 'on'",
  "ssl_min_protocol_version = 'TLSv1.2'",
  "password_encryption = 'scram-sha-256'",
  "fsync = 'on'",
  "full_page_writes = 'on'",
  "ignore_checksum_failure = 'off'",
  "log_parameter_max_length = '0'",
  "log_parameter_max_length_on_error = '0'",
  "archive_mode = 'on'",
  "listen_addresses = 'localhost,10.64.0.4'",
];
export const WHOSE = { project: 'qbench-postgres', stack: 's', owner: 'o', 'managed-by': 'pulumi' };
const data = (text: string): Record<string, unknown> => ({ userDataBase64: gzipSync(text).toString('base64') });
const volume = (inputs: Record<string, unknown>, parts: Parts = {}): Subject =>
  subject('aws:ebs/volume:Volume', inputs, parts);
const snapshots = subject('aws:dlm/lifecyclePolicy:LifecyclePolicy', {
  policyDetails: { targetTags: { 'qbench:snapshots': 's' } },
});
const topic = (inputs: Record<string, unknown> = {}): Subject => subject('aws:sns/topic:Topic', inputs);
const secret = (inputs: Record<string, unknown>): Subject[] => [subject('aws:secretsmanager/secret:Secret', inputs)];
const alarm = (inputs: Record<string, unknown>, name = 'disk'): Subject[] => [
  subject('aws:cloudwatch/metricAlarm:MetricAlarm', inputs, { name }),
];

export const CASES: Readonly<Record<string, PolicyCase>> = {
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
  'bucket-not-public': {
    passes: [
      ofBucket('aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock', {
        blockPublicAcls: true,
        blockPublicPolicy: true,
        ignorePublicAcls: true,
        restrictPublicBuckets: true,
      }),
    ],
    fails: [
      [bucket],
      ofBucket('aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock', {
        blockPublicAcls: true,
        blockPublicPolicy: true,
        ignorePublicAcls: true,
      }),
      [
        bucket,
        subject('aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock', {
          bucket: 'other',
          blockPublicAcls: true,
          blockPublicPolicy: true,
          ignorePublicAcls: true,
          restrictPublicBuckets: true,
        }),
      ],
    ],
  },
  'bucket-tls-only': {
    passes: [ofBucket('aws:s3/bucketPolicy:BucketPolicy', { policy: json(denyClear) })],
    fails: [[bucket], ofBucket('aws:s3/bucketPolicy:BucketPolicy', { policy: json() })],
  },
  'bucket-policy-not-public': {
    passes: [[bucket], ofBucket('aws:s3/bucketPolicy:BucketPolicy', { policy: json(denyClear) })],
    fails: [ofBucket('aws:s3/bucketPolicy:BucketPolicy', { policy: json(allowAll) })],
  },
  'bucket-encrypted': {
    passes: [
      ofBucket('aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration', {
        rules: [{ applyServerSideEncryptionByDefault: { sseAlgorithm: 'aws:kms', kmsMasterKeyId: KEY } }],
      }),
    ],
    fails: [
      [bucket],
      ofBucket('aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration', {
        rules: [{ applyServerSideEncryptionByDefault: { sseAlgorithm: 'AES256' } }],
      }),
    ],
  },
  'bucket-no-acls': {
    passes: [
      ofBucket('aws:s3/bucketOwnershipControls:BucketOwnershipControls', {
        rule: { objectOwnership: 'BucketOwnerEnforced' },
      }),
    ],
    fails: [
      [bucket],
      ofBucket('aws:s3/bucketOwnershipControls:BucketOwnershipControls', { rule: { objectOwnership: 'ObjectWriter' } }),
    ],
  },
  'bucket-versioned': {
    passes: [ofBucket('aws:s3/bucketVersioning:BucketVersioning', { versioningConfiguration: { status: 'Enabled' } })],
    fails: [
      [bucket],
      ofBucket('aws:s3/bucketVersioning:BucketVersioning', { versioningConfiguration: { status: 'Suspended' } }),
    ],
  },
  'bucket-lifecycle': {
    passes: [
      ofBucket('aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration', {
        rules: [{ status: 'Enabled', abortIncompleteMultipartUpload: { daysAfterInitiation: 3 } }],
      }),
    ],
    fails: [[bucket], ofBucket('aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration', { rules: [] })],
  },
  'bucket-locked': {
    passes: [
      ofBucket('aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration', {
        rule: { defaultRetention: { mode: 'GOVERNANCE', days: 7 } },
      }),
    ],
    fails: [[bucket], ofBucket('aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration', { rule: {} })],
  },
  'bucket-kept': { passes: [[bucket]], fails: [[subject('aws:s3/bucket:Bucket', { forceDestroy: true })]] },
  'secret-encrypted': { passes: [secret({ kmsKeyId: KEY })], fails: [secret({})] },
  'secret-recoverable': {
    passes: [secret({ recoveryWindowInDays: 30 }), secret({})],
    fails: [secret({ recoveryWindowInDays: 0 })],
  },
  'secret-not-public': { passes: [secret({})], fails: [secret({ policy: json(allowAll) })] },
  'secret-rotated': {
    passes: [[...secret({}), subject('aws:secretsmanager/secretRotation:SecretRotation', {})]],
    fails: [secret({})],
  },
  'topic-encrypted': { passes: [[topic({ kmsMasterKeyId: KEY })]], fails: [[topic()]] },
  'topic-not-public': {
    passes: [[topic()]],
    fails: [[subject('aws:sns/topicPolicy:TopicPolicy', { policy: json(allowAll) })]],
  },
  'topic-tls-only': {
    passes: [[topic(), subject('aws:sns/topicPolicy:TopicPolicy', { policy: json(denyClear) })]],
    fails: [[topic()]],
  },
  'lambda-runtime': {
    passes: [[fn({ runtime: 'nodejs24.x' })], [fn({ packageType: 'Image' })]],
    fails: [[fn({ runtime: 'nodejs20.x' })]],
  },
  'lambda-callers-named': {
    passes: [
      [
        subject('aws:lambda/permission:Permission', {
          principal: 'events.amazonaws.com',
          sourceArn: 'arn:aws:events:r:1:rule/x',
        }),
      ],
    ],
    fails: [
      [subject('aws:lambda/permission:Permission', { principal: 'events.amazonaws.com' })],
      [subject('aws:lambda/permission:Permission', { principal: '*', sourceAccount: '1' })],
    ],
  },
  'lambda-no-public-url': {
    passes: [[subject('aws:lambda/functionUrl:FunctionUrl', { authorizationType: 'AWS_IAM' })]],
    fails: [[subject('aws:lambda/functionUrl:FunctionUrl', { authorizationType: 'NONE' })]],
  },
  'lambda-no-secrets': {
    passes: [[fn({ environment: { variables: { SECRET: 'arn:aws:secretsmanager:r:1:secret:x', STACK: 's' } } })]],
    fails: [
      [fn({ environment: { variables: { PASSWORD: 'hunter22' } } })],
      [fn({ environment: { variables: { URL: 'postgresql://u:hunter22@h/d' } } })],
    ],
  },
  'log-group-kept': {
    passes: [[subject('aws:cloudwatch/logGroup:LogGroup', { retentionInDays: 30, kmsKeyId: KEY })]],
    fails: [
      [subject('aws:cloudwatch/logGroup:LogGroup', { kmsKeyId: KEY })],
      [subject('aws:cloudwatch/logGroup:LogGroup', { retentionInDays: 30 })],
    ],
  },
  'lambda-own-log-group': {
    passes: [[fn({}), subject('aws:cloudwatch/logGroup:LogGroup', { name: '/aws/lambda/f' })]],
    fails: [[fn({})], [fn({}), subject('aws:cloudwatch/logGroup:LogGroup', { name: '/aws/lambda/g' })]],
  },
  'backup-function-alone': {
    passes: [[fn({ reservedConcurrentExecutions: 1 }, 'backup-function')]],
    fails: [[fn({}, 'backup-function')]],
  },
  'lambda-failures-told': {
    passes: [
      [fn({ deadLetterConfig: { targetArn: 'arn' } })],
      [
        fn({}),
        subject('aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig', {
          functionName: 'f',
          destinationConfig: { onFailure: { destination: 'arn' } },
        }),
      ],
    ],
    fails: [[fn({})]],
  },
  'alarm-heard': {
    passes: [alarm({ alarmActions: ['arn'] })],
    fails: [alarm({ alarmActions: [] }), alarm({ alarmActions: ['arn'], actionsEnabled: false })],
  },
  'heartbeat-breaching': {
    passes: [alarm({ treatMissingData: 'breaching' }, 'backup-silent'), alarm({}, 'disk')],
    fails: [alarm({ treatMissingData: 'missing' }, 'backup-silent')],
  },
  'user-data-clean': {
    passes: [host(data('#cloud-config\ndeb [signed-by=/k] https://x y main'))],
    fails: [
      host(data('PGPASSWORD=hunter22 psql')),
      host(data('curl https://x | sh')),
      host(data('deb https://x y main')),
      host({ userData: 'x'.repeat(16_385) }),
    ],
  },
  'server-authentication': {
    passes: [
      document(
        'pg_hba.conf',
        'local all all peer map=o',
        'hostssl d u 10.0.0.0/20 scram-sha-256',
        'hostssl all postgres 127.0.0.1/32 scram-sha-256',
      ),
    ],
    fails: [
      'local all all trust',
      'host d u 10.0.0.0/20 scram-sha-256',
      'hostssl d u 10.0.0.0/20 md5',
      'hostssl d u 0.0.0.0/0 scram-sha-256',
      'hostssl d postgres 10.0.0.0/20 scram-sha-256',
      'hostssl all u 10.0.0.0/20 scram-sha-256',
    ].map((line) => document('pg_hba.conf', line)),
  },
  'server-parameters': {
    passes: [document('postgresql.conf', ...CONF)],
    fails: [
      ...CONF.slice(0, -1).map((_, left) =>
        document('postgresql.conf', ...CONF.filter((_line, index) => index !== left)),
      ),
      document('postgresql.conf', ...CONF.slice(0, -1), "listen_addresses = '*'"),
    ],
  },
  'document-no-secret': { passes: [document('x', 'echo hello')], fails: [document('x', 'PGPASSWORD=hunter22 psql')] },
  'command-no-secret': {
    passes: [
      command({ create: 'qbench migrate' }),
      command(
        { create: 'x', environment: { A: '[secret]' }, logging: 'none' },
        { secretOutputs: ['stdout', 'stderr'] },
      ),
    ],
    fails: [
      command({ create: 'psql postgresql://u:hunter22@h/d' }),
      command({ create: 'x', environment: { A: 'b' } }),
      command({ create: 'x', environment: { A: 'b' }, logging: 'none' }, { secretOutputs: [] }),
    ],
  },
  'aurora-encrypted': {
    passes: [cluster({ storageEncrypted: true, kmsKeyId: KEY })],
    fails: [cluster({ storageEncrypted: true })],
  },
  'aurora-zones': {
    passes: [cluster({ availabilityZones: ['a', 'b'] })],
    fails: [cluster({ availabilityZones: ['a'] })],
  },
  'aurora-deletion-protection': { passes: [cluster({ deletionProtection: true })], fails: [cluster({})] },
  'aurora-iam': { passes: [cluster({ iamDatabaseAuthenticationEnabled: true })], fails: [cluster({})] },
  'aurora-retention': {
    passes: [cluster({ backupRetentionPeriod: 7 })],
    fails: [cluster({}), cluster({ backupRetentionPeriod: 6 })],
  },
  'aurora-logs': { passes: [cluster({ enabledCloudwatchLogsExports: ['postgresql'] })], fails: [cluster({})] },
  'aurora-password-managed': {
    passes: [cluster({ manageMasterUserPassword: true })],
    fails: [cluster({}), cluster({ manageMasterUserPassword: true, masterPassword: 'x' })],
  },
  'aurora-not-public': {
    passes: [[subject('aws:rds/clusterInstance:ClusterInstance', {})]],
    fails: [[subject('aws:rds/clusterInstance:ClusterInstance', { publiclyAccessible: true })]],
  },
  'aurora-minor-upgrades': {
    passes: [[subject('aws:rds/clusterInstance:ClusterInstance', {})]],
    fails: [[subject('aws:rds/clusterInstance:ClusterInstance', { autoMinorVersionUpgrade: false })]],
  },
  'aurora-tls-forced': {
    passes: [
      [
        subject('aws:rds/clusterParameterGroup:ClusterParameterGroup', {
          parameters: [{ name: 'rds.force_ssl', value: '1' }],
        }),
      ],
    ],
    fails: [[subject('aws:rds/clusterParameterGroup:ClusterParameterGroup', { parameters: [] })]],
  },
  'data-protected': {
    passes: [[volume({}, { protect: true })], [volume({}, { name: 'named' })]],
    fails: [[volume({})], command({ delete: 'qbench server destroy' })],
    facts: { allowDestroy: ['named'] },
  },
  'ephemeral-goes-whole': {
    passes: [[volume({ tags: { ttl: '24h' } })]],
    fails: [[volume({ tags: { ttl: '24h' } }, { protect: true })], [volume({ tags: {} })]],
    facts: { ephemeral: true },
  },
  'migrations-keep-data': {
    passes: [command({ stdin: JSON.stringify({ migrations: [{ file: '000001-x.sql' }] }) })],
    fails: [command({ stdin: JSON.stringify({ migrations: [{ file: '000099-drop-title.sql' }] }) })],
  },
  tagged: { passes: [[volume({ tags: WHOSE })]], fails: [[volume({})], [volume({ tags: { ...WHOSE, owner: '' } })]] },
  'no-secret-in-clear': {
    passes: [[subject('x:y:Z', { url: 'postgresql://u:[secret]@h/d' }, { masked: true })]],
    fails: [[subject('x:y:Z', { url: 'postgresql://u:hunter22@h/d' }, { masked: true })]],
  },
};
