/** What the verb `index` prints for people. */
import type { ActualIndex, RunningBuild } from '../../infra/ops/indexes/catalog';
import { differences, describeAction } from '../../infra/ops/indexes/decide';
import { leftoverKind } from '../../infra/ops/indexes/definition';
import type { ApplyResult } from '../../infra/ops/indexes/apply';
import type { IndexOverview } from '../../infra/ops/indexes/plan';
import { buildProgress } from '../../infra/ops/indexes/progress';
import { searchChanges } from '../../infra/ops/indexes/searchSettings';
import type { VerifyResult } from '../../infra/ops/indexes/verify';
import type { RecallResult } from '../../infra/ops/recall/measure';
import { bytes, table } from './output';
import { formatDuration, formatProgress } from './progress';

/** One index as `list` tells of it. */
export interface ListedIndex {
  name: string;
  table: string;
  method: string;
  definition: string;
  operatorClass: string;
  options: Record<string, number>;
  sizeBytes: number;
  scans: number;
  state: 'as wanted' | 'differs' | 'INVALID' | 'leftover' | 'not ours';
  differences: string[];
}

export function listed(seen: IndexOverview): ListedIndex[] {
  return seen.actual.map((index) => {
    const desired = seen.desired.find(({ name, table: on }) => name === index.name && on === index.table);
    const found = desired === undefined ? [] : differences(desired, index);
    const { name, table: on, method, definition, operatorClass, options, sizeBytes, scans } = index;
    return {
      ...{ name, table: on, method, definition, operatorClass, options, sizeBytes, scans },
      state: stateOf(index, seen, desired !== undefined, found.length),
      differences: found.map(({ property, from, to }) => `${property} ${from}, wanted ${to}`),
    };
  });
}

function stateOf(index: ActualIndex, seen: IndexOverview, wanted: boolean, differing: number): ListedIndex['state'] {
  if (!index.valid || !index.ready) return 'INVALID';
  if (wanted) return differing === 0 ? 'as wanted' : 'differs';
  return leftoverKind(index.name, seen.desired) === undefined ? 'not ours' : 'leftover';
}

export function listText(seen: IndexOverview): string {
  const rows = listed(seen).map((index) => [
    index.name,
    index.table,
    `${index.method} ${Object.entries(index.options)
      .map(([key, value]) => `${key}=${value}`)
      .join(' ')}`,
    index.operatorClass,
    bytes(index.sizeBytes),
    index.scans,
    [index.state, ...index.differences].join('; '),
  ]);
  const missing = seen.desired.filter(({ name }) => !seen.actual.some((index) => index.name === name));
  return [
    table(['index', 'table', 'method', 'operator class', 'size', 'scans', 'state'], rows, [4, 5]),
    ...missing.map(({ name, table: on }) => `${name} on ${on} is missing\n`),
    ...seen.running.map((build) => `${runningText(build)}\n`),
  ].join('');
}

function runningText(build: RunningBuild): string {
  return `running (pid ${build.pid}): ${formatProgress(buildProgress(build, build.name ?? build.table, undefined, 0))}`;
}

export function planText(seen: IndexOverview): string {
  const lines = seen.actions.map(describeAction);
  for (const { index, plan, shortages } of seen.builds) {
    const memory = `${plan.maintenanceWorkMemMiB} MiB of memory (needs ${plan.neededMiB}), ${plan.workers} ${plan.workers === 1 ? 'worker' : 'workers'}`;
    lines.push(
      `       ${index.name}: ${plan.rows.toLocaleString('en')} rows, ${memory}, index ${bytes(plan.indexBytes)}, disk ${bytes(plan.diskBytes)}`,
    );
    lines.push(...shortages.flatMap(({ message, next }) => [`       short: ${message}`, `         next: ${next}`]));
  }
  for (const [parameter, value] of searchChanges(seen.searchNow, seen.searchWanted)) {
    lines.push(`set    ${parameter} = ${value} for new sessions of the database`);
  }
  for (const name of seen.staleWorkers)
    lines.push(`reset  parallel_workers of ${name}, left by a build that was cut off`);
  return `${lines.join('\n')}\n`;
}

/** @param parameter hnsw.ef_search or ivfflat.probes, where it is worth naming */
export function recallText(recall: RecallResult, parameter?: string): string {
  const { k, queries, interval, meanMilliseconds } = recall;
  const breadth =
    recall.breadth === undefined ? '' : ` at ${parameter === undefined ? '' : `${parameter} `}${recall.breadth}`;
  return `recall@${k}${breadth} ${recall.recall.toFixed(3)} (95 %: ${interval.low.toFixed(3)} to ${interval.high.toFixed(3)}, ${queries} rows, ${meanMilliseconds.toFixed(1)} ms a search)`;
}

export function applyText(result: ApplyResult): string {
  const lines = result.indexes.map(({ name, outcome, build, proof }) => {
    const built =
      build === undefined
        ? ''
        : ` in ${formatDuration(build.seconds)} with ${build.maintenanceWorkMemMiB} MiB and ${build.workers} ${build.workers === 1 ? 'worker' : 'workers'}${build.spilled ? ', spilled' : ''}`;
    const shown = proof?.recall === undefined ? '' : `; ${recallText(proof.recall)}`;
    const before = proof?.previousRecall === undefined ? '' : `, before ${proof.previousRecall.recall.toFixed(3)}`;
    return `${name}: ${outcome}${built}${shown}${before}`;
  });
  lines.push(...result.dropped.map((name) => `dropped ${name}`));
  lines.push(
    ...Object.entries(result.searchSettings).map(([name, value]) => `new sessions start with ${name} = ${value}`),
  );
  return `${lines.join('\n')}\n`;
}

/** An index without rows answers nothing, rightly or not. */
function answers({ selfQuery, table }: VerifyResult['indexes'][number]): string {
  return selfQuery?.queries === 0 ? `empty: ${table} has no row with an embedding` : 'answers rightly';
}

export function verifyText(result: VerifyResult): string {
  const lines = result.indexes.flatMap((index) => [
    `${index.name}: ${index.state}${index.healed ? ', rebuilt' : ''}, ${index.healthy ? answers(index) : index.problems.join('; ')}`,
    ...(index.selfQuery === undefined || index.selfQuery.queries === 0
      ? []
      : [
          `  ${index.selfQuery.queries - index.selfQuery.misses} of ${index.selfQuery.queries} stored rows find themselves`,
        ]),
    ...(index.recall === undefined ? [] : [`  ${recallText(index.recall)}`]),
    ...index.differences.map(({ property, from, to }) => `  ${property} is ${from}, wanted ${to} (qbench index apply)`),
  ]);
  lines.push(...result.leftovers.map((name) => `leftover: ${name} (qbench index apply removes it)`));
  return `${lines.join('\n')}\n`;
}
