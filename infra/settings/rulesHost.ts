/** Rules of the host, the cluster and their windows. */
import { AURORA_CLASSES, INSTANCE_TYPES, instanceTypeNamed, SMALLEST_HOST_GIB } from '../capacity/instanceTypes';
import { GP3_BASE_IOPS } from '../capacity/prices';
import { shown, type Mistake } from './errors';
import { on, type Rule } from './rule';
import { parseCron, utcMinutesOfWeek } from './schedule';
import { nearest } from './suggest';
import { covers, overlap, parseDailyWindow, parseWeeklyWindow } from './values';

/** What bounds a gp3 volume against itself. https://docs.aws.amazon.com/ebs/latest/userguide/general-purpose.html */
const GP3 = { iopsPerGiB: 500, mibpsPerIops: 0.25 };

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

/** Rules of the machines. */
export const HOST_RULES: readonly Rule[] = [...hostRules, ...windowRules];
