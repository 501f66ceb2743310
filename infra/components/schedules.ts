import { Role } from '@pulumi/aws/iam/role';
import { RolePolicy } from '@pulumi/aws/iam/rolePolicy';
import { Schedule } from '@pulumi/aws/scheduler/schedule';
import { ScheduleGroup } from '@pulumi/aws/scheduler/scheduleGroup';
import { all, ComponentResource, type ComponentResourceOptions, type Input } from '@pulumi/pulumi';
import { TYPE_PREFIX } from '../naming';
import type { CloudScope } from './cloudScope';
import { trustOf } from './iamPolicies';
import { schedulerPolicy } from './lambdaPolicies';

export interface PlannedCall {
  /** Last part of its name. */
  suffix: string;
  description: string;
  /** `cron(...)` or `rate(...)`, as EventBridge Scheduler takes it. */
  expression: string;
  /** @default Etc/UTC */
  timeZone?: string;
  functionArn: Input<string>;
  /** The event; the scheduler puts its context attributes, such as `<aws.scheduler.scheduled-time>`, into it. */
  event: Readonly<Record<string, unknown>>;
  /** How long delivery is tried, in seconds; 60 is the least. */
  eventAgeSeconds: number;
}

export interface SchedulesArgs {
  scope: CloudScope;
  calls: readonly PlannedCall[];
  queueArn: Input<string>;
}

/** When the Lambdas are called: one schedule a call, in a group of the stack's own. */
export class Schedules extends ComponentResource {
  constructor(name: string, { scope, calls, queueArn }: SchedulesArgs, options: ComponentResourceOptions = {}) {
    super(`${TYPE_PREFIX}:aws:Schedules`, name, {}, options);
    const parent = { parent: this };
    const group = new ScheduleGroup(
      `${name}-group`,
      { name: scope.name('schedules'), tags: scope.tags('schedules') },
      parent,
    );
    const role = new Role(
      `${name}-role`,
      {
        name: scope.name('scheduler'),
        description: 'Calls the Lambdas of the stack at their times',
        assumeRolePolicy: JSON.stringify(trustOf('scheduler.amazonaws.com', scope.args.accountId)),
        tags: scope.tags('scheduler'),
      },
      parent,
    );
    const arns = [...new Set(calls.map(({ functionArn }) => functionArn))];
    const rights = new RolePolicy(
      `${name}-rights`,
      {
        name: 'scheduler',
        role: role.name,
        policy: all([all(arns), queueArn]).apply(([functions, queue]) =>
          JSON.stringify(schedulerPolicy(functions, queue)),
        ),
      },
      { ...parent, deletedWith: role },
    );
    for (const call of calls) {
      new Schedule(
        `${name}-${call.suffix}`,
        {
          name: call.suffix,
          groupName: group.name,
          description: call.description,
          scheduleExpression: call.expression,
          scheduleExpressionTimezone: call.timeZone ?? 'Etc/UTC',
          flexibleTimeWindow: { mode: 'OFF' },
          target: {
            arn: call.functionArn,
            roleArn: role.arn,
            input: JSON.stringify(call.event),
            deadLetterConfig: { arn: queueArn },
            retryPolicy: { maximumEventAgeInSeconds: call.eventAgeSeconds, maximumRetryAttempts: 10 },
          },
        },
        // A schedule goes with its group.
        { ...parent, dependsOn: rights, deletedWith: group },
      );
    }
    this.registerOutputs({});
  }
}
