/** Rules of rights. */
import { fsbp, type Inputs, type ResourceRule, type Rule, type Subject } from './types';
import { isMissing, isUnknown, items, parsed, record, text, texts } from './values';

const POLICIES = [
  'aws:iam/rolePolicy:RolePolicy',
  'aws:iam/policy:Policy',
  'aws:iam/userPolicy:UserPolicy',
  'aws:iam/groupPolicy:GroupPolicy',
];
const ATTACHMENTS = [
  'aws:iam/rolePolicyAttachment:RolePolicyAttachment',
  'aws:iam/userPolicyAttachment:UserPolicyAttachment',
  'aws:iam/policyAttachment:PolicyAttachment',
];

interface Grant {
  sid: string;
  actions: string[];
  resources: string[];
  notActions: boolean;
  notResources: boolean;
  condition: Inputs;
}

/** What a policy grants; denials take nothing away from the question. */
function grants({ inputs }: Subject): Grant[] {
  const documents = [inputs['policy'], ...items(inputs['inlinePolicies']).map((inline) => record(inline)['policy'])];
  return documents
    .flatMap((document) => items(parsed(document)?.['Statement']))
    .map(record)
    .filter(({ Effect }) => Effect === 'Allow')
    .map((statement) => ({
      sid: text(statement['Sid']) === '' ? 'a statement' : text(statement['Sid']),
      actions: texts(statement['Action']),
      resources: texts(statement['Resource']),
      notActions: statement['NotAction'] !== undefined,
      notResources: statement['NotResource'] !== undefined,
      condition: record(statement['Condition']),
    }));
}

/** Actions that AWS cannot limit to a resource, and that read, or are about the caller alone. */
const UNLIMITABLE: readonly RegExp[] = [
  /^ec2:Describe\w+$/,
  /^(rds|ssm|logs|cloudwatch|kms|tag|iam|s3|elasticloadbalancing):(Describe|List)\w+$/,
  /^tag:GetResources$/,
  /^s3:ListAllMyBuckets$/,
  /^sts:GetCallerIdentity$/,
  /^ssm:(UpdateInstanceInformation|ListAssociations|ListInstanceAssociations|DescribeAssociation|DescribeDocument|GetDocument|GetCommandInvocation|CancelCommand|PutInventory|PutComplianceItems|UpdateAssociationStatus|UpdateInstanceAssociationStatus)$/,
  /^ssmmessages:(Create|Open)(Control|Data)Channel$/,
  /^ec2messages:\w+$/,
  /^cloudwatch:(GetMetricData|GetMetricStatistics)$/,
  /^(logs:(CreateLogDelivery|GetLogDelivery|UpdateLogDelivery|DeleteLogDelivery|ListLogDeliveries))$/,
  /^xray:Put(TraceSegments|TelemetryRecords)$/,
];

/** PutMetricData knows no resources, but its namespace can be named. */
function isNarrowed(action: string, condition: Inputs): boolean {
  if (UNLIMITABLE.some((pattern) => pattern.test(action))) return true;
  return action === 'cloudwatch:PutMetricData' && JSON.stringify(condition).includes('cloudwatch:namespace');
}

const rule = (base: Omit<ResourceRule, 'types' | 'check'>, check: (grant: Grant) => string[]): ResourceRule => ({
  ...base,
  types: POLICIES,
  check: (subject) => grants(subject).flatMap((grant) => check(grant)),
});

