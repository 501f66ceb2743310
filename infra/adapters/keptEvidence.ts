/**
 * The last evidence of a stack's backups that this checkout saw, whichever tier it is of: what `qbench info` and `qbench drill` kept. The
 * gate, the policy pack and migrations read it, so that none of them has to reach a host at the moment in which it is being replaced.
 */
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { writeAtomically } from './atomicFile';
import type { MachineContext } from './localServer/layout';

type Place = Pick<MachineContext, 'checkout' | 'stateDir'>;

export function evidenceFile({ checkout, stateDir }: Place, stack: string): string {
  const state = stateDir === undefined || stateDir === '' ? join(checkout, '.qbench') : stateDir;
  return join(state, 'evidence', `${stack}.json`);
}

/** @param info what `qbench info --json` prints */
export function keepEvidence(place: Place, stack: string, info: object): void {
  const file = evidenceFile(place, stack);
  mkdirSync(dirname(file), { recursive: true, mode: 0o755 });
  writeAtomically(file, `${JSON.stringify(info, null, 2)}\n`, { mode: 0o600, concurrent: true });
}

/** @returns undefined where none was kept */
export function keptEvidence(place: Place, stack: string): string | undefined {
  try {
    return readFileSync(evidenceFile(place, stack), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

export function forgetEvidence(place: Place, stack: string): void {
  rmSync(evidenceFile(place, stack), { force: true });
}
