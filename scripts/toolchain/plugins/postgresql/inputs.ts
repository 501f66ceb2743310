/** Inputs that a refresh or an import writes into the state. */
import { zeroOf, type ResourceSpec } from '../spec';
import { sameValue, type Plain, type PlainProperties } from '../values';

/**
 * Inputs in line with what the server has. On a refresh the inputs that were given stay the inputs, with the server's
 * values; on an import (no inputs yet) every input that is not at its zero value becomes one.
 */
export function inputsFromServer(spec: ResourceSpec, old: PlainProperties, outputs: PlainProperties): PlainProperties {
  const inputs: PlainProperties = {};
  const importing = Object.keys(old).length === 0;
  for (const [key, property] of Object.entries(spec.properties)) {
    if (property.outputOnly || property.refused !== undefined) continue;
    const now = outputs[key];
    if (now === undefined || now === null) continue;
    const before = old[key];
    if (importing) {
      const atZero = property.default === undefined && (sameValue(now, zeroOf(property)) || sameValue(now, []));
      if (!atZero || property.required) inputs[key] = now;
    } else if (before !== undefined) {
      // a set in another order is the same set, and the program's order is the one to keep
      inputs[key] = property.type === 'set' && sameSet(before, now) ? before : now;
    }
  }
  return inputs;
}

/** True when two lists have the same elements. */
export function sameSet(left: Plain | undefined, right: Plain | undefined): boolean {
  const sorted = (list: Plain | undefined): readonly Plain[] => [...((list ?? []) as readonly string[])].sort();
  return sameValue(sorted(left), sorted(right));
}

/** A list property, empty when it was left out. */
export function listOf(properties: PlainProperties, key: string): readonly string[] {
  return (properties[key] ?? []) as readonly string[];
}
