/** Does a migrated database keep the application's contract? */
import { messageOf } from '../errors';
import type { Database } from '../ports';
import { sqlText } from '../sqlText';

export interface ContractCheck {
  check: string;
  ok: boolean;
  /** What is not as it should be; one line each. */
  problems: string[];
}

const SHAPE: readonly { check: string; query: string }[] = [
  { check: 'columns: types, NOT NULL, defaults', query: 'queries/contract-columns' },
  { check: 'look-up indexes and unique keys', query: 'queries/contract-indexes' },
];

/** Asks the catalog only; may run against any database. */
export async function checkContractShape(database: Database): Promise<ContractCheck[]> {
  const session = await database.connect({ role: 'owner' });
  try {
    const results: ContractCheck[] = [];
    for (const { check, query } of SHAPE) {
      const { rows } = await session.query<{ subject: string; expected: string; found: string }>(sqlText(query));
      const problems = rows.map(({ subject, expected, found }) => `${subject} should be ${expected}; found ${found}`);
      results.push({ check, ok: problems.length === 0, problems });
    }
    return results;
  } finally {
    await session.close();
  }
}

/** Loads sample rows as the application and asks functions, trigger and constraints about them. For a scratch database only. */
export async function checkContractBehaviour(scratch: Database): Promise<ContractCheck> {
  const check = 'sample rows: upserts, searches with filters, updated_at, cascade';
  const session = await scratch.connect({ role: 'app' });
  try {
    await session.query(sqlText('maintenance/contract-behaviour'));
    return { check, ok: true, problems: [] };
  } catch (error) {
    return { check, ok: false, problems: [messageOf(error)] };
  } finally {
    await session.close();
  }
}
