/** Reads and makes the ledger of applied migrations. */
import type { Queryable } from '../ports';
import { sqlText } from '../sqlText';
import type { AppliedMigration } from './history';

/** Schema and table that hold the ledger; `sql/maintenance/create-migration-ledger.sql` makes them. */
export const LEDGER = { schema: 'qbench', table: 'migrations' } as const;

export async function ensureLedger(session: Queryable): Promise<void> {
  await session.query(sqlText('maintenance/create-migration-ledger'));
}

/** What was applied, in the order it was; nothing where there is no ledger yet. */
export async function readLedger(session: Queryable): Promise<AppliedMigration[]> {
  const { rows: tables } = await session.query<{ there: boolean }>(
    'SELECT pg_catalog.to_regclass($1) IS NOT NULL AS there',
    [`${LEDGER.schema}.${LEDGER.table}`],
  );
  if (tables[0]?.there !== true) return [];
  const { rows } = await session.query<{ file: string; sha256: string; applied_at: string; applied_by: string }>(
    sqlText('queries/migration-ledger'),
  );
  return rows.map(({ file, sha256, applied_at, applied_by }) => ({
    file,
    sha256,
    appliedAt: applied_at,
    appliedBy: applied_by,
  }));
}
