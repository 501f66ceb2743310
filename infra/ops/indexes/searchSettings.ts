/** hnsw.ef_search and ivfflat.probes that new sessions of the database start with. */
import type { ProgressSink, Session } from '../ports';
import { quoteIdent } from '../sqlText';
import type { SearchSettings } from './desired';

/** Search parameters that differ, as parameter and value. */
export function searchChanges(now: SearchSettings, wanted: SearchSettings): [parameter: string, value: number][] {
  const changes: [string, number][] = [];
  if (wanted.efSearch !== undefined && wanted.efSearch !== now.efSearch) {
    changes.push(['hnsw.ef_search', wanted.efSearch]);
  }
  if (wanted.probes !== undefined && wanted.probes !== now.probes) changes.push(['ivfflat.probes', wanted.probes]);
  return changes;
}

/** The session must be the owner's of the database. A pool's sessions take the values up when they are renewed. */
export async function setForDatabase(
  session: Session,
  changes: readonly (readonly [parameter: string, value: number])[],
  progress: ProgressSink,
): Promise<void> {
  const { rows } = await session.query<{ name: string }>('SELECT pg_catalog.current_database() AS name');
  // Without pgvector's library in the session the server does not know the parameters.
  await session.query("SELECT '[1]'::public.vector");
  for (const [parameter, value] of changes) {
    await session.query(`ALTER DATABASE ${quoteIdent(rows[0]?.name ?? '')} SET ${parameter} = ${value}`);
    progress.note(`new sessions start with ${parameter} = ${value}`);
  }
}
