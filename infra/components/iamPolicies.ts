/** IAM policy documents as data, from plain ARNs. Each right says what it is for; `test/unit/iamPolicies.test.ts` tries them. */
import { policy, trustPolicy, type PolicyDocument, type Statement } from '../iam';
import { PROJECT, TAGS } from '../naming';

/** Refuses what comes in clear text, whoever asks. */
export const tlsOnly = (action: string, resource: string | readonly string[]): Statement => ({
  Sid: 'TlsOnly',
  Effect: 'Deny',
  Principal: '*',
  Action: action,
  Resource: resource,
  Condition: { Bool: { 'aws:SecureTransport': 'false' } },
});

/** Which service may take on a role. */
export function trustOf(service: string, accountId: string): PolicyDocument {
  // The service acts for whoever asks it; only our own account may. Those two tell nobody's account when they take on a role.
  const condition =
    service === 'ec2.amazonaws.com' || service === 'lambda.amazonaws.com'
      ? {}
      : { Condition: { StringEquals: { 'aws:SourceAccount': accountId } } };
  return trustPolicy({
    Sid: 'Trust',
    Effect: 'Allow',
    Principal: { Service: service },
    Action: 'sts:AssumeRole',
    ...condition,
  });
}

export interface HostRights {
  region: string;
  accountId: string;
  stack: string;
  bucketArn: string;
  keyArn: string;
  hostSecretArn: string;
  caParameterArn: string;
}

/** What the host itself may do. It cannot read the superuser's password, only the verifier of it. */
export function hostPolicy(rights: HostRights): PolicyDocument {
  const { region, accountId, stack, bucketArn, keyArn } = rights;
  return policy(
    {
      Sid: 'ListBackups',
      Effect: 'Allow',
      Action: ['s3:ListBucket', 's3:GetBucketLocation'],
      Resource: bucketArn,
    },
    {
      // Deleting writes a marker: the bucket keeps versions, and nobody here may delete those.
      Sid: 'WriteAndExpireBackups',
      Effect: 'Allow',
      Action: [
        's3:GetObject',
        's3:PutObject',
        's3:DeleteObject',
        's3:AbortMultipartUpload',
        's3:ListMultipartUploadParts',
      ],
      Resource: `${bucketArn}/*`,
    },
    {
      Sid: 'UseTheKeyThroughItsServices',
      Effect: 'Allow',
      Action: ['kms:Decrypt', 'kms:GenerateDataKey'],
      Resource: keyArn,
      Condition: {
        StringEquals: { 'kms:ViaService': [`s3.${region}.amazonaws.com`, `secretsmanager.${region}.amazonaws.com`] },
      },
    },
    {
      Sid: 'ReadTheHostsOwnSecret',
      Effect: 'Allow',
      Action: 'secretsmanager:GetSecretValue',
      Resource: rights.hostSecretArn,
    },
    {
      Sid: 'PublishTheCertificateAuthority',
      Effect: 'Allow',
      Action: 'ssm:PutParameter',
      Resource: rights.caParameterArn,
    },
    {
      Sid: 'TellTheStatusOfTheSetup',
      Effect: 'Allow',
      Action: 'ec2:CreateTags',
      Resource: `arn:aws:ec2:${region}:${accountId}:instance/*`,
      Condition: {
        StringEquals: {
          [`aws:ResourceTag/${TAGS.project}`]: PROJECT,
          [`aws:ResourceTag/${TAGS.stack}`]: stack,
        },
        'ForAllValues:StringEquals': { 'aws:TagKeys': [TAGS.status] },
        Null: { 'aws:TagKeys': 'false' },
      },
    },
    agentStatement(),
  );
}

/**
 * What the SSM agent needs. AWS's managed policy AmazonSSMManagedInstanceCore would also let the host read every
 * parameter of the account. None of these actions can be limited to a resource; each is about the calling instance.
 */
function agentStatement(): Statement {
  return {
    Sid: 'BeManagedBySsm',
    Effect: 'Allow',
    Action: [
      'ssm:UpdateInstanceInformation',
      'ssm:ListAssociations',
      'ssm:ListInstanceAssociations',
      'ssm:DescribeAssociation',
      'ssm:DescribeDocument',
      'ssm:GetDocument',
      'ssm:PutInventory',
      'ssm:PutComplianceItems',
      'ssm:UpdateAssociationStatus',
      'ssm:UpdateInstanceAssociationStatus',
      'ssmmessages:CreateControlChannel',
      'ssmmessages:CreateDataChannel',
      'ssmmessages:OpenControlChannel',
      'ssmmessages:OpenDataChannel',
      'ec2messages:AcknowledgeMessage',
      'ec2messages:DeleteMessage',
      'ec2messages:FailMessage',
      'ec2messages:GetEndpoint',
      'ec2messages:GetMessages',
      'ec2messages:SendReply',
    ],
    Resource: '*',
  };
}

