/** What the settings add to the index profiles of the capacity plan: the types each may have, and how widely it searches. */
import { PROFILES } from '../capacity/workload';
import type { ParsedSettings } from './schema';
import type { IndexSettings, IndexType } from './types';

/** Types each profile may have; bit only where the query reranks, without which its recall is poor. */
export const INDEX_TYPES: Readonly<Record<IndexSettings['profile'], readonly IndexType[]>> = {
  speed: ['vector', 'halfvec'],
  accuracy: ['vector', 'halfvec'],
  compact: ['halfvec', 'bit'],
  ivfflat: ['vector', 'halfvec'],
};

/** ef_search of a profile, and of bit: recall at 500,000 rows is 0.87 with pgvector's default of 40, 0.93 at 100, 0.96 at 200. */
const EF_SEARCH = { speed: 100, accuracy: 200, compact: 100, bit: 200 };

/** Fills in what the profile stands for. Rules have seen the input before. */
export function resolveIndex(given: ParsedSettings['index']): IndexSettings {
  const row = PROFILES[given.profile];
  const type = given.type ?? row.type;
  const { recallTolerance, buildWorkers } = given;
  const building = {
    ...(recallTolerance === undefined ? {} : { recallTolerance }),
    ...(buildWorkers === undefined ? {} : { buildWorkers }),
  };
  if (given.profile === 'ivfflat') {
    const { lists, probes } = given;
    return {
      profile: 'ivfflat',
      type,
      ...building,
      ...(lists === undefined ? {} : { lists }),
      ...(probes === undefined ? {} : { probes }),
    };
  }
  const m = given.m ?? row.m;
  return {
    profile: given.profile,
    type,
    ...building,
    m,
    // pgvector refuses ef_construction below 2 * m, so a larger m carries it along.
    efConstruction: given.efConstruction ?? Math.max(row.efConstruction, 2 * m),
    efSearch: given.efSearch ?? EF_SEARCH[type === 'bit' ? 'bit' : given.profile],
  };
}
