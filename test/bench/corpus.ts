/** Embeddings to measure with: the 20,000 real ones where they lie beside the checkout, else the demo corpus, mixed with noise. */
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { decodeFloat16 } from '../../infra/ops/load/float16';
import { CHECKOUT } from '../support/machine';
import { encodeFloat16 } from './float16';
import { seededNormal } from './random';
import { Neighbours } from './truth';

/** Dimensions of the model's embeddings; the database's columns have 1536, and the loader fills up with zeros. */
const MODEL_DIMENSIONS = 384;

/** Rows that the demo corpus is mixed up to where there are no real ones. */
const MIXED_ROWS = 20_000;
const MIXED_QUERIES = 100;

/** Weight of the noise beside the real vector, both of length 1. */
export const NOISE = 1;
const SEED = 20_260_101;

export interface Corpus {
  /** What it is, for people. */
  label: string;
  /** documents.jsonl.gz or documents.jsonl, with documents.f16 beside it: an input of `qbench load --pad`. */
  documents: string;
  rows: number;
  queries: Float32Array[];
  /** For each query the rows (from 0) of its nearest documents by exact cosine, nearest first; ten or more. */
  truth: number[][];
}

export interface SourceText {
  title: string;
  description: string;
}

/** Rows of a .f16 file of the model's dimensions. */
function readVectors(file: string): Float32Array[] {
  const values = decodeFloat16(readFileSync(file));
  return Array.from({ length: values.length / MODEL_DIMENSIONS }, (_, row) =>
    values.subarray(row * MODEL_DIMENSIONS, (row + 1) * MODEL_DIMENSIONS),
  );
}

