/**
 * A Lambda from its zip in a process of this machine, as the runtime of AWS runs it: loaded once, called event by event, its
 * environment its own. What it does not have: AWS's limits of time and memory, and a role.
 */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { OperatorError } from '../../ops/errors';
import { LAMBDA_MODULE } from './code';

/** What one call came to. */
export interface LambdaAnswer {
  /** What the handler returned; undefined where it failed. */
  result: unknown;
  error: { name: string; message: string } | undefined;
  /** What it wrote: log lines and metrics, each a line of JSON. */
  lines: string[];
  /** Milliseconds that the import of the module took. */
  loadMs: number;
}

const MARK = 'qbench-lambda-answer ';

/** The runtime: as CloudWatch has it, one stream of both outputs. One line of JSON in, the handler's lines and one marked line of JSON out. */
const RUNTIME = `
Object.defineProperty(process, 'stderr', { get: () => process.stdout });
const { createInterface } = await import('node:readline');
const say = (answer) => process.stdout.write(${JSON.stringify(MARK)} + JSON.stringify({ loadMs, ...answer }) + '\\n');
const begun = performance.now();
const { handler } = await import(process.argv.at(-1));
const loadMs = performance.now() - begun;
let call = 0;
for await (const line of createInterface({ input: process.stdin })) {
  try {
    say({ result: await handler(JSON.parse(line), { awsRequestId: 'local-' + ++call }) });
  } catch (error) {
    say({ error: { name: error?.name ?? '', message: error?.message ?? String(error) } });
  }
}
`;

export class LambdaProcess {
  private readonly lines: string[] = [];
  private errors = '';
  private waiting: ((answer: LambdaAnswer | undefined) => void) | undefined;

  private constructor(
    private readonly child: ChildProcessWithoutNullStreams,
    private readonly folder: string,
  ) {
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.errors += text));
    createInterface({ input: child.stdout }).on('line', (line) => this.take(line));
    child.on('close', () => this.waiting?.(undefined));
    // A process that has ended is told by its end, not by our broken pipe.
    child.stdin.on('error', () => undefined);
  }

  /**
   * @param zip path of the zip
   * @param env the whole environment: nothing of this process's is handed on
   */
  static async start(zip: string, env: Readonly<Record<string, string>>): Promise<LambdaProcess> {
    const { unzipSync } = await import('fflate');
    const folder = mkdtempSync(join(tmpdir(), 'qbench-lambda-'));
    for (const [name, content] of Object.entries(unzipSync(readFileSync(zip)))) {
      writeFileSync(join(folder, name), content);
    }
    const module = pathToFileURL(join(folder, LAMBDA_MODULE)).href;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', RUNTIME, module], {
      cwd: folder,
      env,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    return new LambdaProcess(child, folder);
  }

  /** Calls the handler and waits for its answer; one call at a time. @throws OperatorError where the process ended instead */
  async invoke(event: unknown): Promise<LambdaAnswer> {
    if (this.waiting !== undefined) throw new Error('the Lambda is busy: one call at a time');
    const answer = await new Promise<LambdaAnswer | undefined>((resolve) => {
      this.waiting = resolve;
      if (this.child.exitCode !== null) resolve(undefined);
      else this.child.stdin.write(`${JSON.stringify(event)}\n`);
    });
    this.waiting = undefined;
    if (answer !== undefined) return answer;
    throw new OperatorError(`the Lambda ended before it answered: ${this.errors.trim() || 'it said nothing'}`);
  }

  private take(line: string): void {
    if (!line.startsWith(MARK)) {
      this.lines.push(line);
      return;
    }
    const { result, error, loadMs = 0 } = JSON.parse(line.slice(MARK.length)) as Partial<LambdaAnswer>;
    this.waiting?.({ result, error, loadMs, lines: this.lines.splice(0) });
  }

  /** Ends the process and removes its files. */
  async stop(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      await new Promise((resolve) => {
        this.child.on('close', resolve);
        this.child.kill('SIGKILL');
      });
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}
