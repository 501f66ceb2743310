/** Everything that a reviewer should know about a preview, in one object. */
import type { CapacityPlan } from '../../capacity/plan';
import { COMPRESSED_SHARE } from '../../capacity/storage';
import { judgeChanges, RISKS, type JudgedChange, type Knowledge, type Risk } from './classify';
import { costOfResources, type Cost, type Priced } from './cost';
import { judgeGate, type GateInput, type GateVerdict } from './gate';
import type { Change, Inputs, PolicyVerdict, Preview, ResourceSide } from './preview';

/** What the report is told beside the preview. */
export interface ReportInput extends Knowledge, Pick<GateInput, 'allowDestroy' | 'labels' | 'backup' | 'now'> {
  preview: Preview;
  environment: string;
  tier: string;
  region: string | undefined;
  /** The capacity that the changed stack has, where the preview does not tell it itself. */
  capacityAfter?: Inputs | undefined;
  /** @default the stack has no budget */
  budgetUsdPerMonth?: number | undefined;
  /** Verdicts of rules that were run over the preview here; those of the engine go before. */
  policies: readonly PolicyVerdict[];
}

export interface ReportedChange {
  name: string;
  type: string;
  operation: Change['operation'];
  risk: Risk;
  reason: string;
  details: string[];
}

/** A line of the table of capacity. */
export interface CapacityFigure {
  name: string;
  unit: 'bytes' | 'MiB' | 'months' | 'documents' | 'cores';
  before: number | undefined;
  after: number | undefined;
}

export interface Report {
  version: 1;
  stack: string;
  tier: string;
  environment: string;
  /** The worst risk of any change; safe where nothing changes. */
  risk: Risk;
  complete: boolean;
  errors: string[];
  counts: Readonly<Record<string, number>>;
  gate: GateVerdict;
  /** The worst first. */
  changes: ReportedChange[];
  /** Changes that were left out of `changes` for their number. */
  omittedChanges: number;
  capacity: { fits: boolean | undefined; figures: CapacityFigure[]; problems: string[] };
  /** `before` is absent where the form of the preview does not name what stays the same. */
  cost: {
    before: Cost | undefined;
    after: Cost | undefined;
    changeUsdPerMonth: number | undefined;
    note?: string;
    /** The stack's own budget, where it has one; `exceeded` is absent where the cost after the change is not known. */
    budget?: { usdPerMonth: number; exceeded?: boolean };
  };
  rebuilds: JudgedChange['rebuilds'];
  parameters: JudgedChange['parameters'];
  migrations: { file: string; drops: string[]; unjudged?: string }[];
  policies: PolicyVerdict[];
  warnings: string[];
}

/** Makes the report. Nothing is asked of anybody: everything it says follows from its input. */
export function makeReport(input: ReportInput): Report {
  const { preview } = input;
  const changes = judgeChanges(preview, input).sort(worstFirst);
  const gate = judgeGate({ ...input, changes });
  const policies = mergedPolicies(preview.policies, input.policies);
  return {
    version: 1,
    stack: preview.stack,
    tier: input.tier,
    environment: input.environment,
    risk: changes[0]?.risk ?? 'safe',
    complete: preview.complete,
    errors: preview.errors,
    counts: preview.counts,
    gate,
    changes: changes.map(({ name, type, operation, risk, reason, details }) => ({
      name,
      type,
      operation,
      risk,
      reason,
      details,
    })),
    omittedChanges: 0,
    capacity: capacityOf(input),
    cost: withinBudget(costChange(input), input.budgetUsdPerMonth),
    rebuilds: changes.flatMap(({ rebuilds }) => rebuilds),
    parameters: changes.flatMap(({ parameters }) => parameters),
    migrations: changes.flatMap(({ migrations }) =>
      migrations.map(({ file, destructive, unjudged }) => ({
        file,
        drops: (destructive ?? []).map(({ what }) => what),
        ...(unjudged === undefined ? {} : { unjudged }),
      })),
    ),
    policies,
    warnings: preview.warnings,
  };
}

/** A mandatory policy that is violated fails the review as a blocked destruction does. */
export function isRefused(report: Report): boolean {
  return !report.complete || !report.gate.passed || report.policies.some(({ level }) => level === 'mandatory');
}

function worstFirst(a: JudgedChange, b: JudgedChange): number {
  return (
    RISKS.indexOf(b.risk) - RISKS.indexOf(a.risk) ||
    ORDER.indexOf(a.operation) - ORDER.indexOf(b.operation) ||
    byName(a.name, b.name)
  );
}

/** `volume-2` before `volume-10`; the engine's own order differs from run to run. */
function byName(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}

const ORDER: readonly Change['operation'][] = ['delete', 'replace', 'update', 'import', 'create', 'read', 'same'];

