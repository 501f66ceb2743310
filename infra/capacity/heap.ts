/** Pages of heaps and their TOAST tables, as PostgreSQL fills them by insertion. Sources: heaptoast.c, toast_internals.c, hio.c. */
import { maxAlign } from './units';

/** Bytes of a page without its header. */
const HEAP_PAGE_BYTES = 8168;

/** Line pointer of a tuple. */
const LINE_POINTER_BYTES = 4;

/** A tuple above this is shortened by moving values out of line (TOAST_TUPLE_TARGET). */
const TOAST_TARGET_BYTES = 2032;

/** Bytes of a value in one TOAST chunk (TOAST_MAX_CHUNK_SIZE). */
const CHUNK_BYTES = 1996;

/** Header, chunk_id, chunk_seq and the length word of a TOAST chunk's tuple. */
const CHUNK_HEADER_BYTES = 36;

/** What a tuple keeps of a value that was moved out of line. */
const TOAST_POINTER_BYTES = 18;

/** Bytes of text after pglz, measured on English text of some hundred bytes to some kilobytes. */
const TEXT_COMPRESSED_SHARE = 0.65;

/** Bytes that the chunks of one value of this many bytes take, one entry a chunk. */
function chunkTuples(valueBytes: number): number[] {
  const full = Math.floor(valueBytes / CHUNK_BYTES);
  const rest = valueBytes - full * CHUNK_BYTES;
  const size = (bytes: number): number => maxAlign(CHUNK_HEADER_BYTES + bytes) + LINE_POINTER_BYTES;
  return [...Array.from({ length: full }, () => size(CHUNK_BYTES)), ...(rest > 0 ? [size(rest)] : [])];
}

const SAMPLE_ROWS = 300;
const toastCache = new Map<string, number>();

/**
 * Pages a row's out-of-line values take in the TOAST table, by filling pages with some hundred rows as the server does: into the
 * page written last, else into one the free space map knows, else into a new one. vector(1536) takes one page a row,
 * halfvec(1536) half a page: pgvector stores both EXTERNAL, never compressed.
 */
export function toastPagesPerRow(valueBytes: readonly number[]): number {
  const key = valueBytes.join(',');
  const known = toastCache.get(key);
  if (known !== undefined) return known;
  const tuples = valueBytes.flatMap(chunkTuples);
  const free: number[] = [];
  let target = -1;
  for (let row = 0; row < SAMPLE_ROWS; row++) {
    for (const size of tuples) {
      if ((free[target] ?? -1) < size) {
        target = free.findIndex((space) => space >= size);
        if (target === -1) target = free.push(HEAP_PAGE_BYTES) - 1;
      }
      free[target] = (free[target] ?? 0) - size;
    }
  }
  const result = tuples.length === 0 ? 0 : free.length / SAMPLE_ROWS;
  toastCache.set(key, result);
  return result;
}

/** What one kind of row takes. */
export interface RowLayout {
  /** Bytes of the tuple in the heap, aligned, without its line pointer. */
  tupleBytes: number;
  /** Bytes of each value moved out of line. */
  toastedValueBytes: number[];
  /** TOAST chunks of a row, each with an entry in the TOAST table's index. */
  toastChunks: number;
}

/**
 * Decides what of a row stays in the heap, as heap_toast_insert_or_update does: a vector longer than the target goes out of
 * line first; long text is compressed; what is still too long goes out of line, the longest first.
 *
 * @param fixedBytes header and columns that are always in the heap
 * @param textBytes text and JSON of the row
 * @param vectorBytes bytes of the embedding with its header; 0 for NULL
 */
export function rowLayout(fixedBytes: number, textBytes: number, vectorBytes: number): RowLayout {
  const toasted: number[] = [];
  let vector = vectorBytes;
  let text = textBytes;
  const tooLong = (): boolean => fixedBytes + text + vector > TOAST_TARGET_BYTES;
  const moveVector = (): void => {
    if (vector <= TOAST_POINTER_BYTES) return;
    toasted.push(vector - 4);
    vector = TOAST_POINTER_BYTES;
  };
  if (tooLong() && vector > TOAST_TARGET_BYTES - fixedBytes) moveVector();
  if (tooLong()) text *= TEXT_COMPRESSED_SHARE;
  if (tooLong() && vector >= text) moveVector();
  if (tooLong() && text > TOAST_POINTER_BYTES) {
    toasted.push(Math.ceil(text));
    text = TOAST_POINTER_BYTES;
  }
  if (tooLong()) moveVector();
  const toastChunks = toasted.reduce((sum, bytes) => sum + Math.ceil(bytes / CHUNK_BYTES), 0);
  return { tupleBytes: maxAlign(fixedBytes + text + vector), toastedValueBytes: toasted, toastChunks };
}

/** Pages of a heap of `rows` tuples whose lengths vary around `tupleBytes`: half a tuple a page stays free. */
export function heapPages(rows: number, tupleBytes: number): number {
  if (rows === 0) return 0;
  const size = tupleBytes + LINE_POINTER_BYTES;
  return Math.ceil(rows / Math.max(1, (HEAP_PAGE_BYTES - size / 2) / size));
}

/** Pages of the free space map: one leaf for 4069 pages and two levels above it. */
export function freeSpaceMapPages(pages: number): number {
  return pages === 0 ? 0 : Math.ceil(pages / 4069) + 2;
}

/** Pages of the visibility map: two bits a heap page. */
export function visibilityMapPages(pages: number): number {
  return pages === 0 ? 0 : Math.ceil(pages / 32_672);
}
