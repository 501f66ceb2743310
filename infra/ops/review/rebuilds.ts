/** Vector indexes that a change builds anew, and how long each build may take. */
import type { CapacityPlan } from '../../capacity/plan';
import type { DesiredIndex } from '../indexes/desired';
import type { Change, Inputs } from './preview';
import { jsonOf } from './values';

export interface IndexRebuild {
  index: string;
  table: string;
  /** What is done: built for the first time, built anew because of what changed, or dropped. */
  why: string;
  /** For the planned number of rows; undefined where no plan was to be had. */
  estimatedSeconds: number | undefined;
  /** The build may take this many times longer or shorter. */
  errorFactor: number | undefined;
  /** Rows that the estimate is for. */
  rows: number | undefined;
}

/** What makes another index of it. `profile` is only a name for the others. */
const DEFINING = ['method', 'table', 'column', 'type', 'metric', 'dimensions', 'm', 'efConstruction', 'lists'] as const;

function indexesOf(inputs: Inputs | undefined): DesiredIndex[] {
  const indexes = jsonOf(inputs, 'stdin')?.['indexes'];
  return Array.isArray(indexes) ? (indexes as DesiredIndex[]) : [];
}

/** Whether the resource is the command that carries the vector indexes. */
export function carriesIndexes({ type, before, after }: Change): boolean {
  return type === 'command:local:Command' && [before, after].some((side) => indexesOf(side?.inputs).length > 0);
}

/**
 * @param plan of the changed stack, for the times
 */
export function rebuildsOf(change: Change, plan: CapacityPlan | undefined): IndexRebuild[] {
  if (change.operation === 'same' || !carriesIndexes(change)) return [];
  const before = new Map(indexesOf(change.before?.inputs).map((index) => [index.name, index]));
  const after = indexesOf(change.operation === 'delete' ? undefined : change.after?.inputs);
  const built = after.flatMap((index): IndexRebuild[] => {
    const was = before.get(index.name);
    const differs = was === undefined ? [] : DEFINING.filter((key) => field(was, key) !== field(index, key));
    if (was !== undefined && differs.length === 0) return [];
    const why =
      was === undefined
        ? 'built for the first time'
        : differs.map((key) => `${key}: ${field(was, key)} -> ${field(index, key)}`).join(', ');
    const planned = plan?.indexes.find(({ table }) => table === index.table);
    return [
      {
        index: index.name,
        table: index.table,
        why,
        estimatedSeconds: planned?.estimatedBuildSeconds,
        errorFactor: planned?.buildTimeErrorFactor,
        rows: planned?.elements,
      },
    ];
  });
  return built;
}

function field(index: DesiredIndex, key: (typeof DEFINING)[number]): string {
  const value = (index as unknown as Record<string, string | number | undefined>)[key];
  return value === undefined ? 'by the rows' : String(value);
}
