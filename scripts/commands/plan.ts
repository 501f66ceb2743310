/** `qbench plan`: the capacity plan of the stack, of a what-if, or of the live database beside its actual sizes. */
import type { Command } from 'commander';
import { guideFigures } from '../../infra/capacity/guideFigures';
import { CapacityInputError, planCapacity, type CapacityPlan, type PlanRequest } from '../../infra/capacity/plan';
import { actualCapacity, type ActualCapacity } from '../../infra/ops/capacity/actual';
import { CHECKOUT, stackOf, type CliContext } from '../support/context';
import { WORKLOAD_FLAGS, asUsageError, planRequest, type PlanFlags } from '../support/planOptions';
import {
  actualText,
  guideText,
  parametersTable,
  planText,
  ratioOf,
  type ComparedRelation,
} from '../support/planTables';
import { stackSettings } from '../support/stackSettings';

const HELP = `
Without flags the plan is made from Pulumi.STACK.yaml, or for 500,000 documents where there is none. Every flag is a what-if; --profile
leaves the stack's other index settings out. Without a host the smallest AWS host that fits is chosen.
Exit code 1 says that the workload does not fit; the plan is printed all the same.

  qbench plan --documents 2000000 --type halfvec --profile accuracy
  qbench plan --memory-gib 32 --cores 8 --disk-gib 200
  qbench plan --actual`;

interface Options extends PlanFlags {
  json?: boolean;
  guide?: boolean;
  parameters?: boolean;
  actual?: boolean;
}

export function register(program: Command, context: CliContext): void {
  const command = program.command('plan').description('sizes, memory, parameters, hosts and prices for a workload');
  for (const { flag, help } of WORKLOAD_FLAGS) command.option(`--${flag} <number>`, help);
  command
    .option('--profile <name>', 'speed, accuracy, compact or ivfflat')
    .option('--type <type>', 'vector, halfvec or bit')
    .option('--m <number>', 'HNSW: neighbours of an element')
    .option('--ef-construction <number>', 'HNSW: candidates looked at while building')
    .option('--lists <number>', 'IVFFlat: number of clusters')
    .option('--memory-gib <number>', 'memory of the host in GiB')
    .option('--cores <number>', 'cores of the host')
    .option('--disk-gib <number>', 'disk of the host in GiB; without it the plan sizes the disk')
    .option('--dev-shm-mib <number>', 'size of /dev/shm of the host in MiB; Docker gives 64')
    .option('--instance-type <name>', 'an AWS instance type instead of memory and cores')
    .option('--region <name>', 'AWS region of the prices')
    .option('--rto-hours <number>', 'hours within which a lost host must be back')
    .option('--actual', "plans for what the database holds, beside its relations' sizes")
    .option('--parameters', 'the parameters of postgresql.conf too')
    .option('--guide', "the maintenance guide's figures beside the plan's")
    .option('--json', 'as JSON')
    .addHelpText('after', HELP)
    .action(async (options: Options) => {
      if (options.guide === true) {
        printGuide(options, context);
        return;
      }
      const settings = stackSettings(CHECKOUT, stackOf(command));
      if (options.actual === true) {
        const actual = await readActual(command, context);
        const plan = planned(planRequest(options, settings, { workload: actual.workload, index: actual.index }));
        printActual(plan, actual, options, context);
        return;
      }
      const plan = planned(planRequest(options, settings));
      if (options.json === true) context.json(plan);
      else context.write(planText(plan) + (options.parameters === true ? `\n${parametersTable(plan)}` : ''));
      if (!plan.fits) context.exitCode = 1;
    });
}

function planned(request: PlanRequest): CapacityPlan {
  try {
    return planCapacity(request);
  } catch (error) {
    if (error instanceof CapacityInputError) throw asUsageError(error);
    throw error;
  }
}

function printGuide(options: Options, context: CliContext): void {
  const figures = guideFigures();
  if (options.json === true) context.json(figures);
  else context.write(guideText(figures));
}

async function readActual(command: Command, context: CliContext): Promise<ActualCapacity> {
  const session = await context.database(command).connect({ applicationName: 'qbench plan', role: 'readonly' });
  try {
    return await actualCapacity(session);
  } finally {
    await session.close();
  }
}

function printActual(plan: CapacityPlan, actual: ActualCapacity, options: Options, context: CliContext): void {
  const relations = compared(plan, actual);
  const planned = plan.sizes.databaseBytes;
  if (options.json === true) {
    const ratios = relations.map((relation) => ({
      ...relation,
      ratio: ratioOf(relation.plannedBytes, relation.actualBytes),
    }));
    const database = {
      plannedBytes: planned,
      actualBytes: actual.databaseBytes,
      ratio: ratioOf(planned, actual.databaseBytes),
    };
    context.json({ workload: plan.workload, index: plan.index, relations: ratios, database });
  } else context.write(actualText(relations, planned, actual.databaseBytes));
}

/** Every relation that is planned or there, in the plan's order. */
export function compared(plan: CapacityPlan, actual: ActualCapacity): ComparedRelation[] {
  const key = ({ table, name }: { table: string; name: string }): string => `${table}/${name}`;
  const sizes = new Map(actual.relations.map((relation) => [key(relation), relation.bytes]));
  const known = new Set(plan.relations.map(key));
  return [
    ...plan.relations.map((relation) => ({
      table: relation.table,
      name: relation.name,
      plannedBytes: relation.bytes,
      actualBytes: sizes.get(key(relation)),
    })),
    ...actual.relations
      .filter((relation) => !known.has(key(relation)))
      .map((relation) => ({
        table: relation.table,
        name: relation.name,
        plannedBytes: undefined,
        actualBytes: relation.bytes,
      })),
  ];
}
