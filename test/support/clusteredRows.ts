/**
 * Rows with embeddings that have near neighbours: a mixture of a few hundred centres, drawn from a seed, padded with zeros to 1536
 * dimensions (which keeps every cosine). Vectors without such structure have no neighbours worth finding.
 */
import type { Session } from '../../infra/ops/ports';

export interface ClusteredRows {
  /** Documents; each second one has one step with an embedding of its own. */
  documents: number;
  /** Number in [-1, 1] that everything is drawn from. @default 0.5 */
  seed?: number;
  /** Dimensions that are not padding. @default 128 */
  drawn?: number;
  /** First number of test_case_id, so that more rows can follow. @default 1 */
  from?: number;
}

const CENTRES = 200;
const DIMENSIONS = 1536;

/** Fills test_documents and test_steps and analyses them. */
export async function fillClustered(session: Session, rows: ClusteredRows): Promise<void> {
  const { documents, seed = 0.5, drawn = 128, from = 1 } = rows;
  await session.query('SELECT setseed($1)', [seed]);
  const noise = `(SELECT array_agg(random_normal()::real) FROM generate_series(1, ${drawn}) WHERE row_number IS NOT NULL)`;
  await session.query(`
    CREATE TEMP TABLE centre AS
      SELECT row_number, (${noise}::vector) AS v FROM generate_series(0, ${CENTRES - 1}) AS row_number`);
  const embedding = (offset: number): string => `(
    (SELECT v FROM centre WHERE centre.row_number = (d.row_number * 7 + ${offset}) % ${CENTRES})
      + ${noise.replace('row_number', 'd.row_number')}::vector
    )::real[] || array_fill(0::real, ARRAY[${DIMENSIONS - drawn}])`;
  const last = from + documents - 1;
  await session.query(`
    INSERT INTO test_documents (test_case_id, uid, title, embedding)
      SELECT d.row_number, 'T' || d.row_number, 'Case ' || d.row_number, (${embedding(0)})::vector(${DIMENSIONS})
        FROM generate_series(${from}, ${last}) AS d (row_number)`);
  await session.query(`
    INSERT INTO test_steps (test_document_id, step_index, action, embedding)
      SELECT t.id, 1, 'step', (${embedding(3)})::vector(${DIMENSIONS})
        FROM generate_series(${from}, ${last}, 2) AS d (row_number)
        JOIN test_documents AS t ON t.test_case_id = d.row_number`);
  await session.query('DROP TABLE centre');
  await session.query('ANALYZE test_documents, test_steps');
}
