/** `qbench indexes`: every index with its size against what its rows need, its use, and whether another one does its work. */
import type { Command } from 'commander';
import { expectedBytes } from '../../infra/ops/monitoring/measureTables';
import { readDuplicates, type DuplicateIndex } from '../../infra/ops/monitoring/duplicates';
import type { CliContext } from '../support/context';
import { withSnapshot } from '../support/monitoring';
import { hitRate } from '../support/monitoringTables';
import { bytes, table } from '../support/output';

interface IndexLine {
  name: string;
  table: string;
  method: string;
  state: 'valid' | 'building' | 'invalid';
  bytes: number;
  /** Size when built afresh; null for other indexes than vector indexes. */
  expectedBytes: number | null;
  scans: number;
  /** Never used since the statistics were reset, and not needed for a key. */
  unused: boolean;
  cacheHit: string;
}

export function register(program: Command, context: CliContext): void {
  program
    .command('indexes')
    .description('all indexes: validity, size against what their rows need, use, cache hits; unused and duplicate ones')
    .option('--json', 'as JSON')
    .action(async (options: { json?: boolean }, command: Command) => {
      await withSnapshot(context, command, async (snapshot, session) => {
        const duplicates = await readDuplicates(session);
        const lines = snapshot.indexes.map((index): IndexLine => ({
          name: index.name,
          table: index.table,
          method: index.method,
          state: index.valid ? 'valid' : index.building ? 'building' : 'invalid',
          bytes: index.bytes,
          expectedBytes: expectedBytes(index, snapshot.tables) ?? null,
          scans: index.scans,
          unused: index.scans === 0 && !index.unique && index.valid,
          cacheHit: hitRate(index.blocksHit, index.blocksRead),
        }));
        if (options.json === true) context.json({ indexes: lines, duplicates });
        else context.write(forPeople(lines, duplicates));
      });
    });
}

function forPeople(lines: readonly IndexLine[], duplicates: readonly DuplicateIndex[]): string {
  const rows = lines.map((line) => [
    line.name,
    line.method,
    line.state === 'invalid' ? 'INVALID' : line.state,
    bytes(line.bytes),
    line.expectedBytes === null ? '' : `${Math.round((100 * line.bytes) / line.expectedBytes)} %`,
    line.scans.toLocaleString('en'),
    line.cacheHit,
  ]);
  const unused = lines.filter((line) => line.unused).map(({ name }) => name);
  const notes = [
    ...(unused.length === 0
      ? []
      : [
          `not used since the statistics were reset: ${unused.join(', ')}`,
          '  drop none before a whole cycle of use was counted',
        ]),
    ...duplicates.map(({ name, coveredBy, equal }) =>
      equal
        ? `${name} is the same as ${coveredBy}`
        : `${name} is the beginning of ${coveredBy}, which serves its searches too`,
    ),
  ];
  const head = ['index', 'method', 'state', 'size', 'of fresh', 'scans', 'cache hit'];
  return `${table(head, rows, [3, 4, 5, 6])}${notes.map((note) => `${note}\n`).join('')}`;
}
