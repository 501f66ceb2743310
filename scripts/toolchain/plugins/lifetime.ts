/** The plugin's life: it ends with the engine, however the engine ends. */
import { fstatSync } from 'node:fs';

/** How often the parent is looked at. A killed engine cannot tell; on Linux and macOS the parent's id changes then. */
const PARENT_POLL_MS = 500;

/**
 * Calls `gone` once, when the engine is gone: the parent process changed, or the pipe it holds to our standard input
 * closed (a shell between us and the engine would hide the first).
 */
export function whenEngineGone(gone: () => void): void {
  const parent = process.ppid;
  let done = false;
  const finish = (): void => {
    if (done) return;
    done = true;
    gone();
  };
  setInterval(() => {
    if (process.ppid !== parent) finish();
  }, PARENT_POLL_MS).unref();
  if (stdinIsPipe()) {
    process.stdin.on('end', finish).on('error', finish).resume();
    // the server keeps the process alive, not its input
    (process.stdin as unknown as { unref?: () => void }).unref?.();
  }
}

function stdinIsPipe(): boolean {
  try {
    const stat = fstatSync(0);
    return stat.isFIFO() || stat.isSocket();
  } catch {
    return false;
  }
}
