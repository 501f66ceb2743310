/** Reading back what the repository holds: every file of every backup against its manifest, every WAL segment whole and its own. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { BackupSet, Damage, VerifyReport } from '../../../ops/backup/engine';
import { lsnBytes, SEGMENT_BYTES, segmentNumber } from '../../../ops/backup/wal';
import { messageOf, OperatorError } from '../../../ops/errors';
import type { ProgressSink } from '../../../ops/ports';
import type { NativeEngineParts } from './engine';
import { verifyFiles } from './programs';
import type { Repository } from './repository';

const unzip = promisify(gunzip);

/** @param only label of one backup, which is read with all it needs; the WAL archive is left out then */
export async function verifyRepository(
  parts: NativeEngineParts,
  repository: Repository,
  progress: ProgressSink,
  only?: string,
): Promise<VerifyReport> {
  const all = repository.sets();
  const chosen = only === undefined ? all : withNeeds(all, only);
  const segments = only === undefined ? repository.archived() : [];
  const total = chosen.reduce((sum, { storedBytes }) => sum + storedBytes, 0) + segments.length * SEGMENT_BYTES;
  const begun = parts.clock.monotonicMs();
  let done = 0;
  const advance = (phase: string, bytes: number): void => {
    done += bytes;
    const seconds = (parts.clock.monotonicMs() - begun) / 1000;
    const mib = (value: number): number => Math.round(value / 1024 ** 2);
    progress.update({
      phase,
      done: mib(done),
      total: mib(total),
      unit: 'MiB',
      etaSeconds: done === 0 ? Infinity : (seconds * (total - done)) / done,
    });
  };
  const damages: Damage[] = [];
  for (const set of chosen) {
    advance(`verifying ${set.name}`, 0);
    const found = await verifyFiles(parts, set.name, repository.dataOf(set.name));
    keepFinding(repository, set, found);
    damages.push(...found);
    advance(`verifying ${set.name}`, set.storedBytes);
  }
  if (only === undefined) damages.push(...(await verifyWal(repository, segments, advance)));
  return { backups: chosen.length, segments: segments.length, bytes: total, damages };
}

/** @throws OperatorError where there is no such backup */
export function withNeeds(all: readonly BackupSet[], label: string): BackupSet[] {
  const set = all.find(({ name }) => name === label);
  if (set === undefined)
    throw new OperatorError(`there is no backup "${label}"`, { next: 'qbench info lists them', exitCode: 2 });
  return all.filter(({ name }) => name === label || set.needs.includes(name));
}

/** Kept with the backup, so that no later restore or retention counts on it. Damage that was healed is forgotten. */
export function keepFinding(repository: Repository, set: BackupSet, found: readonly Damage[]): void {
  const [first] = found;
  if (first === undefined && (set.damage === undefined || !set.damage.startsWith(FILES))) return;
  const { damage: before, ...rest } = set;
  const damage =
    first === undefined
      ? undefined
      : `${FILES} ${found
          .map(({ file }) => file)
          .slice(0, 5)
          .join(', ')}${found.length > 5 ? ' ...' : ''}`;
  if (damage === before) return;
  repository.keepSet(repository.path('backups', set.name), { ...rest, ...(damage === undefined ? {} : { damage }) });
}

const FILES = 'damaged files:';

async function verifyWal(
  repository: Repository,
  segments: readonly string[],
  advance: (phase: string, bytes: number) => void,
): Promise<Damage[]> {
  const damages: Damage[] = [];
  for (const name of segments) {
    const problem = await segmentProblem(repository.path('wal', `${name}.gz`), name);
    if (problem !== undefined) damages.push({ where: 'archive', file: join('wal', `${name}.gz`), problem });
    advance('verifying WAL', SEGMENT_BYTES);
  }
  // They count as missing from now on: the recovery window ends before them.
  repository.keepDamagedWal(damages.map(({ file }) => file.slice('wal/'.length, -'.gz'.length)));
  return damages;
}

/** Length and first page of a segment. https://doxygen.postgresql.org/xlog__internal_8h_source.html: xlp_pageaddr is at byte 8. */
async function segmentProblem(file: string, name: string): Promise<string | undefined> {
  let content: Buffer;
  try {
    content = await unzip(await readFile(file));
  } catch (error) {
    return `cannot be unpacked: ${messageOf(error)}`;
  }
  if (content.length !== SEGMENT_BYTES) return `has ${content.length} bytes instead of ${SEGMENT_BYTES}`;
  const address = Number(content.readBigUInt64LE(8));
  const expected = segmentNumber(name) * SEGMENT_BYTES;
  return address === expected ? undefined : `begins at ${address.toString(16)} instead of ${lsnText(expected)}`;
}

function lsnText(bytes: number): string {
  const text = `${Math.floor(bytes / 2 ** 32).toString(16)}/${(bytes % 2 ** 32).toString(16)}`.toUpperCase();
  return lsnBytes(text) === bytes ? text : String(bytes);
}
