/** Rules of an Aurora cluster. The tier comes later; what is declared of it is judged already. */
import { fsbp, type ResourceRule, type Rule, type Subject } from './types';
import { items, record } from './values';

const CLUSTER = 'aws:rds/cluster:Cluster';
const CLUSTER_INSTANCE = 'aws:rds/clusterInstance:ClusterInstance';

type Demand = readonly [
  id: string,
  control: string,
  title: string,
  reason: string,
  check: (inputs: Subject['inputs']) => string[],
];

const CLUSTER_DEMANDS: readonly Demand[] = [
  [
    'aurora-encrypted',
    'RDS.3',
    'The cluster is encrypted with a named key',
    'a copied snapshot is unreadable without it',
    (i) =>
      i['storageEncrypted'] === true && i['kmsKeyId'] !== undefined
        ? []
        : ['storageEncrypted with kmsKeyId is not given'],
  ],
  [
    'aurora-zones',
    'RDS.15',
    'The cluster is in two zones at least',
    'a zone that fails takes nothing down',
    (i) =>
      i['availabilityZones'] === undefined || items(i['availabilityZones']).length >= 2
        ? []
        : ['availabilityZones names fewer than two'],
  ],
  [
    'aurora-deletion-protection',
    'RDS.7',
    'The cluster is protected from deletion',
    'AWS itself refuses it then, whoever asks',
    (i) => (i['deletionProtection'] === true ? [] : ['deletionProtection is not true']),
  ],
  [
    'aurora-iam',
    'RDS.12',
    'Roles of IAM may log in',
    'programs need no password then',
    (i) => (i['iamDatabaseAuthenticationEnabled'] === true ? [] : ['iamDatabaseAuthenticationEnabled is not true']),
  ],
  [
    'aurora-retention',
    'RDS.11',
    'Backups are kept for 7 days at least',
    'damage is often noticed after a weekend',
    (i) => (Number(i['backupRetentionPeriod'] ?? 1) >= 7 ? [] : ['backupRetentionPeriod is below 7']),
  ],
  [
    'aurora-logs',
    'RDS.9',
    'The log of the server is exported',
    'it is the only record of who did what',
    (i) =>
      items(i['enabledCloudwatchLogsExports']).includes('postgresql')
        ? []
        : ['enabledCloudwatchLogsExports lacks postgresql'],
  ],
  [
    'aurora-password-managed',
    'SecretsManager.1',
    "The administrator's password is AWS's to keep and rotate",
    'a password in the configuration ends up in the state',
    (i) => [
      ...(i['manageMasterUserPassword'] === true ? [] : ['manageMasterUserPassword is not true']),
      ...(i['masterPassword'] === undefined ? [] : ['masterPassword is given']),
    ],
  ],
];

const AURORA_PROTECTED_LATER = new Set(['aurora-deletion-protection', 'aurora-retention']);

export const AURORA_RULES: readonly Rule[] = [
  ...CLUSTER_DEMANDS.map(([id, control, title, reason, check]): ResourceRule => ({
    id,
    title,
    reason,
    ...fsbp(control),
    enforcement: 'guarded',
    types: [CLUSTER],
    check: ({ inputs }, { ephemeral }) => (ephemeral && AURORA_PROTECTED_LATER.has(id) ? [] : check(inputs)),
  })),
  {
    id: 'aurora-not-public',
    title: 'No instance of a database has a public address',
    reason: 'databases that everybody can reach are found by scanners within minutes',
    ...fsbp('RDS.2'),
    enforcement: 'always',
    types: [CLUSTER_INSTANCE, 'aws:rds/instance:Instance'],
    check: ({ inputs }) => (inputs['publiclyAccessible'] === true ? ['publiclyAccessible is true'] : []),
  },
  {
    id: 'aurora-minor-upgrades',
    title: 'Minor versions are installed in the maintenance window',
    reason: 'they are fixes, security among them',
    ...fsbp('RDS.13'),
    enforcement: 'guarded',
    types: [CLUSTER_INSTANCE, 'aws:rds/instance:Instance'],
    check: ({ inputs }) => (inputs['autoMinorVersionUpgrade'] === false ? ['autoMinorVersionUpgrade is false'] : []),
  },
  {
    id: 'aurora-tls-forced',
    title: 'The parameter group demands TLS',
    reason: 'passwords and rows shall not travel in clear',
    control: 'rds.force_ssl',
    url: 'https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraPostgreSQL.Security.html',
    enforcement: 'always',
    types: ['aws:rds/clusterParameterGroup:ClusterParameterGroup'],
    check: ({ inputs }) =>
      items(inputs['parameters'])
        .map(record)
        .some(({ name, value }) => name === 'rds.force_ssl' && String(value) === '1')
        ? []
        : ['rds.force_ssl is not 1'],
  },
];
