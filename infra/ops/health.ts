/** `qbench health`: how the database is, in one look: the snapshot beside the thresholds. */
import type { Planned, ResolvedThreshold } from './thresholds';
import { judge, statusOf, type Finding, type Status } from './monitoring/judge';
import { measure } from './monitoring/measure';
import { NO_MEMORY, vectorIndexes, type Observation } from './monitoring/observation';
import type { Snapshot, SnapshotIndex, SnapshotTable } from './monitoring/snapshot';

export interface HealthReport {
  status: Status;
  databaseBytes: number;
  documents: number | null;
  documentsWithoutEmbedding: number | null;
  steps: number | null;
  stepsWithoutEmbedding: number | null;
  pgvectorVersion: string | null;
  tables: Pick<SnapshotTable, 'name' | 'rows' | 'rowsEstimated' | 'missingEmbeddings' | 'missingEstimated'>[];
  /** Vector indexes, and every other index of the tables that is not valid. */
  indexes: Pick<SnapshotIndex, 'name' | 'table' | 'method' | 'valid' | 'building' | 'bytes'>[];
  /** Why it is not ok, the worst first. */
  findings: Finding[];
}

/** Exit codes of `qbench health`, as monitoring systems take them. */
export const HEALTH_EXIT_CODES: Readonly<Record<Status, number>> = { ok: 0, warning: 1, critical: 2 };

/** Judges one look. What needs a second look (rates, growth) is judged by `qbench monitor`. Pure. */
export function healthOf(
  snapshot: Snapshot,
  observation: Observation,
  planned: Planned,
  thresholds: readonly ResolvedThreshold[],
): HealthReport {
  const findings = judge(measure(observation, planned, NO_MEMORY), thresholds);
  const of = (name: string): SnapshotTable | undefined => snapshot.tables.find((table) => table.name === name);
  const vectors = vectorIndexes(snapshot);
  return {
    status: statusOf(findings),
    databaseBytes: snapshot.database.bytes,
    documents: of('test_documents')?.rows ?? null,
    documentsWithoutEmbedding: of('test_documents')?.missingEmbeddings ?? null,
    steps: of('test_steps')?.rows ?? null,
    stepsWithoutEmbedding: of('test_steps')?.missingEmbeddings ?? null,
    pgvectorVersion: snapshot.server.pgvector,
    tables: snapshot.tables.map(({ name, rows, rowsEstimated, missingEmbeddings, missingEstimated }) => ({
      name,
      rows,
      rowsEstimated,
      missingEmbeddings,
      missingEstimated,
    })),
    indexes: snapshot.indexes
      .filter((index) => vectors.includes(index) || !index.valid)
      .map(({ name, table, method, valid, building, bytes }) => ({ name, table, method, valid, building, bytes })),
    findings,
  };
}
