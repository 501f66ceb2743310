/** What to do where a plan does not fit: the degrade path, and three ways out with their own numbers. */
import { evaluate, type Evaluation } from './evaluate';
import type { Host } from './host';
import { instanceTypeNamed } from './instanceTypes';
import { smallestHost, type HostOffer } from './hosts';
import { GP3_BASE_IOPS, GP3_BASE_MIBPS, gp3UsdPerMonth } from './prices';
import { GIB, KIB, MIB, formatBytes } from './units';
import { MAX_DIMENSIONS, type IndexChoice, type ResolvedWorkload, type VectorType } from './workload';

/** One step of the degrade path: the same workload with a smaller index type. */
export interface DegradeStep {
  type: VectorType;
  /** Bit finds candidates that a second step orders by the full vectors. */
  rerank: boolean;
  vectorIndexBytes: number;
  buildMemoryMiB: number;
  wantedSharedBuffersMiB: number;
  fitsThisHost: boolean;
  smallestHost: HostOffer | undefined;
  /** What is given up. */
  note: string;
}

const TYPE_NOTES: Readonly<Record<VectorType, string>> = {
  vector: 'full precision; the queries of the application use it as they are',
  halfvec: 'half the index; recall 0.996 as with vector at a million rows (published); queries cast to halfvec',
  bit: 'a sixteenth of the index; recall 0.990 with rerank against 0.996 (published); queries go through the SQL function that reranks',
};

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** The path vector -> halfvec -> bit with rerank, from the given type on. */
export function degradePath(workload: ResolvedWorkload, index: IndexChoice, host: Host, region: string): DegradeStep[] {
  const order: readonly VectorType[] = ['vector', 'halfvec', 'bit'];
  return order
    .slice(order.indexOf(index.type))
    .filter((type) => workload.dimensions <= MAX_DIMENSIONS[type])
    .map((type) => {
      const choice = { ...index, type };
      const evaluation = evaluate(workload, choice, host);
      return {
        type,
        rerank: type === 'bit',
        vectorIndexBytes: sum(evaluation.indexes.map(({ indexBytes }) => indexBytes)),
        buildMemoryMiB: evaluation.memory.wantedBuildMiB,
        wantedSharedBuffersMiB: evaluation.memory.wantedSharedBuffersMiB,
        fitsThisHost: evaluation.problems.length === 0,
        smallestHost: smallestHost(workload, choice, region),
        note: TYPE_NOTES[type],
      };
    });
}

/** A change that makes the plan fit, with the numbers it leads to. */
export interface WayOut {
  kind:
    | 'bigger host'
    | 'smaller type'
    | 'fewer step embeddings'
    | 'fewer documents'
    | 'bigger disk'
    | 'fewer connections'
    | 'aurora tier';
  /** One line for a person. */
  message: string;
  /** USD a month of what is named; undefined where unknown, absent where nothing is bought. */
  totalUsdPerMonth?: number | undefined;
}

/** Largest share or number, found by bisection, with which `fits` still holds; undefined where even the least does not. */
function largest(maximum: number, steps: number, fits: (value: number) => boolean): number | undefined {
  if (!fits(0)) return undefined;
  let good = 0;
  let bad = steps + 1;
  while (bad - good > 1) {
    const middle = Math.floor((good + bad) / 2);
    if (fits((maximum * middle) / steps)) good = middle;
    else bad = middle;
  }
  return (maximum * good) / steps;
}

/** Least whole GiB of memory with which this host has no problem but perhaps its disk; undefined above 1 TiB. */
function neededMemoryGiB(workload: ResolvedWorkload, index: IndexChoice, host: Host): number | undefined {
  const broken = (gib: number): boolean =>
    evaluate(workload, index, { ...host, memoryMiB: gib * KIB }).problems.some(({ kind }) => kind !== 'disk');
  if (broken(KIB)) return undefined;
  let bad = 0;
  let good = KIB;
  while (good - bad > 1) {
    const middle = Math.floor((good + bad) / 2);
    if (broken(middle)) bad = middle;
    else good = middle;
  }
  return good;
}

function biggerHost(workload: ResolvedWorkload, index: IndexChoice, evaluation: Evaluation, region: string): WayOut {
  const offer = smallestHost(workload, index, region);
  const onAws =
    evaluation.host.instanceType !== undefined && instanceTypeNamed(evaluation.host.instanceType) !== undefined;
  if (offer === undefined) {
    return {
      kind: 'bigger host',
      message: 'bigger host: none of the listed AWS types fits; split the data or take one of the other ways',
    };
  }
  const memoryGiB = onAws ? undefined : neededMemoryGiB(workload, index, evaluation.host);
  const elsewhere = memoryGiB === undefined ? '' : `, or ${memoryGiB} GiB of memory here`;
  const price =
    offer.totalUsdPerMonth === undefined ? 'price not known in this region' : `${offer.totalUsdPerMonth} USD a month`;
  return {
    kind: 'bigger host',
    message: `bigger host: ${offer.instanceType} (${offer.memoryGiB} GiB, ${offer.vCpus} vCPUs) with ${offer.volume.sizeGiB} GiB of gp3, ${price}${elsewhere}`,
    totalUsdPerMonth: offer.totalUsdPerMonth,
  };
}

