/** `pulumi up` of tier ec2 that is cut off, on the real engine with the recording aws plugin: the next `up` converges. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { removeStaleLocks } from '../../scripts/toolchain/toolchain';
import { EPHEMERAL, RecordedAws } from '../support/awsPlugin';
import { HostDatabases } from '../support/hostDatabase';
import { upUntil } from '../support/interrupt';
import { eventually, processesNaming } from '../support/processes';
import { expectSuccess, type TestStack } from '../support/stack';

const aws = new RecordedAws();
let databases: HostDatabases;
let stack: TestStack;

beforeAll(async () => {
  databases = await HostDatabases.start(aws.account);
  ({ stack } = await databases.stack(aws, 'cut', EPHEMERAL));
});
afterAll(async () => {
  await databases.stop();
  aws.remove();
});

/** Names of what was made in the account and not removed again. */
function standing(): string[] {
  const left: string[] = [];
  for (const { op, name } of aws.journal) {
    if (op === 'create') left.push(name);
    if (op === 'delete') left.splice(left.lastIndexOf(name), 1);
  }
  return left;
}

it('converges after SIGINT while the host is made, and after SIGKILL while migrations run', async () => {
  const stopped = await upUntil(stack, /host-instance creating/);
  stopped.child.kill('SIGINT');
  expect(await stopped.ended).not.toBe(0);

  const killed = await upUntil(stack, /schema-migrations creating/);
  killed.child.kill('SIGKILL');
  await killed.ended;
  // A killed CLI cannot take its lock back; every run of ours looks for such locks first.
  expect(removeStaleLocks(stack.toolchain.paths.backend)).toHaveLength(1);
  const stateDir = stack.machine.context.stateDir ?? '';
  await eventually('plugins of the killed run ended', () => processesNaming(stateDir).length === 0);

  expectSuccess(await stack.up());
  expectSuccess(await stack.pulumi('preview', '--expect-no-changes'));
  const made = standing();
  expect(made.filter((name, index) => made.indexOf(name) !== index)).toEqual([]);
  expectSuccess(await stack.destroy());
  // Parts of a thing that goes are `deletedWith` it and leave no entry of their own.
  const whole =
    /-(instance|interface|volume|bucket|key|secret|vpc|topic|queue|function|role|group|document|association)$/;
  expect(made.filter((name) => whole.test(name)).length).toBeGreaterThan(15);
  expect(standing().filter((name) => whole.test(name))).toEqual([]);
});
