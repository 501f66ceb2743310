import * as postgresql from '@pulumi/postgresql';
import * as random from '@pulumi/random';
import { all, ComponentResource, secret, type ComponentResourceOptions, type Output } from '@pulumi/pulumi';
import { APP_SCHEMA, ROLE_NAMES, TYPE_PREFIX, type DatabaseRole } from '../naming';
import { scramVerifier } from '../postgres/scram';

/** The roles that this component makes; the superuser comes with the server. */
export type ManagedRole = Exclude<DatabaseRole, 'superuser'>;

export interface RolesArgs {
  /** Most sessions each role may hold at once. */
  connectionLimits: Readonly<Record<ManagedRole, number>>;
  /** One more makes new passwords for every role. */
  passwordGeneration: number;
}

type RoleRights = Pick<
  postgresql.RoleArgs,
  'roles' | 'replication' | 'statementTimeout' | 'idleInTransactionSessionTimeout'
>;

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;

/** What each role may do beyond logging in; rights on objects are granted in `database.ts`. */
const RIGHTS: Readonly<Record<ManagedRole, RoleRights>> = {
  // Owns the database; migrations and index builds take as long as they take.
  owner: { idleInTransactionSessionTimeout: 10 * MINUTE_MS },
  // The application's own command timeout is 120 s: nothing of it may outlive that in the server.
  app: { statementTimeout: 120 * SECOND_MS, idleInTransactionSessionTimeout: MINUTE_MS },
  readonly: { statementTimeout: 5 * MINUTE_MS, idleInTransactionSessionTimeout: MINUTE_MS },
  // pg_use_reserved_connections: monitoring still gets in when the pools have taken every other connection.
  monitor: {
    roles: ['pg_monitor', 'pg_use_reserved_connections'],
    statementTimeout: 30 * SECOND_MS,
    idleInTransactionSessionTimeout: MINUTE_MS,
  },
  backup: { roles: ['pg_checkpoint', 'pg_read_all_data', 'pg_use_reserved_connections'], replication: true },
};

/** The five roles of the database, each with a generated password and the least rights that its work needs. */
export class Roles extends ComponentResource {
  readonly roles: Readonly<Record<ManagedRole, postgresql.Role>>;
  /** Passwords in clear, for connection strings; always secret. */
  readonly passwords: Readonly<Record<ManagedRole, Output<string>>>;

  constructor(name: string, args: RolesArgs, options: ComponentResourceOptions = {}) {
    super(`${TYPE_PREFIX}:database:Roles`, name, {}, options);
    const keepers = { generation: String(args.passwordGeneration) };
    const made = (Object.keys(RIGHTS) as ManagedRole[]).map((role) => {
      const password = new random.RandomPassword(
        `${name}-${role}`,
        { length: 32, special: false, keepers },
        { parent: this },
      );
      const salt = new random.RandomBytes(`${name}-${role}-salt`, { length: 16, keepers }, { parent: this });
      // The server is only ever told the verifier: ALTER ROLE ... PASSWORD may land in its log.
      const verifier = all([password.result, salt.base64]).apply(([clear, bytes]) =>
        scramVerifier(clear, Buffer.from(bytes, 'base64')),
      );
      const resource = new postgresql.Role(
        `${name}-${role}-role`,
        {
          name: ROLE_NAMES[role],
          login: true,
          password: secret(verifier),
          connectionLimit: args.connectionLimits[role],
          searchPaths: [APP_SCHEMA],
          ...RIGHTS[role],
        },
        { parent: this },
      );
      return { role, resource, password: password.result };
    });
    this.roles = Object.fromEntries(made.map(({ role, resource }) => [role, resource])) as Record<
      ManagedRole,
      postgresql.Role
    >;
    this.passwords = Object.fromEntries(made.map(({ role, password }) => [role, password])) as Record<
      ManagedRole,
      Output<string>
    >;
    this.registerOutputs({});
  }
}
