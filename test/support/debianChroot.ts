/**
 * Programs of a Debian that is newer than this machine: PostgreSQL 18, pgvector and a pgBackRest that knows it, in a root of their own,
 * run by chroot in a mount namespace each. Built by mmdebstrap from the package source of this machine, once for each recipe, and kept
 * outside the checkout.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { cacheDir } from '../../infra/adapters/localServer/layout';
import { withLock } from '../../infra/adapters/localServer/lock';
import { ProcessRunner } from '../../infra/adapters/processRunner';
import { systemClock } from '../../infra/adapters/systemClock';
import type { CommandRunner } from '../../infra/ops/ports';
import { testMachine } from './machine';

const SUITE = 'forky';
const PACKAGES = ['postgresql-18', 'postgresql-18-pgvector', 'pgbackrest'];
/** Copies of an archive may be older than its own expiry date. No cluster of the package's own is made in the builder. */
const OPTIONS = [
  '--variant=minbase',
  '--aptopt=Acquire::Check-Valid-Until "false";',
  ...['doc', 'locale', 'man', 'i18n'].map((name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`),
  '--dpkgopt=force-unsafe-io',
];
const BUILD_WAIT_MS = 10 * 60_000;

/** Why no such root can be made here; undefined where it can. */
export function noChroot(): string | undefined {
  if (process.platform !== 'linux') return 'it takes Linux';
  if (process.getuid?.() !== 0) return 'only root may change the root of a program';
  for (const program of ['mmdebstrap', 'unshare', 'chroot']) {
    if (spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0) return `there is no program ${program}`;
  }
  if (mirror() === undefined) return 'the package sources of this machine name no Debian archive';
  return undefined;
}

/** Where this machine's own packages come from. */
function mirror(): string | undefined {
  const folder = '/etc/apt';
  const below = join(folder, 'sources.list.d');
  const files = [
    join(folder, 'sources.list'),
    ...(existsSync(below) ? readdirSync(below).map((name) => join(below, name)) : []),
  ];
  for (const file of files.filter((name) => existsSync(name) && /\.(list|sources)$/.test(name))) {
    const found = /^(?:URIs:\s*|deb\s+(?:\[[^\]]*\]\s*)?)(https?:\/\/\S*\/debian)\/?(?:\s|$)/m.exec(
      readFileSync(file, 'utf8'),
    );
    if (found?.[1] !== undefined) return found[1];
  }
  return undefined;
}

/**
 * The root, built where it is not there yet (under a minute).
 * @throws Error with the builder's last words
 */
export async function debianChroot(): Promise<string> {
  const machine = testMachine();
  const cache = cacheDir(machine.context);
  machine.remove();
  mkdirSync(cache, { recursive: true });
  const recipe = createHash('sha256')
    .update(JSON.stringify([SUITE, PACKAGES, OPTIONS]))
    .digest('hex')
    .slice(0, 12);
  const root = join(cache, `debian-root-${recipe}`);
  await withLock(`${root}.lock`, BUILD_WAIT_MS, systemClock, async () => {
    if (existsSync(root)) return;
    const draft = `${root}.draft`;
    rmSync(draft, { recursive: true, force: true });
    const runner = new ProcessRunner({ ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' });
    const noCluster =
      '--essential-hook=mkdir -p "$1/etc/postgresql-common" && echo "create_main_cluster = false" >"$1/etc/postgresql-common/createcluster.conf"';
    const args = [
      '--quiet',
      '--mode=root',
      ...OPTIONS,
      noCluster,
      `--include=${PACKAGES.join(',')}`,
      SUITE,
      draft,
      mirror() ?? '',
    ];
    const result = await runner.run('mmdebstrap', args, { timeoutMs: BUILD_WAIT_MS });
    if (result.code !== 0) throw new Error(`mmdebstrap ended with ${result.code}: ${result.stderr.slice(-2000)}`);
    renameSync(draft, root);
  });
  return root;
}

/** Mounts are the program's own and gone with it. `/tmp` and the log folder of the root are the test's. */
const ENTER = `
set -e
root=$1 dir=$2
shift 2
mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --bind "$dir/tmp" "$root/tmp"
mount --bind "$dir/log" "$root/var/log/pgbackrest"
mkdir -p "$root$dir"
mount --bind "$dir" "$root$dir"
exec chroot "$root" "$@"
`;

/** Runs programs of the root as root. @param dir folder below /tmp that has the same path inside, with folders `tmp` and `log` in it */
export function chrootRunner(root: string, dir: string): CommandRunner {
  const runner = new ProcessRunner({ PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8' });
  return {
    run: (file, args, options = {}) =>
      runner.run('unshare', ['--mount', 'sh', '-c', ENTER, 'sh', root, dir, file, ...args], { ...options, cwd: '/' }),
  };
}
