/** Size, build time, recall and searches a second of every profile on the whole corpus. */
import { MIB } from '../../infra/capacity/units';
import type { IndexRequest } from '../../infra/capacity/plan';
import { applyDocumentIndex, dropDocumentIndexes } from './indexes';
import { recall, throughput, trueRadii, type SearchShape } from './searches';
import { benchPlan } from './stage';
import { summary } from './statistics';
import type { Bench, BenchContext, Row } from './types';

const PROFILES: readonly (readonly [label: string, request: IndexRequest])[] = [
  ['speed', { profile: 'speed' }],
  ['accuracy', { profile: 'accuracy' }],
  ['compact, halfvec', { profile: 'compact' }],
  ['compact, bit + rerank', { profile: 'compact', type: 'bit' }],
  ['ivfflat', { profile: 'ivfflat' }],
];
const ROUNDS = 3;
const SECONDS = 2;

async function measure(context: BenchContext): Promise<Row[]> {
  const corpus = context.corpus();
  const stage = await context.stage();
  const radii = await trueRadii(stage.session, corpus.truth);
  const rows: Row[] = [];
  for (const [label, request] of PROFILES) {
    const plan = benchPlan(corpus.rows, request);
    const planned = plan.indexes[0];
    if (planned === undefined) throw new Error('the plan has no index');
    await dropDocumentIndexes(stage);
    const applied = await applyDocumentIndex(context, stage, plan);
    const shape: SearchShape = {
      type: plan.index.type,
      method: planned.method,
      breadth: planned.efSearch ?? planned.probes ?? 1,
    };
    context.progress.update({ phase: `${label}: recall and searches` });
    const found = await recall(stage.session, shape, radii);
    const qps: number[] = [];
    const options = {
      seconds: SECONDS,
      queries: corpus.queries.length,
      scratch: context.scratch,
      signal: context.signal,
    };
    for (let round = 0; round < ROUNDS; round++) qps.push((await throughput(stage, shape, options)).qps);
    const how =
      planned.method === 'hnsw'
        ? `m=${planned.m ?? 0}, ef_construction=${planned.efConstruction ?? 0}`
        : `${planned.lists ?? 0} lists`;
    const breadth = planned.method === 'hnsw' ? `ef_search ${shape.breadth}` : `${shape.breadth} probes`;
    rows.push(
      {
        name: `${label}: index`,
        value: applied.bytes / MIB,
        unit: 'MiB',
        note: `${how}; planned ${(planned.indexBytes / MIB).toFixed(1)} MiB`,
      },
      {
        name: `${label}: build`,
        value: applied.buildSeconds,
        unit: 's',
        note: `estimated ${planned.estimatedBuildSeconds.toFixed(1)} s; ${applied.index.build?.spilled === true ? 'spilled' : 'no spill'}`,
      },
      { name: `${label}: recall@10`, value: found, unit: '', note: `at ${breadth}, the plan's own` },
      { name: `${label}: searches`, ...summary(qps), unit: 'QPS', note: `at ${breadth}, one session` },
    );
  }
  return rows;
}

export const profilesBench: Bench = {
  name: 'profiles',
  about: 'size, build time, recall and QPS of each profile',
  run: measure,
};
