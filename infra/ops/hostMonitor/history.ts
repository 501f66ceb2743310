/** What the monitor remembers: earlier snapshots, which SSM keeps for 30 days. There is no other memory. */
import type { Memory, SizeSample } from '../monitoring/observation';
import { countersOf } from '../monitoring/observation';
import { parseSnapshot, type Snapshot } from '../monitoring/snapshot';
import { parseHostReport } from './report';
import type { SnapshotRun, SnapshotRuns } from './runs';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** The snapshot before is no older than this; counters of longer ago say little of now. */
const BEFORE_MS = 2 * HOUR_MS;
/** How far back growth is looked at: the longest of these that has a snapshot. */
const SPANS_MS = [7 * 24 * HOUR_MS, 24 * HOUR_MS, 3 * HOUR_MS];
/** A snapshot so near to a span's beginning stands for it. */
const NEAR_MS = HOUR_MS;

/** Counters of the snapshot before a run, and a size of days ago. */
export async function memoryBefore(runs: SnapshotRuns, run: SnapshotRun): Promise<Memory> {
  const before = await newest(runs, run, run.startedAt.getTime() - BEFORE_MS, run.startedAt.getTime());
  const sample = await earlierSize(runs, run);
  return {
    ...(before === undefined ? {} : { counters: countersOf(before) }),
    sizes: sample === undefined ? [] : [sample],
  };
}

async function earlierSize(runs: SnapshotRuns, run: SnapshotRun): Promise<SizeSample | undefined> {
  for (const span of SPANS_MS) {
    const from = run.startedAt.getTime() - span;
    const found = await newest(runs, run, from, from + NEAR_MS);
    if (found !== undefined) return { at: found.at, bytes: found.database.bytes };
  }
  return undefined;
}

/** The newest readable snapshot of a span of time, other than that of the run itself. */
async function newest(runs: SnapshotRuns, run: SnapshotRun, from: number, to: number): Promise<Snapshot | undefined> {
  const found = await runs.between(new Date(from), new Date(to));
  const ended = found.filter(({ id, state, startedAt }) => {
    return id !== run.id && state === 'succeeded' && startedAt <= run.startedAt;
  });
  // One that was cut off or is of another version says nothing; the one before it may.
  for (const { id } of ended.reverse().slice(0, 2)) {
    const result = await runs.result(id);
    if (result === undefined) continue;
    const { snapshot } = parseHostReport(result.output);
    try {
      if (snapshot !== undefined) return parseSnapshot(snapshot);
    } catch {
      continue;
    }
  }
  return undefined;
}
