/** The keys of the configuration, read off the schema: for `config.ts`, for suggestions, and for the test of Pulumi.yaml. */
import { z } from 'zod';
import { unwrap } from './fields';
import { settingsSchema } from './schema';

/** Types that Pulumi.yaml can declare. */
export type SettingType = 'string' | 'integer' | 'boolean' | 'array' | 'object';

export interface SettingKey {
  /** Key below the project's namespace. */
  readonly name: string;
  readonly type: SettingType;
  /** What an absent key stands for; members without a default are absent. */
  readonly default: unknown;
}

/** Every key that Pulumi.yaml declares, in order. */
export function settingKeys(): SettingKey[] {
  const defaults = settingsSchema.parse({}) as Record<string, unknown>;
  return Object.entries(settingsSchema.shape).map(([name, schema]) => ({
    name,
    type: typeOf(unwrap(schema)),
    default: withoutEmptyGroups(defaults[name]),
  }));
}

function typeOf(schema: z.ZodType): SettingType {
  if (schema instanceof z.ZodNumber) return 'integer';
  if (schema instanceof z.ZodBoolean) return 'boolean';
  if (schema instanceof z.ZodArray) return 'array';
  if (schema instanceof z.ZodObject || schema instanceof z.ZodRecord) return 'object';
  return 'string';
}

/** Members that are groups without a default of their own say nothing; maps such as `thresholds` neither. */
function withoutEmptyGroups(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const members = Object.entries(value).map(([key, member]) => [key, withoutEmptyGroups(member)] as const);
  return Object.fromEntries(members.filter(([, member]) => !(isRecord(member) && Object.keys(member).length === 0)));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Paths of all settings, groups left out: "workload.documents". */
export function settingPaths(): string[] {
  const walk = (prefix: string, schema: z.ZodType): string[] => {
    const inner = unwrap(schema);
    if (!(inner instanceof z.ZodObject)) return [prefix];
    return Object.entries(inner.shape).flatMap(([name, member]) =>
      walk(prefix === '' ? name : `${prefix}.${name}`, member as z.ZodType),
    );
  };
  return walk('', settingsSchema);
}

/**
 * Decodes a value as Pulumi hands it over: text for scalars, JSON for objects and lists.
 * @returns the value of the key's type, or the text itself where it is none: the schema then says so
 */
export function decodeRaw(name: string, value: string): unknown {
  const type = settingKeys().find((key) => key.name === name)?.type ?? 'string';
  if (type === 'string') return value;
  if (type === 'integer') return /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : value;
  if (type === 'boolean') return value === 'true' ? true : value === 'false' ? false : value;
  try {
    return JSON.parse(value) as unknown;
  } catch {
    return value;
  }
}
