/**
 * The heavy run: as many documents as asked for, mixed of the real ones and seeded noise, on the server that the plan gives to a host of
 * 16 GiB and 2 cores. What was planned stands beside what was measured.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { DEFAULT_WORKLOAD, planCapacity, type CapacityPlan, type IndexRequest } from '../../infra/capacity/plan';
import { GIB, MIB } from '../../infra/capacity/units';
import { actualCapacity } from '../../infra/ops/capacity/actual';
import { OperatorError } from '../../infra/ops/errors';
import { byHandRows } from './byHand';
import { mixingBase, writeMixed } from './corpus';
import { DOCUMENT_INDEX, applyDocumentIndex, dropDocumentIndexes } from './indexes';
import { dynamicSharedBytes, peakWhile } from './processMemory';
import { recall, throughput, trueRadii, type SearchShape } from './searches';
import { benchPlan, documentIds, loadDocuments, PLAN_CORES, startStage, storeQueries, type Stage } from './stage';
import { vectorText } from './vectorText';
import type { Bench, BenchContext, Row } from './types';

export const HEAVY_PROFILES = ['speed', 'accuracy', 'compact'] as const;
type HeavyProfile = (typeof HEAVY_PROFILES)[number];

const QUERIES = 200;
const CHECKED_QUERIES = 2;
const WIDTHS = [40, 100, 200] as const;
const SECONDS = 12;
const WARM_UP_SECONDS = 3;
const LOOK_EVERY_MS = 4_000;
/** Disk for a row: the input, its table, one index with its WAL, and room to breathe. */
const DISK_BYTES_A_ROW = 50_000;

/** Reached by hand with 500,000 such rows, m = 16, ef_construction = 64 and shared_buffers of 6 GB on two cores. */
const BY_HAND: Readonly<Record<number, { recall: number; qps: number }>> = {
  40: { recall: 0.865, qps: 537 },
  100: { recall: 0.933, qps: 383 },
  200: { recall: 0.959, qps: 242 },
};
const BY_HAND_ROWS = 500_000;

async function refuseShortDisk(context: BenchContext, documents: number): Promise<void> {
  const { bavail, bsize } = await statfs(context.scratch);
  const needed = documents * DISK_BYTES_A_ROW;
  if (bavail * bsize >= needed) return;
  throw new OperatorError(
    `${documents} documents need ${Math.ceil(needed / GIB)} GiB of disk, ${Math.floor((bavail * bsize) / GIB)} GiB are free in ${context.scratch}`,
    {
      next: 'set TMPDIR to a folder on a larger disk, or take fewer documents',
    },
  );
}

/** Generates the documents and loads them. @returns the exact neighbours of the queries, and rows about the load */
async function fill(
  context: BenchContext,
  stage: Stage,
  documents: number,
  plan: CapacityPlan,
): Promise<{ truth: number[][]; rows: Row[] }> {
  const { base, texts, queries: all } = mixingBase(process.env);
  const queries = all.slice(0, QUERIES);
  await storeQueries(stage.session, queries);
  const dir = join(context.scratch, 'heavy');
  mkdirSync(dir);
  const onRows = (done: number): void => {
    context.signal.throwIfAborted();
    context.progress.update({
      phase: 'mixing rows and comparing them with the queries',
      done,
      total: documents,
      unit: 'rows',
    });
  };
  const mixed = writeMixed({ dir, base, texts, rows: documents, queries, k: 10, onRows });
  const summary = await loadDocuments(context, stage, mixed.documents);
  rmSync(dir, { recursive: true });
  await stage.session.query('CHECKPOINT');
  await checkTruth(context, stage, mixed.truth, queries);
  const wal = plan.wal.loadBytesPerRow;
  const row: Row = {
    name: 'load',
    value: summary.rowsPerSecond,
    unit: 'documents/s',
    note: `\`qbench load\` with all indexes but the vector's: ${summary.seconds.toFixed(0)} s; planned ${((wal * documents) / GIB).toFixed(1)} GiB of WAL`,
  };
  return { truth: mixed.truth, rows: [row] };
}

