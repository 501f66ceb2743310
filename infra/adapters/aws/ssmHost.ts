/** The host of a stack as SSM knows it: which instance it is, and whether its agent answers. */
import { DescribeInstanceInformationCommand, type InstanceInformation, type SSMClient } from '@aws-sdk/client-ssm';
import { PROJECT, TAGS } from '../../naming';
import { OperatorError } from '../../ops/errors';
import type { Clock } from '../../ops/ports';
import { awsCall } from './clients';

export interface StackHost {
  instanceId: string;
  online: boolean;
  /** When its agent last answered; undefined where it never did. */
  lastPing: Date | undefined;
  agentVersion: string;
  /** Its private address. */
  address: string;
}

async function describe(
  client: SSMClient,
  filters: { Key: string; Values: string[] }[],
): Promise<readonly InstanceInformation[]> {
  return awsCall('asking SSM for the host', 'ssm:DescribeInstanceInformation', async () => {
    const found = await client.send(new DescribeInstanceInformationCommand({ Filters: filters, MaxResults: 50 }));
    return found.InstanceInformationList ?? [];
  });
}

/**
 * Finds the host of a stack by its tags; the newest agent contact wins where an old host is still known.
 * @throws OperatorError where SSM knows none
 */
export async function findHost(client: SSMClient, stack: string): Promise<StackHost> {
  const found = await describe(client, [
    { Key: `tag:${TAGS.project}`, Values: [PROJECT] },
    { Key: `tag:${TAGS.stack}`, Values: [stack] },
  ]);
  const newestFirst = [...found].sort((a, b) => Number(b.LastPingDateTime ?? 0) - Number(a.LastPingDateTime ?? 0));
  const host = newestFirst.find(({ PingStatus }) => PingStatus === 'Online') ?? newestFirst[0];
  if (host?.InstanceId === undefined) {
    throw new OperatorError(`SSM knows no host of stack "${stack}"`, {
      next: 'is the stack up, in this account and region? A new host appears some minutes after its start; `aws ec2 get-console-output` shows how far it is',
    });
  }
  return {
    instanceId: host.InstanceId,
    online: host.PingStatus === 'Online',
    lastPing: host.LastPingDateTime,
    agentVersion: host.AgentVersion ?? '',
    address: host.IPAddress ?? '',
  };
}

/** The error that names what SSM knows of a host that takes no command. */
export async function notOnline(client: SSMClient, instanceId: string, clock: Clock): Promise<OperatorError> {
  const [known] = await describe(client, [{ Key: 'InstanceIds', Values: [instanceId] }]);
  const silent =
    known?.LastPingDateTime === undefined ? undefined : clock.now().getTime() - known.LastPingDateTime.getTime();
  const state =
    known === undefined
      ? 'is not known to SSM'
      : `is ${known.PingStatus ?? 'unknown'} in SSM${silent === undefined ? '' : `; its agent last answered ${Math.round(silent / 60_000)} min ago`}`;
  return new OperatorError(`host ${instanceId} ${state}`, {
    next: `aws ec2 get-console-output --latest --instance-id ${instanceId} shows its console; its tag ${TAGS.status} says how its setup went`,
  });
}

/**
 * @throws OperatorError where the agent of the host does not answer
 */
export async function onlineHost(client: SSMClient, stack: string, clock: Clock): Promise<StackHost> {
  const host = await findHost(client, stack);
  if (!host.online) throw await notOnline(client, host.instanceId, clock);
  return host;
}
