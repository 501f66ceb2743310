import * as postgresql from '@pulumi/postgresql';
import { ComponentResource, type ComponentResourceOptions, type Output } from '@pulumi/pulumi';
import { APP_SCHEMA, DATABASE_NAME, TYPE_PREFIX } from '../naming';
import type { ManagedRole, Roles } from './roles';

/** Extensions of the application's contract, and of operations. Superusers make them; of the trusted ones the database's owner may, too. */
const EXTENSIONS = ['vector', 'pg_trgm', 'pg_stat_statements'] as const;

type ObjectType = 'table' | 'sequence';

/** What each role may do with objects that the owner makes, present and future ones alike. */
const PRIVILEGES: readonly { role: ManagedRole; objectType: ObjectType; privileges: string[] }[] = [
  { role: 'app', objectType: 'table', privileges: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'] },
  { role: 'app', objectType: 'sequence', privileges: ['USAGE', 'SELECT'] },
  { role: 'readonly', objectType: 'table', privileges: ['SELECT'] },
  { role: 'monitor', objectType: 'table', privileges: ['SELECT'] },
];

/** Roles besides the owner that may connect; the backup role reads by pg_read_all_data. */
const USERS: readonly ManagedRole[] = ['app', 'readonly', 'monitor', 'backup'];

export interface DatabaseArgs {
  roles: Roles;
  /** The database that it begins as a copy of. @default template0, which is always empty */
  template?: string;
  /** Extensions that this template has already, because only a superuser may make them. @default none */
  inherited?: readonly string[];
}

/** The application's database with its extensions and grants, before any table of it. */
export class ApplicationDatabase extends ComponentResource {
  readonly databaseName: Output<string>;

  constructor(name: string, args: DatabaseArgs, options: ComponentResourceOptions = {}) {
    super(`${TYPE_PREFIX}:database:Database`, name, {}, options);
    const { roles } = args.roles;
    const { template = 'template0', inherited = [] } = args;
    const database = new postgresql.Database(
      `${name}-database`,
      {
        name: DATABASE_NAME,
        owner: roles.owner.name,
        encoding: 'UTF8',
        lcCollate: 'C.UTF-8',
        lcCtype: 'C.UTF-8',
        template,
      },
      { parent: this },
    );
    this.databaseName = database.name;
    for (const extension of EXTENSIONS.filter((each) => !inherited.includes(each))) {
      new postgresql.Extension(
        `${name}-${extension}`,
        { name: extension, database: database.name, schema: APP_SCHEMA },
        { parent: this },
      );
    }
    // PUBLIC may connect to a new database and make temporary tables in it; only the roles below shall.
    new postgresql.Grant(
      `${name}-public-revoked`,
      { database: database.name, role: 'public', objectType: 'database', privileges: [] },
      { parent: this },
    );
    for (const user of USERS) {
      const role = roles[user].name;
      const connect = new postgresql.Grant(
        `${name}-${user}-connect`,
        { database: database.name, role, objectType: 'database', privileges: ['CONNECT'] },
        { parent: this },
      );
      new postgresql.Grant(
        `${name}-${user}-usage`,
        { database: database.name, role, objectType: 'schema', schema: APP_SCHEMA, privileges: ['USAGE'] },
        { parent: this, dependsOn: connect },
      );
    }
    for (const { role, objectType, privileges } of PRIVILEGES) {
      new postgresql.DefaultPrivileges(
        `${name}-${role}-${objectType}s`,
        {
          database: database.name,
          owner: roles.owner.name,
          role: roles[role].name,
          schema: APP_SCHEMA,
          objectType,
          privileges,
        },
        { parent: this },
      );
    }
    this.registerOutputs({ databaseName: this.databaseName });
  }
}
