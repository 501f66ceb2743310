/** Vector indexes of test_documents, made by the same code as `qbench index apply`. */
import { hostFactsOfThisMachine } from '../../infra/adapters/hostFacts';
import { systemClock } from '../../infra/adapters/systemClock';
import type { CapacityPlan } from '../../infra/capacity/plan';
import { applyIndexes, type AppliedIndex } from '../../infra/ops/indexes/apply';
import { desiredIndexState, type DesiredIndexState, type IndexSettingsLike } from '../../infra/ops/indexes/desired';
import { secondsOf } from './statistics';
import type { Stage } from './stage';
import type { BenchContext } from './types';

export const DOCUMENT_INDEX = 'idx_test_documents_embedding';

/** Desired state of the documents' index alone, with the memory and workers of the plan. */
export function documentState(plan: CapacityPlan): DesiredIndexState {
  const planned = plan.indexes.find(({ table }) => table === 'test_documents');
  if (planned === undefined) throw new Error('the plan has no index of test_documents');
  const settings: IndexSettingsLike = {
    ...plan.index,
    ...(planned.efSearch === undefined ? {} : { efSearch: planned.efSearch }),
    ...(planned.probes === undefined ? {} : { probes: planned.probes }),
  };
  const state = desiredIndexState(settings, plan.workload.dimensions, {
    maintenanceWorkMemMiB: planned.sessionMaintenanceWorkMemMiB,
    maxParallelWorkers: planned.parallelWorkers,
  });
  return { ...state, indexes: state.indexes.filter(({ table }) => table === 'test_documents') };
}

export interface Applied {
  index: AppliedIndex;
  /** The whole verb: build, proof, swap. */
  seconds: number;
  /** CREATE INDEX alone. */
  buildSeconds: number;
  bytes: number;
}

/** Applies the plan's index of test_documents. */
export async function applyDocumentIndex(
  context: BenchContext,
  stage: Stage,
  plan: CapacityPlan,
  proofBudgetMs = 20_000,
): Promise<Applied> {
  let index: AppliedIndex | undefined;
  const seconds = await secondsOf(async () => {
    const result = await applyIndexes(stage.database.database, {
      state: documentState(plan),
      host: hostFactsOfThisMachine(stage.server.dataDir),
      clock: systemClock,
      progress: context.progress,
      proofBudgetMs,
      // Profiles follow each other here, the less accurate after the more accurate ones too.
      ...{ signal: context.signal },
    });
    index = result.indexes[0];
  });
  if (index?.build === undefined) throw new Error('index apply built nothing');
  const { rows } = await stage.session.query<{ bytes: string }>('SELECT pg_relation_size($1::regclass) AS bytes', [
    `public.${DOCUMENT_INDEX}`,
  ]);
  return { index, seconds, buildSeconds: index.build.seconds, bytes: Number(rows[0]?.bytes) };
}

/** Drops whatever vector indexes of test_documents there are. */
export async function dropDocumentIndexes({ session }: Stage): Promise<void> {
  await session.query(`DROP INDEX IF EXISTS public.${DOCUMENT_INDEX}`);
}
