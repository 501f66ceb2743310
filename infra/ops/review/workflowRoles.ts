/**
 * The roles that the workflows of a repository take on in AWS by GitHub's OIDC provider: who may, and what it lets them do. Pure; from names
 * alone. Subjects: https://docs.github.com/en/actions/reference/security/oidc.
 */
import { policy, trustPolicy, type PolicyDocument, type Statement } from '../../iam';
import { caParameterName, evidenceParameterName, PROJECT, secretName, TAGS } from '../../naming';

export interface WorkflowRole {
  /** Variable of the repository that the workflows read its ARN from. */
  variable: string;
  about: string;
  trust: PolicyDocument;
  policy: PolicyDocument;
  /** AWS's own policies that are attached beside it. */
  managedPolicyArns: readonly string[];
}

export interface WorkflowPlace {
  /** "owner/name" on GitHub. */
  repository: string;
  accountId: string;
  region: string;
  stack: string;
  /** Bucket of PULUMI_BACKEND_URL, `s3://BUCKET`. */
  stateBucket: string;
}

const ISSUER = 'token.actions.githubusercontent.com';
/** Services that the roles of a stack are for. */
const SERVICES = ['ec2', 'lambda', 'scheduler', 'dlm'].map((service) => `${service}.amazonaws.com`);
const MANAGED = 'arn:aws:iam::aws:policy';

/** Of GitHub's tokens: a pull request (of the repository itself; forks get none), the branch main, the environment production. */
const SUBJECTS = { pullRequest: 'pull_request', main: 'ref:refs/heads/main', production: 'environment:production' };

function trust(
  { accountId, repository }: WorkflowPlace,
  ...subjects: readonly (keyof typeof SUBJECTS)[]
): PolicyDocument {
  return trustPolicy({
    Sid: 'GitHub',
    Effect: 'Allow',
    Principal: { Federated: `arn:aws:iam::${accountId}:oidc-provider/${ISSUER}` },
    Action: 'sts:AssumeRoleWithWebIdentity',
    // Equal, never like: a pattern would let other repositories in.
    Condition: {
      StringEquals: {
        [`${ISSUER}:aud`]: 'sts.amazonaws.com',
        [`${ISSUER}:sub`]: subjects.map((subject) => `repo:${repository}:${SUBJECTS[subject]}`),
      },
    },
  });
}

/** A preview locks the stack and writes nothing else. */
function readState({ stateBucket }: WorkflowPlace): Statement[] {
  const bucket = `arn:aws:s3:::${stateBucket}`;
  return [
    {
      Sid: 'ReadTheState',
      Effect: 'Allow',
      Action: ['s3:ListBucket', 's3:GetObject'],
      Resource: [bucket, `${bucket}/*`],
    },
    {
      Sid: 'LockTheState',
      Effect: 'Allow',
      Action: ['s3:PutObject', 's3:DeleteObject'],
      Resource: `${bucket}/.pulumi/locks/*`,
    },
  ];
}

function writeState({ stateBucket }: WorkflowPlace): Statement {
  const bucket = `arn:aws:s3:::${stateBucket}`;
  return {
    Sid: 'KeepTheState',
    Effect: 'Allow',
    Action: ['s3:ListBucket', 's3:GetObject', 's3:PutObject', 's3:DeleteObject'],
    Resource: [bucket, `${bucket}/*`],
  };
}

/** Commands and tunnels to hosts of these stacks. `AWS-RunShellScript` is root on them. */
function reachHosts({ region, accountId }: WorkflowPlace, stacks: string): Statement[] {
  const tagged = {
    StringEquals: { [`ssm:resourceTag/${TAGS.project}`]: PROJECT },
    StringLike: { [`ssm:resourceTag/${TAGS.stack}`]: stacks },
  };
  return [
    {
      Sid: 'ReachTheHost',
      Effect: 'Allow',
      Action: ['ssm:SendCommand', 'ssm:StartSession'],
      Resource: `arn:aws:ec2:${region}:${accountId}:instance/*`,
      Condition: tagged,
    },
    {
      Sid: 'ByTheseDocuments',
      Effect: 'Allow',
      Action: ['ssm:SendCommand', 'ssm:StartSession'],
      Resource: ['AWS-RunShellScript', 'AWS-StartPortForwardingSession'].map(
        (name) => `arn:aws:ssm:${region}::document/${name}`,
      ),
    },
    {
      Sid: 'EndOwnSessions',
      Effect: 'Allow',
      Action: ['ssm:TerminateSession', 'ssm:CancelCommand'],
      Resource: '*',
    },
  ];
}

