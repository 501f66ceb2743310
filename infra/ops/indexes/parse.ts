/** Reads desired state that came as JSON: every mistake in one error. */
import { z } from 'zod';
import { UsageError } from '../errors';
import type { DesiredIndexState } from './desired';

/** Most dimensions that an index of a type can hold, and the ranges of its parameters (pgvector src/hnsw.h, src/ivfflat.h). */
const LIMITS = {
  dimensions: { vector: 2000, halfvec: 4000, bit: 64_000 },
  m: [2, 100],
  ef: [4, 1000],
  lists: [1, 32_768],
} as const;

const identifier = z.string().regex(/^[a-z_][a-z0-9_]{0,39}$/, 'a lower-case SQL name of at most 40 characters');

const base = {
  name: identifier,
  table: identifier,
  column: identifier,
  type: z.enum(['vector', 'halfvec', 'bit']),
  metric: z.literal('cosine'),
  dimensions: z.int().min(1),
};

const index = z.discriminatedUnion('method', [
  z.strictObject({
    ...base,
    method: z.literal('hnsw'),
    profile: z.enum(['speed', 'accuracy', 'compact']),
    m: z.int().min(LIMITS.m[0]).max(LIMITS.m[1]),
    efConstruction: z.int().min(LIMITS.ef[0]).max(LIMITS.ef[1]),
  }),
  z.strictObject({
    ...base,
    method: z.literal('ivfflat'),
    profile: z.literal('ivfflat'),
    lists: z.int().min(LIMITS.lists[0]).max(LIMITS.lists[1]).exactOptional(),
  }),
]);

const state = z.strictObject({
  version: z.literal(1),
  indexes: z.array(index).min(1),
  session: z.strictObject({ maintenanceWorkMemMiB: z.int().min(1), maxParallelWorkers: z.int().min(0).max(1024) }),
  search: z.strictObject({
    efSearch: z.int().min(1).max(1000).exactOptional(),
    probes: z.int().min(1).max(32_768).exactOptional(),
  }),
  recallTolerance: z.number().min(0).max(1).exactOptional(),
  /** Says in the preview which database changed; the connection decides. */
  database: z.string().exactOptional(),
});

/** @throws UsageError with every mistake: where it is and what is allowed there */
export function parseDesiredIndexState(input: unknown): DesiredIndexState {
  const parsed = state.safeParse(input);
  const mistakes = parsed.success
    ? crossChecks(parsed.data)
    : parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'input'}: ${message}`);
  if (!parsed.success || mistakes.length > 0)
    throw new UsageError(`the desired indexes make no sense: ${mistakes.join('; ')}`);
  const { database: _database, ...desired } = parsed.data;
  return desired;
}

function crossChecks({ indexes }: DesiredIndexState): string[] {
  const names = indexes.map(({ name }) => name);
  const mistakes = names.filter((name, at) => names.indexOf(name) !== at).map((name) => `${name} is named twice`);
  for (const each of indexes) {
    const most = LIMITS.dimensions[each.type];
    if (each.dimensions > most)
      mistakes.push(`${each.name}: ${each.dimensions} dimensions; an index over ${each.type} holds at most ${most}`);
    if (each.method === 'hnsw' && each.efConstruction < 2 * each.m) {
      mistakes.push(`${each.name}: efConstruction ${each.efConstruction}; at least ${2 * each.m}, twice m`);
    }
  }
  return mistakes;
}
