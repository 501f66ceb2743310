/** `qbench history`: who changed what when, from the Pulumi backend and from the ledgers in the database; plan beside actual. */
import { InvalidArgumentError, type Command } from 'commander';
import { actualCapacity } from '../../infra/ops/capacity/actual';
import { messageOf, OperatorError } from '../../infra/ops/errors';
import {
  inOrder,
  readLedgers,
  updatesAsHistory,
  type HistoryEntry,
  type PulumiUpdate,
} from '../../infra/ops/history/history';
import { planCapacity } from '../../infra/capacity/plan';
import { CHECKOUT, stackOf, type CliContext } from '../support/context';
import { bytes, table } from '../support/output';
import { planRequest } from '../support/planOptions';
import { runOnStack } from '../support/stackRun';
import { stackSettings } from '../support/stackSettings';
import { Toolchain } from '../toolchain/toolchain';

interface PlanBesideActual {
  documents: { planned: number; actual: number };
  databaseBytes: { planned: number; actual: number };
}

export function register(program: Command, context: CliContext): void {
  program
    .command('history')
    .description('who changed what when: updates, settings, migrations, loads; and the plan beside what is there')
    .option('-n, --last <count>', 'only the last so many entries', count)
    .option('--json', 'as JSON')
    .action(async (options: { last?: number; json?: boolean }, command: Command) => {
      const stack = stackOf(command);
      const notes: string[] = [];
      const updates = await updatesOf(context, stack);
      const { ledgers, plan } = await inDatabase(context, command, stack, notes);
      const all = inOrder([...updatesAsHistory(updates), ...ledgers]);
      const entries = options.last === undefined ? all : all.slice(-options.last);
      if (options.json === true) context.json({ stack, entries, planBesideActual: plan ?? null, notes });
      else context.write(historyText(entries, plan, notes));
    });
}

function count(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('a whole number from 1');
  return value;
}

async function updatesOf(context: CliContext, stack: string): Promise<PulumiUpdate[]> {
  const toolchain = await Toolchain.ensure(context.machine, context.progress());
  const result = await runOnStack(
    toolchain,
    stack,
    ['stack', 'history', '--json', '--page-size', '1000', '--page', '1'],
    false,
  );
  if (result.code === 0) return JSON.parse(result.stdout) as PulumiUpdate[];
  if (/no stack named/.test(result.stderr)) {
    throw new OperatorError(`the Pulumi backend knows no stack "${stack}"`, { next: 'npm run up, or --stack NAME' });
  }
  throw new OperatorError(`pulumi stack history failed: ${result.stderr.trim()}`);
}

/** What the database tells; where it cannot be reached the rest is told all the same. */
async function inDatabase(
  context: CliContext,
  command: Command,
  stack: string,
  notes: string[],
): Promise<{ ledgers: HistoryEntry[]; plan?: PlanBesideActual }> {
  try {
    const session = await context.database(command).connect({ role: 'owner', applicationName: 'qbench history' });
    try {
      const ledgers = await readLedgers(session);
      const actual = await actualCapacity(session);
      const plan = planCapacity(planRequest({}, stackSettings(CHECKOUT, stack)));
      return {
        ledgers,
        plan: {
          documents: { planned: plan.workload.documents, actual: actual.workload.documents },
          databaseBytes: { planned: plan.sizes.databaseBytes, actual: actual.databaseBytes },
        },
      };
    } finally {
      await session.close();
    }
  } catch (error) {
    notes.push(`the database does not answer, so its ledgers are missing: ${messageOf(error)}`);
    return { ledgers: [] };
  }
}

function historyText(
  entries: readonly HistoryEntry[],
  plan: PlanBesideActual | undefined,
  notes: readonly string[],
): string {
  const rows = entries.flatMap(({ at, source, who, what, settings }) => [
    [at, source, who, what],
    ...settings.map((setting) => ['', '', '', `  ${setting}`]),
  ]);
  const list = rows.length === 0 ? 'nothing has happened yet\n' : table(['when', 'source', 'who', 'what'], rows);
  const beside =
    plan === undefined
      ? ''
      : `\n${table(
          ['plan beside actual', 'planned', 'actual'],
          [
            ['documents', plan.documents.planned.toLocaleString('en'), plan.documents.actual.toLocaleString('en')],
            ['database', bytes(plan.databaseBytes.planned), bytes(plan.databaseBytes.actual)],
          ],
          [1, 2],
        )}`;
  return `${list}${beside}${notes.map((note) => `note: ${note}\n`).join('')}`;
}
