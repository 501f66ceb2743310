/** Taking one base backup: beside its place, and put there when it is whole. */
import { randomBytes } from 'node:crypto';
import { existsSync, rmSync, statSync } from 'node:fs';
import { readdir, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { ROLE_NAMES } from '../../../naming';
import type { BackupRequest, BackupSet } from '../../../ops/backup/engine';
import { fullOfLabel, nextLabel } from '../../../ops/backup/label';
import { segmentAt, segmentBefore } from '../../../ops/backup/wal';
import { goodBackups } from '../../../ops/backup/window';
import { OperatorError } from '../../../ops/errors';
import type { Clock, CommandResult, ProgressSink } from '../../../ops/ports';
import { baseBackupPids } from '../../localServer/probe';
import type { NativeEngineParts } from './engine';
import { assertDone, complaintOf, readManifest, runProgram } from './programs';
import { begunFile, PARTIAL, type Repository } from './repository';
import type { SourceFacts } from '../source';

/** How the server says that it no longer has, or never had, the WAL summaries that an incremental backup is made from. */
const NO_SUMMARIES =
  /WAL summar|summarize_wal|incremental backups cannot be taken|manifest system identifier|timeline/i;
/** Exit code 1 of pg_basebackup that nevertheless leaves a whole backup: pages whose checksum is wrong. */
const BAD_PAGES = /checksum error occurred/;

export async function takeBaseBackup(
  parts: NativeEngineParts,
  repository: Repository,
  source: SourceFacts,
  request: BackupRequest,
  progress: ProgressSink,
): Promise<BackupSet> {
  await removeLeftovers(parts, repository, progress);
  const good = goodBackups({ backups: repository.sets() });
  const prior =
    request.type === 'full'
      ? undefined
      : request.type === 'diff'
        ? good.findLast(({ type }) => type === 'full')
        : good.at(-1);
  if (request.type !== 'full' && prior === undefined) {
    progress.note(`there is no good full backup to build upon: this ${request.type} becomes a full one`);
  }
  // From here on WAL is kept: whatever this backup needs is finished, and pushed, after it begins.
  const begun = begunFile(parts.stackDir, repository.dir);
  if (!existsSync(begun)) repository.writeFile(begun, '');
  try {
    return await take(parts, repository, source, request, prior, progress);
  } catch (error) {
    if (!(error instanceof SummariesMissing)) throw error;
    progress.note(`a full backup instead: ${error.message}`);
    return take(parts, repository, source, { ...request, type: 'full' }, undefined, progress);
  }
}

class SummariesMissing extends Error {}

async function take(
  parts: NativeEngineParts,
  repository: Repository,
  source: SourceFacts,
  request: BackupRequest,
  prior: BackupSet | undefined,
  progress: ProgressSink,
): Promise<BackupSet> {
  const { clock } = parts;
  if (prior === undefined) await assertRoom(repository, source.databaseBytes);
  const type = prior === undefined ? 'full' : request.type;
  const startedAt = clock.now();
  const label = nextLabel(
    type,
    prior === undefined ? undefined : fullOfLabel(prior.name),
    startedAt,
    repository.labels(),
  );
  const partial = repository.path('backups', `${randomBytes(4).toString('hex')}${PARTIAL}`);
  repository.makeDir(partial);
  try {
    progress.update({ phase: `${type} backup ${label}` });
    const result = await runBaseBackup(parts, repository, source, join(partial, 'data'), label, prior, request.signal);
    const damaged = BAD_PAGES.test(result.stderr);
    if (result.code !== 0 && prior !== undefined && NO_SUMMARIES.test(result.stderr)) {
      throw new SummariesMissing(complaintOf(result));
    }
    if (!damaged) assertDone(result, 'pg_basebackup', repository.dir);
    const facts = readManifest(join(partial, 'data'));
    const set: BackupSet = {
      name: label,
      type,
      needs: prior === undefined ? [] : [...prior.needs, prior.name],
      startedAt,
      stoppedAt: clock.now(),
      startWal: segmentAt(facts.timeline, facts.startLsn),
      stopWal: segmentBefore(facts.timeline, facts.endLsn),
      databaseBytes: source.databaseBytes,
      storedBytes: facts.bytes,
      ...(damaged ? { damage: `pages of the server are damaged: ${complaintOf(result)}` } : {}),
    };
    repository.keepSet(partial, set);
    repository.publish(partial, label);
    if (damaged) {
      throw new OperatorError(`backup ${label} holds damaged pages, as the server does: ${complaintOf(result)}`, {
        next: 'the backups before it are kept; restore one elsewhere and compare: qbench restore --to TIME --target NEW',
      });
    }
    return set;
  } finally {
    // The half of one that receives WAL outlives an interruption by some seconds.
    await endBaseBackups(partial, clock);
    rmSync(partial, { recursive: true, force: true });
  }
}

async function runBaseBackup(
  parts: NativeEngineParts,
  repository: Repository,
  source: SourceFacts,
  dataDir: string,
  label: string,
  prior: BackupSet | undefined,
  signal: AbortSignal | undefined,
): Promise<CommandResult> {
  const args = [
    ...['--pgdata', dataDir, '--host', parts.socketDir, '--port', String(parts.port), '--no-password'],
    ...['--username', source.hasBackupRole ? ROLE_NAMES.backup : ROLE_NAMES.superuser],
    // WAL of the backup comes with it: it can be restored also where the archive is lost.
    ...['--wal-method', 'stream', '--checkpoint', 'fast', '--label', `qbench ${label}`, '--verbose'],
    ...(prior === undefined ? [] : ['--incremental', join(repository.dataOf(prior.name), 'backup_manifest')]),
  ];
  try {
    return await runProgram(parts, 'pg_basebackup', args, signal === undefined ? {} : { signal });
  } catch (error) {
    if (signal?.aborted === true)
      throw new OperatorError('interrupted: nothing of this backup is kept', { cause: error });
    throw error;
  }
}

/** Ends the programs that write below a folder. */
async function endBaseBackups(dir: string, clock: Clock): Promise<void> {
  for (let pids = baseBackupPids(dir); pids.length > 0; pids = baseBackupPids(dir)) {
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // Gone meanwhile.
      }
    }
    await clock.sleep(50);
  }
}

/** @throws OperatorError before anything is written, where a full backup cannot fit */
async function assertRoom(repository: Repository, needed: number): Promise<void> {
  const { bavail, bsize } = await statfs(repository.dir);
  const free = bavail * bsize;
  if (free > needed) return;
  const mib = (bytes: number): string => `${Math.ceil(bytes / 1024 ** 2)} MiB`;
  throw new OperatorError(`a full backup needs about ${mib(needed)}, and "${repository.dir}" has ${mib(free)} free`, {
    next: 'free some space: qbench expire removes what the retention no longer needs; or set backup.repositoryDir to a larger disk',
  });
}

/** A backup that was killed is never listed; what it left goes before the next one, its program first. */
async function removeLeftovers(
  parts: NativeEngineParts,
  repository: Repository,
  progress: ProgressSink,
): Promise<void> {
  for (const dir of repository.partials()) {
    await endBaseBackups(dir, parts.clock);
    progress.note(`removing what a backup that was cut off left: ${dir}`);
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Bytes of all files below a folder, for progress. */
export async function bytesBelow(dir: string): Promise<number> {
  if (!existsSync(dir)) return 0;
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  let sum = 0;
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    try {
      sum += statSync(join(entry.parentPath, entry.name)).size;
    } catch {
      // Renamed or removed in between.
    }
  }
  return sum;
}
