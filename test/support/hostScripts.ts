/**
 * The scripts of a host in a folder of a test's own: every absolute path they name is moved below it, and commands that
 * would change this machine are replaced by stand-ins that write down how they were called. What is left is real: bash,
 * blkid, wipefs, mkfs and openssl. It proves decisions of the scripts, not that a host boots with them.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { load } from 'js-yaml';
import { cloudConfig, type CloudInitInput } from '../../infra/postgres/cloudInit';
import { PLAN_32_GIB } from './serverParameters';

/** A host as the golden file shows it. */
export const HOST_32_GIB: CloudInitInput = {
  stack: 'prod',
  region: 'eu-central-1',
  version: 18,
  plan: PLAN_32_GIB,
  host: { hugePages2MiB: 5300, devShmMiB: 6144, overcommitMemory: 2, overcommitRatioPercent: 90, swappiness: 1 },
  cores: 4,
  port: 5432,
  address: '10.64.1.10',
  cidrs: ['10.64.0.0/20'],
  directAdministration: false,
  overrides: {},
  repository: {
    kind: 's3',
    bucket: 'qbench-postgres-prod-backups-0123456789ab',
    region: 'eu-central-1',
    path: '/prod',
  },
  retentionDays: 7,
  passwordGeneration: 1,
  volumeSerial: 'vol0123456789abcdef0',
  packageSource: 'pgdg',
  secretId: 'arn:aws:secretsmanager:eu-central-1:111122223333:secret:qbench-postgres/prod/host-AbCdEf',
  caParameter: '/qbench-postgres/prod/tls-ca',
  statusTag: 'qbench:status',
};

/** The parts of a #cloud-config that this project uses. */
export interface CloudConfig {
  write_files: { path: string; permissions: string; content: string }[];
  runcmd: string[][];
  [key: string]: unknown;
}

export function parsedCloudConfig(input: CloudInitInput): CloudConfig {
  return load(cloudConfig(input)) as CloudConfig;
}

/** Folders that the scripts name and that must not be this machine's. */
const MOVED = [
  '/etc/',
  '/usr/local/',
  '/var/lib/qbench',
  '/var/log/pgbackrest',
  '/run/qbench',
  '/srv/postgresql',
  '/dev/disk/',
  '/dev/console',
];

export class FakeHost {
  readonly root = mkdtempSync(join(tmpdir(), 'qbench-host-'));
  private readonly bin = join(this.root, 'bin');

  constructor(input: CloudInitInput) {
    mkdirSync(this.bin);
    for (const dir of ['run', 'dev', 'etc', 'srv']) mkdirSync(join(this.root, dir));
    for (const { path, content, permissions } of parsedCloudConfig(input).write_files) {
      const file = join(this.root, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, this.moved(content));
      chmodSync(file, Number.parseInt(permissions, 8));
    }
    writeFileSync(join(this.root, 'etc', 'fstab'), '');
    this.command('cloud-init', 'echo i-0123456789abcdef0');
    this.command('chown', ':');
  }

  /** The text with every moved folder below this root. */
  private moved(text: string): string {
    return MOVED.reduce(
      (done, folder) =>
        done.replaceAll(
          new RegExp(`(?<![\\w./-])${folder.replaceAll('/', '\\/')}`, 'g'),
          join(this.root, folder) + (folder.endsWith('/') ? '/' : ''),
        ),
      text,
    );
  }

  /** Puts a stand-in of a command first on PATH; it writes down its arguments and then runs `script`. */
  command(name: string, script: string): void {
    const file = join(this.bin, name);
    writeFileSync(file, `#!/bin/bash\nprintf '%s\\n' "${name} $*" >>"${this.root}/calls"\n${script}\n`);
    chmodSync(file, 0o755);
  }

  file(path: string, text: string): string {
    const file = join(this.root, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    return file;
  }

  read(path: string): string {
    const file = join(this.root, path);
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }

  /** How the stand-ins were called since the last question. */
  calls(): string[] {
    const lines = this.read('calls')
      .split('\n')
      .filter((line) => line !== '');
    rmSync(join(this.root, 'calls'), { force: true });
    return lines;
  }

  run(path: string): { code: number; output: string } {
    const result = spawnSync('bash', ['--norc', join(this.root, path)], {
      encoding: 'utf8',
      env: { PATH: `${this.bin}:/usr/sbin:/usr/bin:/sbin:/bin` },
    });
    return { code: result.status ?? -1, output: result.stdout + result.stderr };
  }

  /** Values of host.env as the shell reads them. */
  environment(): Record<string, string> {
    const text = execFileSync('bash', ['--norc', '-c', `set -a; . "${this.root}/etc/qbench/host.env"; env -0`], {
      encoding: 'utf8',
      env: {},
    });
    return Object.fromEntries(
      text.split('\0').map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]),
    );
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}
