/** Which indexes are wanted: what the Pulumi program sends, else the stack's settings, changed by flags. */
import { text } from 'node:stream/consumers';
import { CapacityInputError, planCapacity, type CapacityPlan, type PlanRequest } from '../../infra/capacity/plan';
import { hostFactsOfThisMachine } from '../../infra/adapters/hostFacts';
import { readRecord, stackLayout } from '../../infra/adapters/localServer/layout';
import { UsageError } from '../../infra/ops/errors';
import { desiredIndexState, type DesiredIndexState, type IndexSettingsLike } from '../../infra/ops/indexes/desired';
import { unknownHost, type HostFactsSource } from '../../infra/ops/indexes/host';
import { parseDesiredIndexState } from '../../infra/ops/indexes/parse';
import { CHECKOUT, type CliContext } from './context';
import { asUsageError, planRequest, type PlanFlags } from './planOptions';
import { stackSettings } from './stackSettings';

/** Flags of the verbs that work with desired state, as commander hands them over. */
export interface IndexFlags {
  profile?: string;
  type?: string;
  m?: string;
  efConstruction?: string;
  efSearch?: string;
  lists?: string;
  probes?: string;
  memory?: string;
  workers?: string;
  recallTolerance?: string;
}

/** @throws UsageError where the flag is no number of the range */
export function numberFlag(
  flag: string,
  given: string | undefined,
  minimum: number,
  maximum: number,
  whole = true,
): number | undefined {
  if (given === undefined) return undefined;
  const value = /^-?\d+(\.\d+)?$/.test(given.trim()) ? Number(given) : Number.NaN;
  if (Number.isNaN(value) || value < minimum || value > maximum || (whole && !Number.isInteger(value))) {
    throw new UsageError(`--${flag} ${given}`, {
      allowed: `${whole ? 'a whole number' : 'a number'} from ${minimum} to ${maximum}`,
    });
  }
  return value;
}

/**
 * Desired state from standard input where there is any and no flag asks for something else, as the Pulumi program calls it;
 * else from the settings of the stack and the flags.
 * @throws UsageError naming every mistake
 */
export async function desiredState(
  context: CliContext,
  stack: string,
  flags: IndexFlags,
  fromStdin: boolean,
): Promise<DesiredIndexState> {
  const shaping = ['profile', 'type', 'm', 'efConstruction', 'lists'].some((name) => name in flags);
  if (fromStdin && !shaping && !context.stdin.isTTY) {
    const input = await text(context.stdin);
    if (input.trim() !== '') return withFlags(parseDesiredIndexState(parseJson(input)), flags);
  }
  return withFlags(parseDesiredIndexState(stackState(stack, flags)), flags);
}

function parseJson(input: string): unknown {
  try {
    return JSON.parse(input);
  } catch (error) {
    throw new UsageError('standard input is not JSON', { cause: error });
  }
}

/** The state that the settings of the stack plan for, as its Pulumi program would send it. */
function stackState(stack: string, flags: IndexFlags): DesiredIndexState {
  const settings = stackSettings(CHECKOUT, stack);
  const shape: PlanFlags = {};
  for (const name of ['profile', 'type', 'm', 'efConstruction', 'lists'] as const) {
    const value = flags[name];
    if (value !== undefined) shape[name] = value;
  }
  const plan = planned(planRequest(shape, settings));
  // The search breadth is the profile's; the settings name it where they keep their own profile.
  const { efSearch, probes, recallTolerance, buildWorkers }: Partial<IndexSettingsLike> =
    settings !== undefined && flags.profile === undefined ? settings.index : {};
  const first = plan.indexes[0];
  const breadth = efSearch ?? first?.efSearch;
  const index: IndexSettingsLike = {
    ...plan.index,
    ...(breadth === undefined ? {} : { efSearch: breadth }),
    ...(probes === undefined ? {} : { probes }),
    ...(recallTolerance === undefined ? {} : { recallTolerance }),
    ...(buildWorkers === undefined ? {} : { buildWorkers }),
  };
  return desiredIndexState(index, plan.workload.dimensions, {
    maintenanceWorkMemMiB: Math.max(...plan.indexes.map((each) => each.sessionMaintenanceWorkMemMiB)),
    maxParallelWorkers: Math.max(...plan.indexes.map((each) => each.parallelWorkers)),
  });
}

function planned(request: PlanRequest): CapacityPlan {
  try {
    return planCapacity(request);
  } catch (error) {
    throw error instanceof CapacityInputError ? asUsageError(error) : error;
  }
}

function withFlags(state: DesiredIndexState, flags: IndexFlags): DesiredIndexState {
  const memory = numberFlag('memory', flags.memory, 1, 4_194_304);
  const workers = numberFlag('workers', flags.workers, 0, 1024);
  const efSearch = numberFlag('ef-search', flags.efSearch, 1, 1000);
  const probes = numberFlag('probes', flags.probes, 1, 32_768);
  const tolerance = numberFlag('recall-tolerance', flags.recallTolerance, 0, 1, false);
  return {
    ...state,
    session: {
      maintenanceWorkMemMiB: memory ?? state.session.maintenanceWorkMemMiB,
      maxParallelWorkers: workers ?? state.session.maxParallelWorkers,
    },
    search: {
      ...state.search,
      ...(efSearch === undefined ? {} : { efSearch }),
      ...(probes === undefined ? {} : { probes }),
    },
    ...(tolerance === undefined ? {} : { recallTolerance: tolerance }),
  };
}

/** Facts of the server's machine where that is this one. */
export function hostFactsOf(context: CliContext, stack: string): HostFactsSource {
  const url = context.env['DATABASE_URL'];
  if (url !== undefined && url !== '') return unknownHost;
  const record = readRecord(stackLayout(context.machine, stack));
  return record === undefined ? unknownHost : hostFactsOfThisMachine(record.dataDir);
}
