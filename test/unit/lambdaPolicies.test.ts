/**
 * What the Lambdas, the scheduler, alarms and rules may do, tried by a simulator: what their work needs, and what they must not. Not
 * proven: that AWS evaluates the same.
 */
import { describe, expect, it } from 'vitest';
import { keyPolicy, trustOf } from '../../infra/components/iamPolicies';
import { lambdaPolicy, queuePolicy, schedulerPolicy, topicPolicy } from '../../infra/components/lambdaPolicies';
import { simulate, type Request } from '../support/iamSimulator';

const ACCOUNT = '111122223333';
const REGION = 'eu-central-1';
const arn = (service: string, resource: string): string => `arn:aws:${service}:${REGION}:${ACCOUNT}:${resource}`;
const LOGS = arn('logs', 'log-group:/aws/lambda/qbench-postgres-prod-backup');
const DOCUMENT = arn('ssm', 'document/qbench-postgres-prod-backup');
const INSTANCE = arn('ec2', 'instance/i-0123456789abcdef0');
const QUEUE = arn('sqs', 'qbench-postgres-prod-failed-events');
const FUNCTION = arn('lambda', 'function:qbench-postgres-prod-backup');
const TOPIC = arn('sns', 'qbench-postgres-prod-alerts');
const RULES = arn('events', 'rule/qbench-postgres-prod-*');

const lambda = lambdaPolicy({ logGroupArn: LOGS, documentArn: DOCUMENT, instanceArn: INSTANCE, queueArn: QUEUE });
const request = (action: string, resource: string, context?: Request['context']): Request => ({
  action,
  resource,
  ...(context === undefined ? {} : { context }),
});

describe('a Lambda', () => {
  it.each([
    // SSM asks for both, the document and the host.
    request('ssm:SendCommand', DOCUMENT),
    request('ssm:SendCommand', INSTANCE),
    request('ssm:ListCommands', '*'),
    request('ssm:GetCommandInvocation', '*'),
    request('logs:PutLogEvents', `${LOGS}:log-stream:2026/11/22/x`),
    request('sqs:SendMessage', QUEUE),
  ])('may $action on $resource', (wanted) => {
    expect(simulate([lambda], wanted)).toBe('allowed');
  });

  it.each([
    [
      'a command of anybody’s making',
      request('ssm:SendCommand', 'arn:aws:ssm:eu-central-1::document/AWS-RunShellScript'),
    ],
    ['the document of another stack', request('ssm:SendCommand', DOCUMENT.replace('prod', 'test'))],
    ['another host', request('ssm:SendCommand', INSTANCE.replace('i-0123', 'i-0456'))],
    ['its own document, to change it', request('ssm:UpdateDocument', DOCUMENT)],
    ['a session on the host', request('ssm:StartSession', INSTANCE)],
    [
      'any secret',
      request('secretsmanager:GetSecretValue', arn('secretsmanager', 'secret:qbench-postgres/prod/host-AbCdEf')),
    ],
    ['any parameter', request('ssm:GetParameter', arn('ssm', 'parameter/qbench-postgres/prod/tls-ca'))],
    ['the backups', request('s3:GetObject', 'arn:aws:s3:::qbench-postgres-prod-backups-111122223333/prod/x')],
    ['a network interface', request('ec2:CreateNetworkInterface', '*')],
    ['the log of another Lambda', request('logs:PutLogEvents', `${LOGS.replace('-backup', '-monitor')}:log-stream:x`)],
    ['the queue, to read it', request('sqs:ReceiveMessage', QUEUE)],
    ['its own code', request('lambda:UpdateFunctionCode', FUNCTION)],
  ] as const)('may not touch %s', (_, refused) => {
    expect(simulate([lambda], refused)).toBe('not allowed');
  });

  it('asks for every resource only where AWS knows no smaller one', () => {
    const wide = lambda.Statement.filter(({ Resource }) => Resource === '*').flatMap(({ Action }) => Action);
    expect(wide).toEqual(['ssm:ListCommands', 'ssm:GetCommandInvocation']);
  });
});

describe('the scheduler', () => {
  const scheduler = schedulerPolicy([FUNCTION], QUEUE);

  it('calls the Lambdas of the stack and keeps what it cannot deliver, and nothing else', () => {
    expect(simulate([scheduler], request('lambda:InvokeFunction', FUNCTION))).toBe('allowed');
    expect(simulate([scheduler], request('sqs:SendMessage', QUEUE))).toBe('allowed');
    expect(simulate([scheduler], request('lambda:InvokeFunction', FUNCTION.replace('prod', 'test')))).toBe(
      'not allowed',
    );
    expect(simulate([scheduler], request('lambda:UpdateFunctionCode', FUNCTION))).toBe('not allowed');
  });

  it('is trusted only for this account', () => {
    expect(trustOf('scheduler.amazonaws.com', ACCOUNT).Statement[0]).toMatchObject({
      Condition: { StringEquals: { 'aws:SourceAccount': ACCOUNT } },
    });
  });
});

describe('failures and alarms', () => {
  const queue = queuePolicy(QUEUE, [RULES]);
  const topic = topicPolicy(TOPIC, ACCOUNT);
  const tls = { 'aws:SecureTransport': 'true' };

  it('the queue takes events of the rules of this stack', () => {
    const from = (rule: string): Request => request('sqs:SendMessage', QUEUE, { ...tls, 'aws:SourceArn': rule });
    expect(simulate([queue], from(arn('events', 'rule/qbench-postgres-prod-backup-ended')))).toBe('allowed');
    expect(simulate([queue], from(arn('events', 'rule/qbench-postgres-test-backup-ended')))).toBe('not allowed');
    expect(simulate([queue], request('sqs:SendMessage', QUEUE, { 'aws:SecureTransport': 'false' }))).toBe('denied');
  });

  it('the topic takes alarms of this account', () => {
    const from = (account: string): Request => request('sns:Publish', TOPIC, { ...tls, 'aws:SourceAccount': account });
    expect(simulate([topic], from(ACCOUNT))).toBe('allowed');
    expect(simulate([topic], from('444455556666'))).toBe('not allowed');
  });

  it('the key encrypts the logs of this stack and what alarms publish, and only that in the name of a service', () => {
    const [, ...services] = keyPolicy({
      region: REGION,
      accountId: ACCOUNT,
      logGroups: '/aws/lambda/qbench-postgres-prod-',
    }).Statement;
    const policy = { Version: '2012-10-17', Statement: services } as const;
    const logs = (group: string): Request =>
      request('kms:GenerateDataKey', 'key', {
        'kms:EncryptionContext:aws:logs:arn': arn('logs', `log-group:${group}`),
      });
    expect(simulate([policy], logs('/aws/lambda/qbench-postgres-prod-backup'))).toBe('allowed');
    expect(simulate([policy], logs('/aws/lambda/other'))).toBe('not allowed');
    const alarm = (account: string): Request => request('kms:Decrypt', 'key', { 'aws:SourceAccount': account });
    expect(simulate([policy], alarm(ACCOUNT))).toBe('allowed');
    expect(simulate([policy], alarm('444455556666'))).toBe('not allowed');
    expect(simulate([policy], request('kms:ScheduleKeyDeletion', 'key', { 'aws:SourceAccount': ACCOUNT }))).toBe(
      'not allowed',
    );
  });
});
