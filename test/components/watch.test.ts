/** What tier ec2 declares to look after its host: Lambdas, schedules, alarms, dashboard. Proves inputs; not that AWS takes them. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { PolicyDocument } from '../../infra/iam';
import { COMMAND_ENDED } from '../../infra/naming';
import { THRESHOLDS } from '../../infra/ops/thresholds';
import { declareEc2, type Ec2Program } from '../support/awsMocks';
import { EPHEMERAL, PRODUCTION } from '../support/awsPlugin';
import { valueOf } from '../support/mocks';

const TOPIC = 'arn:aws:sns:eu-central-1:111122223333:qbench-postgres-mocked-alerts';

let program: Ec2Program;
let custom: Ec2Program;

beforeAll(async () => {
  program = await declareEc2(PRODUCTION);
  custom = await declareEc2({
    ...EPHEMERAL,
    backup: { schedule: 'cron(30 3 ? * MON-FRI *)', fullSchedule: 'cron(0 4 ? * SAT *)', timeZone: 'Europe/Berlin' },
    monitoring: {
      schedule: 'cron(0 * * * ? *)',
      alertEmail: 'dba@example.org',
      snsTopicArn: 'arn:aws:sns:eu-central-1:111122223333:pager',
      logRetentionDays: 90,
      thresholds: { connections: { critical: 42 } },
    },
  });
});

type Json = Record<string, unknown>;
const inputsOf = ({ ofType }: Ec2Program, type: string): Json[] => ofType(type).map(({ inputs }) => inputs);
const schedules = (of: Ec2Program): Record<string, Json> =>
  Object.fromEntries(inputsOf(of, 'aws:scheduler/schedule:Schedule').map((each) => [String(each['name']), each]));
const alarms = (of: Ec2Program): Json[] => inputsOf(of, 'aws:cloudwatch/metricAlarm:MetricAlarm');

describe('the Lambdas', () => {
  it('run on arm64 with Node 24, one at a time, outside of the VPC, and know no password', () => {
    const functions = inputsOf(program, 'aws:lambda/function:Function');
    expect(functions.map(({ name }) => name).sort()).toEqual([
      'qbench-postgres-mocked-backup',
      'qbench-postgres-mocked-monitor',
    ]);
    for (const made of functions) {
      expect(made).toMatchObject({
        runtime: 'nodejs24.x',
        architectures: ['arm64'],
        reservedConcurrentExecutions: 1,
        handler: 'index.handler',
        sourceCodeHash: expect.stringMatching(/^[A-Za-z0-9+/]{43}=$/) as string,
      });
      expect(made).not.toHaveProperty('vpcConfig');
      const { variables } = made['environment'] as { variables: Record<string, string> };
      expect(Object.keys(variables).join(' ')).not.toMatch(/PASS|SECRET|TOKEN/);
      // AWS takes 4 KB of all of them together.
      expect(JSON.stringify(variables).length).toBeLessThan(3900);
    }
  });

  it('have a log group of their own with retention and key, and a queue for what fails', () => {
    for (const [of, days] of [
      [program, 30],
      [custom, 90],
    ] as const) {
      const key = of.named('data-volume').inputs['kmsKeyId'];
      for (const group of inputsOf(of, 'aws:cloudwatch/logGroup:LogGroup')) {
        expect(group).toMatchObject({ retentionInDays: days, kmsKeyId: key });
      }
      const configs = inputsOf(of, 'aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig');
      expect(configs).toHaveLength(2);
      for (const config of configs) {
        expect(config['destinationConfig']).toEqual({
          onFailure: { destination: 'arn:aws:sqs:eu-central-1:111122223333:qbench-postgres-mocked-failed-events' },
        });
      }
    }
  });

  it('may each start their own document on this host, and nothing else', () => {
    for (const name of ['backup', 'monitor']) {
      const { Statement } = JSON.parse(
        String(program.named(`lambda-${name}-rights`).inputs['policy']),
      ) as PolicyDocument;
      const send = Statement.filter(({ Action }) => Action === 'ssm:SendCommand');
      expect(send.map(({ Resource }) => Resource)).toEqual([
        [
          `arn:aws:ssm:eu-central-1:111122223333:document/qbench-postgres-mocked-${name}`,
          expect.stringMatching(/^arn:aws:ec2:eu-central-1:111122223333:instance\/i-[0-9a-f]{17}$/),
        ],
      ]);
    }
    const { content } = program.named('command-backup-document').inputs;
    const { parameters } = JSON.parse(String(content)) as { parameters: Record<string, { allowedPattern: string }> };
    // What a parameter may be goes into a shell as it is.
    for (const { allowedPattern } of Object.values(parameters)) {
      for (const bad of ["'; reboot #", '$(reboot)', 'report\nreboot', '', 'full-2026-11-22T02:00Z; reboot']) {
        expect(new RegExp(allowedPattern).test(bad), `${allowedPattern} takes ${bad}`).toBe(false);
      }
    }
  });

  it('are called when a command of their document ends, whichever end it was', () => {
    const rules = inputsOf(program, 'aws:cloudwatch/eventRule:EventRule');
    expect(rules.map(({ eventPattern }) => JSON.parse(String(eventPattern)) as object)).toEqual(
      ['backup', 'monitor'].map((name) => ({
        source: ['aws.ssm'],
        'detail-type': [COMMAND_ENDED],
        detail: {
          'document-name': [`qbench-postgres-mocked-${name}`],
          status: [{ 'anything-but': ['Pending', 'InProgress', 'Delayed', 'Cancelling'] }],
        },
      })),
    );
    expect(inputsOf(program, 'aws:lambda/permission:Permission').map(({ sourceArn }) => sourceArn)).toEqual([
      'arn:aws:events:eu-central-1:111122223333:rule/qbench-postgres-mocked-backup-ended',
      'arn:aws:events:eu-central-1:111122223333:rule/qbench-postgres-mocked-monitor-ended',
    ]);
  });
});

describe('the schedules', () => {
  it('start a differential backup at 02:00, a full one each week, a snapshot every five minutes and a look every hour', () => {
    expect(
      Object.fromEntries(Object.entries(schedules(program)).map(([name, each]) => [name, each['scheduleExpression']])),
    ).toEqual({
      'backup-diff': 'cron(0 2 ? * MON-SAT *)',
      'backup-full': 'cron(0 2 ? * SUN *)',
      'backup-reconcile': 'rate(1 hour)',
      'monitor-snapshot': 'rate(5 minutes)',
      'monitor-recall': 'cron(37 4 * * ? *)',
    });
    const { input, deadLetterConfig } = schedules(program)['backup-full']?.['target'] as Json;
    expect(JSON.parse(String(input))).toEqual({ kind: 'slot', type: 'full', at: '<aws.scheduler.scheduled-time>' });
    expect(deadLetterConfig).toEqual({ arn: expect.stringContaining('failed-events') as string });
  });

  it('follow the settings, time zone included', () => {
    expect(schedules(custom)['backup-diff']).toMatchObject({
      scheduleExpression: 'cron(30 3 ? * MON-FRI *)',
      scheduleExpressionTimezone: 'Europe/Berlin',
    });
    expect(schedules(custom)['monitor-snapshot']).toMatchObject({ scheduleExpression: 'cron(0 * * * ? *)' });
  });
});

describe('the alarms', () => {
  it('are one for each level of each threshold, told to the topic when they come and when they go, with a runbook', () => {
    for (const { name, metric, missing } of THRESHOLDS) {
      const found = alarms(program).filter((alarm) => alarm['metricName'] === metric);
      expect(found.length, name).toBeGreaterThan(0);
      for (const alarm of found) {
        expect(alarm).toMatchObject({
          namespace: 'QBench/Postgres',
          dimensions: { stack: 'mocked' },
          treatMissingData: missing,
          alarmActions: [TOPIC],
          okActions: [TOPIC],
          alarmDescription: expect.stringMatching(/Runbook: docs\/runbooks\/[a-z]+\.md#[a-z]+$/) as string,
        });
      }
    }
    expect(alarms(program).map(({ name }) => name)).toContain('qbench-postgres-mocked-connections-critical');
  });

  it('take their levels from the settings where those say so', () => {
    expect(custom.named('alarms-connections-critical').inputs['threshold']).toBe(42);
    expect(custom.named('alarms-connections-critical').inputs['alarmActions']).toEqual([
      'arn:aws:sns:eu-central-1:111122223333:pager',
    ]);
    expect(custom.named('alerts-email').inputs).toMatchObject({ protocol: 'email', endpoint: 'dba@example.org' });
    expect(custom.ofType('aws:sns/topic:Topic')).toEqual([]);
  });

  it('miss the heartbeat of each Lambda after three intervals, whatever the interval, and see events that failed', () => {
    const silent = (of: Ec2Program, name: string): Json => of.named(`alarms-${name}-silent`).inputs;
    for (const [of, name, period] of [
      [program, 'monitor', 900],
      [program, 'backup', 10_800],
      [custom, 'monitor', 10_800],
    ] as const) {
      expect(silent(of, name)).toMatchObject({ period, treatMissingData: 'breaching', statistic: 'Sum' });
    }
    expect(program.named('alarms-failed-events').inputs).toMatchObject({
      namespace: 'AWS/SQS',
      dimensions: { QueueName: 'qbench-postgres-mocked-failed-events' },
    });
  });

  it('have periods that CloudWatch takes', () => {
    for (const { name, period, evaluationPeriods } of alarms(program)) {
      const [seconds, count] = [Number(period), Number(evaluationPeriods)];
      expect(seconds % 60, String(name)).toBe(0);
      expect(seconds * count, String(name)).toBeLessThanOrEqual(seconds < 3600 ? 86_400 : 7 * 86_400);
    }
  });

  it('are as many as the documentation counts', () => {
    expect(alarms(program)).toHaveLength(ALARMS_COUNTED);
  });
});

/** docs/monitoring.md names this number and its price. */
const ALARMS_COUNTED = 69;

