/** A build through `index apply` beside the same CREATE INDEX CONCURRENTLY in psql. */
import { applyDocumentIndex, documentState, dropDocumentIndexes, type Applied } from './indexes';
import { psql } from './programs';
import { benchPlan } from './stage';
import { alternate, ratios, secondsOf, summary } from './statistics';
import type { Bench, BenchContext, Row } from './types';

const ROUNDS = 3;

async function measure(context: BenchContext): Promise<Row[]> {
  const { signal } = context;
  const corpus = context.corpus();
  const stage = await context.stage();
  const plan = benchPlan(corpus.rows, { profile: 'speed' });
  const { maxParallelWorkers: workers } = documentState(plan).session;
  const applied: Applied[] = [];
  const fresh = async (what: string, round: number): Promise<void> => {
    await dropDocumentIndexes(stage);
    await stage.session.query('CHECKPOINT');
    context.progress.update({ phase: `build ${what}`, done: round, total: ROUNDS, unit: 'rounds' });
  };
  const seconds = await alternate(ROUNDS, {
    apply: async (round) => {
      await fresh('through index apply', round);
      const done = await applyDocumentIndex(context, stage, plan);
      applied.push(done);
      return done.buildSeconds;
    },
    psql: async (round) => {
      await fresh('in psql', round);
      const memory = applied[round]?.index.build?.maintenanceWorkMemMiB ?? 0;
      const commands = [
        `SET maintenance_work_mem = '${memory}MB'`,
        `SET max_parallel_maintenance_workers = ${workers}`,
        `ALTER TABLE public.test_documents SET (parallel_workers = ${workers})`,
        'CREATE INDEX CONCURRENTLY idx_test_documents_embedding ON public.test_documents USING hnsw (embedding vector_cosine_ops) WITH (m = 16, ef_construction = 64)',
      ];
      const elapsed = await secondsOf(() => psql(stage, commands, signal));
      await psql(stage, ['ALTER TABLE public.test_documents RESET (parallel_workers)'], signal);
      return elapsed;
    },
  });
  const whole = summary(applied.map((each) => each.seconds)).value;
  const builtInPsql = summary(seconds.psql).value;
  return [
    {
      name: 'build through `index apply` / the same in psql',
      ...summary(ratios(seconds.apply, seconds.psql)),
      unit: '',
      target: { atMost: 1.05 },
      note: `CREATE INDEX CONCURRENTLY with the same memory and workers, ${ROUNDS} rounds in turn; psql ${builtInPsql.toFixed(1)} s; the whole verb, with its proof (exact comparison of 50 rows) and the swap, ${whole.toFixed(1)} s`,
    },
  ];
}

export const buildBench: Bench = { name: 'build', about: 'build time through `index apply` beside psql', run: measure };
