/** Rules of functions, their logs and what calls them, and of alarms. */
import { looksSecret } from './secrets';
import { fsbp, type Inputs, type Rule, type StackFinding, type Subject } from './types';
import { isMissing, isNot, isUnknown, items, record, text } from './values';

const FUNCTION = 'aws:lambda/function:Function';
const RUNTIMES = ['nodejs22.x', 'nodejs24.x'];
const ALARM = 'aws:cloudwatch/metricAlarm:MetricAlarm';
/** Alarms by whose metric something says that it still lives: no data is bad news. */
const HEARTBEAT = /heart-?beat|missed|silent/i;

function variables(inputs: Inputs): [string, unknown][] {
  return Object.entries(record(record(inputs['environment'])['variables']));
}

function hasFailureDestination(inputs: Inputs): boolean {
  return (
    !isMissing(record(record(inputs['destinationConfig'])['onFailure'])['destination']) ||
    !isMissing(record(inputs['deadLetterConfig'])['targetArn'])
  );
}

export const SERVERLESS_RULES: readonly Rule[] = [
  {
    id: 'lambda-runtime',
    title: 'Functions run on a runtime that AWS still serves',
    reason: 'an old runtime gets no fixes, and functions on it can one day not be changed',
    ...fsbp('Lambda.2'),
    enforcement: 'always',
    types: [FUNCTION],
    check: ({ inputs }) =>
      inputs['packageType'] === 'Image' || isUnknown(inputs['runtime']) || RUNTIMES.includes(text(inputs['runtime']))
        ? []
        : [`runtime is ${text(inputs['runtime']) || 'not given'}; allowed are ${RUNTIMES.join(', ')}`],
  },
  {
    id: 'lambda-callers-named',
    title: 'A permission to call a function names the source',
    reason: 'a service acts for whoever asks it; only our own account may',
    ...fsbp('Lambda.1'),
    enforcement: 'always',
    types: ['aws:lambda/permission:Permission'],
    check: ({ inputs }) => [
      ...(isMissing(inputs['sourceArn']) &&
      isMissing(inputs['sourceAccount']) &&
      isMissing(inputs['principalOrgId']) &&
      !/^\d{12}$|^arn:/.test(text(inputs['principal']))
        ? ['it names neither sourceArn nor sourceAccount']
        : []),
      ...(inputs['principal'] === '*' ? ['it lets everybody call the function'] : []),
    ],
  },
  {
    id: 'lambda-no-public-url',
    title: 'No URL of a function answers without a signature',
    reason: 'it would be open to the world',
    ...fsbp('Lambda.1'),
    enforcement: 'always',
    types: ['aws:lambda/functionUrl:FunctionUrl'],
    check: ({ inputs }) => (isNot(inputs['authorizationType'], 'AWS_IAM') ? ['authorizationType is not AWS_IAM'] : []),
  },
  {
    id: 'lambda-no-secrets',
    title: 'Variables of functions hold names and ARNs, no secrets',
    reason: 'whoever may look at a function reads its variables',
    control: 'Lambda environment',
    url: 'https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html',
    enforcement: 'always',
    types: [FUNCTION],
    check: ({ inputs }) =>
      variables(inputs)
        .filter(
          ([name, value]) =>
            typeof value === 'string' && (looksSecret(value) || (isSecretName(name) && !isReference(value))),
        )
        .map(([name]) => `the variable ${name} holds a secret`),
  },
  {
    id: 'log-group-kept',
    title: 'Logs are kept for a number of days, and encrypted with a key of KMS',
    reason: 'logs that never end cost more each month, and tell more than they need to',
    ...fsbp('CloudWatch.16'),
    enforcement: 'guarded',
    types: ['aws:cloudwatch/logGroup:LogGroup'],
    check: ({ inputs }) => [
      ...(isUnknown(inputs['retentionInDays']) || Number(inputs['retentionInDays']) > 0
        ? []
        : ['retentionInDays is not given: it keeps everything for ever']),
      ...(isMissing(inputs['kmsKeyId']) ? ['kmsKeyId is not given'] : []),
    ],
  },
  {
    id: 'lambda-own-log-group',
    title: 'Functions log to a group that the stack declares',
    reason: 'the group that AWS makes by itself keeps everything for ever, and stays when the stack is gone',
    ...fsbp('CloudWatch.16'),
    enforcement: 'guarded',
    checkStack: (subjects: readonly Subject[]): StackFinding[] => {
      const groups = subjects
        .filter(({ type }) => type === 'aws:cloudwatch/logGroup:LogGroup')
        .map(({ inputs }) => inputs['name']);
      return subjects
        .filter(({ type }) => type === FUNCTION)
        .filter(({ inputs }) => {
          const named = record(inputs['loggingConfig'])['logGroup'];
          const wanted = isMissing(named) ? `/aws/lambda/${text(inputs['name'])}` : named;
          const open = isUnknown(wanted) || isUnknown(inputs['name']) || groups.some(isUnknown);
          return groups.length === 0 || !(open || groups.includes(wanted));
        })
        .map((subject) => ({ subject, message: 'its log group is not among the resources' }));
    },
  },
  {
    id: 'backup-function-alone',
    title: 'The function that takes backups runs once at a time',
    reason: 'two backups at once disturb each other',
    control: 'Lambda concurrency',
    url: 'https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html',
    enforcement: 'guarded',
    types: [FUNCTION],
    check: ({ name, inputs }) =>
      /backup/i.test(name) && isNot(inputs['reservedConcurrentExecutions'], 1)
        ? ['reservedConcurrentExecutions is not 1']
        : [],
  },
  {
    id: 'lambda-failures-told',
    title: 'What a function could not do is told to somebody',
    reason: 'a failure that nobody hears of is found when the backup is needed',
    control: 'Lambda destinations',
    url: 'https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html',
    enforcement: 'guarded',
    checkStack: (subjects: readonly Subject[]): StackFinding[] => {
      const told = subjects.filter(
        ({ type, inputs }) => type.endsWith(':FunctionEventInvokeConfig') && hasFailureDestination(inputs),
      );
      const names = told.map(({ inputs }) => inputs['functionName']);
      return subjects
        .filter(({ type, inputs }) => type === FUNCTION && !hasFailureDestination(inputs))
        .filter(({ inputs }) => {
          const name = inputs['name'];
          return !names.some(
            (each) =>
              isUnknown(each) || isUnknown(name) || isMissing(name) || text(each).split(':').includes(text(name)),
          );
        })
        .map((subject) => ({ subject, message: 'it has neither a failure destination nor a dead letter queue' }));
    },
  },
  {
    id: 'alarm-heard',
    title: 'Every alarm has somebody to tell',
    reason: 'an alarm without an action is a number in a console',
    ...fsbp('CloudWatch.15'),
    enforcement: 'guarded',
    types: [ALARM, 'aws:cloudwatch/compositeAlarm:CompositeAlarm'],
    check: ({ type, inputs }) => [
      ...(items(inputs['alarmActions']).length === 0 && !isSilent(type, inputs) ? ['alarmActions is empty'] : []),
      ...(inputs['actionsEnabled'] === false ? ['actionsEnabled is false'] : []),
    ],
  },
  {
    id: 'heartbeat-breaching',
    title: 'An alarm on a heartbeat rings when no data comes',
    reason: 'a dead watcher says nothing',
    control: 'CloudWatch missing data',
    url: 'https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html',
    enforcement: 'guarded',
    types: [ALARM],
    check: ({ name, inputs }) =>
      (HEARTBEAT.test(name) || HEARTBEAT.test(text(inputs['metricName']))) &&
      isNot(inputs['treatMissingData'], 'breaching')
        ? ['treatMissingData is not "breaching"']
        : [],
  },
];

/** Part of a composite alarm, which does the telling. */
function isSilent(type: string, inputs: Inputs): boolean {
  return type === ALARM && text(inputs['alarmDescription']).includes('(part of a composite alarm)');
}

function isSecretName(name: string): boolean {
  return /PASSWORD|PASSPHRASE|TOKEN|PRIVATE_KEY|SECRET(_VALUE|_STRING)?$/i.test(name);
}

/** A name or an ARN of a secret is no secret. */
function isReference(value: string): boolean {
  return isUnknown(value) || /^arn:/.test(value) || /^[\w/-]+\/[\w/-]+$/.test(value);
}
