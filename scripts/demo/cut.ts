/**
 * Cuts the demo corpus out of a folder of real embeddings: `node --require ./infra/register.cjs scripts/demo/cut.ts FOLDER`. FOLDER holds documents.jsonl.gz, documents.f16,
 * queries.jsonl.gz, queries.f16 and truth-top100.i32 as data/demo/README.md describes them. The result depends on nothing else, so
 * running it again writes the same files.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';

const DIMENSIONS = 384;
const ROW_BYTES = DIMENSIONS * 2;
const TRUTH = 100;
const DOCUMENTS = 360;
const QUERIES = 12;
/** Of each query its nearest documents are taken, so that its search has something to find. */
const NEAREST = 15;
/** Two thirds of the documents get steps. */
const WITHOUT_STEPS_EVERY = 3;

interface Text {
  uid: string;
  title: string;
  description: string;
}

const source = process.argv[2];
if (source === undefined) throw new Error('usage: node --require ./infra/register.cjs scripts/demo/cut.ts FOLDER');
const folder = resolve(source);
const target = resolve(__dirname, '..', '..', 'data', 'demo');

const texts = (name: string): Text[] =>
  gunzipSync(readFileSync(join(folder, name)))
    .toString('utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Text);
const rowsOf = (bytes: Buffer, rows: readonly number[]): Buffer =>
  Buffer.concat(rows.map((row) => bytes.subarray(row * ROW_BYTES, (row + 1) * ROW_BYTES)));
const at = <T>(list: readonly T[], index: number): T => {
  const value = list[index];
  if (value === undefined) throw new RangeError(`no element ${index}`);
  return value;
};

const documents = texts('documents.jsonl.gz');
const vectors = readFileSync(join(folder, 'documents.f16'));
const queries = texts('queries.jsonl.gz');
const queryVectors = readFileSync(join(folder, 'queries.f16'));
const truthBytes = readFileSync(join(folder, 'truth-top100.i32'));
const nearestOf = (query: number): number[] =>
  Array.from({ length: TRUTH }, (_, rank) => truthBytes.readInt32LE((query * TRUTH + rank) * 4));

// Queries spread over the file; their nearest documents; the rest spread over the file too.
const chosenQueries = Array.from({ length: QUERIES }, (_, i) => Math.floor((i * queries.length) / QUERIES));
const chosen = new Set(chosenQueries.flatMap((query) => nearestOf(query).slice(0, NEAREST)));
for (let i = 0; chosen.size < DOCUMENTS; i++) chosen.add((i * 7919) % documents.length);
const rows = [...chosen].slice(0, DOCUMENTS);

// Steps are further real packages with their own embeddings: those that follow in the nearest lists of the queries, then any other.
const taken = new Set(rows);
const spare = [...chosenQueries.flatMap((query) => nearestOf(query).slice(NEAREST)), ...documents.keys()].filter(
  (row) => !taken.has(row),
);
const nextSpare = [...new Set(spare)].values();
const stepRows: number[] = [];
const lines = rows.map((row, index) => {
  const { uid, title, description } = at(documents, row);
  const count = index % WITHOUT_STEPS_EVERY === 2 ? 0 : 1 + (index % 2);
  const steps = Array.from({ length: count }, (_, step) => {
    const stepRow = nextSpare.next().value as number;
    stepRows.push(stepRow);
    const other = at(documents, stepRow);
    return { step_index: step + 1, action: `Install ${other.title}`, expected: [other.description], data: other.uid };
  });
  return JSON.stringify({
    uid,
    title,
    description,
    test_type: 'Functional',
    priority: at(['Critical', 'High', 'Medium', 'Low'], index % 4),
    tags: [title.includes('-') ? at(title.split('-'), 0) : 'package', title.startsWith('lib') ? 'library' : 'program'],
    platforms: /android|gtk|gnome|kde|qt/i.test(description) ? ['desktop'] : ['server'],
    folder_structure: `Packages/${title.slice(0, 1)}`,
    source: 'debian-packages',
    ...(steps.length === 0 ? {} : { steps }),
  });
});

const gz = (text: string): Buffer => gzipSync(text, { level: 9 });
mkdirSync(target, { recursive: true });
writeFileSync(join(target, 'documents.jsonl.gz'), gz(`${lines.join('\n')}\n`));
writeFileSync(join(target, 'documents.f16'), rowsOf(vectors, rows));
writeFileSync(join(target, 'documents.steps.f16'), rowsOf(vectors, stepRows));
writeFileSync(
  join(target, 'queries.jsonl.gz'),
  gz(chosenQueries.map((query) => `${JSON.stringify(at(queries, query))}\n`).join('')),
);
writeFileSync(join(target, 'queries.f16'), rowsOf(queryVectors, chosenQueries));
const manifest = {
  dimensions: DIMENSIONS,
  pad: true,
  documents: rows.length,
  steps: stepRows.length,
  queries: QUERIES,
};
writeFileSync(join(target, 'documents.manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
console.log(manifest);
