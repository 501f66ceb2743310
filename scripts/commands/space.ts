/** `qbench space`: what takes the room, how it grows, and how long it will do. */
import type { Command } from 'commander';
import { freeBytes } from '../../infra/adapters/hostFacts';
import { growthPerDay, NO_MEMORY, walBytesPerSecond, type Memory } from '../../infra/ops/monitoring/observation';
import type { Snapshot } from '../../infra/ops/monitoring/snapshot';
import { stackOf, type CliContext } from '../support/context';
import { stateFile, watched, withSnapshot, type Watched } from '../support/monitoring';
import { readState } from '../support/monitorState';
import { bytes, table } from '../support/output';

interface Space {
  databaseBytes: number;
  allDatabasesBytes: number;
  walBytes: number;
  plannedBytes: number;
  diskFreeBytes: number | null;
  /** Since the oldest sample that qbench monitor kept; null where it never ran, or not for an hour. */
  growthBytesPerDay: number | null;
  daysLeft: number | null;
  /** Since the last round of qbench monitor. */
  walBytesPerSecond: number | null;
  relations: { name: string; kind: 'heap' | 'TOAST' | 'index'; bytes: number | null }[];
}

export function register(program: Command, context: CliContext): void {
  program
    .command('space')
    .description('what takes the room: heaps, TOAST, indexes, WAL; growth, the plan, and days left')
    .option('--json', 'as JSON')
    .action(async (options: { json?: boolean }, command: Command) => {
      const what = watched(context, command);
      const { label } = context.database(command);
      await withSnapshot(context, command, async (snapshot) => {
        const state = readState(stateFile(context, stackOf(command), label));
        const space = await spaceOf(snapshot, what, state?.memory ?? NO_MEMORY);
        if (options.json === true) context.json(space);
        else context.write(forPeople(space));
      });
    });
}

async function spaceOf(snapshot: Snapshot, { planned, record }: Watched, { sizes, counters }: Memory): Promise<Space> {
  const { database, wal, tables, indexes, at } = snapshot;
  const own = database.allDatabasesBytes + wal.directoryBytes;
  const free = record === undefined ? undefined : await freeBytes(record.dataDir);
  const growth = growthPerDay(sizes, { at, bytes: database.bytes });
  const room = free ?? Math.max(0, planned.diskBytes - own);
  return {
    databaseBytes: database.bytes,
    allDatabasesBytes: database.allDatabasesBytes,
    walBytes: wal.directoryBytes,
    plannedBytes: planned.databaseBytes,
    diskFreeBytes: free ?? null,
    growthBytesPerDay: growth ?? null,
    daysLeft: growth === undefined || growth <= 0 ? null : room / growth,
    walBytesPerSecond: walBytesPerSecond(counters, snapshot) ?? null,
    relations: [
      ...tables.flatMap(({ name, heapBytes, toastBytes }) => [
        { name, kind: 'heap' as const, bytes: heapBytes },
        { name, kind: 'TOAST' as const, bytes: toastBytes },
      ]),
      ...indexes.map(({ name, bytes: size }) => ({ name, kind: 'index' as const, bytes: size })),
    ].sort((a, b) => (b.bytes ?? 0) - (a.bytes ?? 0)),
  };
}

function forPeople(space: Space): string {
  const share = (value: number): string => `${((100 * value) / Math.max(1, space.databaseBytes)).toFixed(1)} %`;
  const rows = space.relations.map(({ name, kind, bytes: size }) => [
    name,
    kind,
    size === null ? '?' : bytes(size),
    size === null ? '' : share(size),
  ]);
  const growth =
    space.growthBytesPerDay === null
      ? 'not known yet: qbench monitor keeps the sizes that it is told from'
      : `${bytes(space.growthBytesPerDay)} a day${space.daysLeft === null ? '' : `; room for ${Math.floor(space.daysLeft)} days`}`;
  return [
    table(['relation', 'kind', 'size', 'share'], rows, [2, 3]).trimEnd(),
    '',
    `database  ${bytes(space.databaseBytes)} of ${bytes(space.plannedBytes)} planned for the horizon (${Math.round((100 * space.databaseBytes) / space.plannedBytes)} %)`,
    `server    all databases ${bytes(space.allDatabasesBytes)}, pg_wal ${bytes(space.walBytes)}${space.diskFreeBytes === null ? '' : `, free on the disk ${bytes(space.diskFreeBytes)}`}`,
    `growth    ${growth}`,
    ...(space.walBytesPerSecond === null
      ? []
      : [`WAL       ${bytes(space.walBytesPerSecond)}/s since the last round of qbench monitor`]),
    '',
  ].join('\n');
}
