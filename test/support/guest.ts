/**
 * A whole Debian system under qemu: boots with the user data of a host, is driven from outside and can lose its power. The
 * processor is emulated (TCG), so that it runs where no hardware virtualisation is; what it takes several seconds for takes a host a few tenths.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ProcessRunner } from '../../infra/adapters/processRunner';
import type { CommandResult } from '../../infra/ops/ports';
import { debianMirror } from './debianArchive';
import type { DebianImages } from './debianRoot';
import { LineSocket } from './lineSocket';

export interface Disk {
  /** Raw image. */
  file: string;
  /** As /dev/disk/by-id shows it after `virtio-`; at most 20 characters. */
  serial: string;
}

export interface GuestOptions {
  images: DebianImages;
  /** @default ready */
  image?: 'bare' | 'ready';
  /** User data as EC2 takes it: gzip in base64. */
  userData: string;
  disks?: readonly Disk[];
  /** What the guest has beside its image and its user data, by absolute path. */
  files?: Readonly<Record<string, string>>;
  /** Environment of every service of the guest. */
  environment?: Readonly<Record<string, string>>;
  /** @default i-0123456789abcdef0 */
  instanceId?: string;
  /** @default 2048 */
  memoryMiB?: number;
}

/** What the host says of itself in its status file; all empty before the first word. */
export interface HostStatus {
  state: string;
  step: string;
  reason: string;
  at: string;
}

/** The guest's own address in qemu's user network, and this machine's as the guest sees it. */
export const GUEST_ADDRESS = '10.0.2.15';
export const MACHINE_ADDRESS = '10.0.2.2';
/**
 * Without cx16: interrupted in a cmpxchg16b, qemu 7.2 gives the guest's kernel arbitrary flags, and it crashes sooner or later. Without
 * la57: a fifth level of page tables only costs time. Without monitor: qemu's mwait spins, and an idle guest would take all of its processors.
 * Without svm: the guest would load KVM.
 */
const PROCESSOR = 'max,cx16=off,la57=off,svm=off,monitor=off';
/** What udev would load for devices and processors that nothing here uses: under TCG they are a third of a boot. */
const UNUSED_MODULES = 'powernow_k8,ata_piix,ccp,aesni_intel,ghash_clmulni_intel,sha1_ssse3,sha256_ssse3,sha512_ssse3';
const POLL_MS = 500;
const BOOT_MS = 15 * 60_000;

const runner = new ProcessRunner(process.env);

/**
 * Why no guest can run here; undefined where it can.
 * @returns a reason for `skip`
 */
export async function noGuestsBecause(): Promise<string | undefined> {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    return 'guests are x86-64 Linux systems built on such a machine';
  if (process.getuid?.() !== 0) return 'building a Debian root needs root';
  if (debianMirror() === undefined) return 'the package sources of this machine name no Debian archive';
  const missing: string[] = [];
  for (const name of ['qemu-system-x86_64', 'qemu-img', 'mmdebstrap', 'mke2fs', 'setpriv', 'unshare']) {
    const found = await runner.run('sh', ['-c', `command -v ${name}`]);
    if (found.code !== 0) missing.push(name);
  }
  return missing.length === 0 ? undefined : `not installed: ${missing.join(', ')}`;
}

/** A data disk without any signature. */
export function emptyDisk(file: string, mebibytes: number): string {
  writeFileSync(file, '');
  truncateSync(file, mebibytes * 1024 * 1024);
  return file;
}

export class Guest {
  private qemu: ChildProcess | undefined;
  private agent: LineSocket | undefined;
  private monitor: LineSocket | undefined;
  private ended: Promise<void> = Promise.resolve();
  private readonly dir = mkdtempSync(join(tmpdir(), 'qbench-guest-'));

  private constructor(
    private readonly options: GuestOptions,
    /** Port of 127.0.0.1 that leads to the guest's 5432. */
    readonly port: number,
  ) {}

  /** Makes the guest's root disk and seed, and powers it on. Ends with this process, whatever becomes of it. */
  static async start(options: GuestOptions): Promise<Guest> {
    const guest = new Guest(options, await freePort());
    const image = options.images[options.image ?? 'ready'];
    const made = await runner.run('qemu-img', [
      'create',
      '-q',
      '-f',
      'qcow2',
      '-b',
      image,
      '-F',
      'raw',
      join(guest.dir, 'root.qcow2'),
    ]);
    if (made.code !== 0) throw new Error(`qemu-img: ${made.stderr}`);
    guest.writeSeed();
    await guest.powerOn();
    return guest;
  }

