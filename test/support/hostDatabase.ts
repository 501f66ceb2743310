/**
 * The server of a stack of tier ec2 in tests: a real PostgreSQL of this machine behind TLS, that the stand-ins of SSM and
 * Secrets Manager lead to. What the host does for itself at its first start is done here by the same statements.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { sqlText } from '../../infra/ops/sqlText';
import type { RecordedAws } from './awsPlugin';
import { localShell } from './ssmExecutor';
import { SsmServer } from './ssmServer';
import { asSuperuser, startTestServer, type RunningTestServer } from './server';
import type { RawStackConfig, TestStack } from './stack';
import { makeCertificates, TlsFront, type Certificates } from './tlsFront';

export interface HostStack {
  stack: TestStack;
  server: RunningTestServer;
  front: TlsFront;
  configure: (config: RawStackConfig) => void;
}

/** Everything in AWS that stacks of one account reach their databases through. */
export class HostDatabases {
  private readonly servers: { server: RunningTestServer; front: TlsFront }[] = [];
  private constructor(
    readonly ssm: SsmServer,
    private readonly certificates: Certificates,
    private readonly shell: { remove(): void },
    private readonly accountFolder: string,
  ) {}

  /** @param accountFolder where the recording aws plugin keeps the account */
  static async start(accountFolder: string): Promise<HostDatabases> {
    const shell = localShell();
    const secrets = (id: string): string | undefined => {
      const file = join(accountFolder, 'secrets', encodeURIComponent(id));
      return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
    };
    const ssm = await SsmServer.start({ executor: shell, secrets });
    return new HostDatabases(ssm, makeCertificates(), shell, accountFolder);
  }

  /** Starts the server of a stack, and makes the stack, whose program and commands find everything through stand-ins. */
  async stack(aws: RecordedAws, name: string, config: RawStackConfig): Promise<HostStack> {
    const added = await this.serve(name);
    // A port of its own: this machine may run these tests twice at the same time.
    const gateway = await freePort();
    const complete = (raw: RawStackConfig): RawStackConfig => ({
      ...raw,
      ec2: {
        gatewayPort: gateway,
        // Without a session the server is reached where it listens.
        ...(raw['access'] === 'direct' ? { port: added.front.port } : {}),
        ...(raw['ec2'] as object | undefined),
      },
    });
    const stack = await aws.stack(name, complete(config), this.ssm.env);
    return { stack, configure: (raw) => stack.configure(complete(raw)), ...added };
  }

  /** Starts the server of a stack; what is to be known of it. */
  async serve(stack: string): Promise<{ server: RunningTestServer; front: TlsFront }> {
    const server = await startTestServer();
    const target = { host: server.host, port: server.port };
    const front = await TlsFront.start(target, this.certificates, () => this.bootstrap(stack, server));
    this.ssm.parameters[`/qbench-postgres/${stack}/tls-ca`] = this.certificates.ca;
    this.ssm.instances.push({
      id: `i-0${Buffer.from(stack).toString('hex').padEnd(16, '0').slice(0, 16)}`,
      tags: { project: 'qbench-postgres', stack },
      ports: { 5432: { host: '127.0.0.1', port: front.port } },
    });
    const added = { server, front };
    this.servers.push(added);
    return added;
  }

  /** What the step 70-server of the host does, before anybody can connect. */
  private async bootstrap(stack: string, server: RunningTestServer): Promise<void> {
    const file = join(this.accountFolder, 'secrets', encodeURIComponent(`qbench-postgres/${stack}/host`));
    const { adminVerifier, superuserVerifier } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>;
    await asSuperuser(server, 'postgres', async (session) => {
      await session.query(sqlText('maintenance/admin-role'));
      await session.query(`ALTER ROLE qbench_admin PASSWORD '${adminVerifier ?? ''}'`);
      await session.query(`ALTER ROLE postgres PASSWORD '${superuserVerifier ?? ''}'`);
    });
    await asSuperuser(server, 'template1', async (session) => {
      for (const name of ['pg_stat_statements', 'vector'])
        await session.query(`CREATE EXTENSION IF NOT EXISTS ${name} SCHEMA public`);
    });
  }

  async stop(): Promise<void> {
    await this.ssm.stop();
    for (const { server, front } of this.servers) {
      await front.stop();
      await server.stop();
    }
    this.shell.remove();
  }
}

/** A port of this machine that nobody listens on, below those that outgoing connections are given. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true));
    });
    await new Promise((resolve) => server.close(resolve));
    if (free) return port;
  }
}
