import { Secret } from '@pulumi/aws/secretsmanager/secret';
import { SecretVersion } from '@pulumi/aws/secretsmanager/secretVersion';
import {
  ComponentResource,
  jsonStringify,
  secret,
  type ComponentResourceOptions,
  type Input,
  type Output,
  type Resource,
} from '@pulumi/pulumi';
import { DATABASE_NAME, TYPE_PREFIX } from '../naming';
import type { CloudScope } from './cloudScope';
import type { ManagedRole } from './roles';

export interface RoleSecretArgs {
  scope: CloudScope;
  keyArn: Input<string>;
  passwords: Readonly<Record<ManagedRole, Output<string>>>;
  host: Input<string>;
  port: number;
}

/** The passwords of the five roles, for operators: what every verb of qbench logs in with. Cost: 0.40 USD a month. */
export class RoleSecret extends ComponentResource {
  /** Once it is there, the roles can be logged in as. */
  readonly version: Resource;

  constructor(name: string, args: RoleSecretArgs, options: ComponentResourceOptions = {}) {
    super(`${TYPE_PREFIX}:aws:RoleSecret`, name, {}, options);
    const { scope, keyArn, passwords, host, port } = args;
    const kept = new Secret(
      `${name}-secret`,
      {
        name: scope.path('roles'),
        description: 'Passwords of the roles of the database, by what each is for',
        kmsKeyId: keyArn,
        recoveryWindowInDays: scope.args.ephemeral ? 0 : 30,
        tags: scope.tags('roles'),
      },
      { parent: this, ...scope.keep(`${name}-secret`) },
    );
    this.version = new SecretVersion(
      `${name}-version`,
      { secretId: kept.id, secretString: secret(jsonStringify({ host, port, database: DATABASE_NAME, ...passwords })) },
      { parent: this, deletedWith: kept },
    );
    this.registerOutputs({});
  }
}
