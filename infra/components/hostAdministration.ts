import * as postgresql from '@pulumi/postgresql';
import { ComponentResource, type ComponentResourceOptions, type Input } from '@pulumi/pulumi';
import { ADMIN_ROLE, TYPE_PREFIX } from '../naming';

export interface HostAdministrationArgs {
  /** Port of the operator's machine that leads to the server while the program runs. */
  gatewayPort: number;
  adminPassword: Input<string>;
}

/**
 * How the program administers the server of a host: as a role without superuser rights, through a port of the machine that it
 * runs on. TLS begins behind that port, in the program, which knows the host's own certificate authority; so nothing of one machine
 * gets into the state, and the two ways to the host (`access`) look the same from here.
 */
export class HostAdministration extends ComponentResource {
  readonly provider: postgresql.Provider;

  constructor(name: string, args: HostAdministrationArgs, options: ComponentResourceOptions = {}) {
    super(`${TYPE_PREFIX}:aws:HostAdministration`, name, {}, options);
    this.provider = new postgresql.Provider(
      `${name}-postgresql`,
      {
        host: '127.0.0.1',
        port: args.gatewayPort,
        username: ADMIN_ROLE,
        password: args.adminPassword,
        database: 'postgres',
        sslmode: 'disable',
        superuser: false,
        // The way is opened by the first connection, and takes some seconds.
        connectTimeout: 60,
      },
      { parent: this },
    );
    this.registerOutputs({});
  }
}
