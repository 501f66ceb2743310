/** `qbench queries`: what the server spent its time on, from pg_stat_statements. */
import type { Command } from 'commander';
import { readStatements, type StatementFact } from '../../infra/ops/monitoring/statements';
import type { CliContext } from '../support/context';
import { numberFlag } from '../support/indexState';
import { hitRate } from '../support/monitoringTables';
import { refuseLostData, watched } from '../support/monitoring';
import { table } from '../support/output';

interface Flags {
  slow?: boolean;
  minMs?: string;
  limit?: string;
  vector?: boolean;
  json?: boolean;
}

/** A vector search through its index takes milliseconds; a mean beyond this is worth a look. */
const SLOW_MS = 100;
const DEFAULT_LIMIT = 10;

export function register(program: Command, context: CliContext): void {
  program
    .command('queries')
    .description('statements by the time they took, vector searches marked; --slow by their mean')
    .option('--slow', `only those with a mean of ${SLOW_MS} ms or more, slowest first`)
    .option('--min-ms <milliseconds>', 'least mean time')
    .option('--vector', 'only vector searches')
    .option('--limit <count>', 'how many', String(DEFAULT_LIMIT))
    .option('--json', 'as JSON')
    .action(async (flags: Flags, command: Command) => {
      const leastMeanMs =
        numberFlag('min-ms', flags.minMs, 0, 86_400_000, false) ?? (flags.slow === true ? SLOW_MS : 0);
      const limit = numberFlag('limit', flags.limit, 1, 1000) ?? DEFAULT_LIMIT;
      refuseLostData(watched(context, command));
      const found = await readStatements(context.database(command), {
        leastMeanMs,
        order: flags.slow === true ? 'mean' : 'total',
        limit,
        vectorOnly: flags.vector === true,
      });
      if (flags.json === true) context.json(found);
      else context.write(forPeople(found, leastMeanMs));
    });
}

function forPeople(found: readonly StatementFact[], leastMeanMs: number): string {
  if (found.length === 0)
    return `no statement${leastMeanMs > 0 ? ` with a mean of ${leastMeanMs} ms or more` : ''} since the statistics were reset\n`;
  const ms = (value: number): string => value.toFixed(value < 10 ? 2 : 0);
  const rows = found.map((each) => [
    ms(each.meanMs),
    ms(each.maxMs),
    each.calls,
    ms(each.totalMs),
    hitRate(each.blocksHit, each.blocksRead),
    each.role,
    `${each.vectorSearch ? '[vector] ' : ''}${each.query.slice(0, 100)}`,
  ]);
  return table(['mean ms', 'max ms', 'calls', 'total ms', 'cache hit', 'role', 'statement'], rows, [0, 1, 2, 3, 4]);
}
