/** moto, an emulation of AWS's APIs by other people than us (https://docs.getmoto.org), fetched once and pinned. It runs no commands. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { cacheDir } from '../../infra/adapters/localServer/layout';
import { ProcessRunner } from '../../infra/adapters/processRunner';
import { testMachine } from './machine';

const VERSION = '5.2.5';
/** Programs that can fetch it, best first. */
const FETCHERS = [
  ['uv', 'pip', 'install', '--quiet'],
  ['python3', '-m', 'pip', 'install', '--quiet', '--no-compile'],
  ['pip3', 'install', '--quiet', '--no-compile'],
] as const;

async function ensureMoto(): Promise<string> {
  const machine = testMachine();
  const cache = cacheDir(machine.context);
  machine.remove();
  const folder = join(cache, `moto-${VERSION}`);
  if (existsSync(folder)) return folder;
  mkdirSync(cache, { recursive: true });
  const draft = mkdtempSync(join(cache, 'moto-'));
  const said: string[] = [];
  for (const [file, ...args] of FETCHERS) {
    try {
      const result = await new ProcessRunner(process.env).run(file, [
        ...args,
        '--target',
        draft,
        `moto[server]==${VERSION}`,
      ]);
      if (result.code === 0) {
        renameSync(draft, folder);
        return folder;
      }
      said.push(`${file}: ${result.stderr.trim().split('\n').at(-1) ?? ''}`);
    } catch (error) {
      said.push(String(error));
    }
  }
  rmSync(draft, { recursive: true, force: true });
  throw new Error(`moto ${VERSION} cannot be fetched: ${said.join('; ')}`);
}

export class MotoServer {
  private constructor(
    private readonly child: ChildProcess,
    readonly url: string,
  ) {}

  static async start(): Promise<MotoServer> {
    const folder = await ensureMoto();
    const port = await freePort();
    const main = 'from moto.server import main; main()';
    const child = spawn('python3', ['-c', main, '-H', '127.0.0.1', '-p', String(port)], {
      env: { ...process.env, PYTHONPATH: folder },
      stdio: 'ignore',
    });
    const server = new MotoServer(child, `http://127.0.0.1:${port}`);
    for (;;) {
      if (child.exitCode !== null) throw new Error(`moto ended with ${child.exitCode}`);
      const answer = await fetch(`${server.url}/moto-api/`).catch(() => undefined);
      if (answer?.ok === true) return server;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** What a process needs to reach this in place of AWS. */
  get env(): Record<string, string> {
    return {
      AWS_ENDPOINT_URL: this.url,
      AWS_ACCESS_KEY_ID: 'AKIAEXAMPLE',
      AWS_SECRET_ACCESS_KEY: 'example',
      AWS_REGION: 'eu-central-1',
    };
  }

  /** One call of a service that speaks JSON. @param target such as `AWSEvents.PutRule` */
  async call<T>(service: string, target: string, body: object): Promise<T> {
    const credential = `AKIAEXAMPLE/20260101/eu-central-1/${service}/aws4_request`;
    const response = await fetch(this.url, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: {
        'content-type': 'application/x-amz-json-1.1',
        'x-amz-target': target,
        authorization: `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=host, Signature=0`,
      },
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${target}: ${text}`);
    return (text === '' ? {} : JSON.parse(text)) as T;
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null) return;
    await new Promise((resolve) => {
      this.child.on('close', resolve);
      this.child.kill();
    });
  }
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
