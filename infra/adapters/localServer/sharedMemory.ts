/**
 * Shared memory of a server that a killed postmaster leaves behind, and nobody else removes: POSIX segments in /dev/shm, and the
 * small System V segment by which PostgreSQL tells that a data folder is in use. Linux only; elsewhere nothing is found.
 */
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CommandRunner } from '../../ops/ports';

const FOLDER = '/dev/shm';
const SEGMENT = /\/dev\/shm\/(PostgreSQL\.\d+)/g;
const NOTE = 'shared-memory';
/** dsm_control_header of storage/ipc/dsm.c: magic, nitems, maxitems, then items of 40 bytes on 64-bit machines. */
const CONTROL_MAGIC = 0x9a503d32;
const CONTROL_HEADER_BYTES = 16;
const CONTROL_ITEM_BYTES = 40;

/** The System V segment that postmaster.pid names in its seventh line. */
export interface SystemVSegment {
  key: number;
  id: number;
}

/** POSIX segments that a process has in its address space. */
export function mappedSegments(pid: number | string): string[] {
  try {
    const maps = readFileSync(`/proc/${pid}/maps`, 'utf8');
    return [...new Set([...maps.matchAll(SEGMENT)].map((match) => match[1] ?? ''))];
  } catch {
    // Not Linux, another user's, or gone.
    return [];
  }
}

/** Segments that exist, of those named. */
export function existingSegments(names: readonly string[]): string[] {
  return names.filter((name) => existsSync(join(FOLDER, name)));
}

/**
 * Writes down the segments of a postmaster that has just started: once it was killed, nothing else leads to them.
 * @param stackDir folder of the stack
 */
export function noteSegments(stackDir: string, pid: number): void {
  const names = new Set([...existingSegments(notedSegments(stackDir)), ...mappedSegments(pid)]);
  if (names.size > 0) writeFileSync(join(stackDir, NOTE), `${[...names].join('\n')}\n`, { mode: 0o644 });
}

export function notedSegments(stackDir: string): string[] {
  const file = join(stackDir, NOTE);
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
}

/** The System V segment of a data folder's last postmaster. */
export function systemVSegment(dataDir: string): SystemVSegment | undefined {
  const file = join(dataDir, 'postmaster.pid');
  if (!existsSync(file)) return undefined;
  const [key, id] = (readFileSync(file, 'utf8').split('\n')[6] ?? '').trim().split(/\s+/).map(Number);
  // /proc shows the key, an inode's number, as a signed one of 32 bits.
  return key === undefined || id === undefined || !Number.isInteger(id) ? undefined : { key: key | 0, id };
}

/** Whether the segment is still there, and its number was not given to another one since. */
export function systemVExists({ key, id }: SystemVSegment): boolean {
  return systemVRows().some((row) => row.key === key && row.id === id);
}

/**
 * Removes segments that no living process uses, and what they lead to: the control segment of a server lists all others.
 * @param names such as PostgreSQL.1234567
 */
export function removeDeadSegments(names: readonly string[]): void {
  const candidates = existingSegments(names);
  if (candidates.length === 0) return;
  const used = segmentsInUse();
  for (const name of candidates) {
    if (used.has(name)) continue;
    const others = listedSegments(join(FOLDER, name));
    for (const each of [...existingSegments(others).filter((other) => !used.has(other)), name]) {
      rmSync(join(FOLDER, each), { force: true });
    }
  }
}

/** Removes a System V segment that nobody is attached to. It stays where the system has no `ipcrm`; a proof then names it. */
export async function removeDeadSystemV(segment: SystemVSegment | undefined, runner: CommandRunner): Promise<void> {
  if (segment === undefined) return;
  const row = systemVRows().find(({ key, id }) => key === segment.key && id === segment.id);
  if (row === undefined || row.attached > 0) return;
  try {
    await runner.run('ipcrm', ['-m', String(segment.id)]);
  } catch {
    // No such program.
  }
}

function segmentsInUse(): Set<string> {
  const pids = existsSync('/proc') ? readdirSync('/proc').filter((name) => /^\d+$/.test(name)) : [];
  return new Set(pids.flatMap((pid) => mappedSegments(pid)));
}

/** The segments that a control segment lists; none where the file is no control segment of a layout that is known. */
function listedSegments(file: string): string[] {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch {
    return [];
  }
  if (bytes.length < CONTROL_HEADER_BYTES || bytes.readUInt32LE(0) !== CONTROL_MAGIC) return [];
  const room = Math.floor((bytes.length - CONTROL_HEADER_BYTES) / CONTROL_ITEM_BYTES);
  const items = Math.min(bytes.readUInt32LE(4), room);
  const handles = Array.from({ length: items }, (_, i) =>
    bytes.readUInt32LE(CONTROL_HEADER_BYTES + i * CONTROL_ITEM_BYTES),
  );
  return handles.filter((handle) => handle !== 0).map((handle) => `PostgreSQL.${handle}`);
}

function systemVRows(): { key: number; id: number; attached: number }[] {
  try {
    const lines = readFileSync('/proc/sysvipc/shm', 'utf8').trim().split('\n').slice(1);
    return lines.map((line) => {
      const fields = line.trim().split(/\s+/).map(Number);
      return { key: fields[0] ?? 0, id: fields[1] ?? -1, attached: fields[6] ?? 1 };
    });
  } catch {
    return [];
  }
}
