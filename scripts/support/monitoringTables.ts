/** What monitoring found, for people. */
import { amountOf } from '../../infra/ops/monitoring/amount';
import type { Finding } from '../../infra/ops/monitoring/judge';
import type { Measurements } from '../../infra/ops/monitoring/measure';
import type { Snapshot } from '../../infra/ops/monitoring/snapshot';
import { bytes, table } from './output';

/** "1,234", or "about 1,234", or "?" */
export function countOf(value: number | null, estimated: boolean): string {
  return value === null ? '?' : `${estimated ? 'about ' : ''}${value.toLocaleString('en')}`;
}

/** "84 %" of blocks that were found in shared_buffers; "-" where nothing was read. */
export function hitRate(hit: number | null, read: number | null): string {
  const total = (hit ?? 0) + (read ?? 0);
  return total === 0 ? '-' : `${((100 * (hit ?? 0)) / total).toFixed(1)} %`;
}

export function findingLines(findings: readonly Finding[]): string[] {
  return findings.flatMap(({ severity, message, detail, runbook }) => [
    `${severity}: ${message}`,
    ...(detail === undefined ? [] : [`  ${detail}`]),
    `  see ${runbook}`,
  ]);
}

/** Everything on one screen of 80 columns and 24 lines, as long as little is wrong. */
export function screen(
  label: string,
  snapshot: Snapshot,
  values: Measurements,
  findings: readonly Finding[],
  status: string,
): string {
  const { server, database, sessions, wal, archiver } = snapshot;
  const value = (name: string, unit: Parameters<typeof amountOf>[1]): string => {
    const measured = values.get(name);
    return measured === undefined ? '?' : amountOf(measured.value, unit);
  };
  const version = `${Math.floor(server.versionNum / 10_000)}.${server.versionNum % 10_000}`;
  const lines = [
    `${label}: ${status}`,
    `server       PostgreSQL ${version}, pgvector ${server.pgvector ?? 'missing'}, up ${amountOf(server.uptimeSeconds, 'Seconds')}${server.inRecovery ? ', a standby' : ''}`,
    `size         ${bytes(database.bytes)}, ${value('sizeAgainstPlan', 'Percent')} of the plan; disk ${value('disk', 'Percent')} used; pg_wal ${bytes(wal.directoryBytes)}`,
    `connections  ${sessions.used} of ${sessions.limit}, ${sessions.active} active, ${sessions.idleInTransaction} idle in transaction, ${sessions.waiting} waiting for locks`,
    `longest      transaction ${value('longestTransaction', 'Seconds')}, statement ${value('longestQuery', 'Seconds')}`,
    `archiving    ${archiver.mode === 'off' ? 'off: what was written since the last backup is at risk' : `${archiver.failing ? 'FAILING' : 'on'}, at most ${amountOf(archiver.atRiskSeconds ?? 0, 'Seconds')} of data at risk`}`,
    `memory       vector indexes take ${value('memoryFit', 'Percent')} of shared_buffers (${bytes(server.sharedBuffersBytes)})`,
    '',
  ];
  const tables = table(
    ['table', 'rows', 'without embedding', 'dead', 'heap', 'TOAST', 'indexes'],
    snapshot.tables.map((each) => [
      each.name,
      countOf(each.rows, each.rowsEstimated),
      countOf(each.missingEmbeddings, each.missingEstimated),
      countOf(each.deadRows, false),
      bytes(each.heapBytes),
      each.toastBytes === null ? '?' : bytes(each.toastBytes),
      each.indexBytes === null ? '?' : bytes(each.indexBytes),
    ]),
    [1, 2, 3, 4, 5, 6],
  );
  const vectors = snapshot.indexes.filter(({ method, valid }) => ['hnsw', 'ivfflat'].includes(method) || !valid);
  const indexes = vectors.map(
    ({ name, method, bytes: size, valid, building, scans, blocksHit, blocksRead }) =>
      `${name} (${method}, ${bytes(size)}): ${valid ? 'valid' : building ? 'being built' : 'NOT VALID'}, ${scans.toLocaleString('en')} scans, cache hit ${hitRate(blocksHit, blocksRead)}`,
  );
  const empty = snapshot.tables.every(({ rows }) => rows === 0) ? ['the tables are empty: qbench load FILE'] : [];
  return [...lines, tables.trimEnd(), '', ...indexes, ...empty, ...findingLines(findings), ''].join('\n');
}
