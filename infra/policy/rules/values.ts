/** Reading inputs that may be missing, or only be known after `up`: what is unknown is never held against a resource. */
import type { Inputs, Subject } from './types';

/** What stands for a value that is only known after `up`, in previews and in the engine's own protocol. */
export const UNKNOWN = '04da6b54-80e4-46f7-96ec-b56ff0331ba9';

export function isUnknown(value: unknown): boolean {
  return value === UNKNOWN;
}

export function record(value: unknown): Inputs {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Inputs) : {};
}

export function items(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  return value === undefined || value === null ? [] : [value];
}

export function text(value: unknown): string {
  return typeof value === 'string' && !isUnknown(value) ? value : '';
}

export function texts(value: unknown): string[] {
  return items(value).filter((entry): entry is string => typeof entry === 'string' && !isUnknown(entry));
}

/** True where a value is given that is not what is demanded; what is unknown passes. */
export function isNot(value: unknown, demanded: unknown): boolean {
  return !isUnknown(value) && value !== demanded;
}

/** True where nothing is given; what is unknown passes. */
export function isMissing(value: unknown): boolean {
  return value === undefined || value === null || value === '';
}

/** JSON in a text; undefined where it is unknown or none. */
export function parsed(value: unknown): Inputs | undefined {
  if (typeof value !== 'string' || value.includes(UNKNOWN)) return undefined;
  try {
    return record(JSON.parse(value));
  } catch {
    return undefined;
  }
}

/**
 * Whether one resource is about another by the value of an input. Before `up` the value may be unknown: then it may well be.
 * @param key input of `from` that names `to`
 * @param value what it is to be
 */
export function refersTo(from: Subject, key: string, value: unknown): boolean {
  const given = from.inputs[key];
  return isUnknown(given) || isUnknown(value) || isMissing(value) || given === value;
}
