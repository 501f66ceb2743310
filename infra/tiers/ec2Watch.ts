/** What looks after a host on AWS: the Lambdas with their schedules, the alarms, and the dashboard. */
import type { Provider } from '@pulumi/aws/provider';
import { interpolate, type Input, type Output, type Resource } from '@pulumi/pulumi';
import { AlertTopic } from '../components/alertTopic';
import { Alarms } from '../components/alarms';
import type { CloudScope } from '../components/cloudScope';
import { CommandEvents } from '../components/commandEvents';
import { Dashboard } from '../components/dashboard';
import { FailedEvents } from '../components/failedEvents';
import { HostCommand } from '../components/hostCommand';
import { LambdaFunction } from '../components/lambdaFunction';
import { Schedules } from '../components/schedules';
import { lambdaZip } from '../machine';
import { packPlan } from '../ops/hostMonitor/packing';
import { plannedOf } from '../ops/monitoring/planned';
import { resolveThresholds } from '../ops/thresholds';
import type { CapacityPlan } from '../capacity/plan';
import { backupDocument, snapshotDocument } from '../postgres/hostCommands';
import type { Ec2Settings } from '../settings';
import { longestGapMinutes } from '../settings/schedule';

export interface WatchArgs {
  settings: Ec2Settings;
  scope: CloudScope;
  plan: CapacityPlan;
  /** postgresql.conf as it is written. */
  parameters: Readonly<Record<string, string>>;
  keyArn: Input<string>;
  instanceId: Output<string>;
}

export interface Watch {
  dashboardUrl: Output<string>;
  alarmCount: number;
}

/** Searches compared with the truth in the daily measurement of recall. */
const RECALL_COMPARISONS = 5;
const SCHEDULED_TIME = '<aws.scheduler.scheduled-time>';
const HOUR_SECONDS = 3600;

/** Declares all of it. @throws OperatorError where a Lambda cannot be bundled */
export async function watchHost(args: WatchArgs, options: { provider: Provider }): Promise<Watch> {
  const { settings, scope, keyArn, instanceId } = args;
  const { backup, monitoring } = settings;
  // The address is not the plan's: it says nothing of whether the server runs as planned.
  const { listen_addresses: _, ...parameters } = args.parameters;
  const planned = plannedOf(args.plan, parameters);
  const thresholds = resolveThresholds(planned, monitoring.thresholds);
  const failed = new FailedEvents('failed', { scope }, options);
  const instanceArn = interpolate`arn:aws:ec2:${scope.region}:${scope.args.accountId}:instance/${instanceId}`;

  const watching: Resource[] = [failed];
  const lambda = async (
    suffix: 'backup' | 'monitor',
    description: string,
    content: ReturnType<typeof backupDocument>,
    environment: Record<string, string>,
    eventAgeSeconds: number,
  ): Promise<LambdaFunction> => {
    const command = new HostCommand(`command-${suffix}`, { scope, suffix, content }, options);
    const made = new LambdaFunction(
      `lambda-${suffix}`,
      {
        scope,
        suffix,
        description,
        code: await lambdaZip(suffix),
        environment: {
          QBENCH_STACK: scope.args.stack,
          QBENCH_INSTANCE_ID: instanceId,
          QBENCH_DOCUMENT: command.documentName,
          ...environment,
        },
        keyArn,
        logRetentionDays: monitoring.logRetentionDays,
        documentArn: command.arn,
        instanceArn,
        queueArn: failed.queueArn,
        eventAgeSeconds,
      },
      options,
    );
    const events = new CommandEvents(
      `ended-${suffix}`,
      {
        scope,
        suffix,
        documentName: command.documentName,
        functionName: made.functionName,
        functionArn: made.arn,
        queueArn: failed.queueArn,
      },
      options,
    );
    watching.push(made, events);
    return made;
  };
  const backups = await lambda(
    'backup',
    'Starts the steps of the scheduled backups, and tells how they went',
    backupDocument(),
    {},
    6 * HOUR_SECONDS,
  );
  const monitor = await lambda(
    'monitor',
    'Takes snapshots of the database, and tells them as metrics',
    snapshotDocument({ port: settings.ec2.port }),
    { QBENCH_PLAN: packPlan({ planned, overrides: monitoring.thresholds, apiUrl: monitoring.apiUrl ?? '' }) },
    HOUR_SECONDS,
  );
  const slot = (type: 'diff' | 'full', expression: string): ConstructorParameters<typeof Schedules>[1]['calls'][0] => ({
    suffix: `backup-${type}`,
    description: `Starts the ${type === 'full' ? 'full' : 'differential'} backup`,
    expression,
    timeZone: backup.timeZone,
    functionArn: backups.arn,
    event: { kind: 'slot', type, at: SCHEDULED_TIME },
    eventAgeSeconds: 6 * HOUR_SECONDS,
  });
  const schedules = new Schedules(
    'schedules',
    {
      scope,
      queueArn: failed.queueArn,
      calls: [
        slot('diff', backup.schedule),
        slot('full', backup.fullSchedule),
        {
          suffix: 'backup-reconcile',
          description: 'Takes up what a lost event or a failed step left, and asks for the state of the repository',
          expression: 'rate(1 hour)',
          functionArn: backups.arn,
          event: { kind: 'reconcile' },
          eventAgeSeconds: HOUR_SECONDS / 2,
        },
        {
          suffix: 'monitor-snapshot',
          description: 'Takes a snapshot',
          expression: monitoring.schedule,
          functionArn: monitor.arn,
          event: { kind: 'snapshot', comparisons: 0 },
          eventAgeSeconds: 240,
        },
        {
          suffix: 'monitor-recall',
          description: 'Takes a snapshot and measures recall against exact searches',
          expression: 'cron(37 4 * * ? *)',
          functionArn: monitor.arn,
          event: { kind: 'snapshot', comparisons: RECALL_COMPARISONS },
          eventAgeSeconds: HOUR_SECONDS,
        },
      ],
    },
    options,
  );
  const topic = new AlertTopic(
    'alerts',
    {
      scope,
      keyArn,
      ...(monitoring.snsTopicArn === undefined ? {} : { topicArn: monitoring.snsTopicArn }),
      ...(monitoring.alertEmail === undefined ? {} : { email: monitoring.alertEmail }),
    },
    options,
  );
  const alarms = new Alarms(
    'alarms',
    {
      scope,
      topicArn: topic.arn,
      thresholds,
      heartbeats: [
        {
          suffix: 'backup',
          metric: 'BackupHeartbeat',
          everySeconds: HOUR_SECONDS,
          runbook: 'lambdas.md#silent-backup',
        },
        {
          suffix: 'monitor',
          metric: 'MonitorHeartbeat',
          everySeconds: 60 * longestGapMinutes(monitoring.schedule),
          runbook: 'lambdas.md#silent-monitor',
        },
      ],
      queueName: failed.queueName,
      runbooks: 'docs/runbooks/',
    },
    options,
  );
  const dashboard = new Dashboard(
    'dashboard',
    { scope, thresholds, alarmArns: alarms.arns, last: [...watching, schedules, topic, alarms] },
    options,
  );
  return { dashboardUrl: dashboard.url, alarmCount: alarms.count };
}
