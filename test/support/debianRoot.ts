/**
 * Disk images of a Debian 13 system to boot hosts from: `bare` is what an Amazon image brings (and the AWS CLI), `ready`
 * has PostgreSQL, pgvector and pgBackRest too, which spares most boots their installation.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PACKAGE_SOURCES } from '../../infra/postgres/cloudInit';
import { APT_OPTION, buildStep, builtOnce, LEAN } from './debianArchive';

export interface DebianImages {
  kernel: string;
  initrd: string;
  /** Raw disk images with one ext4 filesystem; guests write to overlays. */
  bare: string;
  ready: string;
}

const SUITE = 'trixie';
const SUPPORT = join(__dirname, 'guest');
const ROOT_GIB = 4;

/** Beside the packages that mmdebstrap calls important to start. `awscli` and what follows are what step 40 adds. */
const PACKAGES = [
  ...['linux-image-cloud-amd64', 'initramfs-tools', 'systemd-sysv', 'udev', 'dbus', 'kmod', 'cloud-init', 'zstd'],
  ...['python3', 'iproute2', 'procps', 'netbase', 'ca-certificates', 'e2fsprogs', 'fdisk', 'gpg', 'gpgv'],
  ...['awscli', 'openssl', 'unattended-upgrades'],
];
/** As step 40 installs them. */
const DATABASE_PACKAGES = ['postgresql-18', 'postgresql-18-pgvector', 'pgbackrest'];

/** What is done to the root once its packages are there; `$1` is the root. */
const CUSTOMIZE = `
set -e
printf 'LABEL=qbench-root / ext4 noatime 0 1\\n' >"$1/etc/fstab"
rm -f "$1/etc/hostname" "$1/etc/resolv.conf" "$1/etc/machine-id"
printf uninitialized >"$1/etc/machine-id"
printf 'datasource_list: [NoCloud]\\n' >"$1/etc/cloud/cloud.cfg.d/90-test.cfg"
# By http whatever the archive is fetched by here: the guest's proxy knows better.
sed -i 's/ https:/ http:/' "$1/etc/apt/sources.list"
chroot "$1" systemctl enable systemd-networkd.service qbench-test-agent.service qbench-test-files.service
`;
/** Only what the virtual disk needs: a small initrd is unpacked sooner. */
const INITRAMFS = `
mkdir -p "$1/etc/initramfs-tools/conf.d"
printf 'MODULES=list\\nCOMPRESS=zstd\\n' >"$1/etc/initramfs-tools/conf.d/test"
printf 'virtio_pci\\nvirtio_blk\\next4\\n' >"$1/etc/initramfs-tools/modules"
`;
const recipe = (): unknown => [
  ...[SUITE, PACKAGE_SOURCES.debian.suite, PACKAGES, DATABASE_PACKAGES, CUSTOMIZE, INITRAMFS, LEAN, ROOT_GIB],
  ...readdirSync(SUPPORT)
    .sort()
    .map((name) => readFileSync(join(SUPPORT, name), 'utf8')),
];

/**
 * The images, built where they are not there yet (two minutes).
 * @throws Error with the builder's last words
 */
export async function debianImages(): Promise<DebianImages> {
  const dir = await builtOnce('debian', recipe(), build);
  return {
    kernel: join(dir, 'vmlinuz'),
    initrd: join(dir, 'initrd.img'),
    bare: join(dir, 'bare.img'),
    ready: join(dir, 'ready.img'),
  };
}

async function build(draft: string, mirror: string): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), 'qbench-debian-'));
  mkdirSync(draft);
  const root = join(work, 'root');
  const hook = (name: string, text: string): string => {
    const file = join(work, name);
    writeFileSync(file, `#!/bin/sh\n${text}`, { mode: 0o755 });
    return file;
  };
  try {
    await buildStep('mmdebstrap', [
      ...['--quiet', '--mode=root', ...LEAN, '--skip=cleanup/apt/lists', `--include=${PACKAGES.join(',')}`],
      `--essential-hook=${hook('initramfs', INITRAMFS)}`,
      `--customize-hook=mkdir -p "$1/usr/local/lib/qbench-test" "$1/etc/systemd/system"`,
      `--customize-hook=copy-in ${join(SUPPORT, 'agent.py')} /usr/local/lib/qbench-test`,
      ...['agent', 'files'].map(
        (name) =>
          `--customize-hook=upload ${join(SUPPORT, `${name}.service`)} /etc/systemd/system/qbench-test-${name}.service`,
      ),
      `--customize-hook=${hook('customize', CUSTOMIZE)}`,
      SUITE,
      root,
      mirror,
    ]);
    const [version = ''] = readdirSync(join(root, 'lib/modules'));
    move(join(root, 'boot', `vmlinuz-${version}`), join(draft, 'vmlinuz'));
    move(join(root, 'boot', `initrd.img-${version}`), join(draft, 'initrd.img'));
    const image = (name: string): Promise<void> =>
      buildStep('mke2fs', ['-q', '-t', 'ext4', '-L', 'qbench-root', '-d', root, join(draft, name), `${ROOT_GIB}G`]);
    await image('bare.img');
    await installDatabase(root, mirror);
    await image('ready.img');
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function move(from: string, to: string): void {
  writeFileSync(to, readFileSync(from));
  rmSync(from);
}

/** As step 40 does with `packageSource: debian`. */
async function installDatabase(root: string, mirror: string): Promise<void> {
  const suite = PACKAGE_SOURCES.debian.suite;
  writeFileSync(join(root, 'etc/apt/sources.list.d/database.list'), `deb ${mirror} ${suite} main\n`);
  // Neither a service nor a cluster of the package's own starts in the builder.
  writeFileSync(join(root, 'usr/sbin/policy-rc.d'), '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  mkdirSync(join(root, 'etc/postgresql-common'), { recursive: true });
  writeFileSync(join(root, 'etc/postgresql-common/createcluster.conf'), 'create_main_cluster = false\n');
  const apt = ['chroot', root, 'apt-get', '-q', '-o', APT_OPTION.replace(/[";]/g, '').replace(' ', '=')];
  const network = ['resolv.conf', 'hosts'].filter((name) => existsSync(join('/etc', name)));
  for (const name of network) writeFileSync(join(root, 'etc', name), readFileSync(join('/etc', name)));
  try {
    // In a mount namespace of its own: /proc is gone again with the last program.
    const inside = (...args: string[]): Promise<void> =>
      buildStep('unshare', ['--mount', 'sh', '-c', 'mount -t proc proc "$0/proc" && exec "$@"', root, ...apt, ...args]);
    await inside('update');
    await inside(
      ...['install', '--yes', '--no-install-recommends', '-o', 'Dpkg::Options::=--force-unsafe-io'],
      ...['--target-release', suite, ...DATABASE_PACKAGES],
    );
    await buildStep('chroot', [root, 'apt-get', 'clean']);
  } finally {
    for (const name of network) rmSync(join(root, 'etc', name), { force: true });
    rmSync(join(root, 'usr/sbin/policy-rc.d'), { force: true });
    rmSync(join(root, 'etc/apt/sources.list.d/database.list'), { force: true });
  }
}
