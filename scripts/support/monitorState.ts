/** The file that `qbench monitor` remembers by. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { writeAtomically } from '../../infra/adapters/atomicFile';
import { OperatorError } from '../../infra/ops/errors';
import type { MonitorState } from '../../infra/ops/monitoring/judge';

/** @returns undefined where there is none yet, or it cannot be read: everything is then told once more */
export function readState(file: string): MonitorState | undefined {
  if (!existsSync(file)) return undefined;
  try {
    const state = JSON.parse(readFileSync(file, 'utf8')) as MonitorState;
    return (state.version as number) === 1 ? state : undefined;
  } catch {
    return undefined;
  }
}

/** Whole or not at all: a run that is killed leaves the last state. */
export function writeState(file: string, state: MonitorState): void {
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeAtomically(file, `${JSON.stringify(state)}\n`);
  } catch (error) {
    throw new OperatorError(`what was told cannot be remembered in ${file}: ${(error as Error).message}`, {
      next: 'name a file that you may write with --state FILE',
      cause: error,
    });
  }
}
