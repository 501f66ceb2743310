/** From what is wanted and what is there to what is to be done. Pure. */
import type { ActualIndex, RunningBuild } from './catalog';
import {
  buildName,
  leftoverKind,
  operatorClass,
  printedExpression,
  storageParameters,
  type ResolvedIndex,
} from './definition';
import type { DesiredIndex } from './desired';
import type { IndexSizing } from './sizing';

/** A property in which an index differs from what is wanted. */
export interface Difference {
  property: string;
  from: string;
  to: string;
}

export type Action =
  /** The live index is what is wanted. */
  | { kind: 'keep'; desired: ResolvedIndex; index: ActualIndex }
  /** Nothing usable is there: build, prove, swap. */
  | { kind: 'build'; desired: ResolvedIndex; as: string; replaces?: ActualIndex; differences: Difference[] }
  /** A build of an earlier run is finished and still wanted: prove, swap. */
  | { kind: 'adopt'; desired: ResolvedIndex; built: ActualIndex; replaces?: ActualIndex; differences: Difference[] }
  /** A build that is wanted runs in the server, started by a run that is gone: wait for it. */
  | { kind: 'wait'; desired: ResolvedIndex; build: RunningBuild }
  /** A build of ours that nobody wants any more. */
  | { kind: 'cancel'; build: RunningBuild; reason: string }
  | { kind: 'drop'; index: ActualIndex; reason: string }
  /** Not ours to touch. */
  | { kind: 'warn'; index: ActualIndex; reason: string };

/** Actions that change something. */
export function changes(actions: readonly Action[]): Action[] {
  return actions.filter(({ kind }) => kind !== 'keep' && kind !== 'warn');
}

/** IVFFlat clusters may be off by this factor before a rebuild pays. */
const LISTS_TOLERANCE = 2;

/**
 * Fills in what depends on the rows. The lists of an index that is there are kept while they are near enough, so that
 * growth does not rebuild it on every run.
 */
export function resolveIndex(
  desired: DesiredIndex,
  rows: number,
  actual: readonly ActualIndex[],
  sizing: Pick<IndexSizing, 'lists'>,
): ResolvedIndex {
  if (desired.method === 'hnsw') return desired;
  if (desired.lists !== undefined) return { ...desired, lists: desired.lists };
  const wanted = sizing.lists(rows);
  const usable = actual.find(({ name, method, valid }) => name === desired.name && method === 'ivfflat' && valid);
  const existing = usable?.options['lists'];
  const near = existing !== undefined && existing <= wanted * LISTS_TOLERANCE && wanted <= existing * LISTS_TOLERANCE;
  return { ...desired, lists: near ? existing : wanted };
}

/** Every property in which the index is not what is wanted. */
export function differences(desired: ResolvedIndex, index: ActualIndex): Difference[] {
  const found: Difference[] = [];
  const compare = (property: string, from: string | number | undefined, to: string | number): void => {
    if (String(from) !== String(to)) found.push({ property, from: String(from ?? 'none'), to: String(to) });
  };
  compare('method', index.method, desired.method);
  compare('operator class', index.operatorClass, operatorClass(desired.type));
  compare('key', index.definition, printedExpression(desired));
  if (!index.simple) found.push({ property: 'shape', from: 'several keys or a WHERE clause', to: 'one key, all rows' });
  if (index.method === desired.method) {
    for (const [name, value] of Object.entries(storageParameters(desired))) compare(name, index.options[name], value);
  }
  return found;
}

/**
 * The actions in the order in which they are carried out: what is broken goes first, for its disk; what still serves goes
 * last, after its successor is in place.
 */