  private writeSeed(): void {
    const { userData, files = {}, instanceId = 'i-0123456789abcdef0' } = this.options;
    const put = (path: string, content: string | Buffer): void => {
      const file = join(this.dir, 'seed', path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, content);
    };
    put('user-data', Buffer.from(userData, 'base64'));
    put(
      'meta-data',
      `instance-id: ${instanceId}\nlocal-hostname: ip-${GUEST_ADDRESS.replaceAll('.', '-')}.eu-central-1.compute.internal\n`,
    );
    put('network-config', 'version: 2\nethernets:\n  eth0:\n    dhcp4: true\n');
    // As every Amazon image has it.
    put('root/etc/hosts', '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n');
    for (const [path, content] of Object.entries(files)) put(`root${path}`, content);
  }

  /** Powers it on: the first time, and after `powerCut` or `shutdown` with the same root disk. */
  async powerOn(disks: readonly Disk[] = this.options.disks ?? []): Promise<void> {
    const { images, environment = {}, memoryMiB = 2048 } = this.options;
    const socket = (name: string): string => join(this.dir, name);
    const kernel = [
      'root=LABEL=qbench-root rw console=ttyS0 panic=-1 mitigations=off no_timer_check nowatchdog net.ifnames=0 systemd.show_status=false',
      `module_blacklist=${UNUSED_MODULES}`,
      ...Object.entries(environment).map(([name, value]) => `systemd.setenv=${name}=${value}`),
    ];
    const args = [
      ...['-machine', 'pc', '-accel', 'tcg,thread=multi', '-cpu', PROCESSOR, '-smp', '2', '-m', String(memoryMiB)],
      ...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none'],
      ...['-kernel', images.kernel, '-initrd', images.initrd, '-append', kernel.join(' ')],
      ...['-chardev', `file,id=console,path=${socket('console')},append=on`, '-serial', 'chardev:console'],
      ...['-qmp', `unix:${socket('qmp')},server=on,wait=off`],
      ...['-device', 'virtio-serial', '-chardev', `socket,id=agent,path=${socket('agent')},server=on,wait=off`],
      ...['-device', 'virtserialport,chardev=agent,name=qbench.agent', '-device', 'virtio-rng-pci'],
      ...['-netdev', `user,id=net,ipv6=off,hostfwd=tcp:127.0.0.1:${this.port}-${GUEST_ADDRESS}:5432`],
      ...['-device', 'virtio-net-pci,netdev=net'],
      // In another order than they are named: nothing may depend on it.
      ...disks.flatMap((disk) => [...this.blockdev(disk), '-device', this.device(disk)]),
      ...[
        '-drive',
        `if=none,id=root,file=${socket('root.qcow2')},format=qcow2,discard=unmap`,
        '-device',
        'virtio-blk-pci,drive=root',
      ],
      ...['-drive', `if=none,id=seed,driver=vvfat,dir=${socket('seed')},label=cidata,read-only=on`],
      ...['-device', 'virtio-blk-pci,drive=seed'],
    ];
    // The kernel ends it when this process ends in any way.
    const qemu = spawn('setpriv', ['--pdeathsig', 'KILL', 'qemu-system-x86_64', ...args], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let words = '';
    qemu.stderr.setEncoding('utf8').on('data', (text: string) => (words += text));
    this.qemu = qemu;
    this.ended = new Promise((resolve) => qemu.once('close', () => resolve()));
    const failed = this.ended.then(() => {
      throw new Error(`qemu ended: ${words}`);
    });
    failed.catch(() => undefined);
    this.monitor = await Promise.race([LineSocket.open(socket('qmp')), failed]);
    this.agent = await Promise.race([LineSocket.open(socket('agent')), failed]);
    await this.qmp('qmp_capabilities');
  }

  private blockdev({ file, serial }: Disk): string[] {
    return ['-blockdev', JSON.stringify(blockNode(file, serial))];
  }

  private device({ serial }: Disk): string {
    return `virtio-blk-pci,drive=${serial},serial=${serial},id=disk-${serial}`;
  }

  /** Everything the guest wrote to its serial console since it was first powered on. */
  console(): string {
    return readFileSync(join(this.dir, 'console'), 'utf8');
  }

  /** Runs a shell script as root in the guest; waits for the guest to come up. Ends with code 124 after `timeoutMs`. */
  async run(script: string, options: { stdin?: string; timeoutMs?: number } = {}): Promise<CommandResult> {
    const { stdin = '', timeoutMs = BOOT_MS } = options;
    const answer = await this.line(this.agent).request({ script, stdin, timeout: timeoutMs / 1000 });
    return answer as unknown as CommandResult;
  }

  /** As `run`, for scripts that must succeed. @returns standard output without its last line break */
  async must(script: string, options: { stdin?: string; timeoutMs?: number } = {}): Promise<string> {
    const { code, stdout, stderr } = await this.run(script, options);
    if (code !== 0) throw new Error(`in the guest "${script}" ended with ${code}: ${stdout}${stderr}`);
    return stdout.replace(/\n$/, '');
  }

  /** One statement as the superuser, on the socket. @returns unaligned rows without headings */
  sql(statement: string, database = 'postgres'): Promise<string> {
    return this.must(`cd / && runuser -u postgres -- psql -XqAt -v ON_ERROR_STOP=1 -d ${database}`, {
      stdin: `${statement};\n`,
    });
  }

  async status(): Promise<HostStatus> {
    const { stdout } = await this.run('cat /var/lib/qbench/status 2>/dev/null');
    const values = new Map(stdout.split('\n').map((line) => [line.split('=')[0], line.slice(line.indexOf('=') + 1)]));
    const of = (name: string): string => values.get(name) ?? '';
    return { state: of('state'), step: of('step'), reason: of('reason'), at: of('at') };
  }

  /** Waits until the host says so of itself; `since` leaves out what it said before. @throws Error with its console at the time limit */
  async reaches(state: string, options: { timeoutMs?: number; since?: string } = {}): Promise<HostStatus> {
    const { timeoutMs = BOOT_MS, since = '' } = options;
    let last: HostStatus | undefined;
    await until(
      `the host says ${state}`,
      timeoutMs,
      async () => {
        last = await this.status();
        return last.state === state && last.at > since;
      },
      () => `${JSON.stringify(last)}\n${this.console().slice(-6000)}`,
    );
    return last ?? this.status();
  }

  /** A command of the machine itself: https://www.qemu.org/docs/master/interop/qemu-qmp-ref.html. */
  async qmp(execute: string, args: Record<string, unknown> = {}): Promise<unknown> {
    const answer = await this.line(this.monitor).request({ execute, arguments: args });
    if ('error' in answer) throw new Error(`${execute}: ${JSON.stringify(answer['error'])}`);
    return answer['return'];
  }

  /** Attaches a disk to the running guest. */
  async attach({ file, serial }: Disk): Promise<void> {
    await this.qmp('blockdev-add', blockNode(file, serial));
    await this.qmp('device_add', { driver: 'virtio-blk-pci', drive: serial, serial, id: `disk-${serial}` });
  }

  /** Makes an attached disk larger while it is in use. */
  async grow(serial: string, mebibytes: number): Promise<void> {
    await this.qmp('block_resize', { 'node-name': serial, size: mebibytes * 1024 * 1024 });
  }

  /**
   * A port of this machine that leads to a port of the guest's loopback, as a session of SSM's port forwarding does; until the power goes.
   * @param port of 127.0.0.1 in the guest, whether anybody listens there yet or not
   */
  async forward(port: number): Promise<number> {
    const outer = await freePort();
    const inner = outer;
    await this.must(
      `systemd-run --quiet --unit=qbench-test-forward-${outer} systemd-socket-activate --listen=${GUEST_ADDRESS}:${inner} /usr/lib/systemd/systemd-socket-proxyd 127.0.0.1:${port}`,
    );
    const said = await this.qmp('human-monitor-command', {
      'command-line': `hostfwd_add net tcp:127.0.0.1:${outer}-${GUEST_ADDRESS}:${inner}`,
    });
    if (said !== '') throw new Error(`hostfwd_add: ${String(said)}`);
    return outer;
  }

  /** Ends the machine at once, as a power cut does: what the guest had not written to its disks is gone. */
  async powerCut(): Promise<void> {
    this.qemu?.kill('SIGKILL');
    await this.ended;
    this.agent?.close();
    this.monitor?.close();
  }

  /** Lets the guest go down in order. */
  async shutdown(): Promise<void> {
    void this.run('systemctl poweroff').catch(() => undefined);
    await this.ended;
    this.agent?.close();
    this.monitor?.close();
  }

  /** Ends it and removes its root disk; data disks stay. */
  async remove(): Promise<void> {
    await this.powerCut();
    rmSync(this.dir, { recursive: true, force: true });
  }

  private line(socket: LineSocket | undefined): LineSocket {
    if (socket === undefined) throw new Error('the guest is not powered on');
    return socket;
  }
}

const blockNode = (filename: string, name: string): Record<string, unknown> => ({
  'node-name': name,
  driver: 'raw',
  file: { driver: 'file', filename },
});

/** Polls. @throws Error naming what was waited for, with `state` */
export async function until(
  what: string,
  timeoutMs: number,
  reached: () => Promise<boolean>,
  state: () => string = () => '',
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await reached())) {
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs / 1000} s: ${what}. ${state()}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** A port of 127.0.0.1 that nobody listens on. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        address !== null && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });
}
