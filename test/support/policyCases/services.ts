/** Lambdas, alarms, servers, clusters and whole stacks: stacks that pass each rule of the policy pack, and stacks that do not. */
import {
  CONF,
  KEY,
  type PolicyCase,
  WHOSE,
  alarm,
  cluster,
  command,
  data,
  document,
  fn,
  host,
  subject,
  volume,
} from './subjects';

export const SERVICE_CASES: Readonly<Record<string, PolicyCase>> = {
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
  'backup-before-destroy': {
    passes: [[]],
    fails: [[subject('pulumi:pulumi:Stack', {})]],
    facts: { allowDestroy: ['data-volume'], backup: { fresh: false, why: 'no restore of F1 was proven' } },
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
