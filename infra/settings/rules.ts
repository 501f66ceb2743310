/** Every rule between settings; those of the stack, of backups and of the tier `local` are here. */
import { shown, type Mistake } from './errors';
import type { Rule } from './rule';
import { AWS_RULES } from './rulesAws';
import { DATABASE_RULES } from './rulesDatabase';
import { INDEX_RULES } from './rulesIndex';
import { collide, parseCron } from './schedule';
import { MOST_TAGS } from './schema';
import { nearest } from './suggest';

const ENGINES = { local: ['native', 'pgbackrest'], ec2: ['pgbackrest'], aurora: ['aurora'] } as const;

const backupRules: Rule[] = [
  {
    reads: ['tier', 'backup.engine'],
    check: ({ tier, backup }) => {
      const engines: readonly string[] = ENGINES[tier];
      if (backup.engine === undefined || engines.includes(backup.engine)) return [];
      return [
        {
          key: 'backup.engine',
          problem: `"${backup.engine}" does not run on tier ${tier}`,
          allowed: engines.join(', '),
        },
      ];
    },
  },
  {
    reads: ['tier', 'backup.repositoryDir'],
    check: ({ tier, backup }) =>
      tier !== 'local' && backup.repositoryDir !== undefined
        ? [
            {
              key: 'backup.repositoryDir',
              problem: `a folder cannot be the backup repository of tier ${tier}`,
              allowed: 'leave it out: the repository is on S3',
            },
          ]
        : [],
  },
  {
    reads: ['tier', 'backup.retentionDays'],
    check: ({ tier, backup }) =>
      tier === 'aurora' && backup.retentionDays > 35
        ? [
            {
              key: 'backup.retentionDays',
              problem: `${String(backup.retentionDays)} is not allowed on tier aurora`,
              allowed: "an integer from 1 to 35; Aurora's limit",
            },
          ]
        : [],
  },
  {
    reads: ['tier', 'backup.schedule', 'backup.fullSchedule'],
    check: ({ tier, backup }) => {
      if (tier === 'aurora') return [];
      const [differential, full] = [parseCron(backup.schedule), parseCron(backup.fullSchedule)];
      if (typeof differential === 'string' || typeof full === 'string' || !collide(differential, full)) return [];
      return [
        {
          key: 'backup.fullSchedule',
          problem: `${shown(backup.fullSchedule)} starts a backup in the same minute as backup.schedule, ${shown(backup.schedule)}`,
          allowed: 'times of its own: two backups cannot run at once',
        },
      ];
    },
  },
];

const stackRules: Rule[] = [
  {
    reads: ['ephemeral', 'protectData'],
    check: ({ ephemeral, protectData }) =>
      ephemeral && protectData
        ? [
            {
              key: 'protectData',
              problem: 'true, but ephemeral is true too: a test stack vanishes with its data',
              allowed: 'false with ephemeral: true',
              hint: 'pulumi config set protectData false',
            },
          ]
        : [],
  },
  {
    reads: ['ephemeral', 'environment'],
    check: ({ ephemeral, environment }) =>
      ephemeral && environment === 'production'
        ? [{ key: 'ephemeral', problem: 'true, but environment is production', allowed: 'false in production' }]
        : [],
  },
  {
    reads: ['protectData', 'environment'],
    check: ({ protectData, environment }) =>
      !protectData && environment === 'production'
        ? [
            {
              key: 'protectData',
              problem: 'false, but environment is production',
              allowed: 'true in production',
              hint: 'name what may go in allowDestroy',
            },
          ]
        : [],
  },
  {
    reads: ['tags'],
    check: ({ tags }) =>
      Object.keys(tags).length > MOST_TAGS
        ? [
            {
              key: 'tags',
              problem: `has ${String(Object.keys(tags).length)} tags`,
              allowed: `at most ${String(MOST_TAGS)}; AWS takes 50, some are the program's`,
            },
          ]
        : [],
  },
  {
    reads: ['monitoring.thresholds'],
    check: ({ monitoring }, { thresholdNames }) =>
      thresholdNames === undefined
        ? []
        : Object.keys(monitoring.thresholds)
            .filter((name) => !thresholdNames.includes(name))
            .map((name) => {
              const near = nearest(name, thresholdNames);
              return {
                key: `monitoring.thresholds.${name}`,
                problem: 'no threshold has this name',
                allowed: thresholdNames.join(', '),
                ...(near === undefined ? {} : { hint: `did you mean ${near}?` }),
              };
            }),
  },
];

const localRules: Rule[] = [
  {
    reads: ['tier', 'local.postgresSource', 'local.binDir'],
    check: ({ tier, local }) =>
      tier === 'local' && local.postgresSource === 'wheel' && local.binDir !== undefined
        ? [
            {
              key: 'local.binDir',
              problem: `${shown(local.binDir)} means nothing with local.postgresSource "wheel"`,
              allowed: 'local.postgresSource: installed',
            },
          ]
        : [],
  },
  {
    reads: ['tier', 'local.postgresSource', 'postgresVersion'],
    check: ({ tier, local, postgresVersion }) =>
      tier === 'local' && local.postgresSource === 'wheel' && postgresVersion !== 18
        ? [
            {
              key: 'postgresVersion',
              problem: `${String(postgresVersion)} does not come with local.postgresSource "wheel"`,
              allowed: '18',
              hint: 'local.postgresSource: installed takes a server of this machine',
            },
          ]
        : [],
  },
  {
    reads: ['tier', 'local.dataDir', 'backup.repositoryDir'],
    check: ({ tier, local, backup }, { checkout }) => {
      if (tier !== 'local') return [];
      const mistakes: Mistake[] = [];
      const dirs = [
        ['local.dataDir', local.dataDir],
        ['backup.repositoryDir', backup.repositoryDir],
      ] as const;
      for (const [key, dir] of dirs) {
        if (dir === undefined || checkout === undefined) continue;
        // Below .qbench is the project's own state, which git does not see.
        if (inside(dir, checkout) && !inside(dir, `${checkout}/.qbench`)) {
          mistakes.push({
            key,
            problem: `${shown(dir)} lies among the files of the checkout`,
            allowed: 'a folder outside of it, or below its .qbench',
          });
        }
      }
      if (local.dataDir !== undefined && backup.repositoryDir !== undefined) {
        if (inside(backup.repositoryDir, local.dataDir) || inside(local.dataDir, backup.repositoryDir)) {
          mistakes.push({
            key: 'backup.repositoryDir',
            problem: `${shown(backup.repositoryDir)} and local.dataDir lie in each other`,
            allowed: 'two separate folders',
          });
        }
      }
      return mistakes;
    },
  },
];

function inside(path: string, folder: string): boolean {
  const parts = (text: string): string[] => text.split(/[\\/]/).filter((part) => part !== '' && part !== '.');
  const [inner, outer] = [parts(path), parts(folder)];
  return outer.every((part, i) => inner[i] === part);
}

/** Every rule, in the order in which messages list them. */
export const RULES: readonly Rule[] = [
  ...stackRules,
  ...INDEX_RULES,
  ...DATABASE_RULES,
  ...backupRules,
  ...localRules,
  ...AWS_RULES,
];
