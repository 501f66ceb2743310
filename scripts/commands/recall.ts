/** `qbench recall`: how much of the truth an index finds, and how widely it must search for a target. */
import type { Command } from 'commander';
import { UsageError } from '../../infra/ops/errors';
import { liveTarget, recallReport, type RecallReport } from '../../infra/ops/recall/report';
import { stackOf, type CliContext } from '../support/context';
import { desiredState, numberFlag } from '../support/indexState';
import { recallText } from '../support/indexTables';

interface RecallFlags {
  index?: string;
  k: string;
  sample: string;
  breadth?: string;
  target?: string;
  budget: string;
  seed?: string;
  json?: boolean;
}

const HELP = `
Sampled stored rows are searched by the index and compared with all other rows; the row itself does not count. --breadth is hnsw.ef_search
or ivfflat.probes. The interval is Wilson's, for the number of sampled rows. Nothing is changed: planner settings end with their
transaction.

  qbench recall --target 0.95
  qbench recall --index idx_test_steps_embedding --k 20 --sample 200 --breadth 100`;

export function register(program: Command, context: CliContext): void {
  program
    .command('recall')
    .description('recall@k of the live indexes against exact scans, and the ef_search that a target needs')
    .option('--index <name>', 'one index; all that the stack wants where none is named')
    .option('--k <number>', 'neighbours that count', '10')
    .option('--sample <rows>', 'rows to search with', '100')
    .option('--breadth <number>', "ef_search or probes; the session's own where none is given")
    .option('--target <share>', 'finds the smallest breadth whose recall reaches this')
    .option('--budget <seconds>', 'longest time for the exact comparisons of one index', '60')
    .option('--seed <number>', 'repeats the sample of an earlier run')
    .option('--json', 'as JSON')
    .addHelpText('after', HELP)
    .action(async (options: RecallFlags, command: Command) => {
      const state = await desiredState(context, stackOf(command), {}, false);
      const wanted = state.indexes.filter(({ name }) => options.index === undefined || name === options.index);
      if (wanted.length === 0) {
        throw new UsageError(`--index ${options.index}`, { allowed: state.indexes.map(({ name }) => name).join(', ') });
      }
      const breadth = numberFlag('breadth', options.breadth, 1, 32_768);
      const target = numberFlag('target', options.target, 0, 1, false);
      const seed = numberFlag('seed', options.seed, 0, 0xffffffff) ?? context.clock.now().getTime() % 2 ** 32;
      const session = await context
        .database(command)
        .connect({ role: 'readonly', applicationName: 'qbench recall', statementTimeoutMs: 0 });
      const reports: RecallReport[] = [];
      try {
        for (const index of wanted) {
          reports.push(
            await recallReport(session, await liveTarget(session, index), {
              k: numberFlag('k', options.k, 1, 999) ?? 10,
              sample: numberFlag('sample', options.sample, 1, 100_000) ?? 100,
              breadth,
              target,
              seed,
              budgetMs: (numberFlag('budget', options.budget, 1, 86_400) ?? 60) * 1000,
              clock: context.clock,
              progress: context.progress(),
              signal: context.signal,
            }),
          );
        }
      } finally {
        await session.close();
      }
      if (options.json === true) context.json({ indexes: reports });
      else context.write(reports.map(reportText).join(''));
    });
}

function reportText(report: RecallReport): string {
  const lines = [`${report.index}: ${recallText(report.recall, report.parameter)}, seed ${report.seed}`];
  if (report.cutShort)
    lines.push(`  the time was up after ${report.recall.queries} of ${report.sampled} rows (--budget)`);
  if (report.search !== undefined) {
    const { needed, target, measured } = report.search;
    lines.push(...measured.map((result) => `  ${recallText(result, report.parameter)}`));
    lines.push(
      needed === undefined
        ? `  no ${report.parameter} reaches ${target}: choose the profile accuracy, or a type with more precision`
        : `  ${report.parameter} = ${needed} reaches ${target}`,
    );
  }
  return `${lines.join('\n')}\n`;
}
