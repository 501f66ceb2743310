/** The settings that a test stack starts from, and what makes it one whatever they say. */
import { userInfo } from 'node:os';
import { UsageError } from '../../../infra/ops/errors';
import { utcSeconds } from '../../../infra/ops/stacks/lifetime';
import type { RawConfig } from '../stackFileText';
import { rawConfigOf } from '../stackSettings';

export interface WantedStack {
  tier: string | undefined;
  region: string | undefined;
  ttlHours: number;
  createdMs: number;
  /** A stack file whose settings are taken over. */
  from: string | undefined;
  sampleData: boolean;
}

/** Small enough for ten at once on one machine. */
const LOCAL: RawConfig = {
  tier: 'local',
  workload: { documents: 5000, horizonMonths: 6, connections: 20 },
  local: { memoryMiB: 1024 },
};

const EC2: RawConfig = {
  tier: 'ec2',
  workload: { documents: 5000, horizonMonths: 6, connections: 50 },
  // A gateway costs more than the host of a test stack.
  network: { egress: 'public' },
};

type Group = Record<string, unknown>;

const group = (value: unknown): Group => (typeof value === 'object' && value !== null ? { ...value } : {});

/** @throws UsageError where the file is that of a stack in production, or the tier is none that can be a test stack */
export function testStackConfig(wanted: WantedStack): RawConfig {
  const base = wanted.from === undefined ? {} : rawConfigOf(wanted.from);
  const tier = wanted.tier ?? base['tier'] ?? 'local';
  if (tier !== 'local' && tier !== 'ec2') {
    throw new UsageError(`--tier ${typeof tier === 'string' ? tier : JSON.stringify(tier)}`, { allowed: 'local, ec2' });
  }
  if (base['environment'] === 'production') {
    throw new UsageError(`--from ${wanted.from ?? ''} is a stack in production`, {
      allowed: 'the file of a stack in dev, test or staging',
    });
  }
  const config: RawConfig = {
    ...(wanted.from === undefined ? (tier === 'local' ? LOCAL : EC2) : base),
    tier,
    environment: base['environment'] ?? 'test',
    owner: base['owner'] ?? userInfo().username,
    ephemeral: true,
    protectData: false,
    ttlHours: wanted.ttlHours,
    createdAt: utcSeconds(wanted.createdMs),
  };
  delete config['allowDestroy'];
  if (tier === 'local') {
    // Port, folder and repository of another stack are the other stack's.
    const local = group(config['local']);
    for (const name of ['port', 'dataDir']) Reflect.deleteProperty(local, name);
    config['local'] = { ...local, sampleData: wanted.sampleData };
    const backup = group(config['backup']);
    Reflect.deleteProperty(backup, 'repositoryDir');
    if (config['backup'] !== undefined) config['backup'] = backup;
  } else {
    config['ec2'] = { ...group(config['ec2']), sampleData: wanted.sampleData };
    if (wanted.region !== undefined) config['aws'] = { ...group(config['aws']), region: wanted.region };
  }
  return config;
}
