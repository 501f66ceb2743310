/** The sweep's port: test stacks of this machine and backend, and those that only the tags of an account tell of. */
import { taggedResources } from '../../../infra/adapters/aws/tagged';
import { currentMoment } from '../../../infra/adapters/bootClock';
import { OperatorError } from '../../../infra/ops/errors';
import type { StackFacts } from '../../../infra/ops/stacks/lifetime';
import type { SweepPort } from '../../../infra/ops/stacks/sweep';
import { checkClock, taggedStacks, type TaggedStack } from '../../../infra/ops/stacks/tagged';
import type { TestStacks } from './testStacks';

/**
 * @param region whose account is asked for stacks that the backend does not know; undefined asks none
 * @throws OperatorError where the account cannot be asked, or its clock and this machine's differ
 */
export async function sweepPort(stacks: TestStacks, region: string | undefined): Promise<SweepPort> {
  const known = await stacks.all();
  const strangers = region === undefined ? [] : await strangersIn(region, new Set(known.map(({ name }) => name)));
  return {
    now: currentMoment,
    facts: async () => {
      const facts: StackFacts[] = [];
      for (const marker of known) facts.push(await stacks.factsOf(marker));
      return [...facts, ...strangers.map(strangerFacts)];
    },
    factsOf: async (name) => {
      const marker = await stacks.markerOf(name);
      return marker === undefined ? undefined : stacks.factsOf(marker);
    },
    destroy: (name) => {
      const stranger = strangers.find((each) => each.name === name);
      if (stranger === undefined) return stacks.destroy(name);
      return Promise.reject(
        new OperatorError(
          `this Pulumi backend does not know stack ${name}, of which there are ${stranger.arns.join(', ')}`,
          {
            next: 'log in to the backend that it was made with, and sweep there; where its state is lost, delete these by hand',
          },
        ),
      );
    },
  };
}

async function strangersIn(region: string, known: ReadonlySet<string>): Promise<TaggedStack[]> {
  const { resources, awsTimeMs } = await taggedResources(region);
  checkClock(Date.now(), awsTimeMs);
  return taggedStacks(resources).filter(({ name }) => !known.has(name));
}

function strangerFacts(stack: TaggedStack): StackFacts {
  return {
    name: stack.name,
    tier: 'ec2',
    ephemeral: true,
    protections: stack.environment === 'production' ? ['environment is production'] : [],
    phase: 'ready',
    ...(stack.createdMs === undefined || stack.ttlHours === undefined ? {} : { created: { wallMs: stack.createdMs } }),
    ttlHours: stack.ttlHours ?? 0,
    runs: [],
    clients: [],
  };
}
