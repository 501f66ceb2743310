/** Rules of buckets, secrets and topics. */
import { isPublic } from './iam';
import {
  fsbp,
  type Inputs,
  type Rule,
  type StackFacts,
  type StackRule,
  type Subject,
  type StackFinding,
} from './types';
import { isMissing, isNot, items, parsed, record, refersTo, text } from './values';

const BUCKETS = ['aws:s3/bucket:Bucket', 'aws:s3/bucketV2:BucketV2'];
const SECRET = 'aws:secretsmanager/secret:Secret';
const TOPIC = 'aws:sns/topic:Topic';

/** A rule that looks, for each bucket, for another resource that is about it. */
function ofBucket(
  base: Omit<StackRule, 'checkStack'>,
  type: string,
  check: (part: Subject | undefined, bucket: Subject, facts: StackFacts) => string[],
): StackRule {
  return {
    ...base,
    checkStack: (subjects, facts) =>
      subjects
        .filter((subject) => BUCKETS.includes(subject.type))
        .flatMap((bucket) => {
          const parts = subjects.filter(
            (part) => part.type === type && refersTo(part, 'bucket', bucket.inputs['bucket']),
          );
          // Several may be about it where the name is not known yet: the best of them counts.
          const verdicts = (parts.length === 0 ? [undefined] : parts).map((part) => check(part, bucket, facts));
          const [best = []] = verdicts.sort((a, b) => a.length - b.length);
          return best.map((message) => ({ subject: bucket, message }));
        }),
  };
}

/** Statements of a resource policy; undefined where it is not known yet. */
function statements(policy: unknown): Inputs[] | undefined {
  const document = parsed(policy);
  return document === undefined ? undefined : items(document['Statement']).map(record);
}

