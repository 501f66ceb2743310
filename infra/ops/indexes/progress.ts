/** From a row of pg_stat_progress_create_index to a phase, a share and an ETA for people. Pure. */
import type { ProgressSink } from '../ports';
import type { RunningBuild } from './catalog';

export type BuildProgress = Parameters<ProgressSink['update']>[0];

/** Least seconds and share of a phase before its speed is worth an ETA. */
const ETA_MIN_SECONDS = 1;
const ETA_MIN_SHARE = 0.02;

/** Whether the build stands still because of somebody else. */
export function isWaiting(build: Pick<RunningBuild, 'phase'>): boolean {
  return build.phase.startsWith('waiting for');
}

/** When a phase began; kept between two polls of one build. */
export interface PhaseStart {
  phase: string;
  atMs: number;
  done: number;
}

/**
 * pgvector counts blocks while it reads the table for HNSW, and tuples for IVFFlat; PostgreSQL counts sessions while it waits and blocks
 * while it validates. The ETA is of the phase: remaining divided by its mean speed so far.
 */
export function buildProgress(
  build: RunningBuild,
  name: string,
  start: PhaseStart | undefined,
  nowMs: number,
): BuildProgress {
  const phase = `${name}: ${build.phase}${build.workers > 0 ? ` (${build.workers + 1} processes)` : ''}`;
  const counter = countOf(build);
  if (counter === undefined) return { phase };
  const { done, total, unit } = counter;
  if (total <= 0) return { phase, done, unit };
  const eta = start === undefined || start.phase !== build.phase ? undefined : etaSeconds(start, done, total, nowMs);
  return { phase, done, total, unit, ...(eta === undefined ? {} : { etaSeconds: eta }) };
}

/** The state to keep for the next poll. */
export function phaseStart(build: RunningBuild, previous: PhaseStart | undefined, nowMs: number): PhaseStart {
  if (previous !== undefined && previous.phase === build.phase) return previous;
  return { phase: build.phase, atMs: nowMs, done: countOf(build)?.done ?? 0 };
}

function countOf(build: RunningBuild): { done: number; total: number; unit: string } | undefined {
  if (isWaiting(build)) return { done: build.lockersDone, total: build.lockersTotal, unit: 'sessions' };
  if (build.blocksTotal > 0) return { done: build.blocksDone, total: build.blocksTotal, unit: 'blocks' };
  if (build.tuplesTotal > 0 || build.tuplesDone > 0)
    return { done: build.tuplesDone, total: build.tuplesTotal, unit: 'rows' };
  return undefined;
}

function etaSeconds(start: PhaseStart, done: number, total: number, nowMs: number): number | undefined {
  const seconds = (nowMs - start.atMs) / 1000;
  const progressed = done - start.done;
  if (seconds < ETA_MIN_SECONDS || progressed <= 0 || done / total < ETA_MIN_SHARE) return undefined;
  return (Math.max(0, total - done) * seconds) / progressed;
}