export function decide(
  desired: readonly ResolvedIndex[],
  actual: readonly ActualIndex[],
  running: readonly RunningBuild[],
): Action[] {
  const settled = desired.map((index) => decideOne(index, actual, running));
  const claimed = new Set(
    settled.flatMap((action) => {
      if (action.kind === 'keep') return [action.index.name];
      if (action.kind === 'adopt') return [action.built.name, action.replaces?.name];
      if (action.kind === 'build') return [action.replaces?.name];
      return action.kind === 'wait' ? [action.build.name, action.desired.name] : [];
    }),
  );
  const first: Action[] = [];
  const last: Action[] = [];
  for (const index of actual) {
    if (claimed.has(index.name)) continue;
    const action = leftover(index, desired, running);
    if (action === undefined) continue;
    (action.kind === 'warn' || (action.kind === 'drop' && index.valid) ? last : first).push(action);
  }
  return [...first, ...settled, ...last];
}

function decideOne(desired: ResolvedIndex, actual: readonly ActualIndex[], running: readonly RunningBuild[]): Action {
  const onTable = actual.filter(({ table }) => table === desired.table);
  const live = onTable.find(({ name }) => name === desired.name);
  const difference = live === undefined ? [] : differences(desired, live);
  const usable = live !== undefined && live.valid && live.ready;
  if (usable && difference.length === 0) return { kind: 'keep', desired, index: live };

  const as = buildName(desired);
  const build = running.find(({ name }) => name === as || name === desired.name);
  if (build !== undefined) return { kind: 'wait', desired, build };

  const replaces = usable ? { replaces: live } : {};
  const built = onTable.find(({ name }) => name === as);
  if (built !== undefined && built.valid && built.ready && differences(desired, built).length === 0) {
    return { kind: 'adopt', desired, built, ...replaces, differences: difference };
  }
  return { kind: 'build', desired, as, ...replaces, differences: difference };
}

/** What is to become of an index that no desired one claims. */
function leftover(
  index: ActualIndex,
  desired: readonly ResolvedIndex[],
  running: readonly RunningBuild[],
): Action | undefined {
  const kind = leftoverKind(index.name, desired);
  const build = running.find(({ name }) => name === index.name);
  if (build !== undefined) {
    // Nobody else gives such names, and the lock says that no other apply runs: its client is gone.
    return kind === 'build' ? { kind: 'cancel', build, reason: 'a build that is no longer wanted' } : undefined;
  }
  // A build whose index the progress view does not name yet may be this one.
  const unnamed = running.some(({ name, table }) => name === undefined && table === index.table);
  if (unnamed || index.constrains) return undefined;
  if (kind === 'build')
    return { kind: 'drop', index, reason: index.valid ? 'a build that is no longer wanted' : 'a build that failed' };
  if (kind === 'retired') return { kind: 'drop', index, reason: 'replaced before, not yet dropped' };
  if (kind === 'reindex' && !index.valid)
    return { kind: 'drop', index, reason: 'left by an interrupted REINDEX CONCURRENTLY' };
  if (index.valid) return undefined;
  if (desired.some(({ name, table }) => name === index.name && table === index.table)) {
    return { kind: 'drop', index, reason: 'INVALID: it serves no search and slows every write' };
  }
  return {
    kind: 'warn',
    index,
    reason:
      'INVALID and not made here: it serves nothing and slows every write; drop it, or rebuild it with REINDEX INDEX CONCURRENTLY',
  };
}

/** One line for a person. */
export function describeAction(action: Action): string {
  switch (action.kind) {
    case 'keep':
      return `keep   ${action.index.name}`;
    case 'build': {
      const why = action.differences.map(({ property, from, to }) => `${property} ${from} -> ${to}`).join(', ');
      return `build  ${action.desired.name} on ${action.desired.table}${why === '' ? '' : `, replacing the one there (${why})`}`;
    }
    case 'adopt':
      return `adopt  ${action.built.name} as ${action.desired.name}: it was built by an earlier run`;
    case 'wait':
      return `wait   for the build of ${action.desired.name} that runs already (pid ${action.build.pid})`;
    case 'cancel':
      return `cancel ${action.build.name ?? action.build.table} (pid ${action.build.pid}): ${action.reason}`;
    case 'drop':
      return `drop   ${action.index.name}: ${action.reason}`;
    case 'warn':
      return `note   ${action.index.name}: ${action.reason}`;
  }
}
