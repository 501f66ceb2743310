/** `qbench index`: the vector indexes as desired state. `apply` is called by the Pulumi program with that state on standard input. */
import type { Command } from 'commander';
import { applyIndexes } from '../../infra/ops/indexes/apply';
import { dropIndexes } from '../../infra/ops/indexes/drop';
import { overview, type IndexOverview } from '../../infra/ops/indexes/plan';
import { closeSessions, openSessions } from '../../infra/ops/indexes/sessions';
import { capacitySizing } from '../../infra/ops/indexes/sizing';
import { verifyIndexes } from '../../infra/ops/indexes/verify';
import { confirm } from '../support/confirm';
import { stackOf, type CliContext } from '../support/context';
import { desiredState, hostFactsOf, numberFlag, type IndexFlags } from '../support/indexState';
import { applyText, listText, listed, planText, verifyText } from '../support/indexTables';

interface JsonFlag {
  json?: boolean;
}

interface ApplyFlags extends IndexFlags, JsonFlag {
  wait: string;
  proofBudget: string;
  allowSpill?: boolean;
}

interface VerifyFlags extends JsonFlag {
  heal?: boolean;
  sample: string;
  minRecall?: string;
  budget: string;
  wait: string;
}

interface DropFlags extends JsonFlag {
  yes?: boolean;
  wait: string;
}

/** A transaction that has been open for a minute is nobody's search. */
const DEFAULT_WAIT_SECONDS = '60';
const MAX_SECONDS = 86_400;

export function register(program: Command, context: CliContext): void {
  const index = program.command('index').description('the vector indexes: list, plan, apply, verify, drop');

  index
    .command('list')
    .description('the vector indexes, builds that run, and what is left of failed ones')
    .option('--json', 'as JSON')
    .action(async (options: JsonFlag, command: Command) => {
      const seen = await look(context, command, {}, false);
      if (options.json === true) context.json({ indexes: listed(seen), running: seen.running });
      else context.write(listText(seen));
    });

  shaped(index.command('plan'))
    .description('what apply would do; changes nothing')
    .option('--json', 'as JSON')
    .action(async (options: IndexFlags & JsonFlag, command: Command) => {
      const seen = await look(context, command, options, true);
      if (options.json === true) context.json(planJson(seen));
      else context.write(planText(seen));
    });

  shaped(index.command('apply'))
    .description('builds, proves, swaps and drops until the indexes are what the stack wants')
    .option(
      '--wait <seconds>',
      "how long a build may stand still behind other sessions' transactions",
      DEFAULT_WAIT_SECONDS,
    )
    .option('--proof-budget <seconds>', 'longest time for the exact comparisons of one proof', '60')
    .option('--allow-spill', 'builds although the graph outgrows the memory: several times slower')
    .option('--json', 'as JSON')
    .action(async (options: ApplyFlags, command: Command) => {
      const stack = stackOf(command);
      const state = await desiredState(context, stack, options, true);
      const result = await applyIndexes(context.database(command), {
        state,
        host: hostFactsOf(context, stack),
        clock: context.clock,
        progress: context.progress(),
        waitMs: seconds('wait', options.wait),
        proofBudgetMs: seconds('proof-budget', options.proofBudget),
        allowSpill: options.allowSpill ?? false,
        signal: context.signal,
      });
      if (options.json === true) context.json(result);
      else context.write(applyText(result));
    });

  index
    .command('verify')
    .description('whether each index is valid and answers rightly; exit code 1 where one does not')
    .option('--heal', 'rebuilds with REINDEX CONCURRENTLY what does not answer rightly')
    .option('--sample <rows>', 'stored rows that are asked for themselves', '100')
    .option('--min-recall <share>', 'recall@10 below this is a fault')
    .option('--budget <seconds>', 'longest time for the exact comparisons of one index', '20')
    .option(
      '--wait <seconds>',
      "how long a rebuild may stand still behind other sessions' transactions",
      DEFAULT_WAIT_SECONDS,
    )
    .option('--json', 'as JSON')
    .action(async (options: VerifyFlags, command: Command) => {
      const minimum = numberFlag('min-recall', options.minRecall, 0, 1, false);
      const result = await verifyIndexes(context.database(command), {
        state: await desiredState(context, stackOf(command), {}, false),
        clock: context.clock,
        progress: context.progress(),
        heal: options.heal ?? false,
        sample: numberFlag('sample', options.sample, 1, 100_000) ?? 100,
        ...(minimum === undefined ? {} : { minimumRecall: minimum }),
        budgetMs: seconds('budget', options.budget),
        waitMs: seconds('wait', options.wait),
        signal: context.signal,
      });
      if (!result.healthy) context.exitCode = 1;
      if (options.json === true) context.json(result);
      else context.write(verifyText(result));
    });

  index
    .command('drop')
    .description('drops vector indexes; searches scan the table from then on')
    .argument('[names...]', 'indexes to drop; those that the stack wants where none is named')
    .option('--yes', 'without asking')
    .option('--wait <seconds>', 'how long transactions that use the index are waited for', DEFAULT_WAIT_SECONDS)
    .option('--json', 'as JSON')
    .action(async (names: string[], options: DropFlags, command: Command) => {
      const state = await desiredState(context, stackOf(command), {}, false);
      const wanted = names.length > 0 ? names : state.indexes.map(({ name }) => name);
      const consequence = `${wanted.join(' and ')} will be dropped in ${context.database(command).label}: every search compares all rows until the next apply.`;
      await confirm(context, options.yes ?? false, wanted[0] ?? '', consequence);
      const tables = state.indexes.map(({ table }) => table);
      const dropped = await dropIndexes(
        context.database(command),
        wanted,
        tables,
        context.clock,
        seconds('wait', options.wait),
      );
      if (options.json === true) context.json({ dropped });
      else context.write(dropped.length === 0 ? 'nothing was there\n' : `dropped ${dropped.join(', ')}\n`);
    });
}

/** The flags that change what is wanted. */
function shaped(command: Command): Command {
  return command
    .option('--profile <name>', 'speed, accuracy, compact or ivfflat')
    .option('--type <type>', 'vector, halfvec or bit')
    .option('--m <number>', 'HNSW: neighbours of an element')
    .option('--ef-construction <number>', 'HNSW: candidates looked at while building')
    .option('--ef-search <number>', 'HNSW: candidates looked at by searches of new sessions')
    .option('--lists <number>', 'IVFFlat: number of clusters')
    .option('--probes <number>', 'IVFFlat: clusters looked at by searches of new sessions')
    .option('--memory <mib>', 'most memory of one build, in MiB')
    .option('--workers <number>', 'workers of a build beside the leader; 0 builds serially, without shared memory')
    .option('--recall-tolerance <share>', 'how much recall@10 may fall when an index replaces another');
}

function seconds(flag: string, given: string): number {
  return (numberFlag(flag, given, 1, MAX_SECONDS) ?? 1) * 1000;
}

async function look(
  context: CliContext,
  command: Command,
  flags: IndexFlags,
  fromStdin: boolean,
): Promise<IndexOverview> {
  const stack = stackOf(command);
  const state = await desiredState(context, stack, flags, fromStdin);
  const sessions = await openSessions(context.database(command));
  try {
    return await overview(sessions, state, capacitySizing, hostFactsOf(context, stack));
  } finally {
    await closeSessions(sessions);
  }
}

function planJson(seen: IndexOverview): unknown {
  const { actions, builds, searchNow, searchWanted, staleWorkers } = seen;
  return { actions, builds, search: { now: searchNow, wanted: searchWanted }, staleWorkers };
}
