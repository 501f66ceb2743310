/** Restoring with the native engine: read the chain back, put it together in a new folder, replay WAL. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DamagedBackup, type BackupSet, type RestoredCluster, type RestoreRequest } from '../../../ops/backup/engine';
import { OperatorError } from '../../../ops/errors';
import type { ProgressSink } from '../../../ops/ports';
import { copyCommands, copySocketDir, writeCopyConfiguration } from '../copy';
import { recover, recoveryLog, stopCluster, writeAs } from '../recovery';
import type { NativeEngineParts } from './engine';
import { assertDone, runProgram, verifyFiles } from './programs';
import { begunFile, type Repository } from './repository';
import { bytesBelow } from './take';
import { keepFinding, withNeeds } from './verify';
import { restoreCommand, walScript } from './walScript';

const POLL_MS = 1_000;

export async function restoreNative(
  parts: NativeEngineParts,
  repository: Repository,
  request: RestoreRequest,
  progress: ProgressSink,
): Promise<RestoredCluster> {
  const { runner, binDir, clock } = parts;
  const { target, inPlace, point, lastWal, signal } = request;
  const chain = withNeeds(repository.sets(), request.backup);
  const begun = clock.monotonicMs();
  await readBack(parts, repository, chain, request, progress);
  await combine(parts, repository, chain, target, progress, signal);
  const copySeconds = (clock.monotonicMs() - begun) / 1000;

  const place = { dataDir: target, socketDir: copySocketDir(target, parts.tmp), port: await parts.freePort() };
  if (place.socketDir !== target) await runner.run('mkdir', ['-p', '-m', '700', place.socketDir], { cwd: '/' });
  if (!inPlace) await writeCopyConfiguration(runner, place, parts.operators);
  const script = join(target, 'qbench-wal');
  await writeAs(
    runner,
    script,
    walScript({ repositoryDir: repository.dir, begunFile: begunFile(parts.stackDir, repository.dir) }),
  );
  await runner.run('chmod', ['700', script], { cwd: '/' });
  const recovery = { binDir, ...place, lastWal, runner, clock, progress, signal };
  const outcome = await recover(recovery, point, { restore_command: restoreCommand(script) });
  await stopCluster(runner, binDir, target, 'fast');
  await runner.run('rm', ['-f', script], { cwd: '/' });
  const commands = copyCommands(binDir, place, parts.user.identity === undefined ? undefined : parts.user.name);
  if (request.keepRunning && !inPlace) {
    const args = ['start', '--silent', '--wait', '-D', target, '-l', recoveryLog(target)];
    assertDone(await runProgram(parts, 'pg_ctl', args), 'the start of the restored server', target);
  }
  return {
    ...place,
    running: request.keepRunning && !inPlace,
    lastCommitAt: outcome.lastCommitAt,
    timeline: outcome.timeline,
    copySeconds,
    replaySeconds: outcome.seconds,
    bytes: await bytesBelow(target),
    ...commands,
  };
}

/** @throws DamagedBackup where a file of the chain is not what the manifest says */
async function readBack(
  parts: NativeEngineParts,
  repository: Repository,
  chain: readonly BackupSet[],
  request: RestoreRequest,
  progress: ProgressSink,
): Promise<void> {
  for (const set of chain) {
    progress.update({ phase: `reading back ${set.name}` });
    const damages = await verifyFiles(parts, set.name, repository.dataOf(set.name), request.signal);
    keepFinding(repository, set, damages);
    if (damages.length > 0) throw new DamagedBackup(request.backup, damages);
  }
}

/** Writes the data folder from a full backup and what changed since, and syncs it. */
async function combine(
  parts: NativeEngineParts,
  repository: Repository,
  chain: readonly BackupSet[],
  target: string,
  progress: ProgressSink,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { runner, clock } = parts;
  if (!existsSync(dirname(target))) {
    throw new OperatorError(`there is no folder "${dirname(target)}" to restore into`, {
      next: 'make it, or choose another --target',
    });
  }
  // As whoever runs this, who may write where the server's user may not; then it is the server's.
  repository.makeDir(target);
  const total = chain.at(-1)?.databaseBytes ?? 0;
  const begun = clock.monotonicMs();
  const copying = new AbortController();
  const watch = async (): Promise<void> => {
    for (;;) {
      await clock.sleep(POLL_MS);
      const done = await bytesBelow(target);
      if (copying.signal.aborted) return;
      const seconds = (clock.monotonicMs() - begun) / 1000;
      const mib = (bytes: number): number => Math.round(bytes / 1024 ** 2);
      if (done > 0)
        progress.update({
          phase: 'copying',
          done: mib(Math.min(done, total)),
          total: mib(total),
          unit: 'MiB',
          etaSeconds: Math.max(0, (seconds * (total - done)) / done),
        });
    }
  };
  progress.update({ phase: 'copying' });
  void watch();
  try {
    const inputs = chain.map(({ name }) => repository.dataOf(name));
    const result = await runProgram(
      parts,
      'pg_combinebackup',
      [...inputs, '--output', target],
      signal === undefined ? {} : { signal },
    );
    if (result.code !== 0) await runner.run('sh', ['-c', 'rm -rf -- "$1"/* "$1"/.[!.]*', 'sh', target], { cwd: '/' });
    assertDone(result, 'putting the backup together', target);
  } finally {
    copying.abort();
  }
}