export const IAM_RULES: readonly Rule[] = [
  rule(
    {
      id: 'iam-no-wildcard-actions',
      title: 'No policy grants every action, or every action of a service',
      reason: 'it also grants what AWS adds to the service later',
      ...fsbp('IAM.1'),
      enforcement: 'always',
    },
    ({ sid, actions, notActions }) => [
      ...actions
        .filter((action) => action === '*' || /^[\w-]+:\*$/.test(action))
        .map((action) => `${sid} grants ${action}`),
      ...(notActions ? [`${sid} grants all but some actions (NotAction)`] : []),
    ],
  ),
  {
    id: 'iam-no-administrators',
    title: 'No policy of administrators is attached',
    reason: 'the programs of a stack need a few rights each',
    ...fsbp('IAM.1'),
    enforcement: 'always',
    types: ATTACHMENTS,
    check: ({ inputs }) =>
      /:policy\/(AdministratorAccess|PowerUserAccess|IAMFullAccess|\w+FullAccess)$/.test(text(inputs['policyArn']))
        ? [`${text(inputs['policyArn'])} is attached`]
        : [],
  },
  rule(
    {
      id: 'iam-no-wildcard-resources',
      title: 'Rights are limited to resources, wherever AWS can limit them',
      reason: 'a stolen role of one stack shall reach nothing of another',
      ...fsbp('IAM.21'),
      enforcement: 'always',
    },
    ({ sid, actions, resources, notResources, condition }) => {
      if (notResources) return [`${sid} is about all but some resources (NotResource)`];
      if (!resources.includes('*')) return [];
      const wide = actions.filter((action) => !action.startsWith('kms:') && !isNarrowed(action, condition));
      return wide.map((action) => `${sid} grants ${action} on every resource`);
    },
  ),
  rule(
    {
      id: 'iam-pass-role',
      title: 'iam:PassRole names the service that the role is passed to',
      reason: 'otherwise the role can be given to a machine of the attacker',
      control: 'IAM PassRole',
      url: 'https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html',
      enforcement: 'always',
    },
    ({ sid, actions, resources, condition }) =>
      actions.includes('iam:PassRole') &&
      (!JSON.stringify(condition).includes('iam:PassedToService') || resources.includes('*'))
        ? [`${sid} grants iam:PassRole without naming role and service (iam:PassedToService)`]
        : [],
  ),
  rule(
    {
      id: 'iam-send-command',
      title: "ssm:SendCommand is limited to the stack's own documents and tagged instances",
      reason: 'with AWS-RunShellScript it is root on every host of the account',
      control: 'SSM Run Command',
      url: 'https://docs.aws.amazon.com/systems-manager/latest/userguide/run-command-setting-up.html',
      enforcement: 'always',
    },
    ({ sid, actions, resources, condition }) => {
      if (!actions.includes('ssm:SendCommand')) return [];
      const foreign = resources.filter(
        (arn) => arn === '*' || (arn.includes(':document/') && !/:document\/qbench-/.test(arn)),
      );
      const untagged =
        resources.some((arn) => /:instance\//.test(arn) && /\*/.test(arn)) &&
        !JSON.stringify(condition).includes('ResourceTag/');
      return [
        ...foreign.map((arn) => `${sid} grants ssm:SendCommand on ${arn}`),
        ...(untagged ? [`${sid} grants ssm:SendCommand on instances without a condition on their tags`] : []),
      ];
    },
  ),
  rule(
    {
      id: 'kms-no-decrypt-everything',
      title: 'kms:Decrypt names its keys',
      reason: 'a right to decrypt everything opens every disk and backup of the account',
      ...fsbp('KMS.2'),
      enforcement: 'always',
    },
    ({ sid, actions, resources }) =>
      actions.some((action) => /^kms:(Decrypt|ReEncrypt\w+|\*)$/.test(action)) &&
      resources.some((arn) => arn === '*' || /:key\/\*$/.test(arn))
        ? [`${sid} grants kms:Decrypt on every key`]
        : actions.some((action) => action.startsWith('kms:') && !/^kms:(List|Describe)/.test(action)) &&
            resources.includes('*')
          ? [`${sid} grants rights of KMS on every key`]
          : [],
  ),
  {
    id: 'kms-key-guarded',
    title: 'Keys rotate, belong to nobody outside of the account, and take 14 days or more to be deleted',
    reason: 'what a key encrypted is lost with it; the window is the time to notice',
    ...fsbp('KMS.4'),
    enforcement: 'always',
    types: ['aws:kms/key:Key'],
    check: ({ inputs }: Subject): string[] => {
      const days = inputs['deletionWindowInDays'];
      const open = items(parsed(inputs['policy'])?.['Statement'])
        .map(record)
        .filter((statement) => statement['Effect'] === 'Allow' && isPublic(statement));
      return [
        ...(isNot(inputs['enableKeyRotation']) ? ['enableKeyRotation is not true'] : []),
        ...(typeof days === 'number' && days < 14 ? [`deletionWindowInDays is ${days}`] : []),
        ...open.map((statement) => `${text(statement['Sid']) || 'a statement'} is for everybody`),
      ];
    },
  },
];

function isNot(value: unknown): boolean {
  return !isUnknown(value) && (isMissing(value) || value !== true);
}

/** Whether a statement is for everybody, without a condition that names an account, an organisation or a source. */
export function isPublic(statement: Inputs): boolean {
  const principal = statement['Principal'];
  const everybody = principal === '*' || texts(record(principal)['AWS']).includes('*');
  const limits =
    /aws:(SourceAccount|SourceArn|PrincipalOrgID|PrincipalAccount|PrincipalArn|SourceOwner)|kms:CallerAccount/i;
  return everybody && !limits.test(JSON.stringify(statement['Condition'] ?? {}));
}
