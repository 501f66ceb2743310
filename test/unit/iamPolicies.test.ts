/**
 * What the host and the snapshots may do, tried by a simulator: what their work needs, and what they must not. Not proven: that
 * AWS evaluates the same; the simulator knows only what these policies use.
 */
import { describe, expect, it } from 'vitest';
import { bucketPolicy, hostPolicy, keyPolicy, snapshotPolicy, trustOf } from '../../infra/components/iamPolicies';
import type { PolicyDocument, Statement } from '../../infra/iam';
import { simulate, type Request } from '../support/iamSimulator';

const ACCOUNT = '111122223333';
const REGION = 'eu-central-1';
const BUCKET = 'arn:aws:s3:::qbench-postgres-prod-backups-111122223333';
const KEY = `arn:aws:kms:${REGION}:${ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab`;
const SECRET = `arn:aws:secretsmanager:${REGION}:${ACCOUNT}:secret:qbench-postgres/prod/host-AbCdEf`;
const PARAMETER = `arn:aws:ssm:${REGION}:${ACCOUNT}:parameter/qbench-postgres/prod/tls-ca`;
const INSTANCE = `arn:aws:ec2:${REGION}:${ACCOUNT}:instance/i-0123456789abcdef0`;
const OURS = { 'aws:ResourceTag/project': 'qbench-postgres', 'aws:ResourceTag/stack': 'prod' };
const VIA_S3 = { 'kms:ViaService': `s3.${REGION}.amazonaws.com` };

const host = hostPolicy({
  region: REGION,
  accountId: ACCOUNT,
  stack: 'prod',
  bucketArn: BUCKET,
  keyArn: KEY,
  hostSecretArn: SECRET,
  caParameterArn: PARAMETER,
});
const snapshots = snapshotPolicy({ region: REGION, accountId: ACCOUNT, stack: 'prod' });
const bucket = bucketPolicy(BUCKET, KEY);

const request = (action: string, resource: string, context?: Request['context']): Request => ({
  action,
  resource,
  ...(context === undefined ? {} : { context }),
});