/** The truth comes from comparing rows as they were generated; the database must say the same where it compares all itself. */
async function checkTruth(
  context: BenchContext,
  { session }: Stage,
  truth: readonly number[][],
  queries: readonly Float32Array[],
): Promise<void> {
  const ids = await documentIds(session);
  for (let query = 0; query < Math.min(CHECKED_QUERIES, queries.length); query++) {
    context.progress.update({
      phase: 'checking the truth by an exact scan',
      done: query,
      total: CHECKED_QUERIES,
      unit: 'queries',
    });
    const { rows } = await session.query<{ id: number }>(
      'SELECT id FROM public.test_documents ORDER BY embedding <=> $1::vector LIMIT 10',
      [vectorText(queries[query] as Float32Array)],
    );
    const wanted = new Set(truth[query]?.map((row) => ids[row]));
    const same = rows.filter(({ id }) => wanted.has(id)).length;
    // Two rows at the same distance may take each other's place.
    if (same < rows.length - 1)
      throw new Error(`an exact scan finds ${same} of the ten neighbours that were computed for query ${query}`);
  }
}

async function profileRows(
  context: BenchContext,
  stage: Stage,
  documents: number,
  profile: HeavyProfile,
  radii: readonly number[],
): Promise<Row[]> {
  const request: IndexRequest = { profile };
  const plan = benchPlan(documents, request);
  const [planned] = plan.indexes;
  if (planned === undefined) throw new Error('the plan has no index');
  await dropDocumentIndexes(stage);
  await stage.session.query('CHECKPOINT');
  const { result: applied, peak } = await peakWhile(
    () => dynamicSharedBytes(stage.server.dataDir),
    LOOK_EVERY_MS,
    () => applyDocumentIndex(context, stage, plan),
  );
  const build = applied.index.build;
  const spilled = build?.spilled === true;
  const ratio = (measured: number, plannedFigure: number): string =>
    `planned / measured ${(plannedFigure / measured).toFixed(3)}`;
  const rows: Row[] = [
    {
      name: `${profile}: build`,
      value: applied.buildSeconds,
      unit: 's',
      note: `m=${planned.m ?? 0}, ef_construction=${planned.efConstruction ?? 0}, ${planned.type}; planned ${planned.estimatedBuildSeconds.toFixed(0)} s, ${ratio(applied.buildSeconds, planned.estimatedBuildSeconds)}; ${spilled ? '**spilled**' : 'no spill'} in ${build?.maintenanceWorkMemMiB ?? 0} MiB, ${build?.workers ?? 0} worker beside the leader; with proof and swap ${applied.seconds.toFixed(0)} s`,
    },
    {
      name: `${profile}: index`,
      value: applied.bytes / MIB,
      unit: 'MiB',
      note: `planned ${(planned.indexBytes / MIB).toFixed(0)} MiB, ${ratio(applied.bytes, planned.indexBytes)}`,
    },
  ];
  if (peak !== undefined && peak > 0) {
    rows.push({
      name: `${profile}: build memory touched`,
      value: peak / MIB,
      unit: 'MiB',
      note: `dynamic shared memory, looked at every ${LOOK_EVERY_MS / 1000} s; planned ${planned.buildMemoryMiB} MiB, ${ratio(peak / MIB, planned.buildMemoryMiB)}`,
    });
  }
  await stage.session.query('SELECT pg_prewarm($1::regclass)', [`public.${DOCUMENT_INDEX}`]);
  const options = { queries: radii.length, scratch: context.scratch, signal: context.signal };
  for (const breadth of WIDTHS) {
    context.progress.update({ phase: `${profile}: recall and searches at ef_search ${breadth}` });
    const shape: SearchShape = { type: planned.type, method: planned.method, breadth };
    const found = await recall(stage.session, shape, radii);
    await throughput(stage, shape, { ...options, seconds: WARM_UP_SECONDS });
    const one = await throughput(stage, shape, { ...options, seconds: SECONDS });
    const both = await throughput(stage, shape, { ...options, seconds: SECONDS, sessions: PLAN_CORES });
    const byHand = profile === 'speed' && documents === BY_HAND_ROWS ? BY_HAND[breadth] : undefined;
    rows.push(
      {
        name: `${profile}: recall@10 at ef_search ${breadth}`,
        value: found,
        unit: '',
        note: `${radii.length} held-out queries${byHand === undefined ? '' : `; by hand ${byHand.recall}`}`,
      },
      {
        name: `${profile}: searches at ef_search ${breadth}`,
        value: one.qps,
        unit: 'QPS',
        note: `one session; p50 ${one.p50.toFixed(2)} ms, p99 ${one.p99.toFixed(2)} ms; ${PLAN_CORES} sessions ${(both.qps / PLAN_CORES).toFixed(0)} QPS a core, p99 ${both.p99.toFixed(2)} ms${byHand === undefined ? '' : `; by hand ${byHand.qps}`}`,
      },
    );
  }
  return rows;
}

