import { Secret } from '@pulumi/aws/secretsmanager/secret';
import { SecretVersion } from '@pulumi/aws/secretsmanager/secretVersion';
import * as random from '@pulumi/random';
import {
  all,
  ComponentResource,
  jsonStringify,
  secret,
  type ComponentResourceOptions,
  type Input,
  type Output,
} from '@pulumi/pulumi';
import { ROLE_NAMES, TYPE_PREFIX } from '../naming';
import { scramVerifier } from '../postgres/scram';
import type { CloudScope } from './cloudScope';

export interface HostSecretsArgs {
  scope: CloudScope;
  keyArn: Input<string>;
  /** One more makes new passwords of the superuser and the administrator. */
  passwordGeneration: number;
}

/**
 * Two secrets: the superuser's password, for operators, and the host's own, which has only verifiers of passwords and the
 * passphrase of the backups. Whoever takes over the host learns no password. Cost: 0.80 USD a month.
 */
export class HostSecrets extends ComponentResource {
  readonly superuserSecretArn: Output<string>;
  readonly hostSecretArn: Output<string>;
  /** Password of the role that makes the others; the program's alone, in no secret. */
  readonly adminPassword: Output<string>;

  constructor(name: string, args: HostSecretsArgs, options: ComponentResourceOptions = {}) {
    super(`${TYPE_PREFIX}:aws:HostSecrets`, name, {}, options);
    const { scope, keyArn } = args;
    const keepers = { generation: String(args.passwordGeneration) };
    const parent = { parent: this };
    const login = (role: string): { password: Output<string>; verifier: Output<string> } => {
      const password = new random.RandomPassword(`${name}-${role}`, { length: 32, special: false, keepers }, parent);
      const salt = new random.RandomBytes(`${name}-${role}-salt`, { length: 16, keepers }, parent);
      const verifier = all([password.result, salt.base64]).apply(([clear, bytes]) =>
        scramVerifier(clear, Buffer.from(bytes, 'base64')),
      );
      return { password: password.result, verifier };
    };
    const superuser = login('superuser');
    const administrator = login('admin');
    // No keepers: another passphrase would make every backup there is unreadable.
    const passphrase = new random.RandomPassword(
      `${name}-repository`,
      { length: 48, special: false },
      { ...parent, ...scope.guard(`${name}-repository`) },
    );
    const store = (suffix: string, description: string, content: Input<unknown>): Output<string> => {
      const kept = new Secret(
        `${name}-${suffix}-secret`,
        {
          name: scope.path(suffix),
          description,
          kmsKeyId: keyArn,
          // An ephemeral stack that comes back under its name would find the name taken.
          recoveryWindowInDays: scope.args.ephemeral ? 0 : 30,
          tags: scope.tags(suffix),
        },
        { parent: this, ...scope.keep(`${name}-${suffix}-secret`) },
      );
      new SecretVersion(
        `${name}-${suffix}-version`,
        { secretId: kept.id, secretString: secret(jsonStringify(content)) },
        { parent: this, deletedWith: kept },
      );
      return kept.arn;
    };
    this.superuserSecretArn = store('superuser', 'Superuser of the database; for operators, on the host only', {
      username: ROLE_NAMES.superuser,
      password: superuser.password,
    });
    this.hostSecretArn = store(
      'host',
      'What the host needs: verifiers of passwords, and the passphrase of the backups',
      {
        superuserVerifier: superuser.verifier,
        adminVerifier: administrator.verifier,
        repositoryPassphrase: passphrase.result,
      },
    );
    this.adminPassword = administrator.password;
    this.registerOutputs({});
  }
}