/** What Data Lifecycle Manager may do: snapshots of this stack's volumes, and the removal of its own. */
export function snapshotPolicy({
  region,
  accountId,
  stack,
}: {
  region: string;
  accountId: string;
  stack: string;
}): PolicyDocument {
  const ours = { [`aws:ResourceTag/${TAGS.project}`]: PROJECT, [`aws:ResourceTag/${TAGS.stack}`]: stack };
  const snapshots = `arn:aws:ec2:${region}::snapshot/*`;
  return policy(
    {
      Sid: 'FindVolumesAndSnapshots',
      Effect: 'Allow',
      Action: ['ec2:DescribeVolumes', 'ec2:DescribeInstances', 'ec2:DescribeSnapshots'],
      Resource: '*',
    },
    {
      Sid: 'SnapshotThisStacksVolumes',
      Effect: 'Allow',
      Action: ['ec2:CreateSnapshot', 'ec2:CreateSnapshots'],
      Resource: `arn:aws:ec2:${region}:${accountId}:volume/*`,
      Condition: { StringEquals: ours },
    },
    {
      Sid: 'IntoNewSnapshots',
      Effect: 'Allow',
      Action: ['ec2:CreateSnapshot', 'ec2:CreateSnapshots'],
      Resource: snapshots,
    },
    {
      Sid: 'TagThemAsTheyAreMade',
      Effect: 'Allow',
      Action: 'ec2:CreateTags',
      Resource: snapshots,
      Condition: { StringEquals: { 'ec2:CreateAction': ['CreateSnapshot', 'CreateSnapshots'] } },
    },
    {
      Sid: 'ExpireThisStacksSnapshots',
      Effect: 'Allow',
      Action: 'ec2:DeleteSnapshot',
      Resource: snapshots,
      Condition: { StringEquals: ours },
    },
  );
}

export interface KeyUse {
  region: string;
  accountId: string;
  /** Beginning of the names of the log groups that it encrypts. */
  logGroups: string;
}

/**
 * A key that the account's own IAM policies decide about, and nobody outside of the account. Two services use it in their own
 * name: CloudWatch Logs for the log groups of the stack, and alarms for the topic that they publish to.
 */
export function keyPolicy({ region, accountId, logGroups }: KeyUse): PolicyDocument {
  return policy(
    {
      Sid: 'LetTheAccountDecide',
      Effect: 'Allow',
      Principal: { AWS: `arn:aws:iam::${accountId}:root` },
      // Every action of a symmetric key, by name: a wildcard would also take in those AWS adds later.
      Action: [
        'kms:CancelKeyDeletion',
        'kms:CreateAlias',
        'kms:CreateGrant',
        'kms:Decrypt',
        'kms:DeleteAlias',
        'kms:DescribeKey',
        'kms:DisableKey',
        'kms:EnableKey',
        'kms:EnableKeyRotation',
        'kms:Encrypt',
        'kms:GenerateDataKey',
        'kms:GenerateDataKeyWithoutPlaintext',
        'kms:GetKeyPolicy',
        'kms:GetKeyRotationStatus',
        'kms:ListAliases',
        'kms:ListGrants',
        'kms:ListKeyPolicies',
        'kms:ListKeyRotations',
        'kms:ListResourceTags',
        'kms:ListRetirableGrants',
        'kms:PutKeyPolicy',
        'kms:ReEncryptFrom',
        'kms:ReEncryptTo',
        'kms:RetireGrant',
        'kms:RevokeGrant',
        'kms:RotateKeyOnDemand',
        'kms:ScheduleKeyDeletion',
        'kms:TagResource',
        'kms:UntagResource',
        'kms:UpdateAlias',
        'kms:UpdateKeyDescription',
      ],
      Resource: '*',
    },
    {
      Sid: 'LetLogsBeEncrypted',
      Effect: 'Allow',
      Principal: { Service: `logs.${region}.amazonaws.com` },
      Action: [
        'kms:Encrypt',
        'kms:Decrypt',
        'kms:ReEncryptFrom',
        'kms:ReEncryptTo',
        'kms:GenerateDataKey',
        'kms:DescribeKey',
      ],
      Resource: '*',
      Condition: {
        ArnLike: {
          'kms:EncryptionContext:aws:logs:arn': `arn:aws:logs:${region}:${accountId}:log-group:${logGroups}*`,
        },
      },
    },
    {
      Sid: 'LetAlarmsPublish',
      Effect: 'Allow',
      Principal: { Service: 'cloudwatch.amazonaws.com' },
      Action: ['kms:Decrypt', 'kms:GenerateDataKey'],
      Resource: '*',
      Condition: { StringEquals: { 'aws:SourceAccount': accountId } },
    },
  );
}

/** What nobody may do to the backups, whatever his own rights are. */
export function bucketPolicy(bucketArn: string, keyArn: string): PolicyDocument {
  const everything = [bucketArn, `${bucketArn}/*`];
  return policy(
    tlsOnly('s3:*', everything),
    {
      Sid: 'RecentTlsOnly',
      Effect: 'Deny',
      Principal: '*',
      Action: 's3:*',
      Resource: everything,
      Condition: { NumericLessThan: { 's3:TlsVersion': '1.2' } },
    },
    {
      // Without the header the bucket's default applies, which is this key.
      Sid: 'NoOtherKey',
      Effect: 'Deny',
      Principal: '*',
      Action: 's3:PutObject',
      Resource: `${bucketArn}/*`,
      Condition: {
        StringNotEqualsIfExists: { 's3:x-amz-server-side-encryption-aws-kms-key-id': keyArn },
        Null: { 's3:x-amz-server-side-encryption-aws-kms-key-id': 'false' },
      },
    },
  );
}
