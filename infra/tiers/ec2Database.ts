/** What is inside the server of a host: the same components as on every tier, and the way to them. */
import {
  interpolate,
  log,
  runtime,
  secret,
  type Input,
  type Output,
  type ProviderResource,
  type Resource,
} from '@pulumi/pulumi';
import type { CloudScope } from '../components/cloudScope';
import { ApplicationDatabase } from '../components/database';
import { HostAdministration } from '../components/hostAdministration';
import { RoleSecret } from '../components/roleSecret';
import { Roles } from '../components/roles';
import { Schema } from '../components/schema';
import type { CapacityPlan } from '../capacity/plan';
import { openWayToDatabase } from '../machine';
import { gatewayPort, ROLE_NAMES } from '../naming';
import type { Ec2Settings } from '../settings';
import { indexesFor } from './plan';

export interface HostDatabaseArgs {
  settings: Ec2Settings;
  stack: string;
  plan: CapacityPlan;
  scope: CloudScope;
  keyArn: Input<string>;
  /** The host's address inside the network. */
  address: Output<string>;
  adminPassword: Input<string>;
  /** Holds the cluster: what is inside goes when it goes, without a connection. A new host on the same volume changes nothing. */
  volume: Resource;
  /** The server runs as it is configured. */
  ready: readonly Resource[];
}

/** Extensions that the host makes itself, in the template of new databases: they are not trusted, only a superuser may. */
const FROM_TEMPLATE = ['pg_stat_statements', 'vector'];

/** @returns the connection string of the application; secret */
export async function deployHostDatabase(args: HostDatabaseArgs, provider: ProviderResource): Promise<Output<string>> {
  const { settings, stack, plan, scope, keyArn, address, volume } = args;
  const { access, aws, ec2 } = settings;
  const place = { region: aws.region, access, port: ec2.port };
  const port = ec2.gatewayPort ?? gatewayPort(stack);
  // A preview opens nothing, not even a port of this machine.
  if (!runtime.isDryRun()) {
    await openWayToDatabase({ stack, ...place }, port, (message) => void log.warn(message));
  }
  const guard = scope.guard('data-volume');
  const inside = { deletedWith: volume, dependsOn: [...args.ready], ...guard };
  const administration = new HostAdministration('administration', {
    gatewayPort: port,
    adminPassword: args.adminPassword,
  });
  const objects = { ...inside, provider: administration.provider };
  const roles = new Roles('roles', { ...settings.database }, objects);
  const passwords = new RoleSecret(
    'role-passwords',
    { scope, keyArn, passwords: roles.passwords, host: address, port: ec2.port },
    { provider },
  );
  const database = new ApplicationDatabase(
    'database',
    { roles, template: 'template1', inherited: FROM_TEMPLATE },
    objects,
  );
  new Schema(
    'schema',
    {
      stack,
      database: database.databaseName,
      indexes: indexesFor(settings, plan),
      sampleData: ec2.sampleData,
      provenBackup: settings.environment === 'production',
      endpoint: JSON.stringify({ tier: 'ec2', ...place }),
    },
    { deletedWith: volume, dependsOn: [database, passwords], ...guard },
  );
  const url = interpolate`postgresql://${ROLE_NAMES.app}:${roles.passwords.app}@${address}:${ec2.port}/${database.databaseName}?sslmode=verify-full`;
  return secret(url);
}
