/** The database of a stack in AWS, found by the stack's name: its host, the way to it, what it must prove, and who may log in. */
import { GetSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import { GetParameterCommand, ParameterNotFound, PutParameterCommand } from '@aws-sdk/client-ssm';
import {
  caParameterName,
  DATABASE_NAME,
  evidenceParameterName,
  ROLE_NAMES,
  secretName,
  type DatabaseRole,
} from '../../naming';
import { messageOf, OperatorError } from '../../ops/errors';
import type { Clock, Session } from '../../ops/ports';
import { refusesClearText, type VerifiedServer } from '../databaseGateway';
import { openSession, type PostgresAddress } from '../postgresDatabase';
import { awsCall, secretsClient, ssmClient } from './clients';
import { openPortForward, type PortForward } from './portForward';
import { SsmCommandRunner } from './ssmCommandRunner';
import { checkPlugin, SESSION_PLUGIN, startSession } from './session';
import { onlineHost, type StackHost } from './ssmHost';

/** What must be known of a stack in AWS to reach its database. No secret. */
export interface StackPlace {
  stack: string;
  region: string;
  access: 'tunnel' | 'direct';
  /** Port of the server on its host. */
  port: number;
}

/** Everything is asked of AWS when it is first needed, and only then. */
export class StackAccess {
  private readonly ssm;
  private readonly secrets;
  private found: Promise<StackHost> | undefined;
  private authority: Promise<string> | undefined;
  private passwords: Promise<Readonly<Record<string, string>>> | undefined;
  private forward: Promise<PortForward> | undefined;
  private readonly copies: PortForward[] = [];

  constructor(
    readonly place: StackPlace,
    private readonly clock: Clock,
    private readonly env: NodeJS.ProcessEnv,
  ) {
    this.ssm = ssmClient(place.region);
    this.secrets = secretsClient(place.region);
  }

  /** @throws OperatorError where SSM knows no host of the stack, or its agent does not answer */
  host(): Promise<StackHost> {
    return (this.found ??= onlineHost(this.ssm, this.place.stack, this.clock));
  }

  /** Runs programs on the host. @param user of the host; root where none is given */
  async runner(user?: string): Promise<SsmCommandRunner> {
    const { instanceId } = await this.host();
    return new SsmCommandRunner({
      client: this.ssm,
      clock: this.clock,
      instanceId,
      ...(user === undefined ? {} : { user }),
    });
  }

  /** How a shell on the host is called: program, arguments and environment (which holds the session's token). */
  async shell(): Promise<{ file: string; args: string[]; env: NodeJS.ProcessEnv }> {
    const { instanceId } = await this.host();
    const { ssm: client, clock, env } = this;
    return {
      file: SESSION_PLUGIN,
      ...(await startSession({ client, clock, region: this.place.region, instanceId, env })),
    };
  }

  /** The server by the way of the stack, opened where it is not open. */
  async server(by: StackPlace['access'] = this.place.access): Promise<VerifiedServer> {
    const ca = await (this.authority ??= this.readAuthority());
    if (by === 'direct') {
      const { address } = await this.host();
      return { host: address, port: this.place.port, ca, name: address };
    }
    if (this.forward !== undefined && !(await this.forward).open) this.forward = undefined;
    this.forward ??= this.forwardOf(this.place.port);
    try {
      return { host: '127.0.0.1', port: (await this.forward).port, ca, name: '127.0.0.1' };
    } catch (error) {
      // The next connection may find the host online again.
      this.forward = undefined;
      this.found = undefined;
      throw error;
    }
  }

  /** @throws OperatorError where this machine cannot open a tunnel to the host, which `copySession` takes whichever way the stack has */
  readyForCopy(): Promise<void> {
    return checkPlugin(this.env);
  }

  /**
   * The superuser's session of a restored copy, which listens on the host itself alone: through a tunnel, without TLS inside it.
   * @param port of the copy
   * @throws OperatorError where it does not answer, or was made before the superuser's password changed
   */
  async copySession(port: number): Promise<Session> {
    const forward = await this.forwardOf(port);
    this.copies.push(forward);
    const password = await this.password('superuser');
    try {
      const user = ROLE_NAMES.superuser;
      return await openSession({ host: '127.0.0.1', port: forward.port, database: DATABASE_NAME, user, password });
    } catch (error) {
      throw new OperatorError(`the restored copy on the host does not let the superuser in: ${messageOf(error)}`, {
        next: 'a copy has the passwords of its time; a drill of a backup that is newer than the last change of them gets in',
        cause: error,
      });
    }
  }

  /** Whether a session without TLS is refused, by whichever way the stack has. */
  async clearTextRefused(): Promise<boolean> {
    const server = await this.server();
    return refusesClearText(server, ROLE_NAMES.app, DATABASE_NAME);
  }

  /** Where and as whom to log in. */
  async address(role: DatabaseRole): Promise<PostgresAddress> {
    return this.addressAt(this.server(), role);
  }

  /** The superuser is let in on the host's loopback alone, where a tunnel ends, whichever way the stack has. */
  async superuserAddress(): Promise<PostgresAddress> {
    return this.addressAt(this.server('tunnel'), 'superuser');
  }

  private async addressAt(server: Promise<VerifiedServer>, role: DatabaseRole): Promise<PostgresAddress> {
    const [{ host, port, ca, name }, password] = await Promise.all([server, this.password(role)]);
    return {
      host,
      port,
      database: DATABASE_NAME,
      user: ROLE_NAMES[role],
      password,
      ssl: { rejectUnauthorized: true, ca, host: name },
    };
  }

  /** @throws OperatorError where the secret cannot be read, or the role has none */
  async password(role: DatabaseRole): Promise<string> {
    if (role === 'superuser') return (await this.secret('superuser'))['password'] ?? '';
    const password = (await (this.passwords ??= this.secret('roles')))[role];
    if (password === undefined)
      throw new OperatorError(`the secret ${secretName(this.place.stack, 'roles')} has no password of ${role}`);
    return password;
  }

  close(): void {
    void this.forward?.then(
      (forward) => forward.close(),
      () => undefined,
    );
    for (const copy of this.copies) copy.close();
    this.ssm.destroy();
    this.secrets.destroy();
  }

  private async forwardOf(remotePort: number): Promise<PortForward> {
    const { instanceId } = await this.host();
    const { ssm: client, clock, env } = this;
    return openPortForward({ client, clock, region: this.place.region, instanceId, remotePort, env });
  }

  private async readAuthority(): Promise<string> {
    const name = caParameterName(this.place.stack);
    const text = await this.parameter(name);
    if (text.includes('BEGIN CERTIFICATE')) return text;
    throw new OperatorError(`the host has not published its certificate authority in ${name} yet`, {
      next: 'its setup is still going on, or failed: qbench host logs',
    });
  }

  /**
   * Publishes that a restore was proven: whoever may read the parameter, and nothing of the host, can tell. A preview of a pull request
   * must not be able to do more.
   * @param evidence JSON of at most 4,096 characters, as a standard parameter takes
   */
  async publishEvidence(evidence: string): Promise<void> {
    const name = evidenceParameterName(this.place.stack);
    const Description = `The last proven restore of stack ${this.place.stack}`;
    await awsCall(`publishing the evidence of backups in ${name}`, 'ssm:PutParameter', () =>
      this.ssm.send(
        new PutParameterCommand({ Name: name, Type: 'String', Overwrite: true, Description, Value: evidence }),
      ),
    );
  }

  /** @throws OperatorError where none was published, or it may not be read */
  async publishedEvidence(): Promise<string> {
    const { stack } = this.place;
    const name = evidenceParameterName(stack);
    try {
      return await this.parameter(name);
    } catch (error) {
      if (!((error as OperatorError).cause instanceof ParameterNotFound)) throw error;
      throw new OperatorError(`no evidence of backups of stack ${stack} was published`, {
        next: `qbench drill --stack ${stack} proves a restore and publishes it in ${name}`,
        cause: error,
      });
    }
  }

  private async parameter(name: string): Promise<string> {
    const found = await awsCall(`reading the parameter ${name}`, 'ssm:GetParameter', () =>
      this.ssm.send(new GetParameterCommand({ Name: name })),
    );
    return found.Parameter?.Value ?? '';
  }

  private async secret(suffix: string): Promise<Readonly<Record<string, string>>> {
    const name = secretName(this.place.stack, suffix);
    const found = await awsCall(`reading the secret ${name}`, 'secretsmanager:GetSecretValue', () =>
      this.secrets.send(new GetSecretValueCommand({ SecretId: name })),
    );
    return JSON.parse(found.SecretString ?? '{}') as Record<string, string>;
  }
}
