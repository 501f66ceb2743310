/**
 * The plan's configuration beside one set by hand with 6 GB of shared_buffers, on the index that the heavy run left: the same rows, the same
 * graph and so the same recall, the server started again with each in turn.
 */
import { openSession } from '../../infra/adapters/postgresDatabase';
import type { CapacityPlan } from '../../infra/capacity/plan';
import { postgresqlConf } from '../../infra/postgres/parameters';
import { addressOf, desiredServer } from '../support/server';
import { DOCUMENT_INDEX } from './indexes';
import { formatNumber } from './report';
import { throughput, type SearchShape } from './searches';
import { PLAN_CORES, type Stage } from './stage';
import { alternate, ratios, summary } from './statistics';
import type { BenchContext, Row } from './types';

const BY_HAND = { shared_buffers: '6GB', max_wal_size: '8GB', effective_cache_size: '12GB', random_page_cost: '1.1' };
const ROUNDS = 3;
const WARM_UP_SECONDS = 3;
const SECONDS = 8;
const BREADTH = 100;

/** Ends the session of the stage: nothing else may follow but the end of the run. */
export async function byHandRows(
  context: BenchContext,
  stage: Stage,
  plan: CapacityPlan,
  queries: number,
): Promise<Row[]> {
  const [planned] = plan.indexes;
  if (planned === undefined) throw new Error('the plan has no index');
  await stage.session.close();
  const shape: SearchShape = { type: planned.type, method: planned.method, breadth: BREADTH };
  const { server } = stage;
  const searches = async (parameters: Record<string, string>): Promise<number> => {
    await server.cluster.stop();
    await server.cluster.apply(desiredServer({ stack: 'bench', parameters }), server.superuserPassword);
    const session = await openSession(addressOf(server, stage.database.name));
    try {
      await session.query('SELECT bench.pg_prewarm($1::regclass)', [`public.${DOCUMENT_INDEX}`]);
    } finally {
      await session.close();
    }
    const options = { queries, sessions: PLAN_CORES, scratch: context.scratch, signal: context.signal };
    await throughput(stage, shape, { ...options, seconds: WARM_UP_SECONDS });
    return (await throughput(stage, shape, { ...options, seconds: SECONDS })).qps;
  };
  const turn = (what: string, parameters: Record<string, string>) => (round: number) => {
    context.progress.update({ phase: `searches, configured by ${what}`, done: round, total: ROUNDS, unit: 'rounds' });
    return searches(parameters);
  };
  const qps = await alternate(ROUNDS, {
    plan: turn('the plan', postgresqlConf({ tier: 'local', plan: plan.server }).parameters),
    hand: turn('hand', BY_HAND),
  });
  const middle = (figures: readonly number[]): string => formatNumber(summary(figures).value);
  return [
    {
      name: 'searches, plan / configured by hand',
      ...summary(ratios(qps.plan, qps.hand)),
      unit: '',
      note: `the same index at ef_search ${BREADTH}, so the same recall; ${PLAN_CORES} sessions, ${ROUNDS} rounds in turn; shared_buffers ${plan.server.sharedBuffersMiB} MiB against 6 GB; QPS: plan ${middle(qps.plan)}, by hand ${middle(qps.hand)}`,
    },
  ];
}
