/** What the cases of the policy pack's rules are made of. */
import { gzipSync } from 'node:zlib';
import type { StackFacts, Subject } from '../../../infra/policy/rules/types';

export const PRODUCTION_FACTS: StackFacts = {
  environment: 'production',
  ephemeral: false,
  allowDestroy: [],
  imagePinned: false,
  destructiveMigrations: new Map([['000099-drop-title.sql', ['column test_documents.title']]]),
};

export type Parts = Partial<Omit<Subject, 'type' | 'inputs'>>;

export function subject(type: string, inputs: Record<string, unknown>, parts: Parts = {}): Subject {
  const name = parts.name ?? 'it';
  return { type, name, urn: `urn:pulumi:s::p::${type}::${name}`, inputs, protect: false, masked: false, ...parts };
}

export interface PolicyCase {
  passes: readonly (readonly Subject[])[];
  fails: readonly (readonly Subject[])[];
  facts?: Partial<StackFacts>;
}

export const KEY = 'arn:aws:kms:eu-central-1:111122223333:key/1';
export const json = (...Statement: unknown[]): string => JSON.stringify({ Version: '2012-10-17', Statement });
export const allow = (Action: unknown, Resource: unknown = '*', Condition?: unknown): unknown => ({
  Sid: 'S',
  Effect: 'Allow',
  Action,
  Resource,
  Condition,
});
export const rights = (...statements: unknown[]): Subject[] => [
  subject('aws:iam/rolePolicy:RolePolicy', { policy: json(...statements) }),
];
export const denyClear = {
  Effect: 'Deny',
  Principal: '*',
  Action: '*',
  Resource: '*',
  Condition: { Bool: { 'aws:SecureTransport': 'false' } },
};
export const allowAll = { Sid: 'S', Effect: 'Allow', Principal: '*', Action: '*', Resource: '*' };
export const host = (inputs: Record<string, unknown>, parts: Parts = {}): Subject[] => [
  subject('aws:ec2/instance:Instance', inputs, parts),
];
export const ingress = (inputs: Record<string, unknown>): Subject[] => [
  subject('aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule', {
    ipProtocol: 'tcp',
    fromPort: 5432,
    toPort: 5432,
    ...inputs,
  }),
];
export const bucket = subject('aws:s3/bucket:Bucket', { bucket: 'b' }, { name: 'bucket' });
export const part = (type: string, inputs: Record<string, unknown>): Subject =>
  subject(type, { bucket: 'b', ...inputs }, { name: 'part' });
export const ofBucket = (type: string, inputs: Record<string, unknown>): Subject[] => [bucket, part(type, inputs)];
export const fn = (inputs: Record<string, unknown>, name = 'monitor'): Subject =>
  subject('aws:lambda/function:Function', { name: 'f', ...inputs }, { name });
export const document = (file: string, ...lines: string[]): Subject[] => [
  subject('aws:ssm/document:Document', {
    content: JSON.stringify({
      mainSteps: [{ inputs: { runCommand: [`take /etc/qbench/postgresql/${file} <<'END'`, ...lines, 'END'] } }],
    }),
  }),
];
export const cluster = (inputs: Record<string, unknown>): Subject[] => [subject('aws:rds/cluster:Cluster', inputs)];
export const command = (inputs: Record<string, unknown>, parts: Parts = {}): Subject[] => [
  subject('command:local:Command', inputs, parts),
];
export const trust = (condition: unknown): Subject[] => [
  subject('aws:iam/role:Role', {
    assumeRolePolicy: json({
      Effect: 'Allow',
      Principal: { Federated: 'arn:aws:iam::1:oidc-provider/token.actions.githubusercontent.com' },
      Condition: condition,
    }),
  }),
];
export const GITHUB = 'token.actions.githubusercontent.com';
export const CONF = [
  "ssl = 'on'",
  "ssl_min_protocol_version = 'TLSv1.2'",
  "password_encryption = 'scram-sha-256'",
  "fsync = 'on'",
  "full_page_writes = 'on'",
  "ignore_checksum_failure = 'off'",
  "log_parameter_max_length = '0'",
  "log_parameter_max_length_on_error = '0'",
  "archive_mode = 'on'",
  "listen_addresses = 'localhost,10.64.0.4'",
];
export const WHOSE = { project: 'qbench-postgres', stack: 's', owner: 'o', 'managed-by': 'pulumi' };
export const data = (text: string): Record<string, unknown> => ({ userDataBase64: gzipSync(text).toString('base64') });
export const volume = (inputs: Record<string, unknown>, parts: Parts = {}): Subject =>
  subject('aws:ebs/volume:Volume', inputs, parts);
export const snapshots = subject('aws:dlm/lifecyclePolicy:LifecyclePolicy', {
  policyDetails: { targetTags: { 'qbench:snapshots': 's' } },
});
export const topic = (inputs: Record<string, unknown> = {}): Subject => subject('aws:sns/topic:Topic', inputs);
export const secret = (inputs: Record<string, unknown>): Subject[] => [
  subject('aws:secretsmanager/secret:Secret', inputs),
];
export const alarm = (inputs: Record<string, unknown>, name = 'disk'): Subject[] => [
  subject('aws:cloudwatch/metricAlarm:MetricAlarm', inputs, { name }),
];
