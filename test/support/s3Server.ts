/**
 * A real S3 server with TLS for backups: versitygw, built from its Go module, over a folder whose files a test may damage.
 * It proves what pgBackRest does with S3's protocol, not what AWS's own S3, KMS or IAM do.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cacheDir } from '../../infra/adapters/localServer/layout';
import { withLock } from '../../infra/adapters/localServer/lock';
import { ProcessRunner } from '../../infra/adapters/processRunner';
import { systemClock } from '../../infra/adapters/systemClock';
import { freePort, until } from './guest';
import { testMachine } from './machine';

const VERSION = 'v1.8.0';
const PACKAGE = 'github.com/versity/versitygw/cmd/versitygw';
/** What requests are signed for. */
const REGION = 'eu-central-1';
const BUILD_MS = 15 * 60_000;

const runner = new ProcessRunner(process.env);

/** Why there is no S3 server here; undefined where there is one. */
export async function noS3Because(): Promise<string | undefined> {
  if (existsSync(binary())) return undefined;
  const go = await runner.run('sh', ['-c', 'command -v go']);
  return go.code === 0 ? undefined : 'the S3 server is built with Go, which is not installed';
}

function binary(): string {
  const machine = testMachine();
  machine.remove();
  return join(cacheDir(machine.context), `versitygw-${VERSION}`, 'versitygw');
}

/** The program, built where it is not there yet (one minute). */
async function s3Program(): Promise<string> {
  const file = binary();
  const dir = join(file, '..');
  mkdirSync(dir, { recursive: true });
  await withLock(join(dir, 'lock'), BUILD_MS, systemClock, async () => {
    if (existsSync(file)) return;
    const built = await runner.run('go', ['install', '-ldflags=-s -w', `${PACKAGE}@${VERSION}`], {
      env: { GOBIN: dir, CGO_ENABLED: '0', GOFLAGS: '-trimpath' },
      cwd: dir,
      timeoutMs: BUILD_MS,
    });
    if (built.code !== 0) throw new Error(`${PACKAGE}@${VERSION} cannot be built: ${built.stderr.slice(-2000)}`);
  });
  return file;
}

async function openssl(...args: string[]): Promise<void> {
  const done = await runner.run('openssl', args);
  if (done.code !== 0) throw new Error(`openssl ${args[0]}: ${done.stderr}`);
}

export class S3Server {
  private server: ChildProcess | undefined;
  private readonly dir = mkdtempSync(join(tmpdir(), 'qbench-s3-'));
  readonly bucket = 'qbench-backups';
  readonly accessKey = `test${randomBytes(8).toString('hex')}`;
  readonly secretKey = randomBytes(20).toString('hex');
  /** Folder with the objects of the bucket. */
  readonly folder = join(this.dir, 'data', this.bucket);

  private constructor(
    private readonly program: string,
    readonly port: number,
  ) {}

  /** @param addresses IPv4 addresses under which its certificate is valid, besides 127.0.0.1 */
  static async start(addresses: readonly string[] = []): Promise<S3Server> {
    const s3 = new S3Server(await s3Program(), await freePort());
    mkdirSync(s3.folder, { recursive: true });
    const at = (name: string): string => join(s3.dir, name);
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    await openssl(
      ...[
        'req',
        '-x509',
        ...key,
        '-days',
        '30',
        '-subj',
        '/CN=test authority',
        '-keyout',
        at('ca.key'),
        '-out',
        at('ca.crt'),
      ],
      ...['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign'],
    );
    await openssl('req', '-new', ...key, '-subj', '/CN=s3', '-keyout', at('s3.key'), '-out', at('s3.csr'));
    const names = ['127.0.0.1', ...addresses].map((address) => `IP:${address}`).join(',');
    writeFileSync(at('ext'), `subjectAltName=${names}\nextendedKeyUsage=serverAuth\n`);
    await openssl(
      ...['x509', '-req', '-in', at('s3.csr'), '-CA', at('ca.crt'), '-CAkey', at('ca.key'), '-days', '30'],
      ...['-extfile', at('ext'), '-out', at('s3.crt')],
    );
    await s3.up();
    return s3;
  }

  /** Certificate of its authority. */
  get authority(): string {
    return readFileSync(join(this.dir, 'ca.crt'), 'utf8');
  }

  /** Starts it, the first time or after `down`. */
  async up(): Promise<void> {
    const args = [
      '--port',
      `127.0.0.1:${this.port}`,
      '--cert',
      join(this.dir, 's3.crt'),
      '--key',
      join(this.dir, 's3.key'),
      '--quiet',
      '--region',
      REGION,
    ];
    const server = spawn(this.program, [...args, 'posix', join(this.dir, 'data')], {
      env: { ...process.env, ROOT_ACCESS_KEY: this.accessKey, ROOT_SECRET_KEY: this.secretKey },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let words = '';
    server.stderr.setEncoding('utf8').on('data', (text: string) => (words += text));
    this.server = server;
    await until('the S3 server listens', 30_000, () => {
      if (server.exitCode !== null) throw new Error(`the S3 server ended: ${words}`);
      return listens(this.port);
    });
  }

  /** Ends it: nobody answers on its port until `up`. */
  async down(): Promise<void> {
    const server = this.server;
    this.server = undefined;
    if (server === undefined || server.exitCode !== null) return;
    const ended = new Promise((resolve) => server.once('close', resolve));
    server.kill('SIGKILL');
    await ended;
  }

  async remove(): Promise<void> {
    await this.down();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
