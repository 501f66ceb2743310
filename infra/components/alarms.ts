import { MetricAlarm } from '@pulumi/aws/cloudwatch/metricAlarm';
import { ComponentResource, type ComponentResourceOptions, type Input, type Output } from '@pulumi/pulumi';
import { METRIC_DIMENSION, METRIC_NAMESPACE, TYPE_PREFIX } from '../naming';
import { COMPARISON_OPERATORS, type ResolvedThreshold } from '../ops/thresholds';
import type { CloudScope } from './cloudScope';

/** A metric that a Lambda writes whenever its work came to its end, and how often that is. */
export interface Heartbeat {
  /** Name of the Lambda. */
  suffix: string;
  metric: string;
  everySeconds: number;
  runbook: string;
}

export interface AlarmsArgs {
  scope: CloudScope;
  topicArn: Input<string>;
  thresholds: readonly ResolvedThreshold[];
  heartbeats: readonly Heartbeat[];
  /** Queue of the events that failed. */
  queueName: Input<string>;
  /** Where the runbooks are, for links: a URL that ends with a slash, or a path of the checkout. */
  runbooks: string;
}

/** Beats in a row that may fail before the silence is an alarm. */
const SILENT_BEATS = 3;
/** CloudWatch looks back a day at most where a period is shorter than an hour, and a week otherwise. */
const LONGEST_PERIOD_SECONDS = 86_400;

/**
 * The alarms: one for each level of each threshold, one for the silence of each Lambda, one for events that failed. Cost: 0.10
 * USD each a month; `count` says how many they are.
 */
export class Alarms extends ComponentResource {
  readonly count: number;
  readonly arns: Output<string>[];

  constructor(name: string, args: AlarmsArgs, options: ComponentResourceOptions = {}) {
    super(`${TYPE_PREFIX}:aws:Alarms`, name, {}, options);
    const { scope } = args;
    const made: MetricAlarm[] = [];
    const alarm = (
      suffix: string,
      inputs: ConstructorParameters<typeof MetricAlarm>[1] & { treatMissingData: string },
    ): void => {
      made.push(
        new MetricAlarm(
          `${name}-${suffix}`,
          {
            name: scope.name(suffix),
            alarmActions: [args.topicArn],
            okActions: [args.topicArn],
            tags: scope.tags(suffix),
            ...inputs,
          },
          { parent: this },
        ),
      );
    };
    const ofStack = { namespace: METRIC_NAMESPACE, dimensions: { [METRIC_DIMENSION]: scope.args.stack } };
    for (const row of args.thresholds) {
      for (const level of ['warning', 'critical'] as const) {
        const threshold = row[level];
        if (threshold === undefined) continue;
        alarm(`${row.name}-${level}`, {
          alarmDescription: `${row.title}: ${row.reason}. Runbook: ${args.runbooks}${row.runbook}`,
          ...ofStack,
          metricName: row.metric,
          statistic: row.statistic,
          unit: row.unit,
          comparisonOperator: COMPARISON_OPERATORS[row.comparison],
          threshold,
          period: row.periodSeconds,
          evaluationPeriods: row.periods,
          treatMissingData: row.missing,
        });
      }
    }
    for (const { suffix, metric, everySeconds, runbook } of args.heartbeats) {
      alarm(`${suffix}-silent`, {
        alarmDescription: `The Lambda ${suffix} has not ended its work for ${SILENT_BEATS} times its interval. Runbook: ${args.runbooks}${runbook}`,
        ...ofStack,
        metricName: metric,
        statistic: 'Sum',
        comparisonOperator: COMPARISON_OPERATORS['<'],
        threshold: 1,
        // One period as long as the silence: what comes a minute early or late does not matter to it.
        period: Math.min(LONGEST_PERIOD_SECONDS, SILENT_BEATS * everySeconds),
        evaluationPeriods: 1,
        treatMissingData: 'breaching',
      });
    }
    alarm('failed-events', {
      alarmDescription: `Events that a Lambda could not carry out, or that could not be delivered to it, are in the queue. Runbook: ${args.runbooks}lambdas.md#failed-events`,
      namespace: 'AWS/SQS',
      dimensions: { QueueName: args.queueName },
      metricName: 'ApproximateNumberOfMessagesVisible',
      statistic: 'Maximum',
      comparisonOperator: COMPARISON_OPERATORS['>='],
      threshold: 1,
      period: 300,
      evaluationPeriods: 1,
      treatMissingData: 'notBreaching',
    });
    this.count = made.length;
    this.arns = made.map(({ arn }) => arn);
    this.registerOutputs({ count: this.count });
  }
}
