/** The capacity plan as tables for people. */
import type { CapacityPlan, HostOffer } from '../../infra/capacity/plan';
import { PARAMETER_ROWS } from '../../infra/capacity/plan';
import { BUILD_TIME_ERROR_FACTOR } from '../../infra/capacity/hnsw';
import type { GuideFigure } from '../../infra/capacity/guideFigures';
import { formatSeconds } from '../../infra/capacity/units';
import { bytes, table } from './output';

const MIB = 1024 ** 2;

function heading(text: string): string {
  return `\n${text}\n`;
}

function usd(amount: number | undefined): string {
  return amount === undefined ? 'price not known' : `${amount.toFixed(2)} USD a month`;
}

function offerLine(offer: HostOffer | undefined): string {
  if (offer === undefined) return 'none of the listed types';
  return `${offer.instanceType} (${offer.memoryGiB} GiB, ${offer.vCpus} vCPUs, ${offer.architecture}), ${offer.volume.sizeGiB} GiB gp3, ${usd(offer.totalUsdPerMonth)}`;
}

function months(count: number | undefined): string {
  if (count === undefined) return 'not within 10 years';
  return count === 0 ? 'already' : `in ${count} months`;
}

function workloadTable(plan: CapacityPlan): string {
  const { workload, index, host, tables } = plan;
  const parameters =
    index.profile === 'ivfflat'
      ? `lists = ${plan.indexes.map(({ lists }) => lists).join(' and ')}`
      : `m = ${index.m}, ef_construction = ${index.efConstruction}`;
  return table(
    ['workload', ''],
    [
      ['documents', workload.documents],
      [
        'steps',
        `${tables[1]?.rows ?? 0} (${workload.stepsPerDocument} for ${Math.round(workload.shareWithSteps * 100)} % of the documents)`,
      ],
      ['embeddings', `${workload.dimensions} dimensions`],
      ['index', `${index.profile}: ${index.type}, ${parameters}`],
      ['growth', `${(workload.growthPerMonth * 100).toFixed(1)} % a month, horizon ${workload.horizonMonths} months`],
      [
        'host',
        `${host.instanceType === undefined ? '' : `${host.instanceType}, `}${bytes(host.memoryMiB * MIB)} of memory, ${host.cores} cores, ${host.diskGiB === undefined ? `disk to be sized: ${plan.diskGiB} GiB` : `${host.diskGiB} GiB of disk`}`,
      ],
    ],
  );
}

function sizesTable(plan: CapacityPlan): string {
  const { sizes, disk, wal, backup } = plan;
  return table(
    ['size', '', ''],
    [
      ['tables', bytes(sizes.tableBytes), 'heaps with their maps'],
      ['TOAST', bytes(sizes.toastBytes), 'embeddings'],
      ['vector indexes', bytes(sizes.vectorIndexBytes), ''],
      ['other indexes', bytes(sizes.secondaryIndexBytes), 'B-tree, GIN, trigram'],
      ['database', bytes(sizes.databaseBytes), ''],
      ['disk needed', bytes(disk.requiredBytes), 'with WAL, a reindex, a restore and a tenth free'],
      ['WAL of the load', bytes(wal.initialLoadBytes), ''],
      ['WAL of growth', bytes(wal.growthBytesPerMonth), 'a month, at most'],
      [
        'full backup',
        bytes(backup.fullBytes),
        `repository ${bytes(backup.repositoryBytes)}, S3 ${usd(backup.s3UsdPerMonth)}`,
      ],
      ['restore', formatSeconds(backup.restoreSeconds), 'without replaying WAL'],
    ],
    [1],
  );
}

function buildsTable(plan: CapacityPlan): string {
  return table(
    ['index build', 'vectors', 'size', 'memory', 'workers', 'spills after', 'time (estimate)'],
    plan.indexes.map((index) => [
      index.table,
      index.elements,
      bytes(index.indexBytes),
      bytes(index.buildMemoryMiB * MIB),
      index.parallelWorkers,
      index.spillAfterElements === undefined ? '-' : index.spills ? index.spillAfterElements : 'does not spill',
      formatSeconds(index.estimatedBuildSeconds),
    ]),
    [1, 2, 3, 4],
  );
}

function memoryTable(plan: CapacityPlan): string {
  const { serving, building } = plan.memory;
  const row = (name: string, pick: (sum: typeof serving) => number): string[] => [
    name,
    bytes(pick(serving) * MIB),
    bytes(pick(building) * MIB),
  ];
  return table(
    ['memory', 'serving', 'building'],
    [
      row('shared_buffers', (sum) => sum.sharedBuffersMiB),
      row('other shared memory', (sum) => sum.otherSharedMiB),
      row(`${plan.memory.connections} connections`, (sum) => sum.backendsMiB),
      row('work_mem of all of them', (sum) => sum.workMemMiB),
      row('autovacuum', (sum) => sum.autovacuumMiB),
      row('maintenance or build', (sum) => sum.maintenanceMiB),
      row('operating system', (sum) => sum.operatingSystemMiB),
      row('sum', (sum) => sum.totalMiB),
      row('left for the page cache', (sum) => sum.freeMiB),
    ],
    [1, 2],
  );
}

