/** The roles that the workflows take on: what each may, tried by a simulator, and who may take it on. Not proven: that AWS evaluates the same. */
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { workflowRoles, type WorkflowRole } from '../../infra/ops/review/workflowRoles';
import { simulate, type Request } from '../support/iamSimulator';
import { CHECKOUT } from '../support/machine';
import { must } from '../support/must';

const ACCOUNT = '111122223333';
const REGION = 'eu-central-1';
const roles = workflowRoles({
  repository: 'acme/search',
  accountId: ACCOUNT,
  region: REGION,
  stack: 'prod',
  stateBucket: 'acme-state',
});
const role = (name: string): WorkflowRole => must(roles.find(({ variable }) => variable === `${name}_ROLE_ARN`));

const arn = (service: string, resource: string): string => `arn:aws:${service}:${REGION}:${ACCOUNT}:${resource}`;
const STATE = 'arn:aws:s3:::acme-state/.pulumi/stacks/qbench-postgres/prod.json';
const LOCK = 'arn:aws:s3:::acme-state/.pulumi/locks/organization/qbench-postgres/prod/1.json';
const SHELL = `arn:aws:ssm:${REGION}::document/AWS-RunShellScript`;
const HOST = arn('ec2', 'instance/i-0123456789abcdef0');
const SECRET = arn('secretsmanager', 'secret:qbench-postgres/prod/roles-AbCdEf');
const EVIDENCE = arn('ssm', 'parameter/qbench-postgres/prod/backup-evidence');
const tagged = (stack: string): NonNullable<Request['context']> => ({
  'ssm:resourceTag/project': 'qbench-postgres',
  'ssm:resourceTag/stack': stack,
});

type Case = [action: string, resource: string, context?: Request['context']];
const decide = (name: string, [action, resource, context]: Case): string =>
  simulate([role(name).policy], { action, resource, ...(context === undefined ? {} : { context }) });

describe.each<[name: string, may: Case[], mayNot: Case[]]>([
  [
    'PREVIEW',
    [
      ['s3:GetObject', STATE],
      ['s3:ListBucket', 'arn:aws:s3:::acme-state'],
      ['s3:PutObject', LOCK],
      ['s3:DeleteObject', LOCK],
      ['ec2:DescribeImages', '*'],
      ['ssm:GetParameter', EVIDENCE],
    ],
    [
      ['s3:PutObject', STATE],
      ['s3:DeleteObject', STATE],
      ['s3:GetObject', 'arn:aws:s3:::another/x'],
      ['ssm:SendCommand', HOST, tagged('prod')],
      ['ssm:SendCommand', SHELL],
      ['ssm:StartSession', HOST, tagged('prod')],
      ['ssm:PutParameter', EVIDENCE],
      ['ssm:GetParameter', arn('ssm', 'parameter/qbench-postgres/test/backup-evidence')],
      ['secretsmanager:GetSecretValue', SECRET],
      ['ec2:RunInstances', '*'],
      ['iam:PassRole', `arn:aws:iam::${ACCOUNT}:role/qbench-postgres-prod-host`],
    ],
  ],
  [
    'DRIFT',
    [
      ['s3:GetObject', STATE],
      ['s3:PutObject', LOCK],
      ['ssm:SendCommand', HOST, tagged('prod')],
      ['ssm:SendCommand', SHELL],
      ['ssm:StartSession', HOST, tagged('prod')],
      ['ssm:StartSession', `arn:aws:ssm:${REGION}::document/AWS-StartPortForwardingSession`],
      ['secretsmanager:GetSecretValue', SECRET],
      ['ssm:GetParameter', arn('ssm', 'parameter/qbench-postgres/prod/tls-ca')],
    ],
    [
      ['s3:PutObject', STATE],
      ['ssm:SendCommand', HOST, tagged('test')],
      ['ssm:SendCommand', HOST, { 'ssm:resourceTag/project': 'other', 'ssm:resourceTag/stack': 'prod' }],
      ['ssm:SendCommand', HOST],
      ['secretsmanager:GetSecretValue', SECRET.replace('/prod/', '/test/')],
      ['secretsmanager:PutSecretValue', SECRET],
      ['ec2:TerminateInstances', HOST],
    ],
  ],
  [
    'DEPLOY',
    [
      ['s3:PutObject', STATE],
      ['iam:CreateRole', `arn:aws:iam::${ACCOUNT}:role/qbench-postgres-prod-host`],
      ['iam:AddRoleToInstanceProfile', `arn:aws:iam::${ACCOUNT}:instance-profile/qbench-postgres-prod-host`],
      [
        'iam:PassRole',
        `arn:aws:iam::${ACCOUNT}:role/qbench-postgres-prod-host`,
        { 'iam:PassedToService': 'ec2.amazonaws.com' },
      ],
    ],
    [
      ['iam:CreateRole', `arn:aws:iam::${ACCOUNT}:role/admin`],
      ['iam:PutRolePolicy', `arn:aws:iam::${ACCOUNT}:role/qbench-postgres-test-host`],
      ['iam:CreateUser', `arn:aws:iam::${ACCOUNT}:user/me`],
      ['iam:PassRole', `arn:aws:iam::${ACCOUNT}:role/admin`, { 'iam:PassedToService': 'ec2.amazonaws.com' }],
      [
        'iam:PassRole',
        `arn:aws:iam::${ACCOUNT}:role/qbench-postgres-prod-host`,
        { 'iam:PassedToService': 'cloudformation.amazonaws.com' },
      ],
    ],
  ],
  [
    'TEST',
    [
      ['s3:PutObject', STATE],
      ['iam:CreateRole', `arn:aws:iam::${ACCOUNT}:role/qbench-postgres-pr-7-host`],
    ],
    [
      ['iam:CreateRole', `arn:aws:iam::${ACCOUNT}:role/admin`],
      ['iam:CreateUser', `arn:aws:iam::${ACCOUNT}:user/me`],
    ],
  ],
])('the role %s', (name, may, mayNot) => {
  it.each(may)('may %s on %s', (...wanted) => expect(decide(name, wanted)).toBe('allowed'));
  it.each(mayNot)('may not %s on %s', (...refused) => expect(decide(name, refused)).not.toBe('allowed'));
});

