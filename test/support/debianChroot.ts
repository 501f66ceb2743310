/**
 * Programs of a Debian that is newer than this machine: PostgreSQL 18, pgvector and a pgBackRest that knows it, in a root of their own,
 * run by chroot in a mount namespace each.
 */
import { spawnSync } from 'node:child_process';
import { ProcessRunner } from '../../infra/adapters/processRunner';
import type { CommandRunner } from '../../infra/ops/ports';
import { buildStep, builtOnce, debianMirror, LEAN } from './debianArchive';

const SUITE = 'forky';
const PACKAGES = ['postgresql-18', 'postgresql-18-pgvector', 'pgbackrest'];
/** No cluster of the package's own is made in the builder. */
const NO_CLUSTER =
  '--essential-hook=mkdir -p "$1/etc/postgresql-common" && echo "create_main_cluster = false" >"$1/etc/postgresql-common/createcluster.conf"';

/** Why no such root can be made here; undefined where it can. */
export function noChroot(): string | undefined {
  if (process.platform !== 'linux') return 'it takes Linux';
  if (process.getuid?.() !== 0) return 'only root may change the root of a program';
  for (const program of ['mmdebstrap', 'unshare', 'chroot']) {
    if (spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0) return `there is no program ${program}`;
  }
  if (debianMirror() === undefined) return 'the package sources of this machine name no Debian archive';
  return undefined;
}

/**
 * The root, built where it is not there yet (under a minute).
 * @throws Error with the builder's last words
 */
export function debianChroot(): Promise<string> {
  return builtOnce('debian-root', [SUITE, PACKAGES, LEAN, NO_CLUSTER], (draft, mirror) =>
    buildStep('mmdebstrap', [
      ...['--quiet', '--mode=root', ...LEAN, NO_CLUSTER, `--include=${PACKAGES.join(',')}`],
      ...[SUITE, draft, mirror],
    ]),
  );
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
