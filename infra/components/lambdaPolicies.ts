/** IAM policy documents of the Lambdas and of what calls them, from plain ARNs; `test/unit/lambdaPolicies.test.ts` tries them. */
import { policy, type PolicyDocument } from '../iam';
import { tlsOnly } from './iamPolicies';

export interface LambdaRights {
  logGroupArn: string;
  /** The one document that it may start. */
  documentArn: string;
  /** The one host that it may start it on. */
  instanceArn: string;
  /** Where events go that it failed to carry out. */
  queueArn: string;
}

/** What a Lambda may do: start its own document on the stack's host, read how commands ended, write its log. */
export function lambdaPolicy(rights: LambdaRights): PolicyDocument {
  return policy(
    {
      Sid: 'WriteTheLog',
      Effect: 'Allow',
      Action: ['logs:CreateLogStream', 'logs:PutLogEvents'],
      Resource: `${rights.logGroupArn}:*`,
    },
    {
      // Both at once: this document and no other, on this host and no other.
      Sid: 'StartTheDocumentOnTheHost',
      Effect: 'Allow',
      Action: 'ssm:SendCommand',
      Resource: [rights.documentArn, rights.instanceArn],
    },
    {
      // Neither can be limited to a document or a host.
      Sid: 'ReadHowCommandsEnded',
      Effect: 'Allow',
      Action: ['ssm:ListCommands', 'ssm:GetCommandInvocation'],
      Resource: '*',
    },
    {
      Sid: 'KeepFailedEvents',
      Effect: 'Allow',
      Action: 'sqs:SendMessage',
      Resource: rights.queueArn,
    },
  );
}

/** What EventBridge Scheduler may do: call the two Lambdas, and keep what it could not deliver. */
export function schedulerPolicy(functionArns: readonly string[], queueArn: string): PolicyDocument {
  return policy(
    { Sid: 'CallTheLambdas', Effect: 'Allow', Action: 'lambda:InvokeFunction', Resource: functionArns },
    { Sid: 'KeepFailedEvents', Effect: 'Allow', Action: 'sqs:SendMessage', Resource: queueArn },
  );
}

/** Who may put events into the queue of those that failed: rules of this account; the Lambdas and the scheduler by their roles. */
export function queuePolicy(queueArn: string, ruleArns: readonly string[]): PolicyDocument {
  return policy(
    {
      Sid: 'RulesKeepFailedEvents',
      Effect: 'Allow',
      Principal: { Service: 'events.amazonaws.com' },
      Action: 'sqs:SendMessage',
      Resource: queueArn,
      Condition: { ArnEquals: { 'aws:SourceArn': ruleArns } },
    },
    tlsOnly('sqs:*', queueArn),
  );
}

/** Who may publish to the topic of the alarms: alarms of this account, and nobody without TLS. */
export function topicPolicy(topicArn: string, accountId: string): PolicyDocument {
  return policy(
    {
      Sid: 'AlarmsPublish',
      Effect: 'Allow',
      Principal: { Service: 'cloudwatch.amazonaws.com' },
      Action: 'sns:Publish',
      Resource: topicArn,
      Condition: { StringEquals: { 'aws:SourceAccount': accountId } },
    },
    tlsOnly('sns:Publish', topicArn),
  );
}