function deniesClearText(policy: unknown): boolean {
  const known = statements(policy);
  return (
    known?.some(
      (statement) =>
        statement['Effect'] === 'Deny' &&
        /"aws:SecureTransport":\s*\[?"?false/i.test(JSON.stringify(statement['Condition'] ?? {})),
    ) ?? typeof policy === 'string'
  );
}

const DAYS_REASON = 'parts of uploads that were broken off are paid for and never seen';

export const BUCKET_RULES: readonly Rule[] = [
  ofBucket(
    {
      id: 'bucket-not-public',
      title: 'Every bucket blocks public access in all four ways',
      reason: 'one public object of a backup is the whole database',
      ...fsbp('S3.8'),
      enforcement: 'always',
    },
    'aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock',
    (block) => {
      if (block === undefined) return ['it has no public access block'];
      const ways = ['blockPublicAcls', 'blockPublicPolicy', 'ignorePublicAcls', 'restrictPublicBuckets'];
      return ways.filter((way) => isNot(block.inputs[way], true)).map((way) => `${way} is not true`);
    },
  ),
  ofBucket(
    {
      id: 'bucket-tls-only',
      title: 'Every bucket refuses requests without TLS',
      reason: 'backups and their credentials shall not travel in clear',
      ...fsbp('S3.5'),
      enforcement: 'always',
    },
    'aws:s3/bucketPolicy:BucketPolicy',
    (policy) => {
      if (policy === undefined) return ['it has no policy, and so no statement that denies aws:SecureTransport false'];
      return deniesClearText(policy.inputs['policy'])
        ? []
        : ['no statement of its policy denies aws:SecureTransport false'];
    },
  ),
  ofBucket(
    {
      id: 'bucket-policy-not-public',
      title: 'No statement of a bucket policy lets everybody in',
      reason: 'it would make every backup public',
      ...fsbp('S3.2'),
      enforcement: 'always',
    },
    'aws:s3/bucketPolicy:BucketPolicy',
    (policy) =>
      (statements(policy?.inputs['policy']) ?? [])
        .filter((statement) => statement['Effect'] === 'Allow' && isPublic(statement))
        .map((statement) => `${text(statement['Sid']) || 'a statement'} of its policy allows everybody`),
  ),
  ofBucket(
    {
      id: 'bucket-encrypted',
      title: 'Every bucket encrypts with a key of KMS',
      reason: 'who reads a backup needs the right to the key as well',
      ...fsbp('S3.17'),
      enforcement: 'always',
    },
    'aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration',
    (encryption) => {
      if (encryption === undefined) return ['it has no encryption of its own'];
      const rules = items(encryption.inputs['rules']).map((rule) =>
        record(record(rule)['applyServerSideEncryptionByDefault']),
      );
      const good = rules.some(
        (rule) => text(rule['sseAlgorithm']).startsWith('aws:kms') && !isMissing(rule['kmsMasterKeyId']),
      );
      return good ? [] : ['it does not encrypt with a key of KMS that is named'];
    },
  ),
  ofBucket(
    {
      id: 'bucket-no-acls',
      title: 'Access lists of objects are off',
      reason: 'rights are in one place, the policy',
      ...fsbp('S3.12'),
      enforcement: 'always',
    },
    'aws:s3/bucketOwnershipControls:BucketOwnershipControls',
    (controls) =>
      controls === undefined || isNot(record(controls.inputs['rule'])['objectOwnership'], 'BucketOwnerEnforced')
        ? ['objectOwnership is not BucketOwnerEnforced']
        : [],
  ),
  ofBucket(
    {
      id: 'bucket-versioned',
      title: 'Every bucket keeps versions',
      reason: 'what a mistake or a thief overwrites can be had back',
      ...fsbp('S3.14'),
      enforcement: 'always',
    },
    'aws:s3/bucketVersioning:BucketVersioning',
    (versioning) =>
      versioning === undefined || isNot(record(versioning.inputs['versioningConfiguration'])['status'], 'Enabled')
        ? ['versioning is not enabled']
        : [],
  ),
  ofBucket(
    {
      id: 'bucket-lifecycle',
      title: 'Every bucket removes what is left of broken-off uploads',
      reason: DAYS_REASON,
      ...fsbp('S3.13'),
      enforcement: 'guarded',
    },
    'aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration',
    (lifecycle) => {
      const rules = items(lifecycle?.inputs['rules']).map(record);
      return rules.some((rule) => rule['status'] === 'Enabled' && rule['abortIncompleteMultipartUpload'] !== undefined)
        ? []
        : ['no rule aborts incomplete multipart uploads'];
    },
  ),
  ofBucket(
    {
      id: 'bucket-locked',
      title: 'In production deleted backups stay locked for their retention',
      reason: 'whoever takes over the host cannot take its backups with it',
      ...fsbp('S3.15'),
      enforcement: 'production',
    },
    'aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration',
    (lock, _bucket, { ephemeral }) => {
      if (ephemeral) return [];
      const { mode, days, years } = record(record(lock?.inputs['rule'])['defaultRetention']);
      return lock === undefined || isMissing(mode) || (isMissing(days) && isMissing(years))
        ? ['it has no Object Lock with a retention']
        : [];
    },
  ),
  {
    id: 'bucket-kept',
    title: 'Only the bucket of an ephemeral stack is deleted with what it holds',
    reason: 'forceDestroy deletes every backup without asking again',
    ...fsbp('S3.20'),
    enforcement: 'always',
    types: BUCKETS,
    check: ({ inputs }, { ephemeral }) =>
      inputs['forceDestroy'] === true && !ephemeral ? ['forceDestroy is true'] : [],
  },
];

export const SECRET_RULES: readonly Rule[] = [
  {
    id: 'secret-encrypted',
    title: "Secrets are encrypted with a key of the stack's own",
    reason: 'who reads a secret needs the right to the key as well',
    control: 'Secrets Manager encryption',
    url: 'https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html',
    enforcement: 'always',
    types: [SECRET],
    check: ({ inputs }) => (isMissing(inputs['kmsKeyId']) ? ['it names no key'] : []),
  },
  {
    id: 'secret-recoverable',
    title: 'Secrets of production can be had back after they were deleted',
    reason: 'one of them is the passphrase of the backups',
    control: 'Secrets Manager deletion',
    url: 'https://docs.aws.amazon.com/secretsmanager/latest/userguide/manage_delete-secret.html',
    enforcement: 'guarded',
    types: [SECRET],
    check: ({ inputs }, { ephemeral }) =>
      inputs['recoveryWindowInDays'] === 0 && !ephemeral ? ['recoveryWindowInDays is 0'] : [],
  },
  {
    id: 'secret-not-public',
    title: 'No policy of a secret lets everybody in',
    reason: 'a secret that other accounts can read is none',
    control: 'Secrets Manager policies',
    url: 'https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_resource-policies.html',
    enforcement: 'always',
    types: [SECRET, 'aws:secretsmanager/secretPolicy:SecretPolicy'],
    check: ({ inputs }) =>
      (statements(inputs['policy']) ?? [])
        .filter((statement) => statement['Effect'] === 'Allow' && isPublic(statement))
        .map((statement) => `${text(statement['Sid']) || 'a statement'} allows everybody`),
  },
  {
    id: 'secret-rotated',
    title: 'Secrets are rotated',
    reason: 'passwordGeneration of the configuration does it by hand; the passphrase of the backups must not be',
    ...fsbp('SecretsManager.1'),
    enforcement: 'advice',
    checkStack: (subjects: readonly Subject[]): StackFinding[] => {
      const rotations = subjects.filter(({ type }) => type === 'aws:secretsmanager/secretRotation:SecretRotation');
      return subjects
        .filter(({ type }) => type === SECRET && rotations.length === 0)
        .map((subject) => ({ subject, message: 'it is not rotated by itself' }));
    },
  },
  {
    id: 'topic-encrypted',
    title: 'Topics are encrypted',
    reason: 'alarms tell what is wrong with the database',
    ...fsbp('SNS.1'),
    enforcement: 'guarded',
    types: [TOPIC],
    check: ({ inputs }) => (isMissing(inputs['kmsMasterKeyId']) ? ['kmsMasterKeyId is not given'] : []),
  },
  {
    id: 'topic-not-public',
    title: 'No policy of a topic lets everybody publish or subscribe',
    reason: 'whoever subscribes reads the alarms; whoever publishes makes some up',
    ...fsbp('SNS.4'),
    enforcement: 'always',
    types: [TOPIC, 'aws:sns/topicPolicy:TopicPolicy'],
    check: ({ inputs }) =>
      (statements(inputs['policy']) ?? [])
        .filter((statement) => statement['Effect'] === 'Allow' && isPublic(statement))
        .map((statement) => `${text(statement['Sid']) || 'a statement'} allows everybody`),
  },
  {
    id: 'topic-tls-only',
    title: 'Topics refuse requests without TLS',
    reason: 'alarms tell what is wrong with the database',
    control: 'SNS TLS',
    url: 'https://docs.aws.amazon.com/sns/latest/dg/sns-security-best-practices.html#enforce-encryption-data-in-transit',
    enforcement: 'guarded',
    checkStack: (subjects) =>
      subjects
        .filter(({ type }) => type === TOPIC)
        .filter((topic) => {
          const policies = subjects
            .filter(({ type }) => type === 'aws:sns/topicPolicy:TopicPolicy')
            .map(({ inputs }) => inputs['policy']);
          return ![topic.inputs['policy'], ...policies].some(deniesClearText);
        })
        .map((subject) => ({ subject, message: 'no statement of its policy denies aws:SecureTransport false' })),
  },
];
