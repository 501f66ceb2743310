import * as postgresql from '@pulumi/postgresql';
import * as random from '@pulumi/random';
import { ComponentResource, type ComponentResourceOptions, type Output, type Resource } from '@pulumi/pulumi';
import { ROLE_NAMES, TYPE_PREFIX } from '../naming';
import { answerOf, qbenchCommand } from './qbenchCommand';

/** What the server is to be. Everything but the stack's name comes from settings and plan. */
export interface LocalServerArgs {
  stack: string;
  /** 0 reserves a free port at first and keeps it. */
  port: number;
  source: { kind: 'wheel' | 'installed'; binDir?: string };
  osUser?: string;
  dataDir?: string;
  /** postgresql.conf by name; see `postgres/parameters`. */
  parameters: Readonly<Record<string, string>>;
  /** Present where the server archives its WAL for backups; a folder only where a setting names it. */
  backup?: { repositoryDir?: string };
  /** One more than the last where the server was found down: its change is the update that starts it again. */
  generation: number;
}

/** A PostgreSQL + pgvector server on this machine, and the provider that makes objects in it. */
export class LocalServer extends ComponentResource {
  readonly host: Output<string>;
  readonly port: Output<number>;
  readonly provider: postgresql.Provider;
  /** The resource whose deletion takes everything inside the server with it. */
  readonly server: Resource;

  constructor(name: string, args: LocalServerArgs, options: ComponentResourceOptions = {}) {
    super(`${TYPE_PREFIX}:local:Server`, name, {}, options);
    const { stack, port, ...desired } = args;
    const password = new random.RandomPassword(`${name}-superuser`, { length: 32, special: false }, { parent: this });
    const dataDir = args.dataDir === undefined ? {} : { dataDir: args.dataDir };
    // Apart from the server, so that a change of the server leaves the address known in a preview.
    const endpoint = qbenchCommand(
      `${name}-endpoint`,
      { stack, apply: 'server reserve', desired: { stack, port, ...dataDir } },
      { parent: this },
    );
    const server = qbenchCommand(
      `${name}-server`,
      {
        stack,
        apply: 'server apply',
        destroy: 'server destroy',
        desired: { stack, ...desired },
        secrets: { QBENCH_SUPERUSER_PASSWORD: password.result },
      },
      { parent: this, dependsOn: endpoint },
    );
    const address = answerOf<{ host: string; port: number }>(endpoint);
    this.host = address.host;
    this.port = address.port;
    this.server = server;
    this.provider = new postgresql.Provider(
      `${name}-postgresql`,
      {
        host: this.host,
        port: this.port,
        username: ROLE_NAMES.superuser,
        password: password.result,
        database: 'postgres',
        // Loopback only; the wheel is built without OpenSSL.
        sslmode: 'disable',
        connectTimeout: 30,
      },
      { parent: this, dependsOn: server },
    );
    this.registerOutputs({ host: this.host, port: this.port });
  }
}
