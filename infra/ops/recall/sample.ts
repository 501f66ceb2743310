/** Random rows of a table, without reading the table. */
import type { Queryable } from '../ports';
import { sqlWith } from '../indexes/text';

/** More ids are drawn than rows wanted: gaps in the ids give the same row twice. */
const OVERDRAW = 1.5;
const ROUNDS = 6;

/**
 * Draws rows by the first id at or above a random number. Rows after a gap are drawn more often than others; where few rows were
 * deleted that does not matter for recall.
 * @param random numbers in [0, 1); seeded ones make the sample repeatable
 * @returns at most `count` ids of rows that have an embedding with a direction, in random order
 */
export async function sampleIds(
  session: Queryable,
  place: { table: string; column: string },
  count: number,
  random: () => number,
): Promise<number[]> {
  const { table, column } = place;
  const range = await session.query<{ first: number | null; last: number | null }>(
    sqlWith('queries/recall-id-range', { table }),
  );
  const { first, last } = range.rows[0] ?? { first: null, last: null };
  if (first === null || last === null) return [];
  const found = new Set<number>();
  for (let round = 0; round < ROUNDS && found.size < count; round++) {
    const wanted = Math.ceil((count - found.size) * OVERDRAW);
    const points = Array.from({ length: wanted }, () => first + Math.floor(random() * (last - first + 1)));
    const { rows } = await session.query<{ id: number }>(sqlWith('queries/recall-sample', { table, column }), [points]);
    for (const { id } of rows) found.add(id);
    // Every row of a small table is there already.
    if (rows.length === 0) break;
  }
  // The answer comes sorted by id; cutting it without shuffling would leave out the newest rows.
  const keyed = [...found].map((id) => ({ id, key: random() }));
  return keyed
    .sort((a, b) => a.key - b.key)
    .slice(0, count)
    .map(({ id }) => id);
}
