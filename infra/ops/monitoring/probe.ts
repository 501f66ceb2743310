/** Timed searches with stored rows, as the SQL function qbench.probe() makes them. */
import { z } from 'zod';
import { OperatorError, UsageError } from '../errors';
import type { Queryable } from '../ports';
import { jsonOf } from './json';

const indexSchema = z.object({
  table: z.string(),
  index: z.string(),
  /** null where there is no valid index of the name. */
  type: z.string().nullable(),
  searches: z.number(),
  error: z.string().optional(),
  /** null where the table is empty. */
  indexUsed: z.boolean().nullish(),
  /** Stored rows that did not find themselves, of `searches`. */
  selfMisses: z.number().default(0),
  p50Ms: z.number().optional(),
  p95Ms: z.number().optional(),
  p99Ms: z.number().optional(),
  maxMs: z.number().optional(),
  /** Recall@k against exact comparisons; absent where none were asked for or the time was up. */
  recall: z.number().optional(),
  recallQueries: z.number().optional(),
  k: z.number().optional(),
});

const probeSchema = z.object({
  version: z.literal(1),
  at: z.iso.datetime(),
  elapsedMs: z.number(),
  indexes: z.array(indexSchema),
});

export type Probe = z.output<typeof probeSchema>;

export interface ProbeOptions {
  /** Searches by each index. @default 20 */
  searches?: number;
  /** Of them, so many are compared with an exact scan: each reads the whole table. @default 0 */
  comparisons?: number;
  /** No search begins after so many milliseconds. @default 5000 */
  budgetMs?: number;
}

/**
 * The whole question, for psql -XAtq as well.
 * @throws UsageError for numbers that the function refuses
 */
export function probeSql({ searches = 20, comparisons = 0, budgetMs = 5000 }: ProbeOptions = {}): string {
  const wrong = [searches, comparisons, budgetMs].find((value) => !Number.isInteger(value) || value < 0);
  if (wrong !== undefined) throw new UsageError(`a probe of ${wrong}`, { allowed: 'whole numbers from 0' });
  return `SELECT qbench.probe(${searches}, ${comparisons}, ${budgetMs})`;
}

/** @throws OperatorError where it is no answer of qbench.probe() */
export function parseProbe(json: unknown): Probe {
  const parsed = probeSchema.safeParse(jsonOf(json, 'probe'));
  if (parsed.success) return parsed.data;
  throw new OperatorError(`the probe of the database cannot be read: ${z.prettifyError(parsed.error)}`, {
    next: 'qbench migrate brings the functions of the database to the version of this program',
  });
}

export async function readProbe(queryable: Queryable, options: ProbeOptions = {}): Promise<Probe> {
  const { rows } = await queryable.query<{ probe: unknown }>(probeSql(options));
  return parseProbe(rows[0]?.probe);
}
