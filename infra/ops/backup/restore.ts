/** Restoring: what was asked is judged against what is there, and nothing that exists is overwritten. */
import { isAbsolute, normalize } from 'node:path';
import { OperatorError, UsageError } from '../errors';
import type { Clock, ProgressSink } from '../ports';
import { DamagedBackup, type BackupEngine, type RestoredCluster, type TargetFolder } from './engine';
import { planRestore, recoveryWindows, windowWords, type RestorePlan } from './window';

export interface RestoreOptions {
  /** `latest`, the label of a backup, or a time with its zone. */
  to: string;
  /** Absolute path of the data folder that is made. */
  target: string;
  /** Data folder of the stack itself; a restore into it is one in place. */
  ownDataDir: string | undefined;
  /** What stops the stack's own server, for whoever would restore over it while it runs. */
  stopCommand?: string;
  keepRunning?: boolean;
  signal?: AbortSignal;
  /**
   * Asks a person to type `word`. Called where the folder holds something, which is then moved aside, never deleted.
   * @throws where he does not
   */
  confirm: (word: string, consequence: string) => Promise<void>;
}

export interface RestoreOutcome {
  plan: RestorePlan;
  restored: RestoredCluster;
  /** Where the folder's former content lies now. */
  setAside: string | undefined;
  seconds: number;
}

/**
 * @throws UsageError with the recovery window for a wrong target; OperatorError where the folder is not free, the backup is
 * damaged (the previous good one is offered), or the server does not recover
 */
export async function restoreBackup(
  engine: BackupEngine,
  options: RestoreOptions,
  clock: Clock,
  progress: ProgressSink,
): Promise<RestoreOutcome> {
  const { to, target } = options;
  if (!isAbsolute(target) || normalize(target) !== target || target === '/') {
    throw new UsageError(`--target "${target}"`, { allowed: 'the absolute path of a new folder, without . and ..' });
  }
  const state = await engine.state();
  const plan = planRestore(state, to, clock.now());
  const inPlace = target === options.ownDataDir;
  const setAside = await makeRoom(engine, await engine.inspect(target), state.systemIdentifier, options);
  const begun = clock.monotonicMs();
  progress.note(`restoring ${plan.backup.name} into ${target}`);
  try {
    const restored = await engine.restore(
      {
        backup: plan.backup.name,
        point: plan.point,
        target,
        inPlace,
        lastWal: state.archive.last,
        keepRunning: options.keepRunning === true,
        signal: options.signal,
      },
      progress,
    );
    return { plan, restored, setAside, seconds: (clock.monotonicMs() - begun) / 1000 };
  } catch (error) {
    const back = setAside === undefined ? '' : `; what "${target}" held lies in "${setAside}"`;
    if (!(error instanceof DamagedBackup)) {
      if (setAside !== undefined) progress.note(`what "${target}" held lies in "${setAside}"`);
      throw error;
    }
    const [nearest] = plan.previous;
    throw new OperatorError(`${error.message}; nothing was restored from it${back}`, {
      allowed: windowWords(recoveryWindows(await engine.state())),
      next:
        nearest === undefined
          ? 'no good backup lies before it; qbench verify tells of all'
          : `the previous good backup: qbench restore --to ${to === 'latest' ? 'latest' : nearest} --target ${target}; qbench verify tells of all`,
      cause: error,
    });
  }
}

/** @returns where the former content was moved to; undefined where the folder was free */
async function makeRoom(
  engine: BackupEngine,
  folder: TargetFolder,
  ours: string | undefined,
  { target, ownDataDir, stopCommand, confirm }: RestoreOptions,
): Promise<string | undefined> {
  if (folder.empty) return undefined;
  if (folder.runningPid !== undefined) {
    const how = target === ownDataDir && stopCommand !== undefined ? ` (${stopCommand})` : '';
    throw new OperatorError(`a server runs on "${target}" (pid ${folder.runningPid}); nothing is restored over it`, {
      next: `choose a new folder with --target; or stop that server first${how}`,
    });
  }
  const { systemIdentifier } = folder;
  if (systemIdentifier !== undefined && systemIdentifier !== ours) {
    const whose = `"${target}" holds another cluster (system identifier ${systemIdentifier}, the backups are of ${ours ?? 'none'}).`;
    await confirm(systemIdentifier, `${whose} It would be moved aside.`);
  } else {
    const what = systemIdentifier === undefined ? 'files' : 'the data of this cluster';
    await confirm(target, `"${target}" is not empty: it holds ${what}. It would be moved aside.`);
  }
  return engine.setAside(target);
}
