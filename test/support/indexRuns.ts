/** Runs of the index lifecycle as tests want them: small memory, short waits, recorded progress. */
import { systemClock } from '../../infra/adapters/systemClock';
import { applyIndexes, type ApplyOptions, type ApplyResult } from '../../infra/ops/indexes/apply';
import { desiredIndexState, type DesiredIndexState, type IndexSettingsLike } from '../../infra/ops/indexes/desired';
import { unknownHost } from '../../infra/ops/indexes/host';
import type { Database } from '../../infra/ops/ports';
import { recordedProgress } from './machine';

export const SPEED: IndexSettingsLike = { profile: 'speed', type: 'vector', m: 16, efConstruction: 64, efSearch: 100 };
export const ACCURACY: IndexSettingsLike = { profile: 'accuracy', type: 'vector', m: 32, efConstruction: 128, efSearch: 200 };
export const HALFVEC: IndexSettingsLike = { profile: 'compact', type: 'halfvec', m: 16, efConstruction: 64, efSearch: 100 };
export const BIT: IndexSettingsLike = { profile: 'compact', type: 'bit', m: 16, efConstruction: 64, efSearch: 200 };
export const IVFFLAT: IndexSettingsLike = { profile: 'ivfflat', type: 'vector' };

/** Both contract indexes with memory and workers for a few thousand rows. */
export function stateOf(index: IndexSettingsLike, session: Partial<DesiredIndexState['session']> = {}): DesiredIndexState {
  return desiredIndexState(index, 1536, { maintenanceWorkMemMiB: 256, maxParallelWorkers: 1, ...session });
}

export function applyOptions(state: DesiredIndexState, more: Partial<ApplyOptions> = {}): ApplyOptions {
  return { state, host: unknownHost, clock: systemClock, progress: recordedProgress(), waitMs: 10_000, ...more };
}

export function apply(database: Database, index: IndexSettingsLike, more: Partial<ApplyOptions> = {}): Promise<ApplyResult> {
  return applyIndexes(database, applyOptions(stateOf(index), more));
}
