/** The WAL that lies in a pgBackRest repository, from its listing. */
import { archiveState, isSegment, type ArchivedSegment } from '../../../ops/backup/wal';
import type { ArchiveState } from '../../../ops/backup/engine';
import { pgbackrest, type PgbackrestProgram, assertDone } from './program';

/** "16/000000010000000000000003-<sha1>.zst": a segment, not a partial one, a label file or a history. */
const SEGMENT_FILE = /^[0-9A-F]{16}\/([0-9A-F]{24})-[0-9a-f]{40}(\.\w+)?$/;

interface Listed {
  type: string;
  size?: number;
  time?: number;
}

/** @param archiveId folder of the newest database, "18-1"; undefined where there is none */
export async function readArchive(program: PgbackrestProgram, archiveId: string | undefined): Promise<ArchiveState> {
  if (archiveId === undefined) return archiveState([]);
  const path = `archive/${program.stanza}/${archiveId}`;
  const result = await pgbackrest(program, 'repo-ls', ['--recurse', '--output=json'], {}, [path]);
  assertDone(result, 'listing the WAL archive');
  return archiveState(segmentsOf(result.stdout));
}

/** @param listing JSON of `pgbackrest repo-ls --recurse` */
export function segmentsOf(listing: string): ArchivedSegment[] {
  const files = JSON.parse(listing) as Record<string, Listed>;
  return Object.entries(files).flatMap(([path, { type, size, time }]) => {
    const name = SEGMENT_FILE.exec(path)?.[1];
    if (type !== 'file' || name === undefined || !isSegment(name)) return [];
    return [{ name, archivedAt: new Date((time ?? 0) * 1000), storedBytes: size ?? 0 }];
  });
}
