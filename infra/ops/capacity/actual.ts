/** What a live database holds and how large it is, in the words of the capacity plan. */
import type { IndexRequest, Workload } from '../../capacity/plan';
import type { VectorType } from '../../capacity/workload';
import type { Queryable } from '../ports';
import { sqlText } from '../sqlText';

/** Size of one relation, maps included. */
export interface ActualRelation {
  table: string;
  /** As in the plan: `heap`, `toast`, `toast index`, the columns of an index, or `embedding`. */
  name: string;
  bytes: number;
}

export interface ActualCapacity {
  relations: ActualRelation[];
  databaseBytes: number;
  /** The part of a workload that the database can tell. */
  workload: Partial<Workload> & Pick<Workload, 'documents'>;
  /** The vector index that is there; undefined where there is none. */
  index: IndexRequest | undefined;
}

interface RelationRow {
  table_name: string;
  kind: string;
  name: string;
  bytes: string;
  method: string | null;
  options: string[] | null;
  opclass: string | null;
}

interface WorkloadRow {
  documents: string;
  documents_embedded: string;
  title_bytes: number;
  description_bytes: number;
  text_bytes: number;
  steps: string;
  steps_embedded: string;
  documents_with_steps: string;
  step_text_bytes: number;
  dimensions: number | null;
  database_bytes: string;
}

function indexOf(row: RelationRow | undefined): IndexRequest | undefined {
  if (row === undefined) return undefined;
  const options = new Map((row.options ?? []).map((option) => option.split('=') as [string, string]));
  const type = (row.opclass?.split('_')[0] ?? 'vector') as VectorType;
  const option = (name: string): number | undefined => (options.has(name) ? Number(options.get(name)) : undefined);
  // What is absent in the catalog has pgvector's own default: m = 16, ef_construction = 64, lists = 100.
  if (row.method === 'ivfflat') return { profile: 'ivfflat', type, lists: option('lists') ?? 100 };
  return { profile: 'speed', type, m: option('m') ?? 16, efConstruction: option('ef_construction') ?? 64 };
}

function share(part: string, whole: string): number {
  return Number(whole) === 0 ? 0 : Number(part) / Number(whole);
}

function workloadOf(row: WorkloadRow): ActualCapacity['workload'] {
  const withSteps = Number(row.documents_with_steps);
  return {
    documents: Number(row.documents),
    shareWithSteps: share(row.documents_with_steps, row.documents),
    stepsPerDocument: withSteps === 0 ? 0 : Number(row.steps) / withSteps,
    shareOfDocumentsEmbedded: share(row.documents_embedded, row.documents),
    shareOfStepsEmbedded: share(row.steps_embedded, row.steps),
    titleBytes: row.title_bytes,
    descriptionBytes: row.description_bytes,
    textBytesPerDocument: row.text_bytes,
    textBytesPerStep: row.step_text_bytes,
    ...(row.dimensions === null ? {} : { dimensions: row.dimensions }),
  };
}

/** Reads sizes and the workload of a database. Counts every row: on a large database this takes seconds. */
export async function actualCapacity(session: Queryable): Promise<ActualCapacity> {
  const sizes = await session.query<RelationRow>(sqlText('queries/capacity-actual'));
  const { rows } = await session.query<WorkloadRow>(sqlText('queries/capacity-workload'));
  const [row] = rows;
  if (row === undefined) throw new Error('the query capacity-workload gave no row');
  const merged = new Map<string, ActualRelation>();
  for (const relation of sizes.rows) {
    const key = `${relation.table_name}/${relation.name}`;
    const bytes = Number(relation.bytes) + (merged.get(key)?.bytes ?? 0);
    merged.set(key, { table: relation.table_name, name: relation.name, bytes });
  }
  const vectorIndexes = sizes.rows.filter(({ kind }) => kind === 'vector index');
  return {
    relations: [...merged.values()],
    databaseBytes: Number(row.database_bytes),
    workload: workloadOf(row),
    index: indexOf(vectorIndexes.find(({ table_name: name }) => name === 'test_documents') ?? vectorIndexes[0]),
  };
}