function mergedPolicies(engine: readonly PolicyVerdict[], own: readonly PolicyVerdict[]): PolicyVerdict[] {
  const key = ({ policy, resource }: PolicyVerdict): string => `${policy}/${resource ?? ''}`;
  const told = new Set(engine.map(key));
  const all = [...engine, ...own.filter((verdict) => !told.has(key(verdict)))];
  return all.sort(
    (a, b) =>
      Number(b.level === 'mandatory') - Number(a.level === 'mandatory') ||
      a.policy.localeCompare(b.policy) ||
      byName(a.resource ?? '', b.resource ?? ''),
  );
}

const FIGURES: readonly (readonly [path: string, name: string, unit: CapacityFigure['unit']])[] = [
  ['documents', 'documents', 'documents'],
  ['host.memoryMiB', 'memory of the host', 'MiB'],
  ['host.cores', 'cores of the host', 'cores'],
  ['servingMiB', 'memory needed to serve', 'MiB'],
  ['buildingMiB', 'memory needed while an index is built', 'MiB'],
  ['sharedBuffersMiB', 'shared_buffers', 'MiB'],
  ['databaseBytes', 'database', 'bytes'],
  ['vectorIndexBytes', 'vector indexes', 'bytes'],
  ['requiredDiskBytes', 'disk needed', 'bytes'],
  ['monthsUntilMemoryFull', 'months until the memory is full', 'months'],
  ['monthsUntilDiskFull', 'months until the disk is full', 'months'],
];

function figure(from: unknown, path: string): number | undefined {
  let value: unknown = from;
  for (const step of path.split('.')) value = (value as Record<string, unknown> | null | undefined)?.[step];
  return typeof value === 'number' ? value : undefined;
}

function capacityOf({ preview, capacityAfter, plan }: ReportInput): Report['capacity'] {
  const before = preview.outputsBefore?.['capacity'];
  const told = preview.outputsAfter?.['capacity'];
  const after = figure(told, 'documents') === undefined ? capacityAfter : told;
  return {
    fits: fitsOf(plan, after),
    figures: FIGURES.map(([path, name, unit]) => ({
      name,
      unit,
      before: figure(before, path),
      after: figure(after, path),
    })),
    problems: (plan?.problems ?? []).map(({ message }) => message),
  };
}

/** A stack whose plan does not fit fails its own preview; so figures of the program mean that it fits. */
function fitsOf(plan: CapacityPlan | undefined, after: unknown): boolean | undefined {
  if (plan !== undefined) return plan.fits;
  return figure(after, 'documents') === undefined ? undefined : true;
}

function pricedSides(preview: Preview, pick: (change: Change) => ResourceSide | undefined): Priced[] {
  return preview.resources.flatMap((change) => {
    const side = pick(change);
    return side === undefined ? [] : [{ type: change.type, name: change.name, inputs: side.inputs }];
  });
}

/** Two full backups, compressed as vectors allow; reckoned the same for both sides, so that they can be compared. */
function backupBytes(capacity: unknown): number | undefined {
  const database = figure(capacity, 'databaseBytes');
  return database === undefined ? undefined : Math.round(2 * COMPRESSED_SHARE * database);
}

function withinBudget(cost: Report['cost'], usdPerMonth: number | undefined): Report['cost'] {
  if (usdPerMonth === undefined) return cost;
  const { after } = cost;
  // What is known may be above the budget already; that it is below says something only where nothing is unknown.
  const above = after === undefined ? undefined : after.knownUsdPerMonth > usdPerMonth;
  const told = above === true || after?.unknown.length === 0;
  return { ...cost, budget: { usdPerMonth, ...(told && above !== undefined ? { exceeded: above } : {}) } };
}

function costChange({ preview, region, capacityAfter }: ReportInput): Report['cost'] {
  const capacityBefore = preview.outputsBefore?.['capacity'];
  const told = preview.outputsAfter?.['capacity'];
  const later = figure(told, 'databaseBytes') === undefined ? capacityAfter : told;
  const before = costOfResources(
    pricedSides(preview, ({ before: side }) => side),
    { region, backupBytes: backupBytes(capacityBefore) },
  );
  const after = costOfResources(
    pricedSides(preview, ({ operation, after: side }) => (operation === 'delete' ? undefined : side)),
    { region, backupBytes: backupBytes(later) },
  );
  const difference = Math.round((after.knownUsdPerMonth - before.knownUsdPerMonth) * 100) / 100;
  // What is unknown on one side only makes the difference unknown too.
  const comparable = before.unknown.join() === after.unknown.join() || before.items.length === 0;
  const changeUsdPerMonth = comparable ? difference : undefined;
  if (preview.form === 'stream') return { before, after, changeUsdPerMonth };
  return {
    before: undefined,
    after: undefined,
    changeUsdPerMonth,
    note: 'this form of the preview names changed resources only, so that only the difference is known; the stream of events has all',
  };
}
