/** What `apply` would do, from one look at the server. Reads only. */
import { OperatorError } from '../errors';
import type { Queryable } from '../ports';
import {
  readBuilds,
  readIndexes,
  readNameConflicts,
  readSearchSettings,
  readServer,
  readTable,
  type ActualIndex,
  type RunningBuild,
  type ServerFacts,
  type TableFacts,
} from './catalog';
import { decide, resolveIndex, type Action } from './decide';
import type { ResolvedIndex } from './definition';
import type { DesiredIndexState, SearchSettings } from './desired';
import type { HostFacts, HostFactsSource } from './host';
import { planBuild, shortages, type BuildPlan, type Shortage } from './resources';
import type { Sessions } from './sessions';
import type { IndexSizing } from './sizing';

export interface IndexOverview {
  desired: ResolvedIndex[];
  actual: ActualIndex[];
  running: RunningBuild[];
  tables: Record<string, TableFacts>;
  server: ServerFacts;
  host: HostFacts;
  actions: Action[];
  builds: { index: ResolvedIndex; plan: BuildPlan; shortages: Shortage[] }[];
  /** Search parameters that the database sets now, and those that it should. */
  searchNow: SearchSettings;
  searchWanted: SearchSettings;
  /** Tables whose parallel_workers a build that was cut off has left behind. */
  staleWorkers: string[];
}

/** @throws OperatorError where a table is missing, or a name is taken by something else */
export async function overview(
  sessions: Sessions,
  state: DesiredIndexState,
  sizing: IndexSizing,
  hostSource: HostFactsSource,
): Promise<IndexOverview> {
  const { control, observer } = sessions;
  const conflicts = await readNameConflicts(control, state.indexes);
  if (conflicts.length > 0) {
    throw new OperatorError(`a name is taken: ${conflicts.join('; ')}`, {
      next: 'rename or drop that object; nothing was changed',
    });
  }
  const names = state.indexes.map(({ table }) => table);
  const [actual, running, server] = [
    await readIndexes(control, names),
    await readBuilds(observer),
    await readServer(observer),
  ];
  const limits = await readServer(control);
  const tables: Record<string, TableFacts> = {};
  for (const index of state.indexes) tables[index.table] = await tableOf(control, index);
  const desired = state.indexes.map((index) => resolveIndex(index, tables[index.table]?.rows ?? 0, actual, sizing));
  const actions = decide(desired, actual, running);
  const host = await hostSource.read(server.dynamicSharedMemoryType);
  const builds = actions.flatMap((action) => {
    if (action.kind !== 'build') return [];
    const plan = planBuild(action.desired, tables[action.desired.table]?.rows ?? 0, state.session, server, sizing);
    return [{ index: action.desired, plan, shortages: shortages(action.desired, plan, state.session, host) }];
  });
  return {
    desired,
    actual,
    running,
    tables,
    server: { ...server, ownsDatabase: limits.ownsDatabase },
    host,
    actions,
    builds,
    searchNow: await readSearchSettings(control),
    searchWanted: wantedSearch(state, desired, sizing),
    // The tables' parallel_workers belongs to the builds; none runs, so what is there was left behind.
    staleWorkers: Object.entries(tables)
      .filter(
        ([table, facts]) => facts.parallelWorkers !== undefined && !running.some((build) => build.table === table),
      )
      .map(([table]) => table),
  };
}

async function tableOf(session: Queryable, index: DesiredIndexState['indexes'][number]): Promise<TableFacts> {
  const facts = await readTable(session, index);
  if (facts === undefined) {
    throw new OperatorError(`there is no table ${index.table} in schema public`, {
      next: 'apply the migrations first: qbench migrate',
    });
  }
  return facts;
}

/** One value for all indexes: parameters belong to the session, and probes beyond what a small index needs cost little. */
function wantedSearch(
  state: DesiredIndexState,
  desired: readonly ResolvedIndex[],
  sizing: IndexSizing,
): SearchSettings {
  const lists = desired.flatMap((index) => (index.method === 'ivfflat' ? [index.lists] : []));
  const probes =
    state.search.probes ?? (lists.length === 0 ? undefined : Math.max(...lists.map((count) => sizing.probes(count))));
  const { efSearch } = state.search;
  return { ...(efSearch === undefined ? {} : { efSearch }), ...(probes === undefined ? {} : { probes }) };
}
