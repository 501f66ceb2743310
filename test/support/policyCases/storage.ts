/** Buckets, secrets and topics: stacks that pass each rule of the policy pack, and stacks that do not. */
import { KEY, type PolicyCase, allowAll, bucket, denyClear, json, ofBucket, secret, subject, topic } from './subjects';

export const STORAGE_CASES: Readonly<Record<string, PolicyCase>> = {
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
};
