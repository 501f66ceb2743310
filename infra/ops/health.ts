/** `qbench health`: how the database is, in one look. */
import { checkPgvector, type CheckLevel } from './environment';
import type { Queryable } from './ports';
import { sqlText } from './sqlText';

export interface VectorIndexHealth {
  table: string;
  name: string;
  method: string;
  valid: boolean;
  /** Being made right now: not valid yet, and not a leftover. */
  building: boolean;
  bytes: number;
}

export interface HealthReport {
  status: 'ok' | 'warning' | 'critical';
  databaseBytes: number;
  documents: number;
  documentsWithoutEmbedding: number;
  steps: number;
  stepsWithoutEmbedding: number;
  pgvectorVersion: string | null;
  /** Vector indexes, and every other index of the tables that is not valid. */
  indexes: VectorIndexHealth[];
  /** Why it is not ok, the worst first. */
  problems: { level: 'warning' | 'critical'; message: string; next: string }[];
}

/** Exit codes of `qbench health`, as monitoring systems take them. */
export const HEALTH_EXIT_CODES = { ok: 0, warning: 1, critical: 2 } as const;

interface Counts {
  database_bytes: string;
  documents: string;
  documents_without_embedding: string;
  steps: string;
  steps_without_embedding: string;
  pgvector_version: string | null;
}

interface IndexRow {
  table_name: string;
  index_name: string;
  method: string;
  valid: boolean;
  building: boolean;
  bytes: string;
}

/** Tables that searches go to, each with what is counted there. */
const SEARCHED = ['test_documents', 'test_steps'] as const;

/** Asks and judges. Throws what the driver throws where the server does not answer. */
export async function readHealth(session: Queryable): Promise<HealthReport> {
  const counts = (await session.query<Counts>(sqlText('queries/health-counts'))).rows[0];
  if (counts === undefined) throw new Error('the counts gave no row');
  const { rows } = await session.query<IndexRow>(sqlText('queries/health-indexes'));
  const facts = {
    databaseBytes: Number(counts.database_bytes),
    documents: Number(counts.documents),
    documentsWithoutEmbedding: Number(counts.documents_without_embedding),
    steps: Number(counts.steps),
    stepsWithoutEmbedding: Number(counts.steps_without_embedding),
    pgvectorVersion: counts.pgvector_version,
    indexes: rows.map((row) => ({
      table: row.table_name,
      name: row.index_name,
      method: row.method,
      valid: row.valid,
      building: row.building,
      bytes: Number(row.bytes),
    })),
  };
  const problems = judge(facts);
  const status = problems.some(({ level }) => level === 'critical')
    ? 'critical'
    : problems.length > 0
      ? 'warning'
      : 'ok';
  return { status, ...facts, problems };
}

const LEVEL: Readonly<Record<CheckLevel, 'warning' | 'critical' | undefined>> = {
  ok: undefined,
  warn: 'warning',
  fail: 'critical',
};

/** What is wrong with these facts. Pure. */
export function judge(facts: Omit<HealthReport, 'status' | 'problems'>): HealthReport['problems'] {
  const problems: HealthReport['problems'] = [];
  const applyIndexes = 'pulumi up, or qbench index apply';
  for (const table of SEARCHED) {
    const vectors = facts.indexes.filter(
      (index) => index.table === table && ['hnsw', 'ivfflat'].includes(index.method),
    );
    if (!vectors.some(({ valid }) => valid)) {
      const building = vectors.some((index) => index.building);
      problems.push({
        level: building ? 'warning' : 'critical',
        message: `${table} has no valid vector index${building ? ' yet: it is being built' : ''}; searches compare every row`,
        next: building ? 'wait for the build' : applyIndexes,
      });
    }
  }
  for (const { name, table, valid, building } of facts.indexes) {
    if (!valid && !building)
      problems.push({
        level: 'warning',
        message: `index ${name} of ${table} is not valid: a build was cut off`,
        next: applyIndexes,
      });
  }
  const { level, detail, next } =
    facts.pgvectorVersion === null
      ? { level: 'fail' as const, detail: 'not in this database', next: 'pulumi up makes it' }
      : checkPgvector(facts.pgvectorVersion);
  const gate = LEVEL[level];
  if (gate !== undefined)
    problems.push({ level: gate, message: `pgvector: ${detail}`, next: next ?? 'upgrade pgvector' });
  const missing = [
    [facts.documentsWithoutEmbedding, 'documents'],
    [facts.stepsWithoutEmbedding, 'steps'],
  ] as const;
  for (const [count, what] of missing) {
    if (count > 0)
      problems.push({
        level: 'warning',
        message: `${count} ${what} have no embedding; no search finds them`,
        next: 'let the application compute them, or load them with qbench load',
      });
  }
  return problems.sort((a, b) => Number(b.level === 'critical') - Number(a.level === 'critical'));
}
