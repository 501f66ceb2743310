/**
 * User data of a host: a #cloud-config that writes the files below and starts the unit that sets the host up. Pure: the
 * same input gives the same bytes on every machine. The scripts are real files under templates/host, sent as they are.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { PGVECTOR_MINIMUM } from '../naming';
import { DATA_MOUNT, hostFiles, type HostFile, type HostFilesInput } from './hostFiles';
import { STANZA } from './pgbackrest';

/** What EC2 takes, in bytes: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html. */
export const USER_DATA_MAX_BYTES = 16_384;

/** How long the first boot waits for its data volume, in seconds; afterwards it fails, says so, and tries again. */
const VOLUME_WAIT_SECONDS = 300;

/** Fingerprint of the key that signs apt.postgresql.org: https://www.postgresql.org/download/linux/debian/. */
export const PGDG_KEY_FINGERPRINT = 'B97B0AFCAA1A47F044F244A07FCC7D46ACCC4CF8';

/** Package sources of the setting `ec2.packageSource`. */
export const PACKAGE_SOURCES = {
  pgdg: { url: 'https://apt.postgresql.org/pub/repos/apt', suite: 'trixie-pgdg' },
  // Debian 13 itself has PostgreSQL 17; the suite after it has 18, and only the pinned packages come from there.
  debian: { url: 'https://deb.debian.org/debian', suite: 'forky' },
} as const;

/** Packages that come from the chosen source; everything else stays with the host's own Debian. */
const pinned = (version: number): string =>
  `postgresql-common* postgresql-client-common postgresql-${version}* postgresql-client-${version} libpq5 pgbackrest`;

export interface CloudInitInput extends HostFilesInput {
  stack: string;
  region: string;
  /** Id of the data volume as EC2 shows it in its serial: without the hyphen. */
  volumeSerial: string;
  packageSource: keyof typeof PACKAGE_SOURCES;
  /** Another address of the same source, such as a mirror inside the network. @default the source's own */
  packageUrl?: string;
  /** Version that pgvector is held at. @default the newest of the source */
  pgvectorVersion?: string;
  /** ARN of the host's own secret: the superuser's verifier and the repository's passphrase. */
  secretId: string;
  /** Parameter that the certificate authority is published as. @default it is not published */
  caParameter?: string;
  /** Installs the SSM agent. @default true */
  agent?: boolean;
  /** Tag in which the host says how it is. */
  statusTag: string;
}

const TEMPLATES = join(__dirname, 'templates', 'host');

const template = (name: string): string => readFileSync(join(TEMPLATES, name), 'utf8');

/** Statements that the superuser runs on the host at every start; each may be run again. */
const BOOTSTRAP = ['session-logging', 'admin-role'];
const MAINTENANCE = join(__dirname, '..', '..', 'sql', 'maintenance');

/** Where each template goes. */
function scripts(version: number): HostFile[] {
  const steps = readdirSync(join(TEMPLATES, 'steps')).sort();
  const unit = (name: string): HostFile => ({
    path: `/etc/systemd/system/${name}`,
    content: template(`units/${name}`),
  });
  const program = (name: string): HostFile => ({
    path: `/usr/local/sbin/${name}`,
    content: template(name),
    permissions: '0755',
  });
  return [
    { path: '/usr/local/lib/qbench/common.sh', content: template('common.sh') },
    ...BOOTSTRAP.map((name) => ({
      path: `/usr/local/lib/qbench/sql/${name}.sql`,
      content: readFileSync(join(MAINTENANCE, `${name}.sql`), 'utf8'),
    })),
    ...steps.map((name) => ({ path: `/usr/local/lib/qbench/steps/${name}`, content: template(`steps/${name}`) })),
    program('qbench-setup'),
    program('qbench-apply-configuration'),
    program('qbench-health'),
    unit('qbench-setup.service'),
    unit('qbench-health.service'),
    unit('qbench-health.timer'),
    {
      path: `/etc/systemd/system/postgresql@${version}-main.service.d/qbench.conf`,
      content: template('units/postgresql-volume.conf'),
    },
    { path: '/etc/needrestart/conf.d/qbench.conf', content: template('etc/needrestart.conf') },
    { path: '/etc/apt/apt.conf.d/52qbench', content: template('etc/unattended-upgrades') },
    { path: '/etc/logrotate.d/qbench', content: template('etc/logrotate') },
    { path: '/etc/systemd/journald.conf.d/qbench.conf', content: template('etc/journald.conf') },
  ];
}

