/** Checking inputs against a resource's table, and filling in its defaults. Opens nothing and runs nothing. */
import type { CheckFailure, PropertySpec, ResourceSpec } from './spec';
import {
  hasSecret,
  hasUnknown,
  isMap,
  reveal,
  type Plain,
  type PlainProperties,
  type Properties,
  type Value,
} from './values';

/** Keys of the engine and the bridge that are no property of a resource. */
const INTERNAL_KEYS: ReadonlySet<string> = new Set(['__defaults', '__internal', '__pulumi_raw_state_delta']);

/**
 * @param subject the resource type or "provider", named in messages
 * @param news the inputs of the program, with secrets and unknowns
 * @returns the inputs to keep in the state, and what is wrong with them
 */
export function checkInputs(
  subject: string,
  spec: ResourceSpec,
  news: Properties,
): { inputs: Properties; failures: CheckFailure[] } {
  const failures: CheckFailure[] = [];
  const inputs: Properties = {};
  for (const [key, value] of Object.entries(news)) {
    if (INTERNAL_KEYS.has(key)) continue;
    const property = spec.properties[key];
    if (property === undefined || property.outputOnly) {
      const known = Object.keys(spec.properties).filter((name) => spec.properties[name]?.outputOnly !== true);
      failures.push({ property: key, reason: `${subject} has no input property ${key}; it has: ${known.join(', ')}` });
    } else if (property.refused !== undefined) {
      failures.push({
        property: key,
        reason: `the offline plugin does not support ${key} of ${subject}: ${property.refused}`,
      });
    } else {
      const reason = wrongValue(property, value);
      if (reason !== undefined) failures.push({ property: key, reason: `${key} of ${subject} ${reason}` });
    }
    // null is how a language says "left out"
    if (value !== null) inputs[key] = value;
  }
  const filled: string[] = [];
  for (const [key, property] of Object.entries(spec.properties)) {
    if (key in inputs || property.outputOnly) continue;
    if (property.required) failures.push({ property: key, reason: `${subject} needs ${key}` });
    if (property.default !== undefined) {
      inputs[key] = property.default;
      filled.push(key);
    }
  }
  if (spec.rules !== undefined && failures.length === 0)
    failures.push(...spec.rules(knownOnly(inputs), new Set(Object.keys(inputs))));
  return {
    inputs: spec.listsDefaults ? { __defaults: filled.sort(), ...inputs } : inputs,
    failures: failures.map((failure) => withoutSecret(spec, news, failure)),
  };
}

/**
 * The engine prints the value of the property that a failure names, secret or not. So a failure about a secret names none:
 * its reason does.
 */
export function withoutSecret(spec: ResourceSpec, news: Properties, failure: CheckFailure): CheckFailure {
  const { property, reason } = failure;
  const secret = spec.properties[property]?.secret === true || hasSecret(news[property] ?? null);
  return secret ? { property: '', reason } : failure;
}

/** The properties that are known, without secrets. */
export function knownOnly(properties: Properties): PlainProperties {
  const known = Object.entries(properties).filter(([key, value]) => !hasUnknown(value) && !INTERNAL_KEYS.has(key));
  return Object.fromEntries(known.map(([key, value]) => [key, reveal(value) as Plain]));
}

/** What is wrong with a value, as the end of a sentence; never quotes a value of a secret. */
function wrongValue(property: PropertySpec, given: Value): string | undefined {
  if (given === null || hasUnknown(given)) return undefined;
  const value = reveal(given);
  const shown = hasSecret(given) ? 'a secret' : JSON.stringify(value);
  switch (property.type) {
    case 'boolean':
      return typeof value === 'boolean' ? undefined : 'must be true or false';
    case 'integer':
      if (typeof value !== 'number' || !Number.isSafeInteger(value)) return 'must be a whole number';
      return property.minimum !== undefined && value < property.minimum
        ? `is ${shown}; it must be at least ${property.minimum}`
        : undefined;
    case 'number':
      return typeof value === 'number' && Number.isFinite(value) ? undefined : 'must be a number';
    case 'string':
      if (typeof value !== 'string') return 'must be a string';
      if (property.required && value === '') return 'must not be empty';
      return property.oneOf !== undefined && !property.oneOf.includes(value)
        ? `is ${shown}; allowed: ${property.oneOf.join(', ')}`
        : undefined;
    case 'list':
    case 'set':
      return Array.isArray(value) && value.every((item) => typeof item === 'string')
        ? undefined
        : 'must be a list of strings';
    case 'map':
      return isMap(value) && Object.values(value as Properties).every((item) => typeof item === 'string')
        ? undefined
        : 'must be a map of strings';
    case 'object':
      return isMap(value) ? undefined : 'must be a map';
    case 'any':
      return Array.isArray(value) ? undefined : 'must be a list';
  }
}
