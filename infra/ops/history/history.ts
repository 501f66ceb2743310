/** Who changed what, and when: the updates that the Pulumi backend remembers and the ledgers of the database, as one list. Pure but for `readLedgers`. */
import { readLedger } from '../migrations/ledger';
import type { Queryable } from '../ports';
import { sqlText } from '../sqlText';

/** One entry of `pulumi stack history --json`, as far as it is read here. */
export interface PulumiUpdate {
  kind: string;
  startTime: string;
  result: string;
  message?: string;
  environment?: Readonly<Record<string, string>>;
  config?: Readonly<Record<string, { value?: string; secret?: boolean }>>;
  resourceChanges?: Readonly<Record<string, number>>;
}

export interface HistoryEntry {
  /** ISO 8601 in UTC. */
  at: string;
  source: 'pulumi' | 'migration' | 'load';
  who: string;
  /** "update succeeded: 2 updated, 26 unchanged". */
  what: string;
  /** Settings that differ from the update before: "workload: {...} -> {...}". */
  settings: readonly string[];
}

const UNCHANGED = 'same';
const WORDS: Readonly<Record<string, string>> = {
  create: 'created',
  update: 'updated',
  delete: 'deleted',
  replace: 'replaced',
};

/** @param updates in any order */
export function updatesAsHistory(updates: readonly PulumiUpdate[]): HistoryEntry[] {
  const sorted = [...updates].sort((a, b) => Date.parse(a.startTime) - Date.parse(b.startTime));
  return sorted.map((update, index) => ({
    at: new Date(update.startTime).toISOString().replace(/\.\d{3}Z$/, 'Z'),
    source: 'pulumi',
    who: whoOf(update),
    what: whatOf(update),
    settings: update.kind === 'update' ? settingsBetween(before(sorted, index), update) : [],
  }));
}

/** The last update before this one; a destroy and a refresh leave the settings alone. */
function before(sorted: readonly PulumiUpdate[], index: number): PulumiUpdate | undefined {
  return sorted.slice(0, index).findLast(({ kind }) => kind === 'update');
}

function whoOf({ environment = {} }: PulumiUpdate): string {
  const person = environment['ci.pr.creator'] ?? environment['git.author'] ?? environment['git.committer'];
  const commit = environment['git.head']?.slice(0, 8);
  const dirty = environment['git.dirty'] === 'true' ? ' with changes' : '';
  const where = environment['ci.system'];
  return [person ?? '-', commit === undefined ? '' : `at ${commit}${dirty}`, where === undefined ? '' : `on ${where}`]
    .filter((part) => part !== '')
    .join(' ');
}

function whatOf({ kind, result, resourceChanges = {} }: PulumiUpdate): string {
  const counts = Object.entries(resourceChanges)
    .filter(([op]) => op !== UNCHANGED)
    .map(([op, count]) => `${count} ${WORDS[op] ?? op}`);
  return `${kind} ${result}: ${counts.length === 0 ? 'nothing changed' : counts.join(', ')}`;
}

function settingsBetween(earlier: PulumiUpdate | undefined, later: PulumiUpdate): string[] {
  if (earlier === undefined) return [];
  const [a, b] = [earlier.config ?? {}, later.config ?? {}];
  const shown = (entry: { value?: string; secret?: boolean } | undefined): string =>
    entry === undefined ? 'none' : entry.secret === true ? '(secret)' : (entry.value ?? '');
  return [...new Set([...Object.keys(a), ...Object.keys(b)])]
    .filter((key) => shown(a[key]) !== shown(b[key]))
    .sort()
    .map((key) => `${key.replace(/^qbench-postgres:/, '')}: ${shown(a[key])} -> ${shown(b[key])}`);
}

interface LoadRow {
  file: string;
  started_at: string;
  finished: boolean;
  inserted: string;
  updated: string;
  rejected: string;
  steps: string;
}

/** The ledgers that the database keeps itself: migrations and loads. */
export async function readLedgers(session: Queryable): Promise<HistoryEntry[]> {
  const migrations = await readLedger(session);
  const loads = migrations.length === 0 ? [] : (await session.query<LoadRow>(sqlText('queries/history-loads'))).rows;
  return [
    ...migrations.map(({ file, appliedAt, appliedBy }): HistoryEntry => ({
      at: appliedAt,
      source: 'migration',
      who: appliedBy,
      what: `${file} applied`,
      settings: [],
    })),
    ...loads.map((load): HistoryEntry => ({
      at: load.started_at,
      source: 'load',
      who: '-',
      what: `${load.file} ${load.finished ? 'loaded' : 'BEGUN, NOT FINISHED'}: ${load.inserted} inserted, ${load.updated} updated, ${load.rejected} rejected, ${load.steps} steps`,
      settings: [],
    })),
  ];
}

/** Oldest first. */
export function inOrder(entries: readonly HistoryEntry[]): HistoryEntry[] {
  return [...entries].sort((a, b) => a.at.localeCompare(b.at));
}