/** What the scripts read: one assignment a line, each value quoted for the shell. */
function hostEnvironment(input: CloudInitInput): string {
  const source = PACKAGE_SOURCES[input.packageSource];
  const values: Record<string, string | number> = {
    QB_STACK: input.stack,
    QB_REGION: input.region,
    QB_MAJOR: input.version,
    QB_PORT: input.port,
    QB_ADDRESS: input.address,
    QB_MOUNT: DATA_MOUNT,
    QB_VOLUME_SERIAL: input.volumeSerial,
    QB_VOLUME_WAIT_SECONDS: VOLUME_WAIT_SECONDS,
    QB_PACKAGE_SOURCE: input.packageSource,
    QB_PACKAGE_URL: input.packageUrl ?? source.url,
    QB_PACKAGE_SUITE: source.suite,
    QB_PACKAGE_KEY: PGDG_KEY_FINGERPRINT,
    QB_PGVECTOR_MINIMUM: PGVECTOR_MINIMUM,
    QB_HUGE_PAGES: input.host.hugePages2MiB,
    QB_SHM_MIB: input.host.devShmMiB,
    QB_STANZA: STANZA,
    QB_SECRET_ID: input.secretId,
    QB_CA_PARAMETER: input.caParameter ?? '',
    QB_AGENT: (input.agent ?? true) ? 'yes' : 'no',
    QB_STATUS_TAG: input.statusTag,
  };
  const lines = Object.entries(values).map(([name, value]) => `${name}='${String(value).replaceAll("'", "'\\''")}'`);
  return ['# Written by qbench. Holds no secret.', '# shellcheck disable=SC2034', ...lines, ''].join('\n');
}

/** apt preferences: which packages come from the source, and the version that pgvector is held at. */
function aptPreferences(input: CloudInitInput): string {
  const origin = new URL(input.packageUrl ?? PACKAGE_SOURCES[input.packageSource].url).hostname;
  const suite = PACKAGE_SOURCES[input.packageSource].suite;
  const from = input.packageSource === 'pgdg' ? `origin ${origin}` : `release n=${suite}`;
  const stanzas = [
    // Dependencies may follow from there, but nothing is upgraded to it by itself.
    ['*', from, 100],
    [pinned(input.version), from, 700],
    ...(input.pgvectorVersion === undefined
      ? []
      : [[`postgresql-${input.version}-pgvector`, `version ${input.pgvectorVersion}*`, 1001] as const]),
  ] as const;
  return stanzas
    .map(([names, pin, priority]) => `Package: ${names}\nPin: ${pin}\nPin-Priority: ${priority}\n`)
    .join('\n');
}

/**
 * The whole user data as text.
 * @throws ParameterError or RangeError where an override or a range cannot be
 */
export function cloudConfig(input: CloudInitInput): string {
  const files: HostFile[] = [
    { path: '/etc/qbench/host.env', content: hostEnvironment(input) },
    { path: '/etc/apt/preferences.d/qbench', content: aptPreferences(input) },
    ...hostFiles(input),
    ...scripts(input.version),
  ];
  return [
    '#cloud-config',
    '# Written by qbench. Every secret is fetched by the host itself: whoever can read this learns none.',
    'disable_root: true',
    'ssh_pwauth: false',
    'write_files:',
    ...files.flatMap(writeFile),
    'runcmd:',
    '  - [systemctl, daemon-reload]',
    '  - [systemctl, enable, --now, --no-block, qbench-setup.service]',
    '',
  ].join('\n');
}

function writeFile({ path, content, permissions }: HostFile): string[] {
  const lines = content.replace(/\n$/, '').split('\n');
  return [
    `  - path: ${path}`,
    `    permissions: '${permissions ?? '0644'}'`,
    '    content: |',
    ...lines.map((line) => (line === '' ? '' : `      ${line}`)),
  ];
}

/**
 * The user data as EC2 takes it: gzip, which cloud-init unpacks by itself, in base64.
 * @throws RangeError where it is larger than EC2 takes
 */
export function userDataBase64(input: CloudInitInput): string {
  const packed = gzipSync(cloudConfig(input), { level: 9 });
  // The header names the operating system it was packed on: the one byte that would differ from machine to machine.
  packed[9] = 255;
  if (packed.length > USER_DATA_MAX_BYTES) {
    throw new RangeError(
      `user data has ${packed.length} bytes packed; EC2 takes ${USER_DATA_MAX_BYTES}: fewer network.allowedCidrs make it smaller`,
    );
  }
  return packed.toString('base64');
}
