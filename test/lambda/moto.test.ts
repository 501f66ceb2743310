/**
 * The Lambdas' calls and the event patterns against moto, which others wrote from AWS's documentation: what our own stand-in of SSM
 * takes by mistake, it does not. moto ends every command at once and runs none.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lambdaCode, type LambdaName } from '../../infra/adapters/lambda/code';
import { LambdaProcess } from '../../infra/adapters/lambda/process';
import { commandEndedPattern } from '../../infra/components/commandEvents';
import { packPlan } from '../../infra/ops/hostMonitor/packing';
import { ended } from '../support/lambdaHost';
import { CHECKOUT } from '../support/machine';
import { MotoServer } from '../support/motoServer';
import type { RecordedCommand } from '../support/ssmServer';

const DOCUMENT = 'qbench-postgres-test-backup';
let moto: MotoServer;

beforeAll(async () => {
  moto = await MotoServer.start();
}, 300_000);
afterAll(() => moto.stop());

async function withLambda<T>(name: LambdaName, work: (running: LambdaProcess) => Promise<T>): Promise<T> {
  const { zip } = await lambdaCode(name, CHECKOUT);
  const planned = { clientConnections: 30, diskBytes: 1e9, databaseBytes: 1e9, parameters: {} };
  const running = await LambdaProcess.start(zip, {
    ...moto.env,
    QBENCH_STACK: 'test',
    QBENCH_INSTANCE_ID: 'i-0123456789abcdef0',
    QBENCH_DOCUMENT: DOCUMENT.replace('backup', name),
    QBENCH_PLAN: packPlan({ planned, overrides: {}, apiUrl: '' }),
  });
  try {
    return await work(running);
  } finally {
    await running.stop();
  }
}

const command = (id: string, status: string, document = DOCUMENT): RecordedCommand =>
  ({ id, status, document, instanceId: 'i-0123456789abcdef0' }) as RecordedCommand;

describe('SSM', () => {
  it('takes what the backup asks of it, and its list tells what was started', async () => {
    await withLambda('backup', async (running) => {
      const slot = { kind: 'slot', type: 'full', at: new Date().toISOString() };
      const first = await running.invoke(slot);
      expect(first.error).toBeUndefined();
      const { started } = first.result as { started: { id: string } };
      expect((await running.invoke(slot)).result).toMatchObject({
        why: expect.stringContaining('started before') as string,
      });
      const next = await running.invoke(ended(command(started.id, 'Success')));
      expect(next.result).toMatchObject({ started: { step: 'expire' } });
    });
  });

  it('takes what the monitor asks of it', async () => {
    await withLambda('monitor', async (running) => {
      const asked = await running.invoke({ kind: 'snapshot', comparisons: 0 });
      expect(asked.error).toBeUndefined();
      const { started } = asked.result as { started: string };
      const told = await running.invoke(ended(command(started, 'Success')));
      // Nothing ran: what came back is no snapshot, and that is told.
      expect(told.result).toMatchObject({ why: 'the host said nothing' });
    });
  });
});

describe('the rule', () => {
  it('lets the ends of this document’s commands through, whichever end, and nothing else', async () => {
    const { QueueUrl } = await moto.call<{ QueueUrl: string }>('sqs', 'AmazonSQS.CreateQueue', { QueueName: 'ends' });
    const EventPattern = JSON.stringify(commandEndedPattern(DOCUMENT));
    await moto.call('events', 'AWSEvents.PutRule', { Name: 'ended', EventPattern });
    await moto.call('events', 'AWSEvents.PutTargets', {
      Rule: 'ended',
      Targets: [{ Id: 'queue', Arn: 'arn:aws:sqs:eu-central-1:123456789012:ends' }],
    });
    const send = async (id: string, status: string, document = DOCUMENT): Promise<void> => {
      const { source, detail, 'detail-type': type } = ended(command(id, status, document));
      const Entries = [{ Source: source, DetailType: type, Detail: JSON.stringify(detail) }];
      await moto.call('events', 'AWSEvents.PutEvents', { Entries });
    };
    for (const status of ['Pending', 'InProgress', 'Cancelling', 'Success', 'Failed', 'TimedOut', 'Cancelled']) {
      await send(status, status);
    }
    await send('other', 'Success', 'AWS-RunShellScript');
    const { Messages = [] } = await moto.call<{ Messages?: { Body: string }[] }>('sqs', 'AmazonSQS.ReceiveMessage', {
      QueueUrl,
      MaxNumberOfMessages: 10,
    });
    const came = Messages.map(
      ({ Body }) => (JSON.parse(Body) as { detail: Record<string, string> }).detail['command-id'],
    );
    expect(came.sort()).toEqual(['Cancelled', 'Failed', 'Success', 'TimedOut']);
  });
});
