/** The PostgreSQL that the local tier runs: the fetched wheel, or one that is already installed, held to the pgvector gate. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PGVECTOR_ADVISED, PGVECTOR_MINIMUM } from '../../naming';
import { OperatorError } from '../../ops/errors';
import type { CommandRunner, ProgressSink } from '../../ops/ports';
import { ensureWheel } from './wheel';

export interface PostgresSource {
  kind: 'wheel' | 'installed';
  /** Folder with `postgres`, `initdb` and `pg_ctl`; for `installed` only. */
  binDir?: string;
}

export interface PostgresBinaries {
  binDir: string;
  /** "18.6" */
  version: string;
  major: number;
  /** "0.8.6" */
  pgvectorVersion: string;
}

/** Compares dotted numbers: negative where a < b. */
export function compareVersions(a: string, b: string): number {
  const left = a.split('.').map(Number);
  const right = b.split('.').map(Number);
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/**
 * The gate of pgvector versions.
 * @returns a warning to show, or undefined
 * @throws OperatorError below the minimum
 */
export function checkPgvector(version: string): string | undefined {
  if (compareVersions(version, PGVECTOR_MINIMUM) < 0) {
    throw new OperatorError(
      `pgvector ${version} is too old: its HNSW indexes can be corrupted (CVE-2026-3172, and by vacuum)`,
      {
        allowed: `${PGVECTOR_MINIMUM} or newer`,
        next: 'upgrade pgvector, or set local.postgresSource to "wheel"',
      },
    );
  }
  if (compareVersions(version, PGVECTOR_ADVISED) < 0) {
    return `pgvector ${version} is served, ${PGVECTOR_ADVISED} or newer is advised`;
  }
  return undefined;
}

/** @throws OperatorError where the source cannot be had or fails the pgvector gate */
export async function resolveBinaries(
  source: PostgresSource,
  cacheDir: string,
  runner: CommandRunner,
  progress: ProgressSink,
): Promise<PostgresBinaries> {
  const binDir =
    source.kind === 'wheel'
      ? join(await ensureWheel(cacheDir, runner, progress), 'bin')
      : (source.binDir ?? (await installedBinDir(runner)));
  if (!existsSync(join(binDir, 'postgres'))) {
    throw new OperatorError(`there is no program "postgres" in "${binDir}"`, {
      next: 'set local.binDir to the folder that `pg_config --bindir` prints, or local.postgresSource to "wheel"',
    });
  }
  const version = /\d+(\.\d+)?/.exec(await output(runner, join(binDir, 'postgres'), '--version'))?.[0] ?? '';
  const shareDir = await output(runner, join(binDir, 'pg_config'), '--sharedir');
  const control = join(shareDir, 'extension', 'vector.control');
  if (!existsSync(control)) {
    throw new OperatorError(`PostgreSQL ${version} in "${binDir}" has no pgvector (${control} is missing)`, {
      next: 'install pgvector for it, or set local.postgresSource to "wheel"',
    });
  }
  const pgvectorVersion = /default_version\s*=\s*'([^']+)'/.exec(readFileSync(control, 'utf8'))?.[1] ?? '0';
  const warning = checkPgvector(pgvectorVersion);
  if (warning !== undefined) progress.note(`warning: ${warning}`);
  return { binDir, version, major: Number.parseInt(version, 10), pgvectorVersion };
}

/** Folder of the server programs that `pg_config` on PATH belongs to. */
async function installedBinDir(runner: CommandRunner): Promise<string> {
  try {
    return await output(runner, 'pg_config', '--bindir');
  } catch (error) {
    throw new OperatorError('local.postgresSource is "installed", but there is no program "pg_config" on PATH', {
      next: 'set local.binDir to the folder of the server programs, or local.postgresSource to "wheel"',
      cause: error,
    });
  }
}

async function output(runner: CommandRunner, file: string, arg: string): Promise<string> {
  const result = await runner.run(file, [arg]);
  if (result.code !== 0) throw new OperatorError(`${file} ${arg} failed: ${result.stderr.trim()}`);
  return result.stdout.trim();
}
