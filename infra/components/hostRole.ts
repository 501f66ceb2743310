import { InstanceProfile } from '@pulumi/aws/iam/instanceProfile';
import { Role } from '@pulumi/aws/iam/role';
import { RolePolicy } from '@pulumi/aws/iam/rolePolicy';
import { Parameter } from '@pulumi/aws/ssm/parameter';
import { all, ComponentResource, type ComponentResourceOptions, type Input, type Output } from '@pulumi/pulumi';
import { caParameterName, TYPE_PREFIX } from '../naming';
import type { CloudScope } from './cloudScope';
import { hostPolicy, trustOf } from './iamPolicies';

export interface HostRoleArgs {
  scope: CloudScope;
  bucketArn: Input<string>;
  keyArn: Input<string>;
  hostSecretArn: Input<string>;
}

/** Who the host is in AWS, with the least rights that its work needs, and the parameter it publishes its certificate authority in. */
export class HostRole extends ComponentResource {
  readonly profileName: Output<string>;
  readonly caParameterName: Output<string>;

  constructor(name: string, args: HostRoleArgs, options: ComponentResourceOptions = {}) {
    super(`${TYPE_PREFIX}:aws:HostRole`, name, {}, options);
    const { scope } = args;
    const { accountId, stack } = scope.args;
    const authority = new Parameter(
      `${name}-ca`,
      {
        name: caParameterName(scope.args.stack),
        description: 'Certificate authority of the database server; clients verify it by this (sslrootcert)',
        type: 'String',
        insecureValue: 'the host has not published it yet',
        tags: scope.tags('tls-ca'),
      },
      // The host writes it, at its first boot.
      { parent: this, ignoreChanges: ['insecureValue', 'value'] },
    );
    const role = new Role(
      `${name}-role`,
      {
        name: scope.name('host'),
        description: 'The database host',
        assumeRolePolicy: JSON.stringify(trustOf('ec2.amazonaws.com', accountId)),
        tags: scope.tags('host'),
      },
      { parent: this },
    );
    const rights = new RolePolicy(
      `${name}-rights`,
      {
        name: 'host',
        role: role.name,
        policy: all([args.bucketArn, args.keyArn, args.hostSecretArn, authority.arn]).apply(
          ([bucketArn, keyArn, hostSecretArn, caParameterArn]) =>
            JSON.stringify(
              hostPolicy({ region: scope.region, accountId, stack, bucketArn, keyArn, hostSecretArn, caParameterArn }),
            ),
        ),
      },
      { parent: this, deletedWith: role },
    );
    const profile = new InstanceProfile(
      `${name}-profile`,
      { name: scope.name('host'), role: role.name, tags: scope.tags('host') },
      { parent: this, dependsOn: rights },
    );
    this.profileName = profile.name;
    this.caParameterName = authority.name;
    this.registerOutputs({ profileName: this.profileName });
  }
}
