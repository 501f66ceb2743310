/** Indexes whose work another one does already. */
import type { Queryable } from '../ports';
import { sqlText } from '../sqlText';

export interface DuplicateIndex {
  table: string;
  name: string;
  coveredBy: string;
  /** The same; else the beginning of the other. */
  equal: boolean;
}

export async function readDuplicates(queryable: Queryable): Promise<DuplicateIndex[]> {
  const { rows } = await queryable.query<{ table_name: string; name: string; covered_by: string; equal: boolean }>(
    sqlText('queries/monitoring-index-duplicates'),
  );
  return rows.map(({ table_name, name, covered_by, equal }) => ({
    table: table_name,
    name,
    coveredBy: covered_by,
    equal,
  }));
}
