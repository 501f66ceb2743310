/** One batch to the database, inside a transaction that the caller has begun. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { OperatorError } from '../errors';
import type { Session } from '../ports';
import { quoteIdent, sqlText } from '../sqlText';
import type { BadLine } from './batches';
import { DOCUMENT_COLUMNS, STEP_COLUMNS, columnIndex } from './columns';
import { boolField, copyStream, int4Field, type Field } from './copyBinary';
import { NO_COUNTS, type LoadCounts } from './ledger';
import type { DocumentRow } from './row';

/** What happens to a line whose document is in the database already. */
export type ConflictPolicy = 'update' | 'skip' | 'error';

export interface WriteRules {
  onConflict: ConflictPolicy;
  /** Line n gets firstTestCaseId + n - 1 where it names no test_case_id. */
  firstTestCaseId: number;
  /** Field for ingested_at and updated_at of new rows without them. */
  now: Buffer;
}

export interface WrittenBatch {
  /** Without `rejected` and `zeroVectors` of lines that did not get here. */
  counts: LoadCounts;
  /** Lines that contradict the database; nothing of them was written. */
  bad: Omit<BadLine, 'bytes'>[];
}

const INT4_MAX = 2_147_483_647;
const TEST_CASE_ID = columnIndex(DOCUMENT_COLUMNS, 'test_case_id');
const INGESTED_AT = columnIndex(DOCUMENT_COLUMNS, 'ingested_at');
const UPDATED_AT = columnIndex(DOCUMENT_COLUMNS, 'updated_at');
const IS_AUTOMATED = columnIndex(DOCUMENT_COLUMNS, 'is_automated');

const names = (columns: readonly { name: string }[]): string => columns.map(({ name }) => quoteIdent(name)).join(', ');
const copyInto = (table: string, first: string, columns: readonly { name: string }[]): string =>
  `COPY ${table} (${first}${names(columns)}) FROM STDIN (FORMAT binary)`;

/** Whether any row of the batch is in the database already. */
export async function meetsExisting(session: Session, rows: readonly DocumentRow[]): Promise<boolean> {
  const { rows: answer } = await session.query<{ known: string }>(sqlText('queries/load-known'), [
    rows.map((row) => row.uid),
    rows.flatMap((row) => (row.testCaseId === null ? [] : [row.testCaseId])),
  ]);
  return Number(answer[0]?.known) > 0;
}

function assignedId(rules: WriteRules, line: number): number {
  const id = rules.firstTestCaseId + line - 1;
  if (id > INT4_MAX) {
    throw new OperatorError(`line ${line} names no test_case_id, and no number is left to give it`, {
      next: 'put a test_case_id into every line',
    });
  }
  return id;
}

async function copy(session: Session, sql: string, rows: Iterable<readonly Field[]>): Promise<number> {
  const { stream, finish } = session.copyFrom(sql);
  await pipeline(Readable.from(copyStream(rows), { objectMode: true, highWaterMark: 8 }), stream);
  return finish;
}

/** Straight into the tables: for a batch of which nothing is in the database yet. */
export async function copyNew(
  session: Session,
  rows: readonly DocumentRow[],
  rules: WriteRules,
): Promise<WrittenBatch> {
  const stepRows = rows.reduce((sum, row) => sum + row.steps.length, 0);
  const ids = stepRows === 0 ? undefined : await takeIds(session, rows.length);
  await copy(
    session,
    copyInto('public.test_documents', ids === undefined ? '' : '"id", ', DOCUMENT_COLUMNS),
    (function* () {
      for (const [index, row] of rows.entries()) {
        const fields = [...row.fields];
        fields[TEST_CASE_ID] ??= int4Field(assignedId(rules, row.line));
        fields[INGESTED_AT] ??= rules.now;
        fields[UPDATED_AT] ??= rules.now;
        fields[IS_AUTOMATED] ??= boolField(false);
        yield ids === undefined ? fields : [ids[index] as Buffer, ...fields];
      }
    })(),
  );
  if (ids !== undefined) {
    await copy(
      session,
      copyInto('public.test_steps', '"test_document_id", ', STEP_COLUMNS),
      (function* () {
        for (const [index, row] of rows.entries())
          for (const step of row.steps) yield [ids[index] as Buffer, ...step.fields];
      })(),
    );
  }
  return {
    counts: { ...NO_COUNTS, inserted: rows.length, steps: stepRows, zeroVectors: zeroVectorsOf(rows) },
    bad: [],
  };
}

