/** From settings to numbers: the capacity plan and what the components take from it. Pure. */
import {
  assertFits,
  CapacityError,
  CapacityInputError,
  planCapacity,
  type CapacityPlan,
  type Host,
} from '../capacity/plan';
import { EMBEDDING_DIMENSIONS } from '../naming';
import { OperatorError } from '../ops/errors';
import { desiredIndexState, type DesiredIndexState } from '../ops/indexes/desired';
import { ParameterError } from '../postgres/overrides';
import type { Settings } from '../settings';

/**
 * Runs a pure room's function and turns its error into one for people: those rooms import nothing, not even our error type.
 * @throws OperatorError in the room's own words
 */
export function inWords<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    const told = [CapacityError, CapacityInputError, ParameterError].some((type) => error instanceof type);
    if (told) throw new OperatorError((error as Error).message, { exitCode: 2 });
    throw error;
  }
}

/**
 * The plan of a stack for its host.
 * @throws OperatorError with the numbers that break and the ways out where the workload does not fit: it fails the preview
 */
export function planFor(settings: Settings, host: Host): CapacityPlan {
  if (settings.workload.dimensions !== EMBEDDING_DIMENSIONS) {
    throw new OperatorError(`workload.dimensions is ${settings.workload.dimensions}`, {
      allowed: `${EMBEDDING_DIMENSIONS}: the columns of the application are vector(${EMBEDDING_DIMENSIONS})`,
      next: 'what another number would take: npm run qbench -- plan --dimensions N',
      exitCode: 2,
    });
  }
  return inWords(() => {
    const plan = planCapacity({ workload: settings.workload, index: settings.index, host });
    assertFits(plan);
    return plan;
  });
}

/** Cores that a local plan counts on: a constant, so that the same configuration means the same server on every machine. */
export const LOCAL_CORES = 2;

/** Both vector indexes as desired state, with the memory and workers that the plan gives to one build. */
export function indexesFor(settings: Settings, plan: CapacityPlan): DesiredIndexState {
  const most = (pick: (index: CapacityPlan['indexes'][number]) => number): number =>
    Math.max(...plan.indexes.map(pick));
  return desiredIndexState(settings.index, settings.workload.dimensions, {
    maintenanceWorkMemMiB: most((index) => index.sessionMaintenanceWorkMemMiB),
    maxParallelWorkers: most((index) => index.parallelWorkers),
  });
}

/** What the stack output `capacity` tells of a plan: the numbers people compare, not the whole working. */
export function capacityOutput(plan: CapacityPlan): Record<string, unknown> {
  const { workload, host, sizes, memory, horizon, forecast, server } = plan;
  return {
    documents: workload.documents,
    host: { memoryMiB: host.memoryMiB, cores: host.cores },
    databaseBytes: sizes.databaseBytes,
    vectorIndexBytes: sizes.vectorIndexBytes,
    requiredDiskBytes: plan.disk.requiredBytes,
    sharedBuffersMiB: server.sharedBuffersMiB,
    servingMiB: memory.serving.totalMiB,
    buildingMiB: memory.building.totalMiB,
    horizonMonths: horizon.months,
    monthsUntilMemoryFull: forecast.monthsUntilMemoryFull ?? null,
    monthsUntilDiskFull: forecast.monthsUntilDiskFull ?? null,
  };
}
