/**
 * The cheapest check that an index still answers rightly: a stored row's own embedding must find that row, or an equal one,
 * first. amcheck knows no HNSW; a zeroed or torn page shows here as an error, a wrong answer or a miss.
 */
import { messageOf } from '../errors';
import type { Session } from '../ports';
import { inSearch, plannedIndexes, searchNear, type SearchOptions, type SearchTarget } from './search';

export interface SelfQueryResult {
  queries: number;
  /** Rows that did not find themselves. */
  misses: number;
  /** Searches that the server answered with an error. */
  errors: number;
  /** The first error's words. */
  firstError: string | undefined;
  /** Whether searches were answered by this index at all. */
  indexUsed: boolean;
  healthy: boolean;
}

/** Cosine distance below which vectors count as equal: beyond the rounding of float4, below the distance of different texts. */
const EQUAL_DISTANCE = 1e-5;
/** Share of rows that may be missed: HNSW leaves a few rows unreachable by design, about one in a thousand. */
const TOLERATED_MISSES = 0.05;
/** Least ef_search, so that a miss says something of the graph and not of a narrow search. */
const BREADTH_FLOOR = 100;

/**
 * @param ids rows to ask with; see sampleIds
 * @throws only where the connection is lost
 */
export async function selfQueryProbe(
  session: Session,
  target: SearchTarget,
  ids: readonly number[],
  options: SearchOptions = {},
): Promise<SelfQueryResult> {
  const breadth = target.method === 'hnsw' ? Math.max(BREADTH_FLOOR, options.breadth ?? 0) : options.breadth;
  const result: SelfQueryResult = {
    queries: 0,
    misses: 0,
    errors: 0,
    firstError: undefined,
    indexUsed: true,
    healthy: true,
  };
  const ask = async (batch: readonly number[]): Promise<void> => {
    await inSearch(session, target, { ...options, breadth }, async () => {
      for (const id of batch) {
        result.queries++;
        if (result.queries === 1)
          result.indexUsed = (await plannedIndexes(session, target, id, 1)).includes(target.name);
        const [nearest] = await searchNear(session, target, id, 1);
        if (nearest === undefined || (nearest.id !== id && !(nearest.distance <= EQUAL_DISTANCE))) result.misses++;
      }
    });
  };
  // An error ends its transaction; the rows after it are asked in the next one.
  while (result.queries < ids.length) {
    try {
      await ask(ids.slice(result.queries));
    } catch (error) {
      await session.query('SELECT 1');
      if (result.queries === 0) throw error;
      result.errors++;
      result.firstError ??= messageOf(error);
    }
  }
  result.healthy =
    result.indexUsed && result.errors === 0 && result.misses <= Math.floor(ids.length * TOLERATED_MISSES);
  return result;
}
