/**
 * A stand-in of the SSM API over HTTP (and of the two calls of Secrets Manager and Parameter Store that go with it): it really
 * runs the commands of the documents, through an executor, and cuts their output where SSM does. Point a client at it by
 * AWS_ENDPOINT_URL. What it does not prove: rights, signatures, and anything of the agent.
 */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { RUN_SHELL_SCRIPT, stepsOf, type SsmDocument, type Step } from './ssmDocuments';
import type { SsmExecutor } from './ssmExecutor';

/** What GetCommandInvocation shows of each stream. */
const SHOWN_CHARACTERS = 24_000;
/** What ListCommandInvocations shows with Details. */
const LISTED_CHARACTERS = 2_500;
const REQUEST_CHARACTERS = 65_536;
const PORT_DOCUMENTS = ['AWS-StartPortForwardingSession', 'AWS-StartPortForwardingSessionToRemoteHost'];
const SHELL_DOCUMENTS = ['SSM-SessionManagerRunShell', 'AWS-StartInteractiveCommand', 'AWS-StartNonInteractiveCommand'];

/** Why a command is ended that takes longer than it may. */
const LATE = 'late';

export interface SsmInstance {
  id: string;
  tags: Record<string, string>;
  /** @default 127.0.0.1 */
  address?: string;
  /** Where its ports really are: what a session of port forwarding leads to. */
  ports?: Record<number, { host: string; port: number }>;
  /** @default Online */
  ping?: 'Online' | 'ConnectionLost' | 'Inactive';
  /** @default now */
  lastPing?: Date;
}

export interface SsmServerOptions {
  executor: SsmExecutor;
  instances?: SsmInstance[];
  documents?: Record<string, SsmDocument>;
  parameters?: Record<string, string>;
  /** Values of secrets, by name or ARN. */
  secrets?: (id: string) => string | undefined;
}

export interface RecordedCommand {
  id: string;
  document: string;
  instanceId: string;
  parameters: Record<string, string[]>;
  status: 'Pending' | 'InProgress' | 'Success' | 'Failed' | 'TimedOut' | 'Cancelled';
  details: string;
  code: number;
  stdout: string;
  stderr: string;
  requestedAt: Date;
}

export interface RecordedSession {
  id: string;
  target: string;
  document: string;
  parameters: Record<string, string[]>;
}

class ApiError extends Error {
  constructor(
    readonly type: string,
    message: string,
  ) {
    super(message);
  }
}

type Input = Record<string, unknown>;

export class SsmServer {
  readonly commands: RecordedCommand[] = [];
  readonly sessions: RecordedSession[] = [];
  /** Names of the calls that came, in order, throttled ones too. */
  readonly calls: string[] = [];
  readonly instances: SsmInstance[];
  readonly documents: Record<string, SsmDocument>;
  readonly parameters: Record<string, string>;
  private throttled = 0;
  private readonly aborts = new Map<string, AbortController>();

  private constructor(
    private readonly server: Server,
    private readonly options: SsmServerOptions,
  ) {
    this.instances = options.instances ?? [];
    this.documents = { 'AWS-RunShellScript': RUN_SHELL_SCRIPT, ...options.documents };
    this.parameters = { ...options.parameters };
  }

