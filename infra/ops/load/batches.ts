/** Lines to batches: what is written, or refused, in one transaction. */
import { setImmediate as turn } from 'node:timers/promises';
import { OperatorError } from '../errors';
import { FingerprintMap } from './fingerprints';
import { isBlank, type LoadInput } from './input';
import { splitLines, MAX_LINE_BYTES } from './lines';
import { RowParser, type DocumentRow, type OutsideEmbeddings, type RowRules } from './row';

/** A line that is not loaded. */
export interface BadLine {
  line: number;
  reasons: string[];
  /** The line as it was, unless it was too long to keep. */
  bytes: Buffer | undefined;
}

export interface Batch {
  rows: DocumentRow[];
  bad: BadLine[];
  /** Number of the last line that the batch covers. */
  lastLine: number;
}

export interface BatchLimits {
  rows: number;
  /** Of the COPY stream. */
  bytes: number;
}

/**
 * Large enough that the flush of a commit matters little, small enough that two of them (one being written, one being read)
 * stay below 100 MiB with everything around them.
 */
export const BATCH_LIMITS: BatchLimits = { rows: 4000, bytes: 28 * 1024 * 1024 };

/** Of the first batch, which the server waits for with nothing to do: it is small, and each one after it twice as large. */
const FIRST_BATCH_ROWS = 500;

/**
 * Bytes of lines and rows that are worked on in one turn of the event loop. The batch before is on its way to the server meanwhile, out of a
 * socket's buffer (208 KiB on Linux) that only this thread fills again: a turn must end before the server has read that much,
 * about 1.5 ms, or the two ends take turns instead of working side by side.
 */
const BYTES_A_TURN = 64 * 1024;

/**
 * Reads the batches of an input.
 * @param afterLine lines up to this one have been committed before: they are read, because later ones may repeat them, and not given
 */
export async function* readBatches(
  input: LoadInput,
  rules: RowRules,
  afterLine: number,
  signal: AbortSignal,
  limits: BatchLimits = BATCH_LIMITS,
): AsyncGenerator<Batch> {
  const parser = new RowParser(rules);
  const uids = new FingerprintMap();
  const testCaseIds = new FingerprintMap();
  let batch: Batch = { rows: [], bad: [], lastLine: afterLine };
  let bytes = 0;
  let work = 0;
  let wantedRows = Math.min(limits.rows, FIRST_BATCH_ROWS);
  let brokenAt: number | undefined;

  const judge = (line: number, raw: Buffer | undefined): void => {
    const outside = outsideOf(input);
    if (raw === undefined)
      return void batch.bad.push({ line, reasons: [`is longer than ${MAX_LINE_BYTES / 2 ** 20} MiB`], bytes: raw });
    const parsed = parser.parse(line, raw, outside);
    if ('reasons' in parsed) {
      if (parsed.stepsUnknown && input.embeddings?.steps !== undefined) {
        throw new OperatorError(
          `line ${line} ${parsed.reasons.join('; ')}, so the embeddings of its steps cannot be told from the next line's`,
        );
      }
      return void batch.bad.push({ line, reasons: parsed.reasons, bytes: raw });
    }
    const { row } = parsed;
    const sameUid = uids.add(row.uid, line);
    const sameId =
      row.testCaseId === null || sameUid !== undefined ? undefined : testCaseIds.add(String(row.testCaseId), line);
    const reasons = [
      ...(sameUid === undefined ? [] : [`uid ${JSON.stringify(row.uid)} was on line ${sameUid} already`]),
      ...(sameId === undefined ? [] : [`test_case_id ${row.testCaseId} was on line ${sameId} already`]),
    ];
    if (reasons.length > 0) return void batch.bad.push({ line, reasons, bytes: raw });
    batch.rows.push(row);
    bytes += row.bytes;
    work += row.bytes;
  };

  try {
    for await (const lines of splitLines(input.text(signal), MAX_LINE_BYTES, (line) => (brokenAt = line))) {
      for (const { number, bytes: raw } of lines) {
        batch.lastLine = number;
        if (raw === undefined || !isBlank(raw)) judge(number, raw);
        work += raw?.length ?? 0;
        if (work >= BYTES_A_TURN) {
          await turn();
          work = 0;
        }
        if (number <= afterLine) {
          batch = { rows: [], bad: [], lastLine: number };
          bytes = 0;
        } else if (batch.rows.length >= wantedRows || batch.bad.length >= limits.rows || bytes >= limits.bytes) {
          yield batch;
          wantedRows = Math.min(limits.rows, wantedRows * 2);
          batch = { rows: [], bad: [], lastLine: number };
          bytes = 0;
        }
      }
    }
  } catch (error) {
    if (brokenAt === undefined || !(error instanceof OperatorError)) throw error;
    const { allowed, next } = error;
    throw new OperatorError(`${error.message}; it breaks at line ${brokenAt}`, {
      ...(allowed === undefined ? {} : { allowed }),
      ...(next === undefined ? {} : { next }),
      cause: error,
    });
  }
  if (batch.rows.length > 0 || batch.bad.length > 0) yield batch;
}

function outsideOf(input: LoadInput): OutsideEmbeddings | undefined {
  if (input.embeddings === undefined) return undefined;
  const { documents, steps } = input.embeddings;
  return { document: documents.next(), ...(steps === undefined ? {} : { nextStep: () => steps.next() }) };
}
