/** Rules of the vector indexes. */
import { MAX_DIMENSIONS, PROFILES } from '../capacity/workload';
import { shown } from './errors';
import { INDEX_TYPES, resolveIndex } from './indexProfiles';
import type { Rule } from './rule';

const indexRules: Rule[] = [
  {
    reads: ['index.profile', 'index.type'],
    check: ({ index }) => {
      const types = INDEX_TYPES[index.profile];
      if (index.type === undefined || types.includes(index.type)) return [];
      const hint =
        index.type === 'vector' ? 'index.profile: speed or accuracy' : 'index.profile: compact, which reranks';
      return [
        {
          key: 'index.type',
          problem: `"${index.type}" does not go with index.profile "${index.profile}"`,
          allowed: types.join(', '),
          hint,
        },
      ];
    },
  },
  {
    reads: ['index.profile', 'index.type', 'workload.dimensions'],
    check: ({ index, workload }) => {
      const { type } = resolveIndex(index);
      const most = MAX_DIMENSIONS[type];
      if (workload.dimensions <= most) return [];
      const wider = type === 'vector' && workload.dimensions <= MAX_DIMENSIONS.halfvec ? 'halfvec' : 'bit';
      return [
        {
          key: 'workload.dimensions',
          problem: `${String(workload.dimensions)} is not allowed with an index of type ${type}`,
          allowed: `at most ${String(most)}; pgvector's limit (HNSW_MAX_DIM)`,
          hint: `index.profile: compact and index.type: ${wider} take up to ${String(MAX_DIMENSIONS[wider])}`,
        },
      ];
    },
  },
  {
    reads: ['index.profile', 'index.m', 'index.efConstruction'],
    check: ({ index }) => {
      if (index.profile === 'ivfflat' || index.efConstruction === undefined) return [];
      const m = index.m ?? PROFILES[index.profile].m;
      if (index.efConstruction >= 2 * m) return [];
      return [
        {
          key: 'index.efConstruction',
          problem: `${String(index.efConstruction)} is less than twice index.m, which is ${String(m)}`,
          allowed: `an integer from ${String(2 * m)} to 1000; pgvector refuses less than 2 * m`,
        },
      ];
    },
  },
  {
    reads: ['index.profile'],
    check: ({ index }) => {
      const foreign =
        index.profile === 'ivfflat' ? (['m', 'efConstruction', 'efSearch'] as const) : (['lists', 'probes'] as const);
      return foreign
        .filter((key) => index[key] !== undefined)
        .map((key) => ({
          key: `index.${key}`,
          problem: `${shown(index[key])} means nothing with index.profile "${index.profile}"`,
          allowed: index.profile === 'ivfflat' ? 'lists and probes' : 'm, efConstruction and efSearch',
        }));
    },
  },
  {
    reads: ['index.profile', 'index.lists', 'index.probes'],
    check: ({ index }) =>
      index.profile === 'ivfflat' &&
      index.lists !== undefined &&
      index.probes !== undefined &&
      index.probes > index.lists
        ? [
            {
              key: 'index.probes',
              problem: `${String(index.probes)} is more than index.lists, which is ${String(index.lists)}`,
              allowed: `an integer from 1 to ${String(index.lists)}`,
            },
          ]
        : [],
  },
];

/** Rules of the vector indexes. */
export const INDEX_RULES: readonly Rule[] = [...indexRules];
