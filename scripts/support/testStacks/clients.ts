/** Who is connected to a stack's database: asked over its socket on this machine, by SSM on a host. */
import { ssmClient } from '../../../infra/adapters/aws/clients';
import { SsmCommandRunner } from '../../../infra/adapters/aws/ssmCommandRunner';
import { findHost } from '../../../infra/adapters/aws/ssmHost';
import { superuserSession } from '../../../infra/adapters/localServer/configuration';
import { readRecord, stackLayout, type MachineContext } from '../../../infra/adapters/localServer/layout';
import { waitUntilReady } from '../../../infra/adapters/localServer/probe';
import { systemClock } from '../../../infra/adapters/systemClock';
import { messageOf } from '../../../infra/ops/errors';
import { clientsOnHost, connectedClients } from '../../../infra/ops/stacks/clients';

/**
 * @param region AWS region of the stack's host; '' on tier local
 * @returns `unknown` where a server may run but did not answer
 */
export async function clientsOf(context: MachineContext, stack: string, region: string): Promise<string[] | 'unknown'> {
  return region === '' ? clientsHere(context, stack) : clientsInAws(stack, region);
}

async function clientsHere(context: MachineContext, stack: string): Promise<string[] | 'unknown'> {
  const record = readRecord(stackLayout(context, stack));
  // One that is starting, such as after a crash, says nothing yet.
  if (record === undefined || !(await waitUntilReady(record.dataDir, systemClock))) return [];
  try {
    const session = await superuserSession(record);
    try {
      return await connectedClients(session);
    } finally {
      await session.close();
    }
  } catch {
    return 'unknown';
  }
}

async function clientsInAws(stack: string, region: string): Promise<string[] | 'unknown'> {
  const client = ssmClient(region);
  try {
    const { instanceId } = await findHost(client, stack);
    return await clientsOnHost(new SsmCommandRunner({ client, clock: systemClock, instanceId, user: 'postgres' }));
  } catch (error) {
    // Without a host there is nobody; with one that does not answer there may be.
    return messageOf(error).startsWith('SSM knows no host') ? [] : 'unknown';
  } finally {
    client.destroy();
  }
}
