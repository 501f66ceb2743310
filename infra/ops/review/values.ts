/** Values of properties, as a report shows them: short, on one line, and never a secret. */
import { isSecret, MASK, maskText } from './mask';
import type { Inputs } from './preview';

/** What a preview writes for a value that is only known after `up`. */
const UNKNOWN = /^(04da6b54-80e4-46f7-96ec-b56ff0331ba9|1c4a061d-8072-4f0a-a4cb-0ff528b18fe7)$/;
const LONGEST = 60;

/** The steps of a path as the engine writes it: `rules[1].days`, `tags["qbench:x"]`. */
function stepsOf(path: string): string[] {
  return [...path.matchAll(/\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.[\]]+)/g)].map(
    ([, quoted, index, plain]) => quoted ?? index ?? plain ?? '',
  );
}

/** The value at a path; undefined where there is none. */
export function valueAt(from: Inputs | undefined, path: string): unknown {
  let value: unknown = from;
  for (const step of stepsOf(path)) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<string, unknown>)[step];
  }
  return value;
}

/** Whether a value is only known after `up`. */
export function isUnknown(value: unknown): boolean {
  return typeof value === 'string' && UNKNOWN.test(value);
}

/** A scalar in short; undefined for what is too long or no scalar, and so is named only. */
function shown(path: string, value: unknown): string | undefined {
  if (value === undefined || value === null) return 'none';
  if (isSecret(path, value)) return MASK;
  if (isUnknown(value)) return 'known after up';
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value !== 'string') return undefined;
  const masked = maskText(value);
  return masked.length > LONGEST || masked.includes('\n') ? undefined : masked;
}

/** "iops: 3000 -> 4000", or "policy" alone where the values are too long to be read. */
export function propertyText(path: string, before: Inputs | undefined, after: Inputs | undefined): string {
  const [was, is] = [shown(path, valueAt(before, path)), shown(path, valueAt(after, path))];
  return was === undefined || is === undefined || was === is ? path : `${path}: ${was} -> ${is}`;
}

/** A text input, or undefined. */
export function textOf(inputs: Inputs | undefined, name: string): string | undefined {
  const value = inputs?.[name];
  return typeof value === 'string' && !isUnknown(value) && value !== MASK ? value : undefined;
}

/** A number input, or undefined. */
export function numberOf(inputs: Inputs | undefined, name: string): number | undefined {
  const value = inputs?.[name];
  return typeof value === 'number' ? value : undefined;
}

/** JSON in a text input; undefined where it is none, or not known yet. */
export function jsonOf(inputs: Inputs | undefined, name: string): Record<string, unknown> | undefined {
  const text = textOf(inputs, name);
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
