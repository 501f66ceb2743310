/**
 * The settings of a stack: raw configuration in, typed and frozen settings out, or one error that lists every mistake.
 * Pure: `config.ts` reads Pulumi's configuration, this file judges it.
 */
import type { SettingsContext } from './settings/context';
import { keyOf, SettingsError, shown, type Mistake } from './settings/errors';
import type { z } from 'zod';
import { BAD_NAME, meant, noteAt, schemaAt } from './settings/fields';
import { resolve } from './settings/resolve';
import { RULES } from './settings/rules';
import { settingsSchema, type ParsedSettings } from './settings/schema';
import type { Settings } from './settings/types';
import { misspeltNamespaces, unknownKey } from './settings/unknownKeys';

export type { SettingsContext } from './settings/context';
export { SettingsError, type Mistake } from './settings/errors';
export { decodeRaw, settingKeys, type SettingKey, type SettingType } from './settings/keys';
export type * from './settings/types';
export { settingsWithoutEffect } from './settings/withoutEffect';

/**
 * @param raw value by key of the project's namespace, decoded: objects are objects, numbers are numbers
 * @returns every setting with its final value, deeply frozen; groups of other tiers are absent
 * @throws SettingsError (exit code 2) that lists every mistake: unknown keys, values out of range, keys that contradict
 *   each other. It never shows an encrypted value, nor the value of an unknown key.
 */
export function parseSettings(raw: Readonly<Record<string, unknown>>, context: SettingsContext): Settings {
  const { parsed, mistakes, wrong } = readShape(raw, context);
  for (const rule of RULES) {
    const blind = rule.reads.some((read) => wrong.some((key) => within(read, key) || isEntry(key, read)));
    if (!blind) mistakes.push(...rule.check(parsed, context));
  }
  if (mistakes.length > 0) throw new SettingsError(context.stack, sorted(mistakes));
  return deepFreeze(resolve(parsed));
}

interface Shape {
  parsed: ParsedSettings;
  mistakes: Mistake[];
  /** Keys that were wrong in themselves; `parsed` has defaults in their place. */
  wrong: string[];
}

/**
 * Reads what can be read: a wrong value is noted and taken out, then the rest is read again, so that one mistake hides no
 * other.
 */
function readShape(raw: Readonly<Record<string, unknown>>, context: SettingsContext): Shape {
  const mistakes: Mistake[] = misspeltNamespaces(context);
  const wrong: string[] = [];
  const rest = structuredClone(raw) as Record<string, unknown>;
  for (const key of context.secretKeys ?? []) {
    if (!(key in rest)) continue;
    Reflect.deleteProperty(rest, key);
    if (!(key in settingsSchema.shape)) {
      mistakes.push(unknownKey([key]));
      continue;
    }
    wrong.push(key);
    mistakes.push({
      key,
      problem: 'is encrypted, but no setting is a secret: it would stand in clear in the state and on the host',
      allowed: 'a value in clear; passwords are made by the program',
      hint: `pulumi config rm ${key}, then set it without --secret`,
    });
  }
  for (;;) {
    const result = settingsSchema.safeParse(rest);
    if (result.success) return { parsed: result.data, mistakes, wrong };
    const remove = new Map<string, PropertyKey[]>();
    for (const issue of result.error.issues) {
      if (issue.code === 'unrecognized_keys') {
        for (const key of issue.keys) {
          const path = [...issue.path, key];
          mistakes.push(unknownKey(path));
          remove.set(keyOf(path), path);
        }
        continue;
      }
      mistakes.push(mistakeAt(issue, valueAt(rest, issue.path)));
      wrong.push(keyOf(issue.path));
      remove.set(keyOf(issue.path), issue.path);
    }
    // Last entries of a list first: taking one out moves those behind it.
    const removed = [...remove.values()].reverse().filter((path) => removeAt(rest, path));
    if (removed.length === 0) throw new Error(`the schema refuses what is not there: ${[...remove.keys()].join(', ')}`);
  }
}

function mistakeAt(issue: z.core.$ZodIssue, value: unknown): Mistake {
  const { path } = issue;
  const badName = issue.code === 'custom' && issue.params?.[BAD_NAME] === true;
  const note = noteAt(settingsSchema, badName ? path.slice(0, -1) : path);
  const schema = schemaAt(settingsSchema, path);
  const hint = schema === undefined || badName ? undefined : meant(value, schema, note);
  return {
    key: keyOf(path),
    problem: `${shown(badName ? path.at(-1) : value)} ${issue.code === 'custom' ? issue.message : 'is not allowed'}`,
    ...(note === undefined ? {} : { allowed: note.allowed }),
    ...(hint === undefined ? {} : { hint }),
  };
}

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, part) => (value as Record<PropertyKey, unknown> | undefined | null)?.[part],
    root,
  );
}

/** @returns whether something was there to be taken out */
function removeAt(root: unknown, path: readonly PropertyKey[]): boolean {
  const parent = valueAt(root, path.slice(0, -1));
  const last = path.at(-1) ?? '';
  if (Array.isArray(parent)) return parent.splice(Number(last), 1).length > 0;
  return typeof parent === 'object' && parent !== null && last in parent && Reflect.deleteProperty(parent, last);
}

/** Whether `key` is `parent` or a member of it. */
function within(key: string, parent: string): boolean {
  return key === parent || (key.startsWith(parent) && /^[.[]/.test(key.slice(parent.length)));
}

/** Whether `key` is an entry of `list`: a list says something else without one of its entries, a map or a group does not. */
function isEntry(key: string, list: string): boolean {
  return key.startsWith(list) && /^\[\d/.test(key.slice(list.length));
}

/** In the order of the schema, so that the mistakes of one group stand together; keys outside of it first. */
function sorted(mistakes: readonly Mistake[]): Mistake[] {
  const order = Object.keys(settingsSchema.shape);
  const rank = ({ key }: Mistake): number => order.indexOf(/^[^.[]*/.exec(key)?.[0] ?? '');
  return [...mistakes].sort((a, b) => rank(a) - rank(b));
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
}
