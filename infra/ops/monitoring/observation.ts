/** Everything that is known of a stack at one moment, and what is remembered of moments before. Plain data. */
import type { ApiAnswer } from './api';
import type { Probe } from './probe';
import type { Snapshot } from './snapshot';

export interface Observation {
  /** When, as ISO 8601. */
  at: string;
  snapshot?: Snapshot | undefined;
  /** Why there is no snapshot. */
  unreachable?: string | undefined;
  probe?: Probe | undefined;
  /** Exact comparisons, which are made more rarely. */
  recall?: Probe | undefined;
  /** Why a probe that was wanted failed as a whole. */
  probeError?: string | undefined;
  api?: readonly ApiAnswer[] | undefined;
  /** The disk that the data lies on, where the host was asked. @default estimated from sizes and the plan */
  disk?: DiskFacts | undefined;
  /** Ages in seconds, from the backup repository. */
  backup?: { backupAgeSeconds?: number | undefined; restoreAgeSeconds?: number | undefined } | undefined;
}

export interface DiskFacts {
  freeBytes: number;
  /** @default what is free and what the databases and their WAL take: right for a disk that holds other things too */
  totalBytes?: number;
}

/** Counters of an earlier snapshot: what happened since is their difference. */
export interface Counters {
  at: string;
  uptimeSeconds: number;
  /** Blocks found and read, by relation. */
  blocks: Record<string, [hit: number, read: number]>;
  checkpoints: [timed: number, requested: number];
  archiveFailed: number;
  lsnBytes: number | null;
}

/** A size at a moment, for growth. */
export interface SizeSample {
  at: string;
  bytes: number;
}

export interface Memory {
  counters?: Counters | undefined;
  /** Oldest first. */
  sizes: readonly SizeSample[];
}

export const NO_MEMORY: Memory = { sizes: [] };

export function countersOf(snapshot: Snapshot): Counters {
  const relations = [...snapshot.tables, ...vectorIndexes(snapshot)];
  return {
    at: snapshot.at,
    uptimeSeconds: snapshot.server.uptimeSeconds,
    blocks: Object.fromEntries(
      relations.map(({ name, blocksHit, blocksRead }) => [name, [blocksHit ?? 0, blocksRead ?? 0]]),
    ),
    checkpoints: [snapshot.checkpoints.timed, snapshot.checkpoints.requested],
    archiveFailed: snapshot.archiver.failed,
    lsnBytes: snapshot.wal.lsnBytes,
  };
}

export function vectorIndexes(snapshot: Snapshot): Snapshot['indexes'] {
  return snapshot.indexes.filter(({ method }) => method === 'hnsw' || method === 'ivfflat');
}

const HOUR_MS = 3_600_000;
/** Samples are kept so far apart, and so many: ten days, in little room. */
const SAMPLE_GAP_MS = 6 * HOUR_MS;
const MOST_SAMPLES = 40;
/** Less time than this says nothing of a day's growth. */
const LEAST_SPAN_MS = HOUR_MS;

/** Adds a size where the last one is old enough. */
export function withSample(sizes: readonly SizeSample[], sample: SizeSample): SizeSample[] {
  const last = sizes.at(-1);
  if (last !== undefined && Date.parse(sample.at) - Date.parse(last.at) < SAMPLE_GAP_MS) return [...sizes];
  return [...sizes, sample].slice(-MOST_SAMPLES);
}

/** Growth in bytes a day since the oldest sample; undefined where none is an hour old. */
export function growthPerDay(sizes: readonly SizeSample[], now: SizeSample): number | undefined {
  const oldest = sizes[0];
  if (oldest === undefined) return undefined;
  const span = Date.parse(now.at) - Date.parse(oldest.at);
  return span < LEAST_SPAN_MS ? undefined : (now.bytes - oldest.bytes) / (span / (24 * HOUR_MS));
}

/** WAL written since the counters were kept, in bytes a second; undefined on a standby, and where there is no time between. */
export function walBytesPerSecond(counters: Counters | undefined, snapshot: Snapshot): number | undefined {
  const { lsnBytes } = snapshot.wal;
  if (counters === undefined || counters.lsnBytes === null || lsnBytes === null) return undefined;
  const seconds = (Date.parse(snapshot.at) - Date.parse(counters.at)) / 1000;
  return seconds <= 0 || lsnBytes < counters.lsnBytes ? undefined : (lsnBytes - counters.lsnBytes) / seconds;
}
