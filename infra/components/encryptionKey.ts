import { Alias } from '@pulumi/aws/kms/alias';
import { Key } from '@pulumi/aws/kms/key';
import { ComponentResource, output, type ComponentResourceOptions, type Output } from '@pulumi/pulumi';
import { TYPE_PREFIX } from '../naming';
import type { CloudScope } from './cloudScope';
import { keyPolicy } from './iamPolicies';

export interface EncryptionKeyArgs {
  scope: CloudScope;
  /** Existing key to be used. @default a key of the stack's own */
  keyArn?: string;
}

/** The KMS key of disks, backups and secrets. Cost: 1 USD a month, and a little for each request. */
export class EncryptionKey extends ComponentResource {
  readonly arn: Output<string>;

  constructor(name: string, args: EncryptionKeyArgs, options: ComponentResourceOptions = {}) {
    super(`${TYPE_PREFIX}:aws:EncryptionKey`, name, {}, options);
    const { scope, keyArn } = args;
    if (keyArn === undefined) {
      const key = new Key(
        `${name}-key`,
        {
          description: `Disks, backups and secrets of ${scope.name('database')}`,
          enableKeyRotation: true,
          // What it encrypted is lost with it: the longest time to notice that it was still needed.
          deletionWindowInDays: scope.args.ephemeral ? 14 : 30,
          policy: JSON.stringify(
            keyPolicy({
              region: scope.region,
              accountId: scope.args.accountId,
              logGroups: `/aws/lambda/${scope.name('')}`,
            }),
          ),
          tags: scope.tags('key'),
        },
        { parent: this, ...scope.keep(`${name}-key`) },
      );
      new Alias(
        `${name}-alias`,
        { name: `alias/${scope.name('database')}`, targetKeyId: key.keyId },
        { parent: this, deletedWith: key },
      );
      this.arn = key.arn;
    } else {
      this.arn = output(keyArn);
    }
    this.registerOutputs({ arn: this.arn });
  }
}
