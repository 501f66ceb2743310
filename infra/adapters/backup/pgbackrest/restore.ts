/** Restoring with pgBackRest: it writes the files and the recovery settings; then the copy replays WAL like any other. */
import { join } from 'node:path';
import type { DamagedBackup, RecoveryPoint, RestoredCluster, RestoreRequest } from '../../../ops/backup/engine';
import { OperatorError } from '../../../ops/errors';
import type { ProgressSink } from '../../../ops/ports';
import { copyCommands, copySocketDir, writeCopyConfiguration } from '../copy';
import { recover, recoveryLog, stopCluster } from '../recovery';
import type { PgbackrestEngineParts } from './engine';
import { asServerUser, assertDone, complaintOf, pgbackrest } from './program';

/**
 * How pgBackRest says that what it read from the repository is not what it wrote there: by the code of a checksum, format, missing-file or
 * cipher error, or by words.
 */
const DAMAGED =
  /^\[0(26|29|55|95)\]|checksum|size .*(does not match|invalid)|unexpected eof|decompress|unable to flush/i;

/** @param damaged makes the error for a backup that cannot be read back, of pgBackRest's words */
export async function restorePgbackrest(
  parts: PgbackrestEngineParts,
  request: RestoreRequest,
  progress: ProgressSink,
  damaged: (words: string) => DamagedBackup,
): Promise<RestoredCluster> {
  const { binDir, clock } = parts;
  const { target, inPlace, point, lastWal, signal } = request;
  const runner = asServerUser(parts);
  await makeFolder(parts, target);
  const begun = clock.monotonicMs();
  progress.update({ phase: `copying ${request.backup}` });
  const options = [
    `--set=${request.backup}`,
    `--pg1-path=${target}`,
    ...typeOptions(point),
    ...(inPlace ? [] : ['--archive-mode=off']),
  ];
  const result = await pgbackrest(parts, 'restore', options, signal === undefined ? {} : { signal });
  if (result.code !== 0) {
    const words = complaintOf(result);
    if (DAMAGED.test(words)) {
      // What is half there must not be taken for a cluster.
      await runner.run('sh', ['-c', 'rm -rf -- "$1"/* "$1"/.[!.]*', 'sh', target], { cwd: '/' });
      throw damaged(words);
    }
    assertDone(result, 'the restore');
  }
  const copySeconds = (clock.monotonicMs() - begun) / 1000;

  const place = { dataDir: target, socketDir: copySocketDir(target, parts.tmp), port: await parts.copyPort() };
  if (place.socketDir !== target) await runner.run('mkdir', ['-p', '-m', '700', place.socketDir], { cwd: '/' });
  if (!inPlace) await writeCopyConfiguration(runner, place, parts.operators);
  const configFile = inPlace ? parts.serverConfigFile : undefined;
  const outcome = await recover({ binDir, ...place, configFile, lastWal, runner, clock, progress, signal }, point, {});
  await stopCluster(runner, binDir, target, 'fast');
  const keep = request.keepRunning && !inPlace;
  if (keep) {
    const args = ['start', '--silent', '--wait', '-D', target, '-l', recoveryLog(target)];
    assertDone(await runner.run(join(binDir, 'pg_ctl'), args, { cwd: '/' }), 'the start of the restored server');
  }
  const size = await runner.run('du', ['-sb', target], { cwd: '/' });
  return {
    ...place,
    running: keep,
    lastCommitAt: outcome.lastCommitAt,
    timeline: outcome.timeline,
    copySeconds,
    replaySeconds: outcome.seconds,
    bytes: Number.parseInt(size.stdout, 10) || 0,
    ...copyCommands(binDir, place, parts.become),
  };
}

function typeOptions(point: RecoveryPoint): string[] {
  switch (point.kind) {
    case 'latest':
      return ['--type=default', '--target-timeline=latest'];
    case 'backup':
      return ['--type=immediate', '--target-action=promote'];
    case 'time':
      return ['--type=time', `--target=${point.time}`, '--target-timeline=latest', '--target-action=promote'];
  }
}

/** Made by whoever may, owned by the server's user: his rights may not reach the folder above. */
async function makeFolder({ runner, become }: PgbackrestEngineParts, target: string): Promise<void> {
  const owner = become === undefined ? [] : ['-o', become, '-g', become];
  const result = await runner.run('install', ['-d', ...owner, '-m', '700', target], { cwd: '/' });
  if (result.code !== 0)
    throw new OperatorError(`"${target}" cannot be made: ${result.stderr.trim()}`, { next: 'choose another --target' });
}
