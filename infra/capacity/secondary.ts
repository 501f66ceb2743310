/**
 * Sizes of B-tree and GIN indexes. Fitted to indexes measured on a real server at 1,000 to 60,000 rows, filled by inserts as the
 * application does; good to about a fifth each, and together a few percent of a database that holds vectors.
 */
import { maxAlign } from './units';

/** Bytes of a B-tree leaf that a fresh or ascending index fills: fillfactor 90 of 8152. */
const FULL_LEAF_BYTES = 0.9 * 8152;

/** Share of a leaf that inserts in random order leave filled, against 0.9: page splits. Measured 1.3 to 1.6. */
const RANDOM_INSERT_FACTOR = 1.4;

/** Bytes a row takes in a B-tree of few distinct values, where equal keys share one entry (deduplication). */
const DEDUPLICATED_ROW_BYTES = 6.9;

/** Upper levels of a B-tree and its meta page. */
function withUpperLevels(leaves: number): number {
  return Math.ceil(leaves * 1.006) + (leaves > 1 ? 2 : 1);
}

/** Pages of a B-tree over distinct keys of `keyBytes`. `ascending`: filled in key order, as by a serial. */
export function btreePages(rows: number, keyBytes: number, ascending: boolean): number {
  const entry = 8 + maxAlign(keyBytes) + 4;
  const leaves = Math.ceil((rows * entry) / FULL_LEAF_BYTES);
  return withUpperLevels(ascending ? leaves : Math.ceil(leaves * RANDOM_INSERT_FACTOR));
}

/** Pages of a B-tree whose keys repeat many times. */
export function btreePagesOfFewValues(rows: number): number {
  return withUpperLevels(Math.ceil((rows * DEDUPLICATED_ROW_BYTES) / 8152));
}

/** Pages that a GIN index's list of pending entries grew to before it was merged (gin_pending_list_limit, 4 MB); they are kept, free. */
const PENDING_PAGES_MAX = 420;

/** Inserted one batch at a time a GIN index is this much larger than a built one, measured. */
const GIN_INSERT_FACTOR = 1.15;

/**
 * Pages of a GIN index.
 *
 * @param rows rows of the table
 * @param keysPerRow distinct keys a row (trigrams, tags)
 * @param distinctKeys distinct keys of the whole table
 */
export function ginPages(rows: number, keysPerRow: number, distinctKeys: number): number {
  const entries = rows * keysPerRow;
  const built = (distinctKeys * 65 + entries * 2.6) / 8152;
  const pending = Math.min(PENDING_PAGES_MAX, (entries * 20) / 8100);
  return 2 + Math.ceil(built * GIN_INSERT_FACTOR + pending);
}

/** Distinct trigrams of an English text of some length: 2.6 bytes^0.777, never more than its bytes. */
function trigramsOfText(textBytes: number): number {
  return Math.min(textBytes, 2.6 * textBytes ** 0.777);
}

/** Distinct trigrams of all texts together; English and identifiers saturate near 20,000. */
function distinctTrigrams(entries: number): number {
  return 20_000 * (1 - Math.exp(-entries / 300_000));
}

/** Pages of a trigram GIN index over texts of a mean length. */
export function trigramPages(rows: number, textBytes: number): number {
  const keysPerRow = trigramsOfText(textBytes);
  return ginPages(rows, keysPerRow, distinctTrigrams(rows * keysPerRow));
}