function smallerType(
  workload: ResolvedWorkload,
  index: IndexChoice,
  evaluation: Evaluation,
  region: string,
): WayOut | undefined {
  const step = degradePath(workload, index, evaluation.host, region).find(
    ({ type, fitsThisHost }) => type !== index.type && fitsThisHost,
  );
  if (step === undefined) return undefined;
  return {
    kind: 'smaller type',
    message:
      `smaller type: ${step.type}${step.rerank ? ' with rerank' : ''} takes ${formatBytes(step.vectorIndexBytes)} of indexes instead of ` +
      `${formatBytes(evaluation.memory.hotIndexMiB * MIB)} and ${formatBytes(step.buildMemoryMiB * MIB)} to build; it fits this host`,
  };
}

/** Where nothing helps on this host: what a smaller type saves on another one. */
function smallerTypeElsewhere(
  workload: ResolvedWorkload,
  index: IndexChoice,
  evaluation: Evaluation,
  region: string,
): WayOut {
  const step = degradePath(workload, index, evaluation.host, region).find(
    ({ type, smallestHost: offer }) => type !== index.type && offer !== undefined,
  );
  if (step?.smallestHost === undefined) {
    return {
      kind: 'fewer documents',
      message: 'fewer documents: split them over several databases, each planned by itself',
    };
  }
  const { instanceType, memoryGiB, totalUsdPerMonth } = step.smallestHost;
  const price = totalUsdPerMonth === undefined ? 'price not known in this region' : `${totalUsdPerMonth} USD a month`;
  return {
    kind: 'smaller type',
    message: `smaller type on another host: ${step.type} on ${instanceType} (${memoryGiB} GiB), ${price}`,
    totalUsdPerMonth,
  };
}

function fewerSteps(workload: ResolvedWorkload, index: IndexChoice, host: Host): WayOut | undefined {
  const fits = (shareOfStepsEmbedded: number): boolean =>
    evaluate({ ...workload, shareOfStepsEmbedded }, index, host).problems.length === 0;
  const share = largest(workload.shareOfStepsEmbedded, 20, fits);
  if (share === undefined || workload.shareOfStepsEmbedded === 0) return undefined;
  const dropped = share === 0;
  const bytes = sum(
    evaluate({ ...workload, shareOfStepsEmbedded: share }, index, host).indexes.map(({ indexBytes }) => indexBytes),
  );
  return {
    kind: 'fewer step embeddings',
    message: dropped
      ? `fewer step embeddings: none; the document index alone takes ${formatBytes(bytes)}, and search_steps finds nothing`
      : `fewer step embeddings: at most ${Math.round(share * 100)} % of the steps; both indexes then take ${formatBytes(bytes)}`,
  };
}

/** @param connections what the host can serve, where it cannot serve the workload's: fewer documents alone would not fit then */
function fewerDocuments(
  workload: ResolvedWorkload,
  index: IndexChoice,
  host: Host,
  connections: number | undefined,
): WayOut | undefined {
  const served = connections === undefined ? workload : { ...workload, connections };
  const fits = (documents: number): boolean =>
    evaluate({ ...served, documents: Math.floor(documents) }, index, host).problems.length === 0;
  const documents = Math.floor(largest(workload.documents, 1000, fits) ?? 0);
  if (documents < 1) return undefined;
  const room = `this host has room for ${documents} of ${workload.documents} documents`;
  return connections === undefined
    ? { kind: 'fewer documents', message: `fewer documents: ${room} as they are` }
    : {
        kind: 'fewer documents',
        message: `fewer documents and connections: ${room} with ${connections} connections and a pooler in front`,
      };
}

/** The ways out of a plan that does not fit: three of them, the ones that help with what breaks. */
export function waysOut(
  workload: ResolvedWorkload,
  index: IndexChoice,
  evaluation: Evaluation,
  region: string,
): WayOut[] {
  if (evaluation.problems.length === 0) return [];
  const { host, problems } = evaluation;
  const ways: (WayOut | undefined)[] = [];
  const disk = problems.find(({ kind }) => kind === 'disk');
  if (disk !== undefined && problems.length === 1) {
    const withRoom = evaluate(workload, index, { ...host, diskGiB: 2 * disk.needed });
    const neededGiB = Math.ceil(withRoom.disk.requiredBytes / GIB);
    const totalUsdPerMonth = gp3UsdPerMonth(
      { sizeGiB: neededGiB, iops: GP3_BASE_IOPS, throughputMiBps: GP3_BASE_MIBPS },
      region,
    );
    const price = totalUsdPerMonth === undefined ? '' : `, ${totalUsdPerMonth} USD a month as gp3`;
    ways.push({
      kind: 'bigger disk',
      message: `bigger disk: ${neededGiB} GiB instead of ${disk.available} GiB${price}`,
      totalUsdPerMonth,
    });
  } else ways.push(biggerHost(workload, index, evaluation, region));
  const fewest = problems.find(({ kind }) => kind === 'connections');
  // The reserved ones are among those that the host has room for.
  const served = fewest === undefined ? undefined : Math.max(1, fewest.available - 8);
  if (served !== undefined && problems.length === 1) {
    ways.push({ kind: 'fewer connections', message: `fewer connections: ${served} and a pooler in front` });
  }
  ways.push(
    smallerType(workload, index, evaluation, region),
    fewerSteps(workload, index, host),
    fewerDocuments(workload, index, host, served),
  );
  const found = ways.filter((way): way is WayOut => way !== undefined);
  found.push({
    kind: 'aurora tier',
    message: `Amazon Aurora, which this version does not deploy: its storage grows by itself from ${formatBytes(evaluation.databaseBytes)}, and readers share the searches`,
  });
  if (found.length < 3) found.push(smallerTypeElsewhere(workload, index, evaluation, region));
  return found.slice(0, 3);
}
