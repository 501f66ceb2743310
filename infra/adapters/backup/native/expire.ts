/** Removing WAL that no kept backup needs. */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { isSegment, segmentNumber } from '../../../ops/backup/wal';
import type { Repository } from './repository';

/**
 * History files stay: they are a few bytes, and recovery asks for them. Parts of pushes that were killed go.
 * @param keepFrom oldest segment that is needed
 * @returns segments removed
 */
export function expireWal(repository: Repository, keepFrom: string): number {
  const dir = repository.path('wal');
  if (!existsSync(dir)) return 0;
  let removed = 0;
  for (const file of readdirSync(dir)) {
    const name = file.replace(/^\./, '').slice(0, 24);
    if (!isSegment(name) || segmentNumber(name) >= segmentNumber(keepFrom)) continue;
    rmSync(repository.path('wal', file), { force: true });
    if (file === `${name}.gz`) removed++;
  }
  return removed;
}