describe('the topic', () => {
  it('is encrypted and takes what alarms of this account publish', () => {
    expect(program.named('alerts-topic').inputs['kmsMasterKeyId']).toBe(
      program.named('data-volume').inputs['kmsKeyId'],
    );
    const { Statement } = JSON.parse(String(program.named('alerts-policy').inputs['policy'])) as PolicyDocument;
    expect(Statement.map(({ Effect, Sid }) => `${Effect} ${Sid}`)).toEqual(['Allow AlarmsPublish', 'Deny TlsOnly']);
    expect(program.ofType('aws:sns/topicSubscription:TopicSubscription')).toEqual([]);
  });
});

describe('the dashboard', () => {
  it('draws every metric that it names under the stack, and links from the outputs', async () => {
    const body = JSON.parse(String(program.named('dashboard-board').inputs['dashboardBody'])) as {
      widgets: { type: string; properties: { title: string; metrics?: unknown[][]; alarms?: string[] } }[];
    };
    const graphs = body.widgets.filter(({ type }) => type === 'metric');
    for (const { properties } of graphs) {
      expect(properties.metrics?.length, properties.title).toBeGreaterThan(0);
      for (const metric of properties.metrics ?? []) expect(metric.slice(0, 1)).toEqual(['QBench/Postgres']);
    }
    const titles = graphs.map(({ properties }) => properties.title).join('\n');
    for (const topic of ['Growth', 'Connections', 'Search latency', 'Recall', 'Cache hit', 'Backups', 'Data at risk']) {
      expect(titles).toContain(topic);
    }
    expect(body.widgets[0]?.properties.alarms).toHaveLength(ALARMS_COUNTED);
    expect(await valueOf(program.outputs.dashboardUrl)).toBe(
      'https://eu-central-1.console.aws.amazon.com/cloudwatch/home?region=eu-central-1#dashboards/dashboard/qbench-postgres-mocked-database',
    );
  });
});
