/** What the database has to hold and serve, and the checks that keep nonsense out of the formulas. */

/** Type of the indexed expression; the column itself is always `vector`. */
export type VectorType = 'vector' | 'halfvec' | 'bit';
export type IndexProfile = 'speed' | 'accuracy' | 'compact' | 'ivfflat';

/** The workload. Fields beyond the required ones have defaults, see {@link DEFAULT_WORKLOAD} and {@link resolveWorkload}. */
export interface Workload {
  /** Rows of test_documents. */
  documents: number;
  /** Mean number of steps of a document that has steps. */
  stepsPerDocument: number;
  /** Share of documents that have steps, 0 to 1. */
  shareWithSteps: number;
  /** Dimensions of an embedding. */
  dimensions: number;
  /** Mean bytes of text and JSON of a document, without embeddings. */
  textBytesPerDocument: number;
  /** Growth of the number of documents a month, as a share of the number before it. */
  growthPerMonth: number;
  /** Months of growth the host and its disk must have room for. */
  horizonMonths: number;
  /** Client connections served at once. */
  connections: number;
  /** Mean bytes of text of a step. @default 200 */
  textBytesPerStep?: number;
  /** Mean bytes of a document's short columns: keys, tags, platforms, folder, source. @default 180 */
  metadataBytesPerDocument?: number;
  /** Mean bytes of a title. @default a quarter of the text, 60 at most */
  titleBytes?: number;
  /** Mean bytes of a description. @default six tenths of the text without the title */
  descriptionBytes?: number;
  /** Share of documents whose embedding is not NULL, 0 to 1. @default 1 */
  shareOfDocumentsEmbedded?: number;
  /** Share of steps whose embedding is not NULL, 0 to 1: 0 drops step search. @default 1 */
  shareOfStepsEmbedded?: number;
  /** Share of embeddings that are not exact copies of another: copies share an HNSW element, ten rows at most. @default 1 */
  shareOfDistinctEmbeddings?: number;
}

/** The vector indexes. */
export interface IndexChoice {
  profile: IndexProfile;
  type: VectorType;
  /** HNSW: neighbours of an element in each layer. */
  m: number;
  /** HNSW: candidates looked at while building. */
  efConstruction: number;
  /** IVFFlat: number of clusters. @default derived from the rows of each table */
  lists?: number;
}

/** What may be left out of an {@link IndexChoice}; the profile fills it. */
export type IndexRequest = { profile: IndexProfile } & Partial<Omit<IndexChoice, 'profile'>>;

/** The guide's 500,000 documents. Two steps for two documents in three make 2.3 vectors a document, as the guide's 1.5 GB per 100k implies. */
export const DEFAULT_WORKLOAD: Workload = {
  documents: 500_000,
  stepsPerDocument: 2,
  shareWithSteps: 0.67,
  dimensions: 1536,
  textBytesPerDocument: 2000,
  growthPerMonth: 0.02,
  horizonMonths: 12,
  connections: 100,
};

/** A profile's own values: what `speed` and `accuracy` mean in the guide, with the compact types of the facts. */
export const PROFILES: Readonly<Record<IndexProfile, IndexChoice>> = {
  speed: { profile: 'speed', type: 'vector', m: 16, efConstruction: 64 },
  accuracy: { profile: 'accuracy', type: 'vector', m: 32, efConstruction: 128 },
  compact: { profile: 'compact', type: 'halfvec', m: 16, efConstruction: 64 },
  ivfflat: { profile: 'ivfflat', type: 'vector', m: 16, efConstruction: 64 },
};

/** Most dimensions an index of each type can hold (pgvector). */
export const MAX_DIMENSIONS: Readonly<Record<VectorType, number>> = { vector: 2000, halfvec: 4000, bit: 64_000 };

/** A workload with every default filled in. */
export type ResolvedWorkload = Required<Workload>;

