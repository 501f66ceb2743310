import { Topic } from '@pulumi/aws/sns/topic';
import { TopicPolicy } from '@pulumi/aws/sns/topicPolicy';
import { TopicSubscription } from '@pulumi/aws/sns/topicSubscription';
import { ComponentResource, output, type ComponentResourceOptions, type Input, type Output } from '@pulumi/pulumi';
import { TYPE_PREFIX } from '../naming';
import type { CloudScope } from './cloudScope';
import { topicPolicy } from './lambdaPolicies';

export interface AlertTopicArgs {
  scope: CloudScope;
  keyArn: Input<string>;
  /** Topic of the user's own, used as it is. @default a topic of the stack's own */
  topicArn?: string;
  /** Address that alarms are mailed to; its owner confirms once. @default nobody */
  email?: string;
}

/** Where alarms go: an encrypted SNS topic, and a mail address if there is one. Cost: none for the first 1,000 mails a month. */
export class AlertTopic extends ComponentResource {
  readonly arn: Output<string>;

  constructor(name: string, args: AlertTopicArgs, options: ComponentResourceOptions = {}) {
    super(`${TYPE_PREFIX}:aws:AlertTopic`, name, {}, options);
    const { scope } = args;
    const parent = { parent: this };
    if (args.topicArn === undefined) {
      const topic = new Topic(
        `${name}-topic`,
        {
          name: scope.name('alerts'),
          displayName: `Database of stack ${scope.args.stack}`,
          kmsMasterKeyId: args.keyArn,
          tags: scope.tags('alerts'),
        },
        parent,
      );
      new TopicPolicy(
        `${name}-policy`,
        { arn: topic.arn, policy: topic.arn.apply((arn) => JSON.stringify(topicPolicy(arn, scope.args.accountId))) },
        { ...parent, deletedWith: topic },
      );
      this.arn = topic.arn;
    } else {
      this.arn = output(args.topicArn);
    }
    if (args.email !== undefined) {
      new TopicSubscription(`${name}-email`, { topic: this.arn, protocol: 'email', endpoint: args.email }, parent);
    }
    this.registerOutputs({ arn: this.arn });
  }
}
