/** What `pgbackrest verify` finds: it reads every file of the repository against its checksum. */
import type { Damage, VerifyReport } from '../../../ops/backup/engine';
import type { CommandResult } from '../../../ops/ports';
import { complaintOf } from './program';

/**
 * Reads its report, as `verify --output=text --verbose` prints it:
 * "archiveId: 18-1, total WAL checked: 4, total valid WAL: 3", "missing: 0, checksum invalid: 1, size invalid: 0, other: 0",
 * "backup: LABEL, status: invalid, total files checked: 9, total valid files: 8". The files are named in lines of the log.
 */
export function readVerify(result: CommandResult, bytes: number): VerifyReport {
  const text = `${result.stdout}\n${result.stderr}`;
  const damages: Damage[] = [];
  for (const [, problem = '', path = ''] of text.matchAll(
    /\b(invalid checksum|invalid size|missing|invalid result|file missing|size invalid|checksum invalid)[^'\n]*'([^'\n]+)'/gi,
  )) {
    damages.push({ ...placeOf(path), problem: problem.toLowerCase() });
  }
  const lines = text.split('\n');
  for (const line of lines) {
    const [, label = '', status = ''] = /backup: (\S+), status: (\w[\w ]*)/.exec(line) ?? [];
    if (label !== '' && status !== 'valid' && !damages.some(({ where }) => where === label)) {
      damages.push({ where: label, file: 'backup.manifest', problem: `status ${status}` });
    }
  }
  if (result.code !== 0 && damages.length === 0)
    damages.push({ where: 'archive', file: '', problem: complaintOf(result) });
  // It says them twice where its log goes to the console too: as its answer, and as a line of the log.
  const backups = new Set([...text.matchAll(/backup: (\S+), status:/g)].map(([, label]) => label));
  const segments = new Map(
    [...text.matchAll(/archiveId: (\S+), total WAL checked: (\d+)/g)].map(([, id, n]) => [id, Number(n)]),
  );
  return {
    backups: backups.size,
    segments: [...segments.values()].reduce((sum, n) => sum + n, 0),
    bytes,
    damages,
  };
}

/** "backup/qbench/LABEL/pg_data/...", "archive/qbench/18-1/...", with or without what the repository's path begins with. */
function placeOf(path: string): { where: string; file: string } {
  const backup = /(\d{8}-\d{6}F(?:_\d{8}-\d{6}[DI])?)\/(.+)$/.exec(path);
  if (backup !== null) return { where: backup[1] ?? '', file: backup[2] ?? '' };
  return { where: 'archive', file: path.replace(/^.*\/archive\//, '') };
}