describe('the host', () => {
  it.each([
    request('s3:PutObject', `${BUCKET}/prod/archive/qbench/18-1/0000000100000000/000000010000000000000001.zst`),
    request('s3:GetObject', `${BUCKET}/prod/backup/qbench/backup.info`),
    request('s3:DeleteObject', `${BUCKET}/prod/backup/qbench/20260101-020000F/backup.manifest`),
    request('s3:ListBucket', BUCKET),
    request('kms:GenerateDataKey', KEY, VIA_S3),
    request('kms:Decrypt', KEY, { 'kms:ViaService': `secretsmanager.${REGION}.amazonaws.com` }),
    request('secretsmanager:GetSecretValue', SECRET),
    request('ssm:PutParameter', PARAMETER),
    request('ec2:CreateTags', INSTANCE, { ...OURS, 'aws:TagKeys': ['qbench:status'] }),
    request('ssm:UpdateInstanceInformation', INSTANCE),
    request('ssmmessages:OpenDataChannel', '*'),
  ])('may $action on $resource', (wanted) => {
    expect(simulate([host], wanted)).toBe('allowed');
  });

  it.each([
    [
      'another bucket',
      request('s3:GetObject', 'arn:aws:s3:::qbench-postgres-test-backups-111122223333/test/backup.info'),
    ],
    ['a bucket whose name begins alike', request('s3:PutObject', `${BUCKET}-copy/object`)],
    ['versions of backups', request('s3:DeleteObjectVersion', `${BUCKET}/prod/backup/qbench/backup.info`)],
    ['the lock of the bucket', request('s3:BypassGovernanceRetention', `${BUCKET}/prod/backup/qbench/backup.info`)],
    ['the policy of the bucket', request('s3:PutBucketPolicy', BUCKET)],
    ['the versioning of the bucket', request('s3:PutBucketVersioning', BUCKET)],
    ['another key', request('kms:Decrypt', `${KEY.slice(0, -1)}c`, VIA_S3)],
    ['the key by itself', request('kms:Decrypt', KEY)],
    [
      'the key through another service',
      request('kms:Decrypt', KEY, { 'kms:ViaService': `ec2.${REGION}.amazonaws.com` }),
    ],
    ['the end of the key', request('kms:ScheduleKeyDeletion', KEY, VIA_S3)],
    [
      'the password of the superuser',
      request('secretsmanager:GetSecretValue', SECRET.replace('/host-', '/superuser-')),
    ],
    ['the secret of another stack', request('secretsmanager:GetSecretValue', SECRET.replace('/prod/', '/test/'))],
    ['its own secret, to change it', request('secretsmanager:PutSecretValue', SECRET)],
    ['any parameter', request('ssm:GetParameter', `arn:aws:ssm:${REGION}:${ACCOUNT}:parameter/other/password`)],
    ['the authority of another stack', request('ssm:PutParameter', PARAMETER.replace('/prod/', '/test/'))],
    ['commands on hosts', request('ssm:SendCommand', INSTANCE)],
    ['sessions on hosts', request('ssm:StartSession', INSTANCE)],
    [
      'the tags of another stack',
      request('ec2:CreateTags', INSTANCE, {
        ...OURS,
        'aws:ResourceTag/stack': 'test',
        'aws:TagKeys': ['qbench:status'],
      }),
    ],
    [
      'tags that give rights',
      request('ec2:CreateTags', INSTANCE, { ...OURS, 'aws:TagKeys': ['qbench:status', 'stack'] }),
    ],
    ['tags without a name', request('ec2:CreateTags', INSTANCE, OURS)],
    [
      'tags of its volume',
      request('ec2:CreateTags', INSTANCE.replace('instance/i', 'volume/vol'), {
        ...OURS,
        'aws:TagKeys': ['qbench:status'],
      }),
    ],
    ['its own end', request('ec2:TerminateInstances', INSTANCE, OURS)],
    ['other roles', request('sts:AssumeRole', `arn:aws:iam::${ACCOUNT}:role/admin`)],
    ['rights', request('iam:PutRolePolicy', `arn:aws:iam::${ACCOUNT}:role/qbench-postgres-prod-host`)],
  ] as const)('may not touch %s', (_, refused) => {
    expect(simulate([host], refused)).toBe('not allowed');
  });
});

describe('the snapshots', () => {
  const volume = `arn:aws:ec2:${REGION}:${ACCOUNT}:volume/vol-0123456789abcdef0`;
  const snapshot = `arn:aws:ec2:${REGION}::snapshot/snap-0123456789abcdef0`;

  it('are made of this stack’s volumes, tagged as they are made, and expired', () => {
    expect(simulate([snapshots], request('ec2:CreateSnapshot', volume, OURS))).toBe('allowed');
    expect(simulate([snapshots], request('ec2:CreateSnapshot', snapshot))).toBe('allowed');
    expect(simulate([snapshots], request('ec2:CreateTags', snapshot, { 'ec2:CreateAction': 'CreateSnapshot' }))).toBe(
      'allowed',
    );
    expect(simulate([snapshots], request('ec2:DeleteSnapshot', snapshot, OURS))).toBe('allowed');
  });

  it.each([
    ['of another stack’s volume', request('ec2:CreateSnapshot', volume, { ...OURS, 'aws:ResourceTag/stack': 'test' })],
    ['of a volume without tags', request('ec2:CreateSnapshot', volume)],
    [
      'deleted for another stack',
      request('ec2:DeleteSnapshot', snapshot, { ...OURS, 'aws:ResourceTag/stack': 'test' }),
    ],
    ['tagged later', request('ec2:CreateTags', snapshot)],
    ['shared', request('ec2:ModifySnapshotAttribute', snapshot, OURS)],
    ['at the price of a volume', request('ec2:DeleteVolume', volume, OURS)],
  ])('are not %s', (_, refused) => {
    expect(simulate([snapshots], refused)).toBe('not allowed');
  });
});

