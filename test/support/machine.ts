/** A machine of a test's own: state in a temporary folder that the server's user can reach, the cache of this user. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { MachineContext } from '../../infra/adapters/localServer/layout';
import type { ProgressSink } from '../../infra/ops/ports';

export const CHECKOUT = resolve(__dirname, '..', '..');

export interface TestMachine {
  context: MachineContext;
  /** Removes everything; servers must have been stopped. */
  remove(): void;
}

export function testMachine(): TestMachine {
  const dir = mkdtempSync(join(tmpdir(), 'qbench-test-'));
  chmodSync(dir, 0o755);
  return {
    context: {
      checkout: CHECKOUT,
      stateDir: dir,
      cacheDir: process.env['QBENCH_CACHE_DIR'],
      home: homedir(),
      tmp: tmpdir(),
      uid: process.getuid?.() ?? -1,
      env: process.env,
    },
    remove: () => rmSync(dir, { recursive: true, force: true }),
  };
}

/** Progress that a test can read. */
export function recordedProgress(): ProgressSink & { lines: string[] } {
  const lines: string[] = [];
  return { lines, update: ({ phase }) => void lines.push(phase), note: (message) => void lines.push(message) };
}
