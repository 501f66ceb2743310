/**
 * The commands of one SSM document on one host: started without waiting for their end, and listed afterwards. SSM keeps each with
 * its parameters and its output for 30 days, which is all the memory that the Lambdas have.
 */
import {
  GetCommandInvocationCommand,
  paginateListCommands,
  SendCommandCommand,
  type Command,
  type SSMClient,
} from '@aws-sdk/client-ssm';
import { awsCall, awsErrorName } from './clients';

/** How long the host may take to fetch a command, in seconds; a host that is away says so by its end. */
const DELIVERY_SECONDS = 120;

export interface HostDocumentArgs {
  client: SSMClient;
  document: string;
  instanceId: string;
}

/** One command of the document. */
export interface HostCommandRun {
  id: string;
  instanceId: string;
  /** One value of each parameter. */
  parameters: Readonly<Record<string, string>>;
  state: 'running' | 'succeeded' | 'failed';
  /** SSM's word, such as "DeliveryTimedOut". */
  status: string;
  startedAt: Date;
}

export class HostDocument {
  constructor(private readonly args: HostDocumentArgs) {}

  /** @returns the id of the command @throws OperatorError where SSM takes it not, such as for a host that never reported */
  async start(parameters: Readonly<Record<string, string>>, comment: string): Promise<string> {
    const { client, document, instanceId } = this.args;
    return awsCall(`starting ${document} on host ${instanceId}`, 'ssm:SendCommand', async () => {
      const sent = await client.send(
        new SendCommandCommand({
          DocumentName: document,
          InstanceIds: [instanceId],
          Comment: `qbench: ${comment}`.slice(0, 100),
          TimeoutSeconds: DELIVERY_SECONDS,
          Parameters: Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, [value]])),
        }),
      );
      return sent.Command?.CommandId ?? '';
    });
  }

  /** Commands sent in a span of time, oldest first, whichever host they went to. */
  async list(after: Date, before?: Date): Promise<HostCommandRun[]> {
    const { client, document } = this.args;
    return awsCall(`listing the commands of ${document}`, 'ssm:ListCommands', async () => {
      const pages = paginateListCommands(
        { client, pageSize: 50 },
        {
          Filters: [
            { key: 'DocumentName', value: document },
            { key: 'InvokedAfter', value: seconds(after) },
            ...(before === undefined ? [] : [{ key: 'InvokedBefore' as const, value: seconds(before) }]),
          ],
        },
      );
      const found: HostCommandRun[] = [];
      for await (const { Commands = [] } of pages) found.push(...Commands.map(runOf));
      return found.sort((a, b) => a.startedAt.getTime() - b.startedAt.getTime());
    });
  }

  /** One command of this document with what it said; undefined where SSM knows none of this id. */
  async result(id: string): Promise<{ run: HostCommandRun; output: string; errors: string } | undefined> {
    const { client, document } = this.args;
    return awsCall(`asking for command ${id}`, 'ssm:GetCommandInvocation', async () => {
      for await (const { Commands = [] } of paginateListCommands({ client }, { CommandId: id })) {
        const [command] = Commands;
        if (command?.DocumentName !== document) continue;
        return this.outputOf(runOf(command));
      }
      return undefined;
    });
  }

  /** What a listed command said. */
  private async outputOf(run: HostCommandRun): Promise<{ run: HostCommandRun; output: string; errors: string }> {
    try {
      const said = await this.args.client.send(
        new GetCommandInvocationCommand({ CommandId: run.id, InstanceId: run.instanceId }),
      );
      const { Status = 'Pending', StatusDetails = Status } = said;
      return {
        // Of the two answers this one is the newer.
        run: { ...run, state: stateOf(Status), status: StatusDetails },
        output: said.StandardOutputContent ?? '',
        errors: said.StandardErrorContent ?? '',
      };
    } catch (error) {
      // A command that reached no host has no invocation.
      if (awsErrorName(error) === 'InvocationDoesNotExist') return { run, output: '', errors: '' };
      throw error;
    }
  }
}

function runOf(command: Command): HostCommandRun {
  const { Status = 'Pending', StatusDetails = Status } = command;
  return {
    id: command.CommandId ?? '',
    instanceId: command.InstanceIds?.[0] ?? '',
    parameters: Object.fromEntries(
      Object.entries(command.Parameters ?? {}).map(([name, values]) => [name, values[0] ?? '']),
    ),
    state: stateOf(Status),
    status: StatusDetails,
    startedAt: command.RequestedDateTime ?? new Date(0),
  };
}

function stateOf(status: string): HostCommandRun['state'] {
  if (status === 'Success') return 'succeeded';
  return ['Pending', 'InProgress', 'Delayed', 'Cancelling'].includes(status) ? 'running' : 'failed';
}

/** SSM takes no fractions of seconds. */
const seconds = (at: Date): string => `${at.toISOString().slice(0, 19)}Z`;