/** Fills the defaults of a workload. */
export function resolveWorkload(workload: Workload): ResolvedWorkload {
  const titleBytes = workload.titleBytes ?? Math.min(60, workload.textBytesPerDocument / 4);
  return {
    textBytesPerStep: 200,
    metadataBytesPerDocument: 180,
    shareOfDocumentsEmbedded: 1,
    shareOfStepsEmbedded: 1,
    shareOfDistinctEmbeddings: 1,
    descriptionBytes: 0.6 * Math.max(0, workload.textBytesPerDocument - titleBytes),
    ...workload,
    titleBytes,
  };
}

/** Fills an index request from its profile. */
export function resolveIndex(request: IndexRequest): IndexChoice {
  return { ...PROFILES[request.profile], ...request };
}

/** Rows of test_steps. */
export function stepRows(workload: Workload): number {
  return Math.round(workload.documents * workload.shareWithSteps * workload.stepsPerDocument);
}

/** The same workload after a number of months of compound growth. */
export function grownWorkload<W extends Workload>(workload: W, months: number): W {
  return { ...workload, documents: Math.ceil(workload.documents * (1 + workload.growthPerMonth) ** months) };
}

type Range = readonly [minimum: number, maximum: number, whole: boolean];

const RANGES: Readonly<Record<keyof Workload, Range>> = {
  documents: [0, 1e10, true],
  stepsPerDocument: [0, 1000, false],
  shareWithSteps: [0, 1, false],
  dimensions: [1, 16_000, true],
  textBytesPerDocument: [0, 1e8, false],
  growthPerMonth: [0, 10, false],
  horizonMonths: [0, 120, true],
  connections: [1, 10_000, true],
  textBytesPerStep: [0, 1e8, false],
  metadataBytesPerDocument: [0, 100_000, false],
  titleBytes: [0, 1e8, false],
  descriptionBytes: [0, 1e8, false],
  shareOfDocumentsEmbedded: [0, 1, false],
  shareOfStepsEmbedded: [0, 1, false],
  shareOfDistinctEmbeddings: [0, 1, false],
};

/** One mistake in the input: the field, the value given and what is allowed. */
export interface InputMistake {
  field: string;
  given: unknown;
  allowed: string;
}

function check(field: string, given: unknown, [minimum, maximum, whole]: Range): InputMistake[] {
  const good =
    typeof given === 'number' &&
    Number.isFinite(given) &&
    given >= minimum &&
    given <= maximum &&
    (!whole || Number.isInteger(given));
  return good
    ? []
    : [{ field, given, allowed: `${whole ? 'a whole number' : 'a number'} from ${minimum} to ${maximum}` }];
}

/** Every mistake of a workload and its index choice; an empty list means that the formulas may be asked. */
export function inputMistakes(workload: Workload, index: IndexChoice): InputMistake[] {
  const mistakes = (Object.keys(RANGES) as (keyof Workload)[]).flatMap((field) =>
    workload[field] === undefined ? [] : check(field, workload[field], RANGES[field]),
  );
  // The types say what is allowed; JavaScript and JSON callers can give anything.
  if (!Object.hasOwn(PROFILES, index.profile)) {
    mistakes.push({ field: 'profile', given: index.profile, allowed: Object.keys(PROFILES).join(', ') });
  }
  const limit = new Map<string, number>(Object.entries(MAX_DIMENSIONS)).get(index.type);
  if (limit === undefined) {
    mistakes.push({ field: 'type', given: index.type, allowed: Object.keys(MAX_DIMENSIONS).join(', ') });
  } else if (workload.dimensions > limit) {
    mistakes.push({
      field: 'dimensions',
      given: workload.dimensions,
      allowed: `at most ${limit} in an index of type ${index.type}`,
    });
  }
  mistakes.push(
    ...check('m', index.m, [2, 100, true]),
    ...check('efConstruction', index.efConstruction, [4, 1000, true]),
  );
  if (index.efConstruction < 2 * index.m) {
    mistakes.push({
      field: 'efConstruction',
      given: index.efConstruction,
      allowed: `at least twice m, ${2 * index.m}`,
    });
  }
  if (index.lists !== undefined) mistakes.push(...check('lists', index.lists, [1, 32_768, true]));
  return mistakes;
}
