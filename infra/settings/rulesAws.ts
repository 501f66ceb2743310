/** Rules of the AWS tiers. */
import { AURORA_CLASSES, INSTANCE_TYPES, instanceTypeNamed } from '../capacity/instanceTypes';
import { GP3_BASE_IOPS } from '../capacity/prices';
import type { SettingsContext } from './context';
import { shown, type Mistake } from './errors';
import type { Rule } from './rule';
import { parseCron, utcMinutesOfWeek } from './schedule';
import type { ParsedSettings } from './schema';
import { nearest } from './suggest';
import { covers, overlap, parseArn, parseDailyWindow, parseWeeklyWindow } from './values';

/** Characters kept for what follows the stack in a physical name, such as "-backups-0123456789ab". */
export const NAME_SUFFIX_LENGTH = 24;

/** Longest name of a bucket; other names of ours may be one longer. */
const BUCKET_NAME_LENGTH = 63;

/** Below it the hot indexes of today's 104,000 documents do not stay in memory beside everything else. */
const SMALLEST_HOST_GIB = 16;

/** What bounds a gp3 volume against itself. https://docs.aws.amazon.com/ebs/latest/userguide/general-purpose.html */
const GP3 = { iopsPerGiB: 500, mibpsPerIops: 0.25 };

type Check = (settings: ParsedSettings, context: SettingsContext) => Mistake[];

/** A rule that holds on the AWS tiers only. */
function cloud(reads: readonly string[], check: Check): Rule {
  return {
    reads: ['tier', ...reads],
    check: (settings, context) => (settings.tier === 'local' ? [] : check(settings, context)),
  };
}

/** A rule that holds on one tier only. */
function on(tier: 'ec2' | 'aurora', reads: readonly string[], check: Check): Rule {
  return {
    reads: ['tier', ...reads],
    check: (settings, context) => (settings.tier === tier ? check(settings, context) : []),
  };
}

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

function hostTypeMistakes(
  key: string,
  name: string | undefined,
  table: readonly { name: string; memoryGiB: number }[],
  families: string,
): Mistake[] {
  if (name === undefined) return [];
  const row = table.find((candidate) => candidate.name === name);
  const allowed = `${families}, with ${String(SMALLEST_HOST_GIB)} GiB of memory or more; leave it out and the plan chooses`;
  if (row !== undefined && row.memoryGiB >= SMALLEST_HOST_GIB) return [];
  if (row !== undefined)
    return [{ key, problem: `${shown(name)} has ${String(row.memoryGiB)} GiB of memory`, allowed }];
  const near = nearest(
    name,
    table.map((candidate) => candidate.name),
  );
  const hint = near === undefined ? {} : { hint: `did you mean ${near}?` };
  return [{ key, problem: `${shown(name)} is not in the table of the capacity plan`, allowed, ...hint }];
}

