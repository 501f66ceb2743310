/** `pulumi up` that a test cuts off: real signals to the real CLI. */
import { spawn, type ChildProcess } from 'node:child_process';
import { eventually } from './processes';
import type { TestStack } from './stack';

export interface CutRun {
  child: ChildProcess;
  /** Resolves to the exit code; null where a signal ended it. */
  ended: Promise<number | null>;
  output(): string;
}

/** Starts `pulumi up` and resolves when its output shows `marker`. */
export async function upUntil(stack: TestStack, marker: RegExp): Promise<CutRun> {
  const { cli } = stack.toolchain;
  const args = [
    'up',
    '--yes',
    '--skip-preview',
    '--non-interactive',
    '--stack',
    stack.name,
    '--config-file',
    stack.configFile,
  ];
  const child = spawn(cli.file, [...cli.args, ...args], {
    cwd: stack.machine.context.checkout,
    env: stack.env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  await eventually(`output matching ${String(marker)}`, () => marker.test(text), 120_000).catch((error: unknown) => {
    child.kill('SIGKILL');
    throw new Error(`${String(error)}\n${text}`);
  });
  return { child, ended, output: () => text };
}
