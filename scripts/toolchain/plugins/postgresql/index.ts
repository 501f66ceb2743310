/** The `postgresql` plugin, as version 3.18.1 of the real one behaves for the types listed here. */
import type { ProviderPlugin } from '../provider';
import { CONFIG, parseConfig, serverOf } from './config';
import type { DatabaseServer } from './connection';
import { databaseResource } from './database';
import { defaultPrivilegesResource } from './defaultPrivileges';
import { extensionResource } from './extension';
import { grantResource } from './grant';
import { grantRoleResource } from './grantRole';
import { roleResource } from './role';
import { schemaResource } from './schema';

let configured: DatabaseServer | undefined;

function server(): DatabaseServer {
  if (configured === undefined) throw new Error('the postgresql provider has not been configured');
  return configured;
}

export const postgresqlPlugin: ProviderPlugin = {
  name: 'postgresql',
  version: '3.18.1',
  config: CONFIG,
  parseConfig,
  resources: {
    'postgresql:index/role:Role': roleResource(server),
    'postgresql:index/database:Database': databaseResource(server),
    'postgresql:index/extension:Extension': extensionResource(server),
    'postgresql:index/schema:Schema': schemaResource(server),
    'postgresql:index/grant:Grant': grantResource(server),
    'postgresql:index/grantRole:GrantRole': grantRoleResource(server),
    'postgresql:index/defaultPrivileges:DefaultPrivileges': defaultPrivilegesResource(server),
  },
  configure(config) {
    configured = serverOf(config, process.env);
  },
};