const hostRules: Rule[] = [
  on('ec2', ['ec2.instanceType'], ({ ec2 }) =>
    hostTypeMistakes(
      'ec2.instanceType',
      ec2.instanceType,
      INSTANCE_TYPES,
      'the r, m and i families of the capacity plan',
    ),
  ),
  on('aurora', ['aurora.instanceClass'], ({ aurora }) =>
    hostTypeMistakes(
      'aurora.instanceClass',
      aurora.instanceClass,
      AURORA_CLASSES,
      'the db.r classes of the capacity plan',
    ),
  ),
  on('ec2', ['ec2.instanceType', 'ec2.amiArchitecture'], ({ ec2 }) => {
    const architecture = instanceTypeNamed(ec2.instanceType ?? '')?.architecture;
    if (architecture === undefined || ec2.amiArchitecture === undefined || architecture === ec2.amiArchitecture)
      return [];
    return [
      {
        key: 'ec2.amiArchitecture',
        problem: `"${ec2.amiArchitecture}" does not start on ${shown(ec2.instanceType)}, which is ${architecture}`,
        allowed: architecture,
      },
    ];
  }),
  on('ec2', ['ec2.amiId', 'ec2.amiArchitecture'], ({ ec2 }) =>
    ec2.amiArchitecture !== undefined && ec2.amiId === undefined
      ? [
          {
            key: 'ec2.amiArchitecture',
            problem: `"${ec2.amiArchitecture}" means nothing without ec2.amiId`,
            allowed: 'leave it out: the image follows the instance type',
          },
        ]
      : [],
  ),
  on('ec2', ['ec2.volumeGiB', 'ec2.iops'], ({ ec2 }) => {
    if (ec2.volumeGiB === undefined || ec2.iops === undefined) return [];
    const most = Math.max(GP3_BASE_IOPS, ec2.volumeGiB * GP3.iopsPerGiB);
    return ec2.iops <= most
      ? []
      : [
          {
            key: 'ec2.iops',
            problem: `${String(ec2.iops)} is more than a volume of ${String(ec2.volumeGiB)} GiB can have`,
            allowed: `at most ${String(most)}; gp3 gives 500 IOPS a GiB`,
          },
        ];
  }),
  on('ec2', ['ec2.throughputMiBps', 'ec2.iops'], ({ ec2 }) => {
    if (ec2.throughputMiBps === undefined) return [];
    // Without iops the plan may raise them, never below the baseline; only a given number can contradict.
    if (ec2.iops === undefined) return [];
    const most = ec2.iops * GP3.mibpsPerIops;
    return ec2.throughputMiBps <= most
      ? []
      : [
          {
            key: 'ec2.throughputMiBps',
            problem: `${String(ec2.throughputMiBps)} is more than ${String(ec2.iops)} IOPS can have`,
            allowed: `at most ${String(most)}; gp3 gives 0.25 MiB/s an IOPS`,
          },
        ];
  }),
  on('ec2', ['ec2.packageSource', 'postgresVersion'], ({ ec2, postgresVersion }) =>
    ec2.packageSource === 'debian' && postgresVersion !== 18
      ? [
          {
            key: 'postgresVersion',
            problem: `${String(postgresVersion)} is not in Debian's own packages`,
            allowed: '18, or ec2.packageSource: pgdg',
          },
        ]
      : [],
  ),
];

const windowRules: Rule[] = [
  on('aurora', ['aurora.backupWindow', 'maintenanceWindow'], ({ aurora, maintenanceWindow }) => {
    const weekly = parseWeeklyWindow(maintenanceWindow);
    const daily = parseDailyWindow(aurora.backupWindow) ?? [];
    if (weekly === undefined || !daily.some((window) => overlap(window, weekly))) return [];
    return [
      {
        key: 'aurora.backupWindow',
        problem: `${shown(aurora.backupWindow)} overlaps maintenanceWindow ${shown(maintenanceWindow)}`,
        allowed: 'windows apart from each other; both are UTC',
      },
    ];
  }),
  on(
    'ec2',
    ['backup.schedule', 'backup.fullSchedule', 'backup.timeZone', 'maintenanceWindow'],
    ({ backup, maintenanceWindow }) => {
      const weekly = parseWeeklyWindow(maintenanceWindow);
      if (weekly === undefined) return [];
      return (['schedule', 'fullSchedule'] as const).flatMap((name) => {
        const cron = parseCron(backup[name]);
        if (typeof cron === 'string') return [];
        if (!utcMinutesOfWeek(cron, backup.timeZone).some((minute) => covers(weekly, minute))) return [];
        return [
          {
            key: `backup.${name}`,
            problem: `${shown(backup[name])} (${backup.timeZone}) starts a backup inside maintenanceWindow ${shown(maintenanceWindow)} (UTC)`,
            allowed: 'a time outside of it: a restart would break the backup off',
          },
        ];
      });
    },
  ),
];

/** Every rule of the AWS tiers. */
export const AWS_RULES: readonly Rule[] = [...accountRules, ...networkRules, ...hostRules, ...windowRules];
