/** What the suites of booted hosts share: whether they can run here, and the servers and disks around a guest. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CloudInitInput } from '../../infra/postgres/cloudInit';
import { AwsEndpoint } from './awsEndpoint';
import { bootHost, giveSecret, hostInput, VOLUME } from './bootedHost';
import { emptyDisk, MACHINE_ADDRESS, noGuestsBecause, until, type Disk, type Guest, type GuestOptions } from './guest';
import { must } from './must';
import { noS3Because, S3Server } from './s3Server';

/** A call that failed is made up for five minutes later. */
const TAG_MS = 8 * 60_000;

/** Why no host can be booted here; undefined where one can. */
export async function noHostsBecause(): Promise<string | undefined> {
  return (await noGuestsBecause()) ?? (await noS3Because());
}

export class HostStage {
  readonly dir = mkdtempSync(join(tmpdir(), 'qbench-hosts-'));
  private readonly guests: Guest[] = [];

  private constructor(
    readonly aws: AwsEndpoint,
    readonly s3: S3Server,
    readonly input: CloudInitInput,
  ) {}

  static async open(changes: Partial<CloudInitInput> = {}): Promise<HostStage> {
    const [aws, s3] = await Promise.all([AwsEndpoint.start(), S3Server.start([MACHINE_ADDRESS])]);
    const input = hostInput(s3, changes);
    giveSecret(aws, input);
    return new HostStage(aws, s3, input);
  }

  /** A data volume without any signature. */
  volume(name: string, mebibytes = 2048): Disk {
    return { file: emptyDisk(join(this.dir, `${name}.img`), mebibytes), serial: VOLUME };
  }

  async boot(options: Partial<GuestOptions> = {}): Promise<Guest> {
    const guest = await bootHost(this.input, this.aws, this.s3, options);
    this.guests.push(guest);
    return guest;
  }

  /** The authority that the host published. */
  get authority(): string {
    const published = this.aws.parameters.get(this.input.caParameter ?? '');
    if (published === undefined) throw new Error('the host published no certificate authority');
    return published;
  }

  /** Waits until a host's tag says so: the AWS CLI takes seconds after the status file has it. @returns the tag */
  async tagged(value: RegExp): Promise<AwsEndpoint['tags'][number]> {
    const last = (): AwsEndpoint['tags'][number] | undefined => this.aws.tags.at(-1);
    await until(
      `the tag says ${value.source}`,
      TAG_MS,
      () => Promise.resolve(value.test(last()?.value ?? '')),
      () => JSON.stringify(this.aws.tags),
    );
    return must(last());
  }

  async close(): Promise<void> {
    await Promise.all(this.guests.map((guest) => guest.remove()));
    await this.s3.remove();
    await this.aws.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** pgBackRest as the host's own user runs it. */
export function pgbackrest(guest: Guest, ...args: readonly string[]): Promise<string> {
  return guest.must(`cd / && runuser -u postgres -- pgbackrest --stanza=qbench ${args.join(' ')}`);
}

export interface BackupInfo {
  label: string;
  type: 'full' | 'diff' | 'incr';
}

/** The backups of the repository, oldest first. */
export async function backups(guest: Guest): Promise<BackupInfo[]> {
  const [stanza] = JSON.parse(await pgbackrest(guest, 'info', '--output=json')) as { backup: BackupInfo[] }[];
  return (stanza?.backup ?? []).map(({ label, type }) => ({ label, type }));
}