describe('the bucket', () => {
  const everything: PolicyDocument = {
    Version: '2012-10-17',
    Statement: [{ Sid: 'All', Effect: 'Allow', Action: 's3:*', Resource: '*' }],
  };
  const tls = { 'aws:SecureTransport': 'true', 's3:TlsVersion': '1.3' };
  const object = `${BUCKET}/prod/x`;
  const KEY_HEADER = 's3:x-amz-server-side-encryption-aws-kms-key-id';

  it.each([
    ['without TLS', request('s3:GetObject', object, { 'aws:SecureTransport': 'false' })],
    ['with TLS 1.1', request('s3:GetObject', object, { ...tls, 's3:TlsVersion': '1.1' })],
    [
      'with another key',
      request('s3:PutObject', object, { ...tls, [KEY_HEADER]: 'arn:aws:kms:eu-central-1:444455556666:key/other' }),
    ],
  ])('refuses even an administrator %s', (_, refused) => {
    expect(simulate([everything, bucket], refused)).toBe('denied');
  });

  it('takes objects over TLS, with its own key named or not', () => {
    expect(simulate([host, bucket], request('s3:PutObject', object, tls))).toBe('allowed');
    expect(simulate([host, bucket], request('s3:PutObject', object, { ...tls, [KEY_HEADER]: KEY }))).toBe('allowed');
  });
});

describe('every policy', () => {
  const all: [string, PolicyDocument][] = [
    ['host', host],
    ['snapshots', snapshots],
    ['key', keyPolicy({ region: REGION, accountId: ACCOUNT, logGroups: '/aws/lambda/qbench-postgres-prod-' })],
    ['bucket', bucket],
    ['trust of EC2', trustOf('ec2.amazonaws.com', ACCOUNT)],
    ['trust of DLM', trustOf('dlm.amazonaws.com', ACCOUNT)],
  ];
  const list = (value: string | readonly string[]): readonly string[] => (typeof value === 'string' ? [value] : value);
  const allows = ({ Statement }: PolicyDocument): Statement[] => Statement.filter(({ Effect }) => Effect === 'Allow');

  it.each(all)('%s names every action that it allows', (_, document) => {
    for (const { Action } of allows(document))
      for (const action of list(Action)) expect(action).toMatch(/^[a-z0-9]+:[A-Z][A-Za-z]+$/);
  });

  it.each(all)('%s lets nobody in from outside the account', (_, document) => {
    for (const { Principal } of allows(document)) {
      if (Principal === undefined) continue;
      const services = ['ec2', 'dlm', 'cloudwatch', `logs.${REGION}`].map((name) => `${name}.amazonaws.com`);
      expect([`arn:aws:iam::${ACCOUNT}:root`, ...services]).toContain(
        Principal === '*' ? '*' : (Principal.AWS ?? Principal.Service),
      );
    }
  });

  it('asks for every resource only where AWS knows no smaller one', () => {
    const wide = [...allows(host), ...allows(snapshots)].filter(({ Resource }) => list(Resource).includes('*'));
    expect(wide.map(({ Sid }) => Sid).sort()).toEqual(['BeManagedBySsm', 'FindVolumesAndSnapshots']);
    const actions = wide.flatMap(({ Action }) => list(Action));
    // Nothing that reads data, gives rights or acts on another machine.
    expect(
      actions.filter((action) => /Secret|Parameter|SendCommand|StartSession|PassRole|^(s3|kms|iam|sts):/.test(action)),
    ).toEqual([]);
  });

  it('lets services act only for this account', () => {
    expect(trustOf('dlm.amazonaws.com', ACCOUNT).Statement[0]).toMatchObject({
      Condition: { StringEquals: { 'aws:SourceAccount': ACCOUNT } },
    });
  });
});
