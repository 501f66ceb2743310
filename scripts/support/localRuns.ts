/** What the scheduled backups of a stack on this machine have started: a file beside the stack's server. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeAtomically } from '../../infra/adapters/atomicFile';
import type { RunLedger } from '../../infra/ops/scheduledBackup/engineRuns';
import type { BackupRun } from '../../infra/ops/scheduledBackup/runs';

/** @param dir the stack's folder */
export function fileLedger(dir: string): RunLedger {
  const file = join(dir, 'scheduled-backups.json');
  return {
    read: () => {
      if (!existsSync(file)) return [];
      const runs = JSON.parse(readFileSync(file, 'utf8')) as (Omit<BackupRun, 'startedAt'> & { startedAt: string })[];
      return runs.map((run) => ({ ...run, startedAt: new Date(run.startedAt) }));
    },
    write: (runs) => writeAtomically(file, JSON.stringify(runs, null, 2)),
  };
}
