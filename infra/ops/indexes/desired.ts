/**
 * Vector indexes as desired state: plain data that a preview can compare and that travels as JSON on standard input.
 * Nothing here asks a database.
 */

/** Type of the indexed expression; the column itself is always `vector`. */
export type VectorType = 'vector' | 'halfvec' | 'bit';
export type IndexMethod = 'hnsw' | 'ivfflat';
export type IndexProfile = 'speed' | 'accuracy' | 'compact' | 'ivfflat';

interface DesiredIndexBase {
  name: string;
  table: string;
  column: string;
  type: VectorType;
  /** Distance that searches order by. A bit index orders candidates by Hamming distance and the query reranks them by cosine. */
  metric: 'cosine';
  profile: IndexProfile;
  dimensions: number;
}

export interface DesiredHnswIndex extends DesiredIndexBase {
  method: 'hnsw';
  /** Neighbours of an element in each layer. */
  m: number;
  /** Candidates looked at while building. */
  efConstruction: number;
}

export interface DesiredIvfflatIndex extends DesiredIndexBase {
  method: 'ivfflat';
  /** Number of clusters. @default derived from the rows at the time of the build; kept while it is within a factor of two */
  lists?: number;
}

export type DesiredIndex = DesiredHnswIndex | DesiredIvfflatIndex;

/** Settings of the session that builds; they are never set globally. */
export interface BuildSession {
  /** Most maintenance_work_mem a build may take, in MiB; a build that needs less takes less. */
  maintenanceWorkMemMiB: number;
  /** Workers beside the leader. 0 builds serially, in the process's own memory instead of /dev/shm. */
  maxParallelWorkers: number;
}

/** What searches of the database start with; sessions may still set their own. */
export interface SearchSettings {
  /** hnsw.ef_search. @default left alone */
  efSearch?: number;
  /** ivfflat.probes. @default the square root of the most lists of any index; the server's own default of 1 finds little */
  probes?: number;
}

/** What `qbench index apply` is told. */
export interface DesiredIndexState {
  version: 1;
  indexes: DesiredIndex[];
  session: BuildSession;
  search: SearchSettings;
  /** How much recall@10 of a sample may fall when an index replaces another, 0 to 1. @default 0.02 */
  recallTolerance?: number;
}

/** The two vector indexes of the application's contract. */
export const CONTRACT_INDEXES = [
  { name: 'idx_test_documents_embedding', table: 'test_documents', column: 'embedding' },
  { name: 'idx_test_steps_embedding', table: 'test_steps', column: 'embedding' },
] as const;

/** The index part of the settings, as far as it matters here; both kinds of IndexSettings have this shape. */
export interface IndexSettingsLike {
  readonly profile: IndexProfile;
  readonly type: VectorType;
  readonly m?: number;
  readonly efConstruction?: number;
  readonly efSearch?: number;
  readonly lists?: number;
  readonly probes?: number;
  readonly recallTolerance?: number;
  readonly buildWorkers?: number;
}

/** m and ef_construction that a profile stands for where the settings name none. */
const PROFILE_GRAPHS: Readonly<Record<Exclude<IndexProfile, 'ivfflat'>, { m: number; efConstruction: number }>> = {
  speed: { m: 16, efConstruction: 64 },
  accuracy: { m: 32, efConstruction: 128 },
  compact: { m: 16, efConstruction: 64 },
};

/**
 * The desired state of both contract indexes for the settings of a stack.
 * @param session what the plan gives to a build; settings that name their own number of workers come first
 */
export function desiredIndexState(
  index: IndexSettingsLike,
  dimensions: number,
  session: BuildSession,
): DesiredIndexState {
  return {
    version: 1,
    indexes: desiredIndexes(index, dimensions),
    session: { ...session, maxParallelWorkers: index.buildWorkers ?? session.maxParallelWorkers },
    search: {
      ...(index.efSearch === undefined ? {} : { efSearch: index.efSearch }),
      ...(index.probes === undefined ? {} : { probes: index.probes }),
    },
    ...(index.recallTolerance === undefined ? {} : { recallTolerance: index.recallTolerance }),
  };
}

/** The two contract indexes as the settings want them. */
export function desiredIndexes(index: IndexSettingsLike, dimensions: number): DesiredIndex[] {
  return CONTRACT_INDEXES.map((place): DesiredIndex => {
    const base = { ...place, type: index.type, metric: 'cosine' as const, profile: index.profile, dimensions };
    if (index.profile === 'ivfflat') {
      return { ...base, method: 'ivfflat', ...(index.lists === undefined ? {} : { lists: index.lists }) };
    }
    const graph = PROFILE_GRAPHS[index.profile];
    const m = index.m ?? graph.m;
    // pgvector refuses ef_construction below 2 * m.
    const efConstruction = index.efConstruction ?? Math.max(graph.efConstruction, 2 * m);
    return { ...base, method: 'hnsw', m, efConstruction };
  });
}
