/** Names of WAL segments: timeline, then the number of the segment, in hex. https://www.postgresql.org/docs/18/wal-internals.html */
import type { ArchiveGap, ArchiveState } from './engine';

/** Bytes of a segment; initdb's default, which this project keeps. */
export const SEGMENT_BYTES = 16 * 1024 ** 2;
const SEGMENTS_PER_FILE_ID = 2 ** 32 / SEGMENT_BYTES;

export function isSegment(name: string): boolean {
  return /^[0-9A-F]{24}$/.test(name);
}

function timelineOf(segment: string): number {
  return Number.parseInt(segment.slice(0, 8), 16);
}

/** Position of a segment in its timeline, counted in segments. */
export function segmentNumber(segment: string): number {
  return Number.parseInt(segment.slice(8, 16), 16) * SEGMENTS_PER_FILE_ID + Number.parseInt(segment.slice(16), 16);
}

export function segmentName(timeline: number, number: number): string {
  const hex = (value: number): string => value.toString(16).toUpperCase().padStart(8, '0');
  return hex(timeline) + hex(Math.floor(number / SEGMENTS_PER_FILE_ID)) + hex(number % SEGMENTS_PER_FILE_ID);
}

/** "2/3E000028" as a number of bytes. */
export function lsnBytes(lsn: string): number {
  const [high = '0', low = '0'] = lsn.split('/');
  return Number.parseInt(high, 16) * 2 ** 32 + Number.parseInt(low, 16);
}

/** Segment in which the byte before an LSN lies: the last one that is needed to reach it. */
export function segmentBefore(timeline: number, lsn: string): string {
  return segmentName(timeline, Math.floor((lsnBytes(lsn) - 1) / SEGMENT_BYTES));
}

export function segmentAt(timeline: number, lsn: string): string {
  return segmentName(timeline, Math.floor(lsnBytes(lsn) / SEGMENT_BYTES));
}

/** One archived segment. */
export interface ArchivedSegment {
  name: string;
  /** When it was written, as far as the repository tells: else when it came in. */
  archivedAt: Date;
  storedBytes: number;
}

/**
 * The archive by what lies in it, along the newest timeline and those it comes from. Segments of an older timeline from the fork on
 * lead to a past that was given up: recovery does not read them.
 */
export function archiveState(segments: readonly ArchivedSegment[]): ArchiveState {
  const line = livingLine(segments);
  const gaps: ArchiveGap[] = [];
  for (const [index, { name }] of line.entries()) {
    const before = line[index - 1];
    if (before === undefined || segmentNumber(before.name) === segmentNumber(name) - 1) continue;
    gaps.push({
      from: segmentName(timelineOf(name), segmentNumber(before.name) + 1),
      to: segmentName(timelineOf(name), segmentNumber(name) - 1),
      after: before.archivedAt,
    });
  }
  return {
    first: line[0]?.name,
    last: line.at(-1)?.name,
    lastArchivedAt: line.at(-1)?.archivedAt,
    segments: segments.length,
    storedBytes: segments.reduce((sum, { storedBytes }) => sum + storedBytes, 0),
    gaps,
  };
}

function livingLine(segments: readonly ArchivedSegment[]): ArchivedSegment[] {
  const line: ArchivedSegment[] = [];
  let fork = Number.POSITIVE_INFINITY;
  // Newest timeline first, and within one the newest segment first.
  for (const segment of [...segments].sort((a, b) => (a.name < b.name ? 1 : -1))) {
    const newest = line.at(-1);
    if (newest !== undefined && timelineOf(newest.name) !== timelineOf(segment.name)) {
      fork = Math.min(fork, segmentNumber(newest.name));
    }
    if (segmentNumber(segment.name) < fork) line.push(segment);
  }
  return line.reverse();
}
