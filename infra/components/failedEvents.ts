import { Queue } from '@pulumi/aws/sqs/queue';
import { QueuePolicy } from '@pulumi/aws/sqs/queuePolicy';
import { ComponentResource, type ComponentResourceOptions, type Output } from '@pulumi/pulumi';
import { TYPE_PREFIX } from '../naming';
import type { CloudScope } from './cloudScope';
import { queuePolicy } from './lambdaPolicies';

/** Longest that SQS keeps a message: two weeks to look at what failed. */
const RETENTION_SECONDS = 14 * 86_400;

/** Where events go that could not be delivered or carried out; an alarm looks whether anything is in it. */
export class FailedEvents extends ComponentResource {
  readonly queueArn: Output<string>;
  readonly queueName: Output<string>;

  constructor(name: string, { scope }: { scope: CloudScope }, options: ComponentResourceOptions = {}) {
    super(`${TYPE_PREFIX}:aws:FailedEvents`, name, {}, options);
    const { region, accountId } = scope.args;
    const queue = new Queue(
      `${name}-queue`,
      {
        name: scope.name('failed-events'),
        messageRetentionSeconds: RETENTION_SECONDS,
        sqsManagedSseEnabled: true,
        tags: scope.tags('failed-events'),
      },
      { parent: this },
    );
    // By name, since the rules need the queue first.
    const rules = [`arn:aws:events:${region}:${accountId}:rule/${scope.name('')}*`];
    new QueuePolicy(
      `${name}-policy`,
      { queueUrl: queue.id, policy: queue.arn.apply((arn) => JSON.stringify(queuePolicy(arn, rules))) },
      { parent: this, deletedWith: queue },
    );
    this.queueArn = queue.arn;
    this.queueName = queue.name;
    this.registerOutputs({ queueArn: this.queueArn });
  }
}