function ownRoles({ accountId }: WorkflowPlace, stacks: string): Statement[] {
  const roles = [
    `arn:aws:iam::${accountId}:role/${PROJECT}-${stacks}-*`,
    `arn:aws:iam::${accountId}:instance-profile/${PROJECT}-${stacks}-*`,
  ];
  return [
    {
      Sid: 'RolesOfTheStack',
      Effect: 'Allow',
      Action: [
        ...[
          'iam:CreateRole',
          'iam:DeleteRole',
          'iam:GetRole',
          'iam:UpdateRole',
          'iam:UpdateAssumeRolePolicy',
          'iam:TagRole',
          'iam:UntagRole',
        ],
        ...['iam:PutRolePolicy', 'iam:DeleteRolePolicy', 'iam:GetRolePolicy', 'iam:ListRolePolicies'],
        ...[
          'iam:AttachRolePolicy',
          'iam:DetachRolePolicy',
          'iam:ListAttachedRolePolicies',
          'iam:ListInstanceProfilesForRole',
        ],
        ...[
          'iam:CreateInstanceProfile',
          'iam:DeleteInstanceProfile',
          'iam:GetInstanceProfile',
          'iam:TagInstanceProfile',
        ],
        ...['iam:AddRoleToInstanceProfile', 'iam:RemoveRoleFromInstanceProfile', 'iam:UntagInstanceProfile'],
      ],
      Resource: roles,
    },
    {
      Sid: 'GiveThemToTheirServices',
      Effect: 'Allow',
      Action: 'iam:PassRole',
      Resource: roles[0] ?? '',
      Condition: { StringEquals: { 'iam:PassedToService': SERVICES } },
    },
  ];
}

/** What each role is made with. */
export function workflowRoles(place: WorkflowPlace): WorkflowRole[] {
  const { region, accountId, stack } = place;
  const parameter = (name: string): string => `arn:aws:ssm:${region}:${accountId}:parameter${name}`;
  return [
    {
      variable: 'PREVIEW_ROLE_ARN',
      about: 'previews in pull requests: whoever may push a branch can use all of it, so it only reads',
      trust: trust(place, 'pullRequest'),
      managedPolicyArns: [],
      policy: policy(
        ...readState(place),
        {
          Sid: 'LookUpWhatTheProgramAsksFor',
          Effect: 'Allow',
          Action: ['ec2:DescribeImages', 'ec2:DescribeAvailabilityZones', 'ec2:DescribeRegions'],
          Resource: '*',
        },
        {
          Sid: 'ReadTheEvidenceOfBackups',
          Effect: 'Allow',
          Action: 'ssm:GetParameter',
          Resource: parameter(evidenceParameterName(stack)),
        },
      ),
    },
    {
      variable: 'DRIFT_ROLE_ARN',
      about: 'the nightly look for changes by hand, on main: reads every resource, and asks the host and its database',
      trust: trust(place, 'main'),
      managedPolicyArns: [`${MANAGED}/ReadOnlyAccess`],
      policy: policy(
        ...readState(place),
        ...reachHosts(place, stack),
        {
          Sid: 'ReadTheSecretsOfTheStack',
          Effect: 'Allow',
          Action: 'secretsmanager:GetSecretValue',
          Resource: `arn:aws:secretsmanager:${region}:${accountId}:secret:${secretName(stack, '*')}`,
        },
        {
          Sid: 'ReadTheAuthority',
          Effect: 'Allow',
          Action: 'ssm:GetParameter',
          Resource: parameter(caParameterName(stack)),
        },
      ),
    },
    {
      variable: 'DEPLOY_ROLE_ARN',
      about: 'deploys main, behind the environment "production"',
      trust: trust(place, 'production'),
      managedPolicyArns: [`${MANAGED}/PowerUserAccess`],
      policy: policy(writeState(place), ...ownRoles(place, stack)),
    },
    {
      variable: 'TEST_ROLE_ARN',
      about: 'makes and destroys test stacks; give it an account of its own, where nothing else is',
      trust: trust(place, 'pullRequest', 'main'),
      managedPolicyArns: [`${MANAGED}/PowerUserAccess`],
      policy: policy(writeState(place), ...ownRoles(place, '*')),
    },
  ];
}
