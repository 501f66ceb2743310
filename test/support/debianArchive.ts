/**
 * Debian systems built by mmdebstrap from the package source of this machine: once for each recipe, kept outside the checkout. Whoever asks
 * while another builds waits for it.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDir } from '../../infra/adapters/localServer/layout';
import { withLock } from '../../infra/adapters/localServer/lock';
import { ProcessRunner } from '../../infra/adapters/processRunner';
import { systemClock } from '../../infra/adapters/systemClock';
import { testMachine } from './machine';

/** Copies of an archive may be older than its own expiry date. */
export const APT_OPTION = 'Acquire::Check-Valid-Until "false";';
const BUILD_WAIT_MS = 20 * 60_000;

/** Options of every build: no documentation, and no waiting for disks. */
export const LEAN = [
  '--variant=minbase',
  `--aptopt=${APT_OPTION}`,
  ...['doc', 'locale', 'man', 'i18n'].map((name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`),
  '--dpkgopt=force-unsafe-io',
];

const runner = new ProcessRunner({ ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' });

/** A program of the build. @throws Error with its last words */
export async function buildStep(file: string, args: readonly string[]): Promise<void> {
  const result = await runner.run(file, args, { timeoutMs: BUILD_WAIT_MS });
  if (result.code !== 0) {
    throw new Error(`${file} ended with ${result.code}: ${(result.stderr || result.stdout).slice(-2000)}`);
  }
}

/** Where this machine's own packages come from; undefined where its sources name no Debian archive. */
export function debianMirror(): string | undefined {
  const folder = '/etc/apt';
  const below = join(folder, 'sources.list.d');
  const lists = [
    join(folder, 'sources.list'),
    ...(existsSync(below) ? readdirSync(below).map((name) => join(below, name)) : []),
  ];
  for (const file of lists.filter((name) => existsSync(name) && /\.(list|sources)$/.test(name))) {
    const found = /^(?:URIs:\s*|deb\s+(?:\[[^\]]*\]\s*)?)(https?:\/\/\S*\/debian)\/?(?:\s|$)/m.exec(
      readFileSync(file, 'utf8'),
    );
    if (found?.[1] !== undefined) return found[1];
  }
  return undefined;
}

/**
 * A folder of the cache, made where it is not there yet.
 * @param recipe everything that makes one build differ from another
 * @param build fills the folder that it is given; what it leaves where it fails is removed
 */
export async function builtOnce(
  name: string,
  recipe: unknown,
  build: (draft: string, mirror: string) => Promise<void>,
): Promise<string> {
  const machine = testMachine();
  const cache = cacheDir(machine.context);
  machine.remove();
  mkdirSync(cache, { recursive: true });
  const dir = join(cache, `${name}-${createHash('sha256').update(JSON.stringify(recipe)).digest('hex').slice(0, 12)}`);
  await withLock(`${dir}.lock`, BUILD_WAIT_MS, systemClock, async () => {
    if (existsSync(dir)) return;
    const mirror = debianMirror();
    if (mirror === undefined) throw new Error('the package sources of this machine name no Debian archive');
    const draft = `${dir}.draft`;
    rmSync(draft, { recursive: true, force: true });
    try {
      await build(draft, mirror);
      renameSync(draft, dir);
    } finally {
      rmSync(draft, { recursive: true, force: true });
    }
  });
  return dir;
}
