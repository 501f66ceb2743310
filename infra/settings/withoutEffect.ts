/** Settings that are right in themselves and change nothing on the tier of their stack. Pure. */
import { settingsSchema, type ParsedSettings } from './schema';
import type { Tier } from './types';

/**
 * What a tier does not read: groups of other tiers, and what only a service of AWS carries out. An error would stand in the way of whoever
 * changes the tier and back, so they are told of, not refused.
 */
const UNREAD: Readonly<Record<Exclude<Tier, 'aurora'>, readonly string[]>> = {
  local: [
    ...['backup.schedule', 'backup.fullSchedule', 'backup.timeZone'],
    ...['monitoring.schedule', 'monitoring.alertEmail', 'monitoring.snsTopicArn', 'monitoring.logRetentionDays'],
    ...['monitoring.budgetUsdPerMonth', 'tags'],
    ...['access', 'maintenanceWindow', 'aws', 'network', 'ec2', 'aurora'],
  ],
  ec2: ['local', 'maintenanceWindow', 'aurora'],
};

/**
 * Values that are the default are none that anybody misses: the engine fills them in from Pulumi.yaml.
 * @param raw configuration that `parseSettings` has taken
 * @returns full keys, such as "ec2.instanceType", in the order of the schema
 */
export function settingsWithoutEffect(raw: Readonly<Record<string, unknown>>): string[] {
  const parsed = settingsSchema.parse(raw);
  const defaults = settingsSchema.parse({});
  if (parsed.tier === 'aurora') return [];
  return UNREAD[parsed.tier].flatMap((key) => changed(key, at(parsed, key), at(defaults, key)));
}

function at(settings: ParsedSettings, key: string): unknown {
  return key
    .split('.')
    .reduce<unknown>((value, part) => (value as Record<string, unknown> | undefined)?.[part], settings);
}

/** The members that differ from the default, of a group by their own names. */
function changed(key: string, value: unknown, standard: unknown): string[] {
  if (isGroup(value) && isGroup(standard)) {
    return Object.keys(value).flatMap((name) => changed(`${key}.${name}`, value[name], standard[name]));
  }
  return JSON.stringify(value) === JSON.stringify(standard) ? [] : [key];
}

function isGroup(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
