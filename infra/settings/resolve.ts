/** From values that are right to settings that are final: derived defaults filled in, groups of other tiers left out. */
import { resolveIndex } from './indexProfiles';
import type { ParsedSettings } from './schema';
import type { BackupEngineName, CommonSettings, ConnectionLimits, Settings, Tier } from './types';

const DEFAULT_CONNECTION_LIMITS: ConnectionLimits = { owner: 5, app: 60, readonly: 15, monitor: 5, backup: 5 };

const DEFAULT_ENGINE: Readonly<Record<Tier, BackupEngineName>> = {
  local: 'native',
  ec2: 'pgbackrest',
  aurora: 'aurora',
};

/** @param parsed values that every rule has passed */
export function resolve(parsed: ParsedSettings): Settings {
  const common = commonSettings(parsed);
  if (parsed.tier === 'local') return { tier: 'local', ...common, local: parsed.local };
  const { region } = parsed.aws;
  if (region === undefined) throw new Error('a rule lets an AWS tier pass without a region');
  const cloud = {
    ...common,
    owner: parsed.owner,
    access: parsed.access,
    maintenanceWindow: parsed.maintenanceWindow,
    aws: { ...parsed.aws, region },
    network: parsed.network,
  };
  if (parsed.tier === 'ec2') return { tier: 'ec2', ...cloud, ec2: parsed.ec2 };
  return { tier: 'aurora', ...cloud, aurora: parsed.aurora };
}

function commonSettings(parsed: ParsedSettings): CommonSettings {
  const { connections } = parsed.workload;
  const limit = (role: keyof ConnectionLimits): number =>
    parsed.database.connectionLimits[role] ?? Math.min(DEFAULT_CONNECTION_LIMITS[role], connections);
  return {
    environment: parsed.environment,
    ...(parsed.owner === '' ? {} : { owner: parsed.owner }),
    protectData: parsed.protectData,
    allowDestroy: parsed.allowDestroy,
    policyExceptions: parsed.policyExceptions,
    ephemeral: parsed.ephemeral,
    ttlHours: parsed.ttlHours,
    ...(parsed.createdAt === '' ? {} : { createdAt: parsed.createdAt }),
    postgresVersion: parsed.postgresVersion,
    workload: parsed.workload,
    index: resolveIndex(parsed.index),
    database: {
      connectionLimits: {
        owner: limit('owner'),
        app: limit('app'),
        readonly: limit('readonly'),
        monitor: limit('monitor'),
        backup: limit('backup'),
      },
      passwordGeneration: parsed.database.passwordGeneration,
    },
    postgresParameters: parsed.postgresParameters,
    backup: { ...parsed.backup, engine: parsed.backup.engine ?? DEFAULT_ENGINE[parsed.tier] },
    monitoring: parsed.monitoring,
    tags: parsed.tags,
  };
}
