import { Bucket } from '@pulumi/aws/s3/bucket';
import { BucketLifecycleConfiguration } from '@pulumi/aws/s3/bucketLifecycleConfiguration';
import { BucketObjectLockConfiguration } from '@pulumi/aws/s3/bucketObjectLockConfiguration';
import { BucketOwnershipControls } from '@pulumi/aws/s3/bucketOwnershipControls';
import { BucketPolicy } from '@pulumi/aws/s3/bucketPolicy';
import { BucketPublicAccessBlock } from '@pulumi/aws/s3/bucketPublicAccessBlock';
import { BucketServerSideEncryptionConfiguration } from '@pulumi/aws/s3/bucketServerSideEncryptionConfiguration';
import { BucketVersioning } from '@pulumi/aws/s3/bucketVersioning';
import { all, ComponentResource, type ComponentResourceOptions, type Input, type Output } from '@pulumi/pulumi';
import { TYPE_PREFIX } from '../naming';
import type { CloudScope } from './cloudScope';
import { bucketPolicy } from './iamPolicies';

export interface BackupRepositoryArgs {
  scope: CloudScope;
  keyArn: Input<string>;
  /** Days that backups are kept; versions that were deleted or overwritten stay as long again. */
  retentionDays: number;
}

/**
 * The S3 bucket that backups and WAL go to: versioned, encrypted by the stack's key, reached by TLS only, never public. In
 * production a deleted or overwritten object stays locked for the retention, so that a stolen host cannot take its backups with it.
 * Cost: about 0.025 USD a GiB and month; `capacity` of the stack's outputs has the sizes.
 */
export class BackupRepository extends ComponentResource {
  readonly bucketName: Output<string>;
  readonly bucketArn: Output<string>;

  constructor(name: string, args: BackupRepositoryArgs, options: ComponentResourceOptions = {}) {
    super(`${TYPE_PREFIX}:aws:BackupRepository`, name, {}, options);
    const { scope, keyArn, retentionDays } = args;
    const { accountId, environment, ephemeral } = scope.args;
    const locked = environment === 'production' && !ephemeral;
    const bucket = new Bucket(
      `${name}-bucket`,
      {
        bucket: scope.name(`backups-${accountId}`),
        // Can only be decided when the bucket is made; without a rule (below) it locks nothing.
        objectLockEnabled: !ephemeral,
        forceDestroy: ephemeral,
        tags: scope.tags('backups'),
      },
      { parent: this, ...scope.keep(`${name}-bucket`) },
    );
    // A bucket that stays in the account keeps what protects it.
    const inside = { parent: this, deletedWith: bucket };
    const target = { bucket: bucket.bucket };
    const block = new BucketPublicAccessBlock(
      `${name}-private`,
      {
        ...target,
        blockPublicAcls: true,
        blockPublicPolicy: true,
        ignorePublicAcls: true,
        restrictPublicBuckets: true,
      },
      inside,
    );
    new BucketOwnershipControls(
      `${name}-ownership`,
      { ...target, rule: { objectOwnership: 'BucketOwnerEnforced' } },
      inside,
    );
    new BucketServerSideEncryptionConfiguration(
      `${name}-encryption`,
      {
        ...target,
        rules: [
          // The bucket key makes one request to KMS for many objects.
          {
            applyServerSideEncryptionByDefault: { sseAlgorithm: 'aws:kms', kmsMasterKeyId: keyArn },
            bucketKeyEnabled: true,
          },
        ],
      },
      inside,
    );
    const versioning = new BucketVersioning(
      `${name}-versioning`,
      { ...target, versioningConfiguration: { status: 'Enabled' } },
      inside,
    );
    new BucketLifecycleConfiguration(
      `${name}-lifecycle`,
      {
        ...target,
        rules: [
          {
            id: 'abandoned-uploads',
            status: 'Enabled',
            filter: { prefix: '' },
            abortIncompleteMultipartUpload: { daysAfterInitiation: 3 },
          },
          {
            // pgBackRest expires backups itself; this takes away what it deleted, and the markers that are left alone.
            id: 'deleted-versions',
            status: 'Enabled',
            filter: { prefix: '' },
            noncurrentVersionExpiration: { noncurrentDays: retentionDays },
            expiration: { expiredObjectDeleteMarker: true },
          },
        ],
      },
      { ...inside, dependsOn: versioning },
    );
    if (locked) {
      new BucketObjectLockConfiguration(
        `${name}-lock`,
        // Governance: an administrator with a right of its own can lift it; the host and the operators cannot.
        { ...target, rule: { defaultRetention: { mode: 'GOVERNANCE', days: retentionDays } } },
        { ...inside, dependsOn: versioning },
      );
    }
    new BucketPolicy(
      `${name}-policy`,
      {
        ...target,
        policy: all([bucket.arn, keyArn]).apply(([bucketArn, key]) => JSON.stringify(bucketPolicy(bucketArn, key))),
      },
      { ...inside, dependsOn: block },
    );
    this.bucketName = bucket.bucket;
    this.bucketArn = bucket.arn;
    this.registerOutputs({ bucketName: this.bucketName });
  }
}
