/** Who carries out the commands that the stand-in of SSM takes: a shell of this machine, or (elsewhere) a guest. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Executed {
  code: number;
  stdout: string;
  stderr: string;
}

/**
 * Runs a script as root's shell of the host would.
 * @param signal aborted by CancelCommand and by the execution timeout; the script and its children must end then
 */
export type SsmExecutor = (script: string, signal: AbortSignal) => Promise<Executed>;

/**
 * A shell of this machine. Folders of the host's /run are moved to a temporary folder, and `path` goes first on PATH: a
 * test puts stand-ins of programs there that only a host has.
 */
export function localShell(path?: string): SsmExecutor & { remove(): void } {
  const home = mkdtempSync(join(tmpdir(), 'qbench-ssm-'));
  let count = 0;
  const run: SsmExecutor = (script, signal) =>
    new Promise((resolve, reject) => {
      const file = join(home, `_script${count++}.sh`);
      writeFileSync(file, script.replaceAll(/\/run(?=\/qbench-command| -maxdepth)/g, home), { mode: 0o700 });
      // As the agent does: the first line of the script may ask for another shell.
      const child = spawn('sh', ['-c', file], {
        cwd: home,
        // A group of its own, so that an abort reaches what it started too.
        detached: true,
        env: { PATH: [...(path === undefined ? [] : [path]), '/usr/sbin:/usr/bin:/sbin:/bin'].join(':') },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const kill = (): void => {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      };
      signal.addEventListener('abort', kill, { once: true });
      let [stdout, stderr] = ['', ''];
      child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
      child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
      child.on('error', reject);
      child.on('close', (code, ended) => {
        signal.removeEventListener('abort', kill);
        resolve({ code: code ?? 128 + (ended === null ? 0 : constants.signals[ended]), stdout, stderr });
      });
    });
  return Object.assign(run, { remove: () => rmSync(home, { recursive: true, force: true }) });
}