/** Planned for what the database says of itself, beside its size; with the last profile's index. */
async function databaseRow({ session }: Stage): Promise<Row> {
  await session.query('VACUUM (ANALYZE) public.test_documents');
  const actual = await actualCapacity(session);
  const plan = planCapacity({
    workload: { ...DEFAULT_WORKLOAD, ...actual.workload },
    index: { profile: 'speed', ...actual.index },
  });
  return {
    name: 'database, planned / measured',
    value: plan.sizes.databaseBytes / actual.databaseBytes,
    unit: '',
    target: { atLeast: 0.95, atMost: 1.05 },
    note: `planned ${(plan.sizes.databaseBytes / GIB).toFixed(2)} GiB, measured ${(actual.databaseBytes / GIB).toFixed(2)} GiB, with the last index`,
  };
}

async function measure(context: BenchContext, documents: number, profiles: readonly HeavyProfile[]): Promise<Row[]> {
  await refuseShortDisk(context, documents);
  const { label, base } = mixingBase(process.env);
  const plan = benchPlan(documents, { profile: 'speed' });
  const stage = await startStage(context, plan);
  const rows: Row[] = [
    {
      name: 'documents',
      value: documents,
      unit: 'rows',
      note: `${label}; row i is normalise(r + u), r real row i mod ${base.length}, u a seeded random direction of its 384 dimensions, zeros up to 1536; the first ${base.length} are the real ones`,
    },
    {
      name: 'server',
      value: plan.server.sharedBuffersMiB,
      unit: 'MiB of shared_buffers',
      note: `the plan for ${plan.host.memoryMiB} MiB and ${plan.host.cores} cores: max_wal_size ${plan.server.maxWalSizeMiB} MiB, memory while building ${plan.memory.building.totalMiB} MiB`,
    },
  ];
  const filled = await fill(context, stage, documents, plan);
  rows.push(...filled.rows);
  await stage.session.query('CREATE EXTENSION IF NOT EXISTS pg_prewarm SCHEMA bench');
  await stage.session.query('SET search_path = public, bench');
  const radii = await trueRadii(stage.session, filled.truth);
  for (const profile of profiles) {
    rows.push(...(await profileRows(context, stage, documents, profile, radii)));
    for (const row of rows.slice(-9))
      context.progress.note(`    ${row.name}: ${row.value.toFixed(3)} ${row.unit}; ${row.note}`);
  }
  rows.push(await databaseRow(stage));
  const last = profiles.at(-1);
  if (last !== undefined)
    rows.push(...(await byHandRows(context, stage, benchPlan(documents, { profile: last }), radii.length)));
  await stage.stop();
  return rows;
}

/** @param profiles of HEAVY_PROFILES */
export function heavyBench(documents: number, profiles: readonly string[]): Bench {
  return {
    name: 'heavy',
    about: `${documents.toLocaleString('en')} documents: load, builds, recall and searches, planned beside measured`,
    run: (context) => measure(context, documents, profiles as readonly HeavyProfile[]),
  };
}