async function takeIds(session: Session, count: number): Promise<Buffer[]> {
  const { rows } = await session.query<{ id: number }>(sqlText('queries/load-take-ids'), [count]);
  return rows.map((row) => int4Field(row.id));
}

/** By way of staging tables: for a batch of which something is in the database already. */
export async function mergeBatch(
  session: Session,
  rows: readonly DocumentRow[],
  rules: WriteRules,
): Promise<WrittenBatch> {
  await session.query(sqlText('queries/load-staging'));
  await copy(
    session,
    copyInto('load_documents', '"line", "assigned_test_case_id", ', DOCUMENT_COLUMNS),
    rows.map((row) => [lineField(row.line), int4Field(assignedId(rules, row.line)), ...row.fields]),
  );
  await copy(
    session,
    copyInto('load_steps', '"line", ', STEP_COLUMNS),
    rows.flatMap((row) => row.steps.map((step) => [lineField(row.line), ...step.fields])),
  );
  await session.query(sqlText('queries/load-match-uid'));
  await session.query(sqlText('queries/load-match-test-case-id'));
  const bad = await contradictions(session);
  await discard(session, [...bad.keys()]);
  const known = await existing(session);
  if (rules.onConflict === 'error' && known.length > 0) {
    const [first] = known;
    throw new OperatorError(
      `${known.length} lines of this batch are in the database already, the first is line ${first?.line} (uid "${first?.uid}")`,
      {
        allowed: '--on-conflict update (the default) or skip',
        next: 'load it again with one of them',
      },
    );
  }
  let updated = 0;
  if (rules.onConflict === 'skip')
    await discard(
      session,
      known.map(({ line }) => Number(line)),
    );
  else updated = (await session.query(sqlText('queries/load-update-documents'))).rowCount;
  const inserted = (await session.query(sqlText('queries/load-insert-documents'))).rowCount;
  await session.query(sqlText('queries/load-match-uid'));
  const steps = (await session.query(sqlText('queries/load-upsert-steps'))).rowCount;
  const skip = rules.onConflict === 'skip';
  const gone = new Set([...bad.keys(), ...(skip ? known.map(({ line }) => Number(line)) : [])]);
  return {
    counts: {
      ...NO_COUNTS,
      inserted,
      updated,
      unchanged: skip ? 0 : known.length - updated,
      skipped: skip ? known.length : 0,
      steps,
      zeroVectors: zeroVectorsOf(rows.filter((row) => !gone.has(row.line))),
    },
    bad: [...bad].map(([line, reasons]) => ({ line, reasons })),
  };
}

async function contradictions(session: Session): Promise<Map<number, string[]>> {
  const { rows } = await session.query<{ line: string; reason: string }>(sqlText('queries/load-contradictions'));
  const byLine = new Map<number, string[]>();
  for (const { line, reason } of rows) byLine.set(Number(line), [...(byLine.get(Number(line)) ?? []), reason]);
  return new Map([...byLine].sort(([a], [b]) => a - b));
}

async function existing(session: Session): Promise<{ line: string; uid: string }[]> {
  return (await session.query<{ line: string; uid: string }>(sqlText('queries/load-existing-lines'))).rows;
}

async function discard(session: Session, lines: readonly number[]): Promise<void> {
  if (lines.length > 0) await session.query(sqlText('queries/load-discard-lines'), [lines]);
}

function lineField(line: number): Buffer {
  const field = Buffer.allocUnsafe(8);
  field.writeBigInt64BE(BigInt(line));
  return field;
}

function zeroVectorsOf(rows: readonly DocumentRow[]): number {
  return rows.reduce((sum, row) => sum + row.zeroVectors, 0);
}