/** Titles and descriptions of a corpus's documents. */
function readTexts(documents: string): SourceText[] {
  const bytes = readFileSync(documents);
  const text = documents.endsWith('.gz') ? gunzipSync(bytes) : bytes;
  return text
    .toString('utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as SourceText);
}

/** The folder of real embeddings: QBENCH_BENCH_DATA, else shared/data beside the checkout; undefined where there is none, or `demo` was asked for. */
function realDataDir(env: NodeJS.ProcessEnv): string | undefined {
  const given = env['QBENCH_BENCH_DATA'];
  if (given === 'demo') return undefined;
  if (given !== undefined && given !== '') return resolve(given);
  const beside = resolve(CHECKOUT, '..', 'shared', 'data');
  return existsSync(join(beside, 'truth-top100.i32')) ? beside : undefined;
}

export function openCorpus(env: NodeJS.ProcessEnv, scratch: string): Corpus {
  const real = realDataDir(env);
  return real === undefined ? mixedDemo(scratch) : realCorpus(real);
}

function realCorpus(dir: string): Corpus {
  const documents = join(dir, 'documents.jsonl.gz');
  const rows = readFileSync(join(dir, 'documents.f16')).length / 2 / MODEL_DIMENSIONS;
  const queries = readVectors(join(dir, 'queries.f16'));
  const bytes = readFileSync(join(dir, 'truth-top100.i32'));
  const each = bytes.length / 4 / queries.length;
  const truth = queries.map((_, query) =>
    Array.from({ length: each }, (__, rank) => bytes.readInt32LE((query * each + rank) * 4)),
  );
  const label = `${rows.toLocaleString('en')} real embeddings and ${queries.length} held-out queries (shared/data beside the checkout)`;
  return { label, documents, rows, queries, truth };
}

function mixedDemo(scratch: string): Corpus {
  const demo = join(CHECKOUT, 'data', 'demo');
  const dir = join(scratch, 'corpus');
  mkdirSync(dir, { recursive: true });
  const base = readVectors(join(demo, 'documents.f16'));
  const asked = readVectors(join(demo, 'queries.f16'));
  const ask = new Mixer(asked, SEED + 1);
  const queries = Array.from({ length: MIXED_QUERIES }, (_, row) => ask.row(row));
  const { documents, truth } = writeMixed({
    dir,
    base,
    texts: readTexts(join(demo, 'documents.jsonl.gz')),
    rows: MIXED_ROWS,
    queries,
    k: 10,
  });
  const label = `the demo corpus of this checkout (${base.length} real embeddings), mixed with seeded noise to ${MIXED_ROWS.toLocaleString('en')} rows; shared/data is not there`;
  return { label, documents, rows: MIXED_ROWS, queries, truth };
}

/**
 * Rows beyond the real ones: row i is normalise(r + u), where r is real row i mod n and u a random direction of the model's 384
 * dimensions. The cosine of a row to its own real one is about 0.71, of two rows of the same one about 0.5, as of real neighbours.
 */
export class Mixer {
  private readonly normal: () => number;

  constructor(
    private readonly base: readonly Float32Array[],
    seed: number = SEED,
    private readonly noise: number = NOISE,
  ) {
    this.normal = seededNormal(seed);
  }

  /** Call it with 0, 1, 2, ...: the noise is drawn in order. The first rows are the real ones themselves. */
  row(index: number): Float32Array {
    const real = this.base[index % this.base.length] as Float32Array;
    const mixed = new Float32Array(MODEL_DIMENSIONS);
    if (index < this.base.length) {
      mixed.set(real);
      return mixed;
    }
    let squares = 0;
    for (let i = 0; i < MODEL_DIMENSIONS; i++) {
      const value = this.normal();
      mixed[i] = value;
      squares += value * value;
    }
    const weight = this.noise / Math.sqrt(squares);
    let length = 0;
    for (let i = 0; i < MODEL_DIMENSIONS; i++) {
      const value = (real[i] as number) + weight * (mixed[i] as number);
      mixed[i] = value;
      length += value * value;
    }
    const scale = 1 / Math.sqrt(length);
    for (let i = 0; i < MODEL_DIMENSIONS; i++) mixed[i] = (mixed[i] as number) * scale;
    return mixed;
  }
}

export interface MixedFiles {
  dir: string;
  base: readonly Float32Array[];
  texts: readonly SourceText[];
  rows: number;
  queries: readonly Float32Array[];
  /** Neighbours kept of each query. */
  k: number;
  /** Called now and then with the rows written. */
  onRows?: (rows: number) => void;
}

const ROWS_AT_ONCE = 2000;

/**
 * Writes documents.jsonl and documents.f16, piece by piece, and compares every row with every query on the way: an exact scan
 * without keeping the rows. Rows are compared as float16 keeps them, which is what the database is given.
 */
export function writeMixed(files: MixedFiles): { documents: string; truth: number[][] } {
  const { dir, base, texts, rows, queries, k } = files;
  const documents = join(dir, 'documents.jsonl');
  const lines = openSync(documents, 'w');
  const vectors = openSync(join(dir, 'documents.f16'), 'w');
  const mixer = new Mixer(base);
  const neighbours = queries.map((query) => new Neighbours(query, k));
  try {
    for (let first = 0; first < rows; first += ROWS_AT_ONCE) {
      const count = Math.min(ROWS_AT_ONCE, rows - first);
      const text: string[] = [];
      const bytes = Buffer.allocUnsafe(count * MODEL_DIMENSIONS * 2);
      for (let i = 0; i < count; i++) {
        const row = first + i;
        const { title, description } = texts[row % texts.length] as SourceText;
        const copy = Math.floor(row / texts.length);
        text.push(JSON.stringify({ uid: `bench-${row}`, title: copy === 0 ? title : `${title} ${copy}`, description }));
        encodeFloat16(mixer.row(row), bytes, i * MODEL_DIMENSIONS * 2);
      }
      const stored = decodeFloat16(bytes);
      for (let i = 0; i < count; i++) {
        const vector = stored.subarray(i * MODEL_DIMENSIONS, (i + 1) * MODEL_DIMENSIONS);
        for (const each of neighbours) each.offer(first + i, vector);
      }
      writeSync(lines, `${text.join('\n')}\n`);
      writeSync(vectors, bytes);
      files.onRows?.(first + count);
    }
  } finally {
    closeSync(lines);
    closeSync(vectors);
  }
  writeFileSync(join(dir, 'documents.manifest.json'), JSON.stringify({ dimensions: MODEL_DIMENSIONS, pad: true }));
  return { documents, truth: neighbours.map((each) => each.rows()) };
}

/** Where the texts and vectors of the real rows come from, for benchmarks that mix more of them. */
export function mixingBase(env: NodeJS.ProcessEnv): {
  label: string;
  base: Float32Array[];
  texts: SourceText[];
  queries: Float32Array[];
} {
  const real = realDataDir(env);
  const dir = real ?? join(CHECKOUT, 'data', 'demo');
  const base = readVectors(join(dir, 'documents.f16'));
  return {
    label: `${base.length.toLocaleString('en')} real embeddings (${real === undefined ? 'demo corpus' : 'shared/data beside the checkout'})`,
    base,
    texts: readTexts(join(dir, 'documents.jsonl.gz')),
    queries: readVectors(join(dir, 'queries.f16')),
  };
}