/** The parameters of the plan, as PostgreSQL names them. */
export function parametersTable(plan: CapacityPlan): string {
  return table(
    ['parameter', 'value', 'unit'],
    PARAMETER_ROWS.map(({ field, parameter, unit }) => [
      parameter,
      String(plan.server[field]),
      ['count', 'ratio', 'word', 'boolean'].includes(unit) ? '' : unit,
    ]),
    [1],
  );
}

function hostsTable(plan: CapacityPlan): string {
  const { horizon, forecast } = plan;
  return table(
    ['host', ''],
    [
      ['smallest AWS host now', offerLine(plan.smallestHost)],
      [`in ${horizon.months} months`, `${horizon.documents} documents: ${offerLine(horizon.smallestHost)}`],
      ['this host: memory full', months(forecast.monthsUntilMemoryFull)],
      [
        'this host: disk full',
        plan.host.diskGiB === undefined ? 'disk is sized by the plan' : months(forecast.monthsUntilDiskFull),
      ],
      ...plan.degradePath
        .slice(1)
        .map((step) => [
          `as ${step.type}${step.rerank ? ' with rerank' : ''}`,
          `${bytes(step.vectorIndexBytes)} of indexes; ${offerLine(step.smallestHost)}`,
        ]),
      ['aurora tier', plan.aurora.advised ? plan.aurora.reasons.join('; ') : 'not needed'],
    ],
  );
}

/** The whole plan. */
export function planText(plan: CapacityPlan): string {
  const prices = plan.smallestHost ?? plan.horizon.smallestHost;
  const verdict = plan.fits
    ? ['The workload fits this host.', ...plan.warnings.map((warning) => `Note: ${warning}`)]
    : [
        'The workload does not fit this host:',
        ...plan.problems.map(({ message }) => `  - ${message}`),
        'Ways out:',
        ...plan.waysOut.map(({ message }, index) => `  ${index + 1}. ${message}`),
        ...plan.warnings.map((warning) => `Note: ${warning}`),
      ];
  const source = prices === undefined ? '' : `Prices: ${prices.pricesSource}, ${prices.region}, ${prices.pricesAsOf}. `;
  return [
    workloadTable(plan),
    sizesTable(plan),
    buildsTable(plan),
    memoryTable(plan),
    hostsTable(plan),
    `${verdict.join('\n')}\n`,
    `${source}Build times are good to a factor of ${plan.indexes[0]?.buildTimeErrorFactor ?? BUILD_TIME_ERROR_FACTOR}.\n`,
  ].join('\n');
}

/** The guide's figures beside the plan's. */
export function guideText(figures: readonly GuideFigure[]): string {
  const rows = figures.map(({ topic, guide, ours, agrees }) => [topic, guide, ours, agrees ? 'agrees' : 'differs']);
  const reasons = figures.map(({ topic, why }) => `  ${topic}: ${why}`);
  return `${table(['500,000 documents', 'guide', 'plan', ''], rows)}${heading('Why')}${reasons.join('\n')}\n`;
}

/** Planned beside actual sizes. */
export interface ComparedRelation {
  table: string;
  name: string;
  plannedBytes: number | undefined;
  actualBytes: number | undefined;
}

/** Planned / actual as a ratio; undefined where one of them is missing or empty. */
export function ratioOf(planned: number | undefined, actual: number | undefined): number | undefined {
  return planned === undefined || actual === undefined || actual === 0 ? undefined : planned / actual;
}

/** Planned beside actual, one relation a line, the whole database last. */
export function actualText(
  relations: readonly ComparedRelation[],
  plannedDatabase: number,
  actualDatabase: number,
): string {
  const shown = (size: number | undefined): string => (size === undefined ? '-' : bytes(size));
  const ratio = (planned: number | undefined, actual: number | undefined): string =>
    ratioOf(planned, actual)?.toFixed(3) ?? '-';
  const rows = relations.map((relation) => [
    relation.table,
    relation.name,
    shown(relation.plannedBytes),
    shown(relation.actualBytes),
    ratio(relation.plannedBytes, relation.actualBytes),
  ]);
  rows.push(['database', '', bytes(plannedDatabase), bytes(actualDatabase), ratio(plannedDatabase, actualDatabase)]);
  return table(['table', 'relation', 'planned', 'actual', 'planned/actual'], rows, [2, 3, 4]);
}