  static async start(options: SsmServerOptions): Promise<SsmServer> {
    const server = createServer();
    const stand = new SsmServer(server, options);
    server.on('request', (request, response) => void stand.answer(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return stand;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** What a process needs to reach this in place of AWS. */
  get env(): Record<string, string> {
    return {
      AWS_ENDPOINT_URL_SSM: this.url,
      AWS_ENDPOINT_URL_SECRETS_MANAGER: this.url,
      AWS_ACCESS_KEY_ID: 'AKIAEXAMPLE',
      AWS_SECRET_ACCESS_KEY: 'example',
      AWS_EC2_METADATA_DISABLED: 'true',
    };
  }

  /** Commands are ended after so many seconds, however much longer their document lets them run. */
  longestSeconds = Infinity;

  /** The next calls are told that they are too many. */
  throttle(calls: number): void {
    this.throttled = calls;
  }

  async stop(): Promise<void> {
    for (const abort of this.aborts.values()) abort.abort();
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const name = String(request.headers['x-amz-target']).split('.')[1] ?? '';
    this.calls.push(name);
    response.setHeader('content-type', 'application/x-amz-json-1.1');
    try {
      const body = await text(request);
      if (this.throttled > 0) {
        this.throttled--;
        throw new ApiError('ThrottlingException', 'Rate exceeded');
      }
      if (body.length > REQUEST_CHARACTERS) throw new ApiError('ValidationException', 'the request is too large');
      response.end(JSON.stringify(await this.call(name, JSON.parse(body) as Input)));
    } catch (error) {
      const type = error instanceof ApiError ? error.type : 'InternalServerError';
      response.statusCode = error instanceof ApiError ? 400 : 500;
      response.end(JSON.stringify({ __type: type, message: (error as Error).message }));
    }
  }

  private call(name: string, input: Input): unknown {
    switch (name) {
      case 'SendCommand':
        return this.sendCommand(input);
      case 'GetCommandInvocation':
        return this.invocation(input);
      case 'ListCommandInvocations':
        return this.listInvocations(input);
      case 'ListCommands':
        return this.listCommands(input);
      case 'CancelCommand':
        this.aborts.get(String(input['CommandId']))?.abort();
        return {};
      case 'DescribeInstanceInformation':
        return this.describeInstances(input);
      case 'StartSession':
        return this.startSession(input);
      case 'TerminateSession':
        return { SessionId: input['SessionId'] };
      case 'GetParameter':
        return this.parameter(String(input['Name']));
      case 'PutParameter':
        return this.putParameter(String(input['Name']), String(input['Value']));
      case 'GetSecretValue':
        return this.secret(String(input['SecretId']));
      default:
        throw new ApiError('UnknownOperationException', `the stand-in knows no ${name}`);
    }
  }

  private instance(id: string): SsmInstance | undefined {
    return this.instances.find((each) => each.id === id);
  }

  private sendCommand(input: Input): unknown {
    const ids = this.targets(input);
    const name = String(input['DocumentName']);
    const document = this.documents[name];
    if (document === undefined) throw new ApiError('InvalidDocument', `document ${name} does not exist`);
    const timeout = Number(input['TimeoutSeconds'] ?? 3600);
    if (timeout < 30) throw new ApiError('ValidationException', 'TimeoutSeconds must be at least 30');
    const parameters = (input['Parameters'] ?? {}) as Record<string, string[]>;
    let steps: Step[];
    try {
      steps = stepsOf(document, parameters);
    } catch (error) {
      throw new ApiError('InvalidParameters', (error as Error).message);
    }
    const id = randomUUID();
    for (const instanceId of ids) {
      const command: RecordedCommand = {
        id,
        document: name,
        instanceId,
        parameters,
        status: 'Pending',
        details: 'Pending',
        code: -1,
        stdout: '',
        stderr: '',
        requestedAt: new Date(),
      };
      this.commands.push(command);
      if (this.instance(instanceId)?.ping === 'ConnectionLost') {
        // SSM takes it, and gives up after TimeoutSeconds; here at once.
        Object.assign(command, { status: 'TimedOut', details: 'DeliveryTimedOut' });
      } else void this.execute(command, steps);
    }
    return {
      Command: { CommandId: id, DocumentName: name, InstanceIds: ids, Parameters: parameters, Status: 'Pending' },
    };
  }

  private targets(input: Input): string[] {
    const given = (input['InstanceIds'] ?? []) as string[];
    const tagged = (input['Targets'] ?? []) as { Key: string; Values: string[] }[];
    const byTag =
      tagged.length === 0 ? [] : this.instances.filter((each) => tagged.every((filter) => matches(each, filter)));
    for (const id of given) {
      const known = this.instance(id);
      if (known === undefined || known.ping === 'Inactive') {
        throw new ApiError('InvalidInstanceId', `Instances [[${id}]] not in a valid state for account`);
      }
    }
    return [...given, ...byTag.map(({ id }) => id)];
  }

  private async execute(command: RecordedCommand, steps: readonly Step[]): Promise<void> {
    const abort = new AbortController();
    this.aborts.set(command.id, abort);
    Object.assign(command, { status: 'InProgress', details: 'InProgress' });
    for (const { script, timeoutSeconds } of steps) {
      const timer = setTimeout(
        () => {
          abort.abort(LATE);
        },
        Math.min(timeoutSeconds, this.longestSeconds) * 1000,
      );
      const done = await this.options
        .executor(script, abort.signal)
        .catch((error: unknown) => ({ code: 1, stdout: '', stderr: String(error) }));
      clearTimeout(timer);
      command.stdout += done.stdout;
      command.stderr += done.stderr;
      command.code = done.code;
      if (done.code !== 0) break;
    }
    this.aborts.delete(command.id);
    const why: unknown = abort.signal.reason;
    const ended = command.code === 0 ? 'Success' : 'Failed';
    const status = why === LATE ? 'TimedOut' : why === undefined ? ended : 'Cancelled';
    Object.assign(command, { status, details: why === LATE ? 'ExecutionTimedOut' : status });
  }

  private invocation(input: Input): unknown {
    const found = this.commands.find(
      ({ id, instanceId }) => id === input['CommandId'] && instanceId === input['InstanceId'],
    );
    if (found === undefined) throw new ApiError('InvocationDoesNotExist', 'no such invocation');
    return {
      CommandId: found.id,
      InstanceId: found.instanceId,
      DocumentName: found.document,
      Status: found.status,
      StatusDetails: found.details,
      ResponseCode: found.code,
      StandardOutputContent: found.stdout.slice(0, SHOWN_CHARACTERS),
      StandardErrorContent: found.stderr.slice(0, SHOWN_CHARACTERS),
    };
  }

  private listInvocations(input: Input): unknown {
    const found = this.commands.filter(
      ({ id, instanceId }) => id === (input['CommandId'] ?? id) && instanceId === (input['InstanceId'] ?? instanceId),
    );
    const detailed = input['Details'] === true;
    return {
      CommandInvocations: found.map((command) => ({
        CommandId: command.id,
        InstanceId: command.instanceId,
        DocumentName: command.document,
        Status: command.status,
        StatusDetails: command.details,
        CommandPlugins: detailed
          ? [{ Status: command.status, ResponseCode: command.code, Output: command.stdout.slice(0, LISTED_CHARACTERS) }]
          : [],
      })),
    };
  }

  /** Newest first, a page at a time. */
  private listCommands(input: Input): unknown {
    const filters = (input['Filters'] ?? []) as { key: string; value: string }[];
    const id = input['CommandId'];
    const found = this.commands
      .filter((command) => (id === undefined || command.id === id) && filters.every((each) => listed(command, each)))
      .reverse();
    const from = Number(input['NextToken'] ?? 0);
    const to = from + Number(input['MaxResults'] ?? 50);
    return {
      Commands: found.slice(from, to).map((command) => ({
        CommandId: command.id,
        DocumentName: command.document,
        InstanceIds: [command.instanceId],
        Parameters: command.parameters,
        Status: command.status,
        StatusDetails: command.details,
        RequestedDateTime: command.requestedAt.getTime() / 1000,
      })),
      ...(to < found.length ? { NextToken: String(to) } : {}),
    };
  }

  private describeInstances(input: Input): unknown {
    const filters = (input['Filters'] ?? []) as { Key: string; Values: string[] }[];
    const found = this.instances.filter((each) => filters.every((filter) => matches(each, filter)));
    return {
      InstanceInformationList: found.map(({ id, address = '127.0.0.1', ping = 'Online', lastPing = new Date() }) => ({
        InstanceId: id,
        PingStatus: ping,
        LastPingDateTime: lastPing.getTime() / 1000,
        IPAddress: address,
        AgentVersion: '3.3.1611.0',
        PlatformType: 'Linux',
      })),
    };
  }

  private startSession(input: Input): unknown {
    const target = String(input['Target']);
    const document = (input['DocumentName'] as string | undefined) ?? 'SSM-SessionManagerRunShell';
    const parameters = (input['Parameters'] ?? {}) as Record<string, string[]>;
    const instance = this.instance(target);
    if (instance === undefined || (instance.ping ?? 'Online') !== 'Online')
      throw new ApiError('TargetNotConnected', `${target} is not connected.`);
    const id = `session-${randomUUID().slice(0, 8)}`;
    let stream = `shell://${id}`;
    if (PORT_DOCUMENTS.includes(document)) {
      const port = Number(parameters['portNumber']?.[0]);
      const place = instance.ports?.[port];
      // A port where nothing listens: the session opens, connections through it do not.
      stream = place === undefined ? 'tcp://127.0.0.1:1' : `tcp://${place.host}:${place.port}`;
    } else if (!SHELL_DOCUMENTS.includes(document)) {
      throw new ApiError('InvalidDocument', `document ${document} does not exist`);
    }
    this.sessions.push({ id, target, document, parameters });
    return { SessionId: id, TokenValue: `token-${randomUUID()}`, StreamUrl: stream };
  }

  private parameter(name: string): unknown {
    const value = this.parameters[name];
    if (value === undefined) throw new ApiError('ParameterNotFound', `parameter ${name} not found`);
    return { Parameter: { Name: name, Type: 'String', Value: value, Version: 1 } };
  }

  private putParameter(name: string, value: string): unknown {
    // A standard parameter takes no more.
    if (value.length > 4096) throw new ApiError('ValidationException', `the value of ${name} is too long`);
    this.parameters[name] = value;
    return { Tier: 'Standard', Version: 1 };
  }

  private secret(id: string): unknown {
    const value = this.options.secrets?.(id);
    if (value === undefined) throw new ApiError('ResourceNotFoundException', `Secrets Manager can't find ${id}`);
    return { ARN: id, Name: id, SecretString: value };
  }
}

function listed(command: RecordedCommand, { key, value }: { key: string; value: string }): boolean {
  if (key === 'DocumentName') return command.document === value;
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(value)) throw new ApiError('InvalidFilterValue', `${value} is no time`);
  if (key === 'InvokedAfter') return command.requestedAt >= new Date(value);
  if (key === 'InvokedBefore') return command.requestedAt <= new Date(value);
  throw new ApiError('InvalidFilterKey', `the filter ${key} is not valid`);
}

function matches(instance: SsmInstance, { Key, Values }: { Key: string; Values: string[] }): boolean {
  if (Key === 'InstanceIds') return Values.includes(instance.id);
  if (Key === 'PingStatus') return Values.includes(instance.ping ?? 'Online');
  if (Key.startsWith('tag:')) return Values.includes(instance.tags[Key.slice(4)] ?? '');
  throw new ApiError('InvalidFilterKey', `the filter ${Key} is not valid`);
}
