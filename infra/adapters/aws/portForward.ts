/** A port of the host on this machine, by SSM Session Manager: no port of the host is open for it. */
import { spawn } from 'node:child_process';
import { messageOf, OperatorError } from '../../ops/errors';
import { SESSION_PLUGIN, startSession, type SessionArgs } from './session';

const DOCUMENT = 'AWS-StartPortForwardingSession';
const OPENS_WITHIN_MS = 30_000;

/**
 * Runs the plugin until standard input ends: it goes with this process, however that ends. Shells give a program in the
 * background no input of theirs, so the watcher is handed it by number.
 */
const WATCHED =
  'exec 3<&0; "$@" 3<&- & plugin=$!; { read -r _ <&3; kill "$plugin"; } >/dev/null 2>&1 & exec 3<&-; wait "$plugin"';

export interface PortForward {
  /** Port on 127.0.0.1 that leads to the host's. */
  port: number;
  readonly open: boolean;
  close(): void;
}

export interface PortForwardArgs extends Omit<SessionArgs, 'document'> {
  /** Port of the host. */
  remotePort: number;
}

/**
 * Opens a free port of this machine.
 * @throws OperatorError where the plugin is missing, the host is not online or the session does not open
 */
export async function openPortForward({ remotePort, ...session }: PortForwardArgs): Promise<PortForward> {
  const call = await startSession({
    ...session,
    document: { name: DOCUMENT, parameters: { portNumber: [String(remotePort)] } },
  });
  const child = spawn('sh', ['-c', WATCHED, 'sh', SESSION_PLUGIN, ...call.args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: call.env,
  });
  let said = '';
  let ended = false;
  const close = (): void => void child.stdin.end();
  child.stdin.on('error', () => undefined);
  const port = await new Promise<number>((resolve, reject) => {
    const timer = setTimeout(() => fail(`it took longer than ${OPENS_WITHIN_MS / 1000} s`), OPENS_WITHIN_MS);
    const fail = (why: string, cause?: unknown): void => {
      clearTimeout(timer);
      close();
      const words = said.trim() === '' ? '' : `: ${said.trim()}`;
      reject(
        new OperatorError(`the session to host ${session.instanceId} did not open: ${why}${words}`, {
          next: 'qbench host shell tries a session without a port',
          cause,
        }),
      );
    };
    const hear = (text: string): void => {
      said = (said + text).slice(-2000);
      const opened = /Port (\d+) opened for sessionId/.exec(said)?.[1];
      if (opened === undefined) return;
      clearTimeout(timer);
      resolve(Number(opened));
    };
    child.stdout.setEncoding('utf8').on('data', hear);
    child.stderr.setEncoding('utf8').on('data', hear);
    child.on('error', (error) => fail(messageOf(error), error));
    child.on('close', (code) => {
      ended = true;
      fail(`${SESSION_PLUGIN} ended with ${code ?? 'a signal'}`);
    });
  });
  // What goes on through it keeps the process alive, not the tunnel itself.
  child.unref();
  for (const stream of [child.stdin, child.stdout, child.stderr]) (stream as unknown as { unref(): void }).unref();
  return {
    port,
    get open() {
      return !ended;
    },
    close,
  };
}
