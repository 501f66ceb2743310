/** What pg_stat_statements says of this database. */
import { OperatorError, messageOf } from '../errors';
import { sqlState } from '../indexes/sessions';
import type { Database } from '../ports';
import { sqlText } from '../sqlText';
import { SNAPSHOT_TIMEOUT_MS } from './collect';

export interface StatementFact {
  id: string;
  /** Normalised: $1 where a value was. */
  query: string;
  role: string;
  calls: number;
  meanMs: number;
  maxMs: number;
  deviationMs: number;
  totalMs: number;
  rows: number;
  blocksHit: number;
  blocksRead: number;
  vectorSearch: boolean;
}

export interface StatementChoice {
  leastMeanMs: number;
  order: 'mean' | 'total';
  limit: number;
  vectorOnly: boolean;
}

interface StatementRow {
  id: string;
  query: string;
  role: string | null;
  calls: number;
  mean_ms: number;
  max_ms: number;
  deviation_ms: number;
  total_ms: number;
  rows: number;
  blocks_hit: number;
  blocks_read: number;
  vector_search: boolean;
}

const NOT_LOADED = '55000';
/** Rows asked for where only vector searches are wanted: they are picked here. */
const ALL = 5000;

/** @throws OperatorError where the server does not collect statements */
export async function readStatements(database: Database, choice: StatementChoice): Promise<StatementFact[]> {
  const session = await database.connect({
    role: 'monitor',
    applicationName: 'qbench queries',
    statementTimeoutMs: SNAPSHOT_TIMEOUT_MS,
  });
  try {
    const { rows } = await session.query<StatementRow>(sqlText('queries/monitoring-statements'), [
      choice.leastMeanMs,
      choice.order,
      choice.vectorOnly ? ALL : choice.limit,
    ]);
    return rows
      .filter((row) => row.vector_search || !choice.vectorOnly)
      .slice(0, choice.limit)
      .map((row) => ({
        id: row.id,
        query: row.query,
        role: row.role ?? '-',
        calls: row.calls,
        meanMs: row.mean_ms,
        maxMs: row.max_ms,
        deviationMs: row.deviation_ms,
        totalMs: row.total_ms,
        rows: row.rows,
        blocksHit: row.blocks_hit,
        blocksRead: row.blocks_read,
        vectorSearch: row.vector_search,
      }));
  } catch (error) {
    if (sqlState(error) !== NOT_LOADED) throw error;
    throw new OperatorError(`the server collects no statements: ${messageOf(error)}`, {
      next: 'shared_preload_libraries must name pg_stat_statements, and the server be started again with it',
      cause: error,
    });
  } finally {
    await session.close();
  }
}
