/** What a database holds, counted row by row, and whether its indexes are valid: for proofs. Monitoring takes a snapshot instead. */
import type { Queryable } from './ports';
import { sqlText } from './sqlText';

export interface Contents {
  documents: number;
  documentsWithoutEmbedding: number;
  steps: number;
  stepsWithoutEmbedding: number;
  /** Vector indexes, and every other index of the tables that is not valid. */
  indexes: { name: string; valid: boolean }[];
}

interface Counts {
  documents: string;
  documents_without_embedding: string;
  steps: string;
  steps_without_embedding: string;
}

export async function readContents(session: Queryable): Promise<Contents> {
  const counts = (await session.query<Counts>(sqlText('queries/contents-counts'))).rows[0];
  if (counts === undefined) throw new Error('the counts gave no row');
  const { rows } = await session.query<{ index_name: string; valid: boolean }>(sqlText('queries/contents-indexes'));
  return {
    documents: Number(counts.documents),
    documentsWithoutEmbedding: Number(counts.documents_without_embedding),
    steps: Number(counts.steps),
    stepsWithoutEmbedding: Number(counts.steps_without_embedding),
    indexes: rows.map(({ index_name: name, valid }) => ({ name, valid })),
  };
}
