/** What the scheduled backups of a stack on this machine have started: a file beside the stack's server. */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
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
    write: (runs) => {
      writeFileSync(`${file}.new`, JSON.stringify(runs, null, 2));
      renameSync(`${file}.new`, file);
    },
  };
}
