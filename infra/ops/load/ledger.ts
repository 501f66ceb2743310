/** The load ledger: how far each file has been committed. */
import type { Session } from '../ports';
import { sqlText } from '../sqlText';

/** What a batch, or a whole load, did. */
export interface LoadCounts {
  inserted: number;
  updated: number;
  /** In the database already, and equal. */
  unchanged: number;
  /** In the database already, and left alone by `--on-conflict skip`. */
  skipped: number;
  /** Bad lines, written to the reject file. */
  rejected: number;
  /** Steps inserted or updated. */
  steps: number;
  /** Embeddings that are all zeros. */
  zeroVectors: number;
}

export const NO_COUNTS: Readonly<LoadCounts> = {
  inserted: 0,
  updated: 0,
  unchanged: 0,
  skipped: 0,
  rejected: 0,
  steps: 0,
  zeroVectors: 0,
};

export function addCounts(a: LoadCounts, b: LoadCounts): LoadCounts {
  return {
    inserted: a.inserted + b.inserted,
    updated: a.updated + b.updated,
    unchanged: a.unchanged + b.unchanged,
    skipped: a.skipped + b.skipped,
    rejected: a.rejected + b.rejected,
    steps: a.steps + b.steps,
    zeroVectors: a.zeroVectors + b.zeroVectors,
  };
}

export interface LedgerEntry {
  lastLine: number;
  firstTestCaseId: number;
  counts: LoadCounts;
  /** False where the last committed row has been deleted since: the load must begin anew. */
  stillThere: boolean;
}

interface LedgerRow {
  last_line: string;
  first_test_case_id: number;
  inserted: string;
  updated: string;
  unchanged: string;
  skipped: string;
  rejected: string;
  steps: string;
  zero_vectors: string;
  still_there: boolean;
}

/** The unfinished load of a source, if there is one. */
export async function findUnfinished(session: Session, identity: string): Promise<LedgerEntry | undefined> {
  const { rows } = await session.query<LedgerRow>(sqlText('queries/load-ledger-find'), [identity]);
  const row = rows[0];
  if (row === undefined) return undefined;
  return {
    lastLine: Number(row.last_line),
    firstTestCaseId: row.first_test_case_id,
    stillThere: row.still_there,
    counts: {
      inserted: Number(row.inserted),
      updated: Number(row.updated),
      unchanged: Number(row.unchanged),
      skipped: Number(row.skipped),
      rejected: Number(row.rejected),
      steps: Number(row.steps),
      zeroVectors: Number(row.zero_vectors),
    },
  };
}

export async function beginLoad(
  session: Session,
  identity: string,
  name: string,
  firstTestCaseId: number,
): Promise<void> {
  await session.query(sqlText('queries/load-ledger-begin'), [identity, name, firstTestCaseId]);
}

/** In the transaction of the batch. */
export async function advance(
  session: Session,
  identity: string,
  lastLine: number,
  lastUid: string | undefined,
  counts: LoadCounts,
): Promise<void> {
  await session.query(sqlText('queries/load-ledger-advance'), [
    identity,
    lastLine,
    lastUid ?? null,
    counts.inserted,
    counts.updated,
    counts.unchanged,
    counts.skipped,
    counts.rejected,
    counts.steps,
    counts.zeroVectors,
  ]);
}

export async function finishLoad(session: Session, identity: string): Promise<void> {
  await session.query(sqlText('queries/load-ledger-finish'), [identity]);
}
