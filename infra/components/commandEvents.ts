import { EventRule } from '@pulumi/aws/cloudwatch/eventRule';
import { EventTarget } from '@pulumi/aws/cloudwatch/eventTarget';
import { Permission } from '@pulumi/aws/lambda/permission';
import { ComponentResource, output, type ComponentResourceOptions, type Input } from '@pulumi/pulumi';
import { COMMAND_ENDED, TYPE_PREFIX } from '../naming';
import type { CloudScope } from './cloudScope';

export interface CommandEventsArgs {
  scope: CloudScope;
  suffix: string;
  documentName: Input<string>;
  functionName: Input<string>;
  functionArn: Input<string>;
  queueArn: Input<string>;
}

/** The pattern of the events that tell the end of a document's commands, whichever end it was. */
export function commandEndedPattern(documentName: string): Record<string, unknown> {
  return {
    source: ['aws.ssm'],
    'detail-type': [COMMAND_ENDED],
    detail: {
      'document-name': [documentName],
      status: [{ 'anything-but': ['Pending', 'InProgress', 'Delayed', 'Cancelling'] }],
    },
  };
}

/** Calls a Lambda when a command of its document ends: nobody waits for it. */
export class CommandEvents extends ComponentResource {
  constructor(name: string, args: CommandEventsArgs, options: ComponentResourceOptions = {}) {
    super(`${TYPE_PREFIX}:aws:CommandEvents`, name, {}, options);
    const { scope, suffix } = args;
    const parent = { parent: this };
    const rule = new EventRule(
      `${name}-rule`,
      {
        name: scope.name(`${suffix}-ended`),
        description: `A ${suffix} command of the host came to its end`,
        eventPattern: output(args.documentName).apply((document) => JSON.stringify(commandEndedPattern(document))),
        tags: scope.tags(suffix),
      },
      parent,
    );
    const permission = new Permission(
      `${name}-permission`,
      {
        action: 'lambda:InvokeFunction',
        function: args.functionName,
        principal: 'events.amazonaws.com',
        sourceArn: rule.arn,
        statementId: 'command-ended',
      },
      parent,
    );
    new EventTarget(
      `${name}-target`,
      {
        rule: rule.name,
        targetId: suffix,
        arn: args.functionArn,
        deadLetterConfig: { arn: args.queueArn },
        retryPolicy: { maximumEventAgeInSeconds: 3600, maximumRetryAttempts: 10 },
      },
      { ...parent, dependsOn: permission },
    );
    this.registerOutputs({});
  }
}
