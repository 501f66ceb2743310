/** Recall@10 and searches a second on the whole corpus, profile speed, at three widths of search. */
import { applyDocumentIndex, dropDocumentIndexes } from './indexes';
import { recall, throughput, trueRadii, type SearchShape } from './searches';
import { benchPlan } from './stage';
import { alternate, summary } from './statistics';
import type { Bench, BenchContext, Row } from './types';

const WIDTHS = [40, 100, 200] as const;
const ROUNDS = 3;
const SECONDS = 3;

async function measure(context: BenchContext): Promise<Row[]> {
  const corpus = context.corpus();
  const stage = await context.stage();
  await dropDocumentIndexes(stage);
  const applied = await applyDocumentIndex(context, stage, benchPlan(corpus.rows, { profile: 'speed' }));
  const radii = await trueRadii(stage.session, corpus.truth);
  const rows: Row[] = [
    {
      name: 'HNSW index built (m=16, ef_construction=64)',
      value: applied.buildSeconds,
      unit: 's',
      note: `${corpus.rows.toLocaleString('en')} vectors(1536), ${applied.index.build?.workers ?? 0} worker beside the leader, ${applied.index.build?.maintenanceWorkMemMiB ?? 0} MiB, ${applied.index.build?.spilled === true ? 'spilled' : 'no spill'}`,
    },
  ];
  const shape = (breadth: number): SearchShape => ({ type: 'vector', method: 'hnsw', breadth });
  const found: Record<number, number> = {};
  for (const width of WIDTHS) {
    context.progress.update({ phase: `recall at ef_search ${width}` });
    found[width] = await recall(stage.session, shape(width), radii);
  }
  const options = {
    seconds: SECONDS,
    queries: corpus.queries.length,
    scratch: context.scratch,
    signal: context.signal,
  };
  const measurement = (width: number) => async (round: number) => {
    context.progress.update({ phase: `searches at ef_search ${width}`, done: round, total: ROUNDS, unit: 'rounds' });
    return (await throughput(stage, shape(width), options)).qps;
  };
  const qps: Record<string, number[]> = await alternate(
    ROUNDS,
    Object.fromEntries(WIDTHS.map((width) => [String(width), measurement(width)])),
  );
  for (const width of WIDTHS) {
    rows.push(
      {
        name: `recall@10 at ef_search ${width}`,
        value: found[width] ?? Number.NaN,
        unit: '',
        note: `${corpus.queries.length} held-out queries against exact search`,
      },
      {
        name: `searches at ef_search ${width}`,
        ...summary(qps[String(width)] ?? []),
        unit: 'QPS',
        note: `one session, ${ROUNDS} runs of ${SECONDS} s in turn, index in shared_buffers`,
      },
    );
  }
  return rows;
}

export const recallBench: Bench = {
  name: 'recall',
  about: 'recall@10 and QPS on the whole corpus at ef_search 40, 100 and 200',
  run: measure,
};
