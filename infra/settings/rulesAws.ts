/** Rules of the AWS account and its network. */
import { shown, type Mistake } from './errors';
import { cloud, type Rule } from './rule';
import { HOST_RULES } from './rulesHost';
import type { ParsedSettings } from './schema';
import { parseArn } from './values';

/** Characters kept for what follows the stack in a physical name, such as "-backups-0123456789ab". */
const NAME_SUFFIX_LENGTH = 24;

/** Longest name of a bucket; other names of ours may be one longer. */
const BUCKET_NAME_LENGTH = 63;

const accountRules: Rule[] = [
  {
    reads: ['tier'],
    check: ({ tier }, { stack, project }) => {
      if (tier === 'local') return [];
      const longest = BUCKET_NAME_LENGTH - project.length - 1 - NAME_SUFFIX_LENGTH;
      const problem =
        stack.length > longest
          ? `has ${String(stack.length)} characters, which makes names that AWS does not take`
          : /^[a-z0-9]+(-[a-z0-9]+)*$/.test(stack)
            ? undefined
            : 'holds characters that a bucket name cannot have';
      if (problem === undefined) return [];
      return [
        {
          key: 'stack',
          problem: `"${stack}" ${problem}`,
          allowed: `on tier ${tier}, 1 to ${String(longest)} lower-case letters, digits and single hyphens`,
          hint: 'pulumi stack rename',
        },
      ];
    },
  },
  cloud(['owner'], ({ tier, owner }) =>
    owner === ''
      ? [
          {
            key: 'owner',
            problem: 'nothing was given',
            allowed: `on tier ${tier}, the team or person that answers for the stack; it becomes a tag`,
          },
        ]
      : [],
  ),
  cloud(['aws.region'], ({ tier, aws }) =>
    aws.region === undefined
      ? [
          {
            key: 'aws.region',
            problem: 'nothing was given',
            allowed: `on tier ${tier}, an AWS region such as eu-central-1`,
          },
        ]
      : [],
  ),
  cloud(['aws.region', 'aws.availabilityZones'], ({ aws }) =>
    (aws.availabilityZones ?? [])
      .map((zone, i) => ({ zone, key: `aws.availabilityZones[${String(i)}]` }))
      .filter(({ zone }) => aws.region !== undefined && zone.slice(0, -1) !== aws.region)
      .map(({ zone, key }) => ({
        key,
        problem: `"${zone}" is not in aws.region ${shown(aws.region)}`,
        allowed: `zones of it, such as ${aws.region ?? ''}a`,
      })),
  ),
  cloud(['aws.availabilityZones'], ({ aws }) =>
    aws.availabilityZones?.length === 1 || aws.availabilityZones?.length === 0
      ? [
          {
            key: 'aws.availabilityZones',
            problem: `${shown(aws.availabilityZones)} is not enough`,
            allowed: 'two zones or more',
          },
        ]
      : [],
  ),
  cloud(['aws.region', 'aws.accountId', 'aws.kmsKeyArn'], ({ aws }) =>
    arnMistakes('aws.kmsKeyArn', aws.kmsKeyArn, aws),
  ),
  cloud(['aws.region', 'aws.accountId', 'monitoring.snsTopicArn'], ({ aws, monitoring }) =>
    arnMistakes('monitoring.snsTopicArn', monitoring.snsTopicArn, aws),
  ),
];

function arnMistakes(key: string, text: string | undefined, aws: ParsedSettings['aws']): Mistake[] {
  const arn = text === undefined ? undefined : parseArn(text);
  if (arn === undefined) return [];
  const mistakes: Mistake[] = [];
  if (aws.region !== undefined && arn.region !== aws.region) {
    mistakes.push({
      key,
      problem: `${shown(text)} is in region ${shown(arn.region)}`,
      allowed: `aws.region, ${shown(aws.region)}`,
    });
  }
  if (aws.accountId !== undefined && arn.accountId !== aws.accountId) {
    mistakes.push({
      key,
      problem: `${shown(text)} is in account ${arn.accountId}`,
      allowed: `aws.accountId, ${aws.accountId}`,
    });
  }
  return mistakes;
}

const networkRules: Rule[] = [
  cloud(['network.vpcId', 'network.subnetIds'], ({ tier, network }) => {
    if (network.vpcId === undefined && network.subnetIds === undefined) return [];
    if (network.vpcId === undefined)
      return [
        {
          key: 'network.vpcId',
          problem: 'nothing was given, but network.subnetIds was',
          allowed: 'the VPC of these subnets',
        },
      ];
    const least = tier === 'aurora' ? 2 : 1;
    const given = network.subnetIds?.length ?? 0;
    if (given >= least) return [];
    return [
      {
        key: 'network.subnetIds',
        problem: `${String(given)} subnets do for network.vpcId ${shown(network.vpcId)} on tier ${tier}`,
        allowed: `${String(least)} or more private subnets of it`,
      },
    ];
  }),
  cloud(['access', 'network.allowedCidrs', 'network.allowedSecurityGroupIds'], ({ access, network }) =>
    access === 'direct' && network.allowedCidrs.length === 0 && network.allowedSecurityGroupIds.length === 0
      ? [
          {
            key: 'access',
            problem:
              '"direct", but network.allowedCidrs and network.allowedSecurityGroupIds are empty: nobody may connect',
            allowed: 'tunnel, or direct with the range or security group of the machine that runs Pulumi',
          },
        ]
      : [],
  ),
  cloud(['environment', 'network.egress'], ({ environment, network }) =>
    environment === 'production' && network.egress === 'public'
      ? [
          {
            key: 'network.egress',
            problem: '"public" gives the host a public address, but environment is production',
            allowed: 'nat in production',
          },
        ]
      : [],
  ),
];

/** Every rule of the AWS tiers. */
export const AWS_RULES: readonly Rule[] = [...accountRules, ...networkRules, ...HOST_RULES];
