/** What the guide's weekly and monthly maintenance comes to for a database as it is now, each step with its reason. Pure. */
import { expectedBytes } from '../monitoring/measureTables';
import { vectorIndexes } from '../monitoring/observation';
import type { Snapshot, SnapshotTable } from '../monitoring/snapshot';

export type MaintenanceKind = 'weekly' | 'monthly';

export interface MaintenanceStep {
  what: 'analyze' | 'vacuum' | 'reindex';
  /** Table, or index. */
  target: string;
  table: string;
  reason: string;
}

/** A vector index beyond this share of its fresh size is rebuilt. The threshold indexBloat warns from the same share on. */
const BLOATED_PERCENT = 150;
/** What autovacuum is set to begin at; a table beyond it was left behind. */
const DEAD_SHARE = 0.05;
const CHANGED_SHARE = 0.02;
const WEEK_SECONDS = 7 * 86_400;

const percent = (part: number, whole: number): string => `${((100 * part) / Math.max(1, whole)).toFixed(1)} %`;

/**
 * The steps, in the order in which they are done. Monthly rebuilds bloated indexes before it vacuums: vacuum of a large graph with
 * many dead elements takes longer than a rebuild (measured: 2.8 times after 10 % deletes), and after the rebuild has nothing to repair.
 */
export function maintenanceSteps(kind: MaintenanceKind, snapshot: Snapshot): MaintenanceStep[] {
  const bloated = kind === 'monthly' ? bloatedIndexes(snapshot) : [];
  return [...bloated, ...snapshot.tables.flatMap((table) => tableSteps(kind, table))];
}

function bloatedIndexes({ tables, ...snapshot }: Snapshot): MaintenanceStep[] {
  return vectorIndexes({ ...snapshot, tables }).flatMap((index) => {
    const expected = expectedBytes(index, tables);
    if (!index.valid || expected === undefined || (100 * index.bytes) / expected <= BLOATED_PERCENT) return [];
    const reason = `it takes ${percent(index.bytes, expected)} of what its rows need`;
    return [{ what: 'reindex' as const, target: index.name, table: index.table, reason }];
  });
}

function tableSteps(kind: MaintenanceKind, table: SnapshotTable): MaintenanceStep[] {
  const rows = table.rows ?? 0;
  const step = (what: 'analyze' | 'vacuum', reason: string): MaintenanceStep => ({
    what,
    target: table.name,
    table: table.name,
    reason,
  });
  const dead = table.deadRows ?? 0;
  const changed = table.changedSinceAnalyze ?? 0;
  if (kind === 'monthly')
    return [step('vacuum', 'once a month all of it, so that autovacuum never has a year to catch up')];
  if (dead > DEAD_SHARE * rows && dead > 0) return [step('vacuum', `${dead} dead rows, ${percent(dead, rows)} of all`)];
  if (table.analyzeAgeSeconds === null) return [step('analyze', 'it was never analysed')];
  if (changed > CHANGED_SHARE * rows)
    return [step('analyze', `${changed} rows changed, ${percent(changed, rows)} of all`)];
  if (table.analyzeAgeSeconds > WEEK_SECONDS && changed > 0)
    return [step('analyze', 'it changed, and was not analysed for a week')];
  return [];
}
