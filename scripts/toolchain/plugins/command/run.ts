/** Running one script: its own process group, its output kept and shown line by line, killed as a whole. */
import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';

/** A cancelled script may clean up for this long before it is killed. */
const KILL_GRACE_MS = 5_000;

export interface Script {
  readonly script: string;
  /** Program and arguments before the script; the default is `/bin/sh -c`. */
  readonly interpreter: readonly string[];
  readonly directory: string;
  readonly environment: NodeJS.ProcessEnv;
  /** Written to standard input; empty gives an empty input. */
  readonly stdin: string;
  /** Gets each whole line. */
  readonly onLine: (stream: 'stdout' | 'stderr', line: string) => void;
  readonly signal: AbortSignal;
}

export interface ScriptResult {
  /** As Go's os/exec says it: `exit status 3`, `signal: killed`; undefined for success. */
  readonly failure: string | undefined;
  readonly stdout: string;
  readonly stderr: string;
  /** Both streams in the order in which they came. */
  readonly both: string;
}

/**
 * Runs the script and waits until it ended and nobody holds its output open any more.
 * @returns what it printed and how it ended; a program that cannot be started is a failure, not an exception
 */
export async function runScript(script: Script): Promise<ScriptResult> {
  const [program = '/bin/sh', ...rest] = script.interpreter;
  const child = spawn(program, [...rest, script.script], {
    cwd: script.directory,
    env: script.environment,
    stdio: ['pipe', 'pipe', 'pipe'],
    // its own group, so that a Ctrl-C in the terminal reaches it only through us and a kill reaches its children too
    detached: true,
  });
  const output = { stdout: '', stderr: '', both: '' };
  collect(child.stdout, 'stdout');
  collect(child.stderr, 'stderr');
  // a script that does not read its input closes the pipe early: that is its right
  child.stdin.on('error', () => undefined);
  child.stdin.end(script.stdin);

  const stop = (): void => killGroup(child.pid);
  if (script.signal.aborted) stop();
  script.signal.addEventListener('abort', stop, { once: true });
  try {
    const failure = await new Promise<string | undefined>((resolve) => {
      child.once('error', (error) => resolve(startFailure(program, error)));
      child.once('close', (code, signal) => resolve(endOf(code, signal)));
    });
    return { failure, ...output };
  } finally {
    script.signal.removeEventListener('abort', stop);
  }

  function collect(stream: Readable, name: 'stdout' | 'stderr'): void {
    let partial = '';
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      output[name] += text;
      output.both += text;
      const lines = (partial + text).split('\n');
      partial = lines.pop() ?? '';
      for (const line of lines) script.onLine(name, line.replace(/\r$/, ''));
    });
    stream.on('end', () => {
      if (partial !== '') script.onLine(name, partial);
    });
  }
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  signalGroup(pid, 'SIGTERM');
  setTimeout(() => signalGroup(pid, 'SIGKILL'), KILL_GRACE_MS).unref();
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // the group has ended by itself
  }
}

function endOf(code: number | null, signal: NodeJS.Signals | null): string | undefined {
  if (signal !== null) return `signal: ${SIGNAL_NAMES[signal] ?? signal}`;
  return code === 0 ? undefined : `exit status ${code}`;
}

/** As Go names them. */
const SIGNAL_NAMES: Partial<Record<NodeJS.Signals, string>> = {
  SIGKILL: 'killed',
  SIGTERM: 'terminated',
  SIGINT: 'interrupt',
  SIGHUP: 'hangup',
  SIGQUIT: 'quit',
  SIGSEGV: 'segmentation fault',
  SIGABRT: 'aborted',
  SIGPIPE: 'broken pipe',
};

function startFailure(program: string, error: NodeJS.ErrnoException): string {
  return error.code === 'ENOENT'
    ? `fork/exec ${program}: no such file or directory`
    : `fork/exec ${program}: ${error.message}`;
}

/** A text as Go's `%q` prints it: the form in which the real plugin quotes a script. */
export function goQuote(text: string): string {
  const named: Record<string, string> = {
    '"': '\\"',
    '\\': '\\\\',
    '\x07': '\\a',
    '\b': '\\b',
    '\f': '\\f',
    '\n': '\\n',
    '\r': '\\r',
    '\t': '\\t',
    '\v': '\\v',
  };
  const escaped = text.replace(/["\\\x00-\x1f\x7f]/g, (character) => {
    return named[character] ?? `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
  return `"${escaped}"`;
}
