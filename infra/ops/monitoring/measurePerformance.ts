/** Values of memory, caches, checkpoints and parameters. Pure. */
import type { Planned } from '../thresholds';
import type { Put } from './measure';
import { vectorIndexes, type Memory } from './observation';
import type { Snapshot } from './snapshot';

/** Fewer accesses than this since the last snapshot make no rate. */
const LEAST_BLOCKS = 1000;
const LEAST_CHECKPOINTS = 3;

export function performanceMetrics(snapshot: Snapshot, planned: Planned, memory: Memory, put: Put): void {
  const vectors = vectorIndexes(snapshot).filter(({ valid }) => valid);
  const bytes = vectors.reduce((sum, index) => sum + index.bytes, 0);
  put('memoryFit', (100 * bytes) / snapshot.server.sharedBuffersBytes);

  const heaps = snapshot.tables.map(({ name, blocksHit, blocksRead }) => since(memory, name, blocksHit, blocksRead));
  const known = heaps.filter((each) => each !== undefined);
  put('heapCacheHit', rate(sum(known.map(({ hit }) => hit)), sum(known.map(({ read }) => read))));
  const rates = vectors.flatMap(({ name, blocksHit, blocksRead }) => {
    const blocks = since(memory, name, blocksHit, blocksRead);
    const hits = blocks === undefined ? undefined : rate(blocks.hit, blocks.read);
    return hits === undefined ? [] : [{ name, hits }];
  });
  const lowest = rates.sort((a, b) => a.hits - b.hits)[0];
  put('indexCacheHit', lowest?.hits, lowest?.name);

  if (memory.counters !== undefined) {
    const timed = snapshot.checkpoints.timed - memory.counters.checkpoints[0];
    const requested = snapshot.checkpoints.requested - memory.counters.checkpoints[1];
    const enough = timed >= 0 && requested >= 0 && timed + requested >= LEAST_CHECKPOINTS;
    put('requestedCheckpoints', enough ? (100 * requested) / (timed + requested) : 0);
  }

  const differing = Object.entries(planned.parameters)
    .filter(([name, value]) => name in snapshot.parameters && !same(value, snapshot.parameters[name] ?? ''))
    .map(([name]) => name);
  const wrong = [...new Set([...differing, ...snapshot.pendingRestart])].sort();
  put('parametersDiffer', wrong.length, wrong.length === 0 ? undefined : wrong.slice(0, 10).join(', '));
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

function rate(hit: number, read: number): number | undefined {
  return hit + read < LEAST_BLOCKS ? undefined : (100 * hit) / (hit + read);
}

/** Accesses since the counters were kept; undefined where there were none yet, or the statistics were reset between. */
function since(
  { counters }: Memory,
  name: string,
  hit: number | null,
  read: number | null,
): { hit: number; read: number } | undefined {
  const before = counters?.blocks[name];
  if (before === undefined || hit === null || read === null || hit < before[0] || read < before[1]) return undefined;
  return { hit: hit - before[0], read: read - before[1] };
}

/** Both in the parameter's own unit; a list may be written with spaces, a real with zeros behind it. */
function same(wanted: string, live: string): boolean {
  if (wanted === live) return true;
  if (wanted.trim() !== '' && live.trim() !== '' && Number(wanted) === Number(live)) return true;
  return wanted.replaceAll(/\s*,\s*/g, ',') === live.replaceAll(/\s*,\s*/g, ',');
}
