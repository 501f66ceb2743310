/** The `CommandRunner` port on a host in AWS, by SSM Run Command: no port of the host is open for it, and each call is recorded. */
import {
  CancelCommandCommand,
  GetCommandInvocationCommand,
  SendCommandCommand,
  type GetCommandInvocationCommandOutput,
  type SSMClient,
} from '@aws-sdk/client-ssm';
import { OperatorError, UsageError } from '../../ops/errors';
import type { Clock, CommandOptions, CommandResult, CommandRunner } from '../../ops/ports';
import { awsCall, awsErrorName } from './clients';
import { callScript, CHUNK_CHARACTERS, partScript, readAnswer, unpack } from './hostCommand';
import { notOnline } from './ssmHost';

/** AWS's own document for shell commands on Linux. */
const DOCUMENT = 'AWS-RunShellScript';
/** How long the host may take to fetch a command, in seconds; 30 is the least that SSM takes. */
const DELIVERY_SECONDS = 60;
/** The longest that SSM lets a command run, in seconds: 48 hours. Index builds and backups take as long as they take. */
const LONGEST_SECONDS = 172_800;
const FIRST_POLL_MS = 250;
const LONGEST_POLL_MS = 5_000;
/** After SendCommand the invocation is known everywhere only some moments later. */
const APPEARS_WITHIN_MS = 30_000;
const ENDED = new Set(['Success', 'Failed', 'TimedOut', 'Cancelled']);

export interface SsmCommandRunnerArgs {
  client: SSMClient;
  clock: Clock;
  instanceId: string;
  /** User of the host that programs run as. @default root */
  user?: string;
}

/**
 * Runs programs on a host. What is run, its arguments and its input stay in SSM's history for 30 days and in CloudTrail: nothing
 * secret may be sent, and an environment is refused because secrets is what it is for.
 */
export class SsmCommandRunner implements CommandRunner {
  constructor(private readonly args: SsmCommandRunnerArgs) {}

  /** The same host, as another of its users. */
  as(user: string): SsmCommandRunner {
    return new SsmCommandRunner({ ...this.args, user });
  }

  /** @throws OperatorError where the host is not online or SSM refuses; the code of a program that fails is an answer */
  async run(file: string, args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    return this.wait(await this.start(file, args, options), options.signal);
  }

  /**
   * Starts a program and does not wait for it.
   * @returns the id of the command, for `wait`
   */
  async start(file: string, args: readonly string[], options: Omit<CommandOptions, 'signal'> = {}): Promise<string> {
    const { user } = this.args;
    if (options.env !== undefined && Object.keys(options.env).length > 0) {
      throw new UsageError(
        `an environment cannot be sent to a host: AWS records commands (${Object.keys(options.env).join(', ')})`,
        {
          next: 'let the host read its own secret',
        },
      );
    }
    const timeoutSeconds = options.timeoutMs === undefined ? undefined : Math.ceil(options.timeoutMs / 1000);
    const script = callScript({
      file,
      args,
      ...(user === undefined ? {} : { user }),
      ...(options.stdin === undefined ? {} : { stdin: options.stdin }),
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
    });
    // The script ends the program itself and still brings its output; SSM's own limit is for a script that hangs.
    return this.send(script, file, timeoutSeconds === undefined ? LONGEST_SECONDS : timeoutSeconds + 60);
  }

  /** Waits for a started program and brings its whole output. An abort cancels the program. */
  async wait(commandId: string, signal?: AbortSignal): Promise<CommandResult> {
    const ended = await this.ended(commandId, signal);
    const first = readAnswer(ended.StandardOutputContent ?? '');
    if (first === undefined) throw await this.cutOff(commandId, ended);
    let packed = first.packed;
    while (packed.length < first.packedCharacters) {
      const id = await this.send(partScript(first.folder, packed.length, first.packedCharacters), 'tail', 60);
      const part = (await this.ended(id, signal)).StandardOutputContent ?? '';
      if (part.length === 0) {
        throw new OperatorError(
          `the output of command ${commandId} is no longer whole on the host: ${packed.length} of ${first.packedCharacters} characters came`,
        );
      }
      packed += part.slice(0, CHUNK_CHARACTERS);
    }
    return { code: first.code, ...unpack(packed, first.outBytes) };
  }

  private async send(script: string, file: string, executionSeconds: number): Promise<string> {
    const { client, instanceId } = this.args;
    try {
      return await awsCall(`running ${file} on host ${instanceId}`, 'ssm:SendCommand', async () => {
        const sent = await client.send(
          new SendCommandCommand({
            DocumentName: DOCUMENT,
            InstanceIds: [instanceId],
            Comment: `qbench: ${file}`.slice(0, 100),
            TimeoutSeconds: DELIVERY_SECONDS,
            Parameters: {
              commands: script.split('\n'),
              executionTimeout: [String(Math.min(LONGEST_SECONDS, executionSeconds))],
            },
          }),
        );
        return sent.Command?.CommandId ?? '';
      });
    } catch (error) {
      if (awsErrorName((error as Error).cause) === 'InvalidInstanceId')
        throw await notOnline(client, instanceId, this.args.clock);
      throw error;
    }
  }

  private async ended(commandId: string, signal: AbortSignal | undefined): Promise<GetCommandInvocationCommandOutput> {
    const { client, clock, instanceId } = this.args;
    const started = clock.monotonicMs();
    const cancel = (): void => {
      void client
        .send(new CancelCommandCommand({ CommandId: commandId, InstanceIds: [instanceId] }))
        .catch(() => undefined);
    };
    for (let pause = FIRST_POLL_MS; ; pause = Math.min(LONGEST_POLL_MS, pause * 1.5)) {
      if (signal?.aborted === true) {
        cancel();
        signal.throwIfAborted();
      }
      const found = await this.invocation(commandId, clock.monotonicMs() - started < APPEARS_WITHIN_MS);
      if (found !== undefined && ENDED.has(found.Status ?? '')) return found;
      try {
        await clock.sleep(pause, signal);
      } catch (error) {
        cancel();
        throw error;
      }
    }
  }

  private invocation(commandId: string, mayBeMissing: boolean): Promise<GetCommandInvocationCommandOutput | undefined> {
    const { client, instanceId } = this.args;
    return awsCall(`asking for command ${commandId}`, 'ssm:GetCommandInvocation', async () => {
      try {
        return await client.send(new GetCommandInvocationCommand({ CommandId: commandId, InstanceId: instanceId }));
      } catch (error) {
        if (mayBeMissing && awsErrorName(error) === 'InvocationDoesNotExist') return undefined;
        throw error;
      }
    });
  }

  /** The error for a command that ended without the answer of its script. */
  private async cutOff(commandId: string, ended: GetCommandInvocationCommandOutput): Promise<Error> {
    const { client, clock, instanceId } = this.args;
    const how = ended.StatusDetails ?? ended.Status ?? 'unknown';
    // Never started there: the agent did not fetch it.
    if (/deliver|undeliverable|terminated/i.test(how)) return notOnline(client, instanceId, clock);
    const said = (ended.StandardErrorContent ?? '').trim().split('\n').at(-1) ?? '';
    return new OperatorError(
      `command ${commandId} on host ${instanceId} was cut off (${how})${said === '' ? '' : `: ${said}`}`,
      {
        next: `aws ssm get-command-invocation --command-id ${commandId} --instance-id ${instanceId} shows what SSM knows of it`,
      },
    );
  }
}
