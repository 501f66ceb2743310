/** What a change of inputs does: which properties, in which way, and whether the resource is updated or replaced. */
import { knownOnly } from './check';
import { zeroOf, type PropertySpec, type ResourceSpec } from './spec';
import { hasUnknown, isMap, reveal, sameValue, Unknown, type Properties, type Value } from './values';

export type DiffKind = 'add' | 'delete' | 'update';

export interface Difference {
  readonly kind: DiffKind;
  readonly replaces: boolean;
}

export interface DiffResult {
  /** By property path, such as `environment.A` or `privileges[1]`. */
  readonly detailed: ReadonlyMap<string, Difference>;
  /** Top-level properties that changed. */
  readonly changed: readonly string[];
  /** Top-level properties whose change replaces the resource. */
  readonly replaces: readonly string[];
  readonly deleteBeforeReplace: boolean;
}

/**
 * @param oldInputs the inputs of last time
 * @param oldOutputs the state
 * @param news checked inputs of now; parts may be unknown, which counts as a change
 */
export function diffProperties(
  spec: ResourceSpec,
  oldInputs: Properties,
  oldOutputs: Properties,
  news: Properties,
): DiffResult {
  const detailed = new Map<string, Difference>();
  const changed: string[] = [];
  const replaces: string[] = [];
  for (const [key, property] of Object.entries(spec.properties)) {
    if (property.outputOnly) continue;
    const paths =
      spec.comparedWith === 'inputs'
        ? compare(key, oldInputs[key], news[key])
        : compareWithState(key, property, oldInputs[key], oldOutputs[key], news[key]);
    if (paths.size === 0) continue;
    changed.push(key);
    if (property.replaces) replaces.push(key);
    for (const [path, kind] of paths) detailed.set(path, { kind, replaces: property.replaces === true });
  }
  const deleteBeforeReplace =
    replaces.length > 0 &&
    spec.deleteBeforeReplace?.(knownOnly({ ...oldInputs, ...oldOutputs }), knownOnly(news)) === true;
  return { detailed, changed, replaces, deleteBeforeReplace };
}

type Paths = Map<string, DiffKind>;

/** A property of the new inputs against the state, where what is left out has a default or is the server's choice. */
function compareWithState(
  key: string,
  property: PropertySpec,
  oldInput: Value | undefined,
  oldOutput: Value | undefined,
  next: Value | undefined,
): Paths {
  if (next === undefined && property.computed) return new Map();
  const zero = zeroOf(property);
  // null in the state is the server saying "none", not the state saying nothing
  const now = reveal(oldOutput === undefined ? (oldInput ?? zero) : oldOutput);
  const wanted = reveal(next ?? zero);
  if (isEmpty(now) && isEmpty(wanted)) return new Map();
  if (property.type === 'set') return compareSets(key, now, wanted);
  if (property.type === 'list')
    return compare(key, isEmpty(now) ? undefined : now, isEmpty(wanted) ? undefined : wanted);
  if (sameValue(now, wanted)) return new Map();
  const kind = next === undefined ? 'delete' : oldInput === undefined && sameValue(now, zero) ? 'add' : 'update';
  return new Map([[key, kind]]);
}

/** True for what the state keeps for "none": null, an empty text, an empty list. */
function isEmpty(value: Value): boolean {
  return value === null || value === '' || (Array.isArray(value) && value.length === 0);
}

/** Sets have no order: an element that is only in the old one is deleted at its place there, a new one added at its place here. */
function compareSets(key: string, old: Value, next: Value): Paths {
  const paths: Paths = new Map();
  if (hasUnknown(next)) return paths.set(key, 'update');
  const before = (old ?? []) as readonly Value[];
  const after = (next ?? []) as readonly Value[];
  before.forEach((item, index) => {
    if (!after.includes(item)) paths.set(`${key}[${index}]`, 'delete');
  });
  after.forEach((item, index) => {
    const path = `${key}[${index}]`;
    if (!before.includes(item)) paths.set(path, paths.has(path) ? 'update' : 'add');
  });
  return paths;
}

/** Two values, down to the parts that differ. */
function compare(path: string, old: Value | undefined, next: Value | undefined): Paths {
  const before = old === undefined ? undefined : reveal(old);
  const after = next === undefined ? undefined : reveal(next);
  if (before === undefined && after === undefined) return new Map();
  if (before === undefined) return new Map([[path, 'add']]);
  if (after === undefined) return new Map([[path, 'delete']]);
  if (before instanceof Unknown || after instanceof Unknown) return new Map([[path, 'update']]);
  if (Array.isArray(before) && Array.isArray(after)) {
    const [a, b] = [before as readonly Value[], after as readonly Value[]];
    const length = Math.max(a.length, b.length);
    return merge(Array.from({ length }, (_, index) => compare(`${path}[${index}]`, a[index], b[index])));
  }
  if (isMap(before) && isMap(after)) {
    const [a, b] = [before as Properties, after as Properties];
    const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])].sort();
    return merge(keys.map((key) => compare(child(path, key), a[key], b[key])));
  }
  return sameValue(before, after) ? new Map<string, DiffKind>() : new Map([[path, 'update']]);
}

/** The path of a map's entry; a key that is no plain word is quoted, as the engine parses paths. */
function child(path: string, key: string): string {
  return /^[A-Za-z_$][A-Za-z0-9_$]*$/.test(key) ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`;
}

function merge(all: readonly Paths[]): Paths {
  return new Map(all.flatMap((paths) => [...paths]));
}
