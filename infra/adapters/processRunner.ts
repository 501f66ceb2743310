/** The `CommandRunner` port: programs of this machine. */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { CommandOptions, CommandResult, CommandRunner } from '../ops/ports';

/** Whom a program runs as; only root may choose. */
export interface Identity {
  uid: number;
  gid: number;
}

export class ProcessRunner implements CommandRunner {
  /**
   * @param env environment that every program starts from
   * @param identity whom the programs run as; the caller when absent
   */
  constructor(
    private readonly env: NodeJS.ProcessEnv,
    private readonly identity?: Identity,
  ) {}

  run(file: string, args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    return new Promise((resolve, reject) => {
      options.signal?.throwIfAborted();
      const child = spawn(file, args, {
        cwd: options.cwd,
        env: { ...this.env, ...options.env },
        stdio: ['pipe', 'pipe', 'pipe'],
        ...(this.identity ?? {}),
        ...(options.signal === undefined ? {} : { signal: options.signal }),
        ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs }),
      });
      let stdout = '';
      let stderr = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
      child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
      child.on('error', (error) => {
        // One that is told to stop is still at work when Node tells that it was told.
        if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) reject(error);
        else child.once('exit', () => reject(error));
      });
      child.on('close', (code, signal) => {
        const number = signal === null ? 0 : constants.signals[signal];
        resolve({ code: code ?? 128 + number, stdout, stderr });
      });
      // A program that ends without reading its input is judged by its exit code, not by our broken pipe.
      child.stdin.on('error', () => undefined);
      child.stdin.end(options.stdin ?? '');
    });
  }
}
