/** Bytes to lines, in bounded memory. */

/** A line without its end; `text` is undefined where it was longer than allowed and has been thrown away. */
export interface Line {
  /** Counted from 1, as editors do. */
  number: number;
  bytes: Buffer | undefined;
}

/**
 * Longest line that is read. A document of 1536 dimensions takes about 35 kB of JSON; this holds one with 900 steps.
 * A file without line ends (or with a line of gigabytes) must not fill the memory.
 */
export const MAX_LINE_BYTES = 32 * 1024 * 1024;

const LF = 0x0a;
const CR = 0x0d;
const BOM = Buffer.from([0xef, 0xbb, 0xbf]);

/**
 * Splits at LF, drops a CR before it and a byte order mark at the beginning.
 * @param onBreak told the number of the line that was being read when the source failed
 */
export async function* splitLines(
  source: AsyncIterable<Buffer>,
  maxBytes: number = MAX_LINE_BYTES,
  onBreak?: (line: number) => void,
): AsyncGenerator<Line[]> {
  let number = 0;
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  let tooLong = false;

  const take = (last: Buffer): Line => {
    number += 1;
    if (tooLong || pendingBytes + last.length > maxBytes) {
      pending = [];
      pendingBytes = 0;
      tooLong = false;
      return { number, bytes: undefined };
    }
    let bytes = pendingBytes === 0 ? last : Buffer.concat([...pending, last]);
    pending = [];
    pendingBytes = 0;
    if (number === 1 && bytes.subarray(0, 3).equals(BOM)) bytes = bytes.subarray(3);
    return { number, bytes: bytes[bytes.length - 1] === CR ? bytes.subarray(0, -1) : bytes };
  };

  try {
    for await (const chunk of source) {
      const lines: Line[] = [];
      let start = 0;
      for (let end = chunk.indexOf(LF); end !== -1; end = chunk.indexOf(LF, start)) {
        lines.push(take(chunk.subarray(start, end)));
        start = end + 1;
      }
      const rest = chunk.subarray(start);
      if (rest.length > 0 && !tooLong) {
        pending.push(rest);
        pendingBytes += rest.length;
        if (pendingBytes > maxBytes) {
          tooLong = true;
          pending = [];
        }
      }
      if (lines.length > 0) yield lines;
    }
  } catch (error) {
    onBreak?.(number + 1);
    throw error;
  }
  if (pendingBytes > 0) yield [take(Buffer.alloc(0))];
}
