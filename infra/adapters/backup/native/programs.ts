/** PostgreSQL's own backup programs, and what they say. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Damage } from '../../../ops/backup/engine';
import { OperatorError } from '../../../ops/errors';
import type { CommandOptions, CommandResult, CommandRunner } from '../../../ops/ports';

export interface Programs {
  binDir: string;
  /** Runs as the server's user. */
  runner: CommandRunner;
}

const ENGLISH = { LC_ALL: 'C', LC_MESSAGES: 'C' };

export function runProgram(
  { binDir, runner }: Programs,
  name: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  return runner.run(join(binDir, name), args, { cwd: '/', ...options, env: { ...ENGLISH, ...options.env } });
}

/** The lines of a program's complaint without its name. */
export function complaintOf(result: CommandResult): string {
  const lines = result.stderr
    .split('\n')
    .flatMap((line) => /(?:error|fatal|FATAL|ERROR|detail|hint): +(.*)/.exec(line)?.[1] ?? []);
  return (lines.length > 0 ? lines : result.stderr.trim().split('\n').slice(-3)).slice(0, 4).join('; ');
}

/** What the manifest of a base backup says that is not in its list of files. */
export interface ManifestFacts {
  timeline: number;
  startLsn: string;
  endLsn: string;
  bytes: number;
}

/** @throws OperatorError where it cannot be read */
export function readManifest(dataDir: string): ManifestFacts {
  const file = join(dataDir, 'backup_manifest');
  const manifest = JSON.parse(readFileSync(file, 'utf8')) as {
    Files: { Size: number }[];
    'WAL-Ranges': { Timeline: number; 'Start-LSN': string; 'End-LSN': string }[];
  };
  const ranges = manifest['WAL-Ranges'];
  const last = ranges.reduce((a, b) => (b.Timeline > a.Timeline ? b : a));
  const first = ranges.reduce((a, b) => (b.Timeline < a.Timeline ? b : a));
  return {
    timeline: last.Timeline,
    startLsn: first['Start-LSN'],
    endLsn: last['End-LSN'],
    bytes: manifest.Files.reduce((sum, { Size }) => sum + Size, 0),
  };
}

/** What pg_verifybackup finds wrong with the files of one backup. */
export async function verifyFiles(
  programs: Programs,
  where: string,
  dataDir: string,
  signal?: AbortSignal,
): Promise<Damage[]> {
  if (!existsSync(join(dataDir, 'backup_manifest'))) {
    return [{ where, file: 'backup_manifest', problem: 'is missing' }];
  }
  const result = await runProgram(programs, 'pg_verifybackup', [dataDir], signal === undefined ? {} : { signal });
  if (result.code === 0) return [];
  const damages = result.stderr.split('\n').flatMap((line) => {
    const words = /pg_verifybackup: error: (.*)/.exec(line)?.[1];
    return words === undefined ? [] : [damageOf(where, words)];
  });
  if (damages.length > 0) return damages;
  const wal = result.stderr.includes('WAL') || result.stderr.includes('pg_waldump');
  return [{ where, file: wal ? 'pg_wal' : dataDir, problem: complaintOf(result) }];
}

function damageOf(where: string, words: string): Damage {
  const quoted = /"([^"]+)"/.exec(words)?.[1];
  if (quoted === undefined) {
    const file = /manifest/.test(words) ? 'backup_manifest' : /WAL/.test(words) ? 'pg_wal' : '';
    return { where, file, problem: words };
  }
  return { where, file: quoted, problem: words };
}

/** Whether a program's words mean that the disk is full. */
function diskFull(result: CommandResult): boolean {
  return /No space left on device|could not write.*wrote only/i.test(result.stderr);
}

/** @throws OperatorError in the program's words where it failed */
export function assertDone(result: CommandResult, what: string, folder: string): void {
  if (result.code === 0) return;
  throw new OperatorError(`${what} failed: ${complaintOf(result)}`, {
    next: diskFull(result)
      ? `free some space on the disk of ${folder}: qbench expire removes what the retention no longer needs; then run it again`
      : 'see the words above; qbench check tells whether server and repository are in order',
  });
}