describe('who may take a role on', () => {
  it.each([
    ['PREVIEW', ['repo:acme/search:pull_request']],
    ['DRIFT', ['repo:acme/search:ref:refs/heads/main']],
    ['DEPLOY', ['repo:acme/search:environment:production']],
    ['TEST', ['repo:acme/search:pull_request', 'repo:acme/search:ref:refs/heads/main']],
  ])('%s: this repository, for these events, by equality', (name, subjects) => {
    const { Statement } = role(name).trust;
    expect(Statement.map(({ Condition }) => Condition)).toEqual([
      {
        StringEquals: {
          'token.actions.githubusercontent.com:aud': 'sts.amazonaws.com',
          'token.actions.githubusercontent.com:sub': subjects,
        },
      },
    ]);
  });

  it('is what the workflows need: each takes a role on whose subjects its events have', () => {
    const yaml = createRequire(__filename)('js-yaml') as { load(text: string): unknown };
    const folder = join(CHECKOUT, '.github', 'workflows');
    const used: [string, string][] = readdirSync(folder).flatMap((file) => {
      const text = readFileSync(join(folder, file), 'utf8');
      const { on, jobs } = yaml.load(text) as { on: object; jobs: Record<string, { environment?: string }> };
      const variables = [
        ...new Set([...text.matchAll(/role-to-assume: \$\{\{ vars\.(\w+) \}\}/g)].map(([, name = '']) => name)),
      ];
      const environment = Object.values(jobs).find((job) => job.environment !== undefined)?.environment;
      const subject =
        environment === undefined
          ? 'pull_request' in on
            ? 'pull_request'
            : 'ref:refs/heads/main'
          : `environment:${environment}`;
      return variables.map((variable): [string, string] => [variable, `repo:acme/search:${subject}`]);
    });
    expect(new Set(used.map(([variable]) => variable))).toEqual(new Set(roles.map(({ variable }) => variable)));
    for (const [variable, subject] of used) {
      const found = must(roles.find((each) => each.variable === variable));
      expect(JSON.stringify(found.trust), variable).toContain(JSON.stringify(subject));
    }
  });
});
