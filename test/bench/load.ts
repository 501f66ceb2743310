/** Documents a second of `qbench load` beside a binary COPY of the same rows by psql, into the same table with the same indexes. */
import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { run, psql } from './programs';
import { formatNumber } from './report';
import { alternate, ratios, secondsOf, summary } from './statistics';
import { dropDocumentIndexes } from './indexes';
import { loadDocuments, ownerUrl } from './stage';
import { CHECKOUT } from '../support/machine';
import type { Bench, BenchContext, Row } from './types';

const ROUNDS = 4;

/**
 * The corpus is loaded so many times over under other uids: a rate, not the start of a program, is what is measured, and 20,000 rows are
 * loaded in little more than a second.
 */
const COPIES = 3;

/** @returns the file to load, with its embeddings beside it */
function severalTimes(documents: string, dir: string): string {
  mkdirSync(dir);
  const bytes = readFileSync(documents);
  const lines = (documents.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8').trimEnd().split('\n');
  const vectors = readFileSync(documents.replace(/\.jsonl(\.gz)?$/, '.f16'));
  const stem = join(dir, 'documents');
  for (let copy = 0; copy < COPIES; copy++) {
    const renamed = lines.map((line) => {
      const row = JSON.parse(line) as { uid: string };
      return `${JSON.stringify({ ...row, uid: `${row.uid}#${copy}` })}\n`;
    });
    appendFileSync(`${stem}.jsonl`, renamed.join(''));
    appendFileSync(`${stem}.f16`, vectors);
  }
  return `${stem}.jsonl`;
}

async function measure(context: BenchContext): Promise<Row[]> {
  const { signal, scratch } = context;
  const corpus = context.corpus();
  const stage = await context.stage();
  const { session } = stage;
  await dropDocumentIndexes(stage);
  const { rows } = await session.query<{ columns: string }>(
    "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) AS columns FROM pg_attribute " +
      "WHERE attrelid = 'public.test_documents'::regclass AND attnum > 0 AND NOT attisdropped AND attname <> 'id'",
  );
  const columns = rows[0]?.columns ?? '';
  const documents = severalTimes(corpus.documents, join(scratch, 'load'));
  const load = async (): Promise<number> => {
    const env = { DATABASE_URL: ownerUrl(stage) };
    const args = [join(CHECKOUT, 'scripts', 'qbench.mjs'), 'load', documents, '--pad', '--json'];
    const { stdout } = await run(process.execPath, args, { env, signal });
    return (JSON.parse(stdout) as { seconds: number }).seconds;
  };
  const file = join(scratch, 'documents.copy');
  await session.query('TRUNCATE public.test_documents, public.test_steps');
  await load();
  await psql(
    stage,
    [`\\copy (SELECT ${columns} FROM public.test_documents ORDER BY id) TO '${file}' (FORMAT binary)`],
    signal,
  );
  const inner: number[] = [];
  const empty = async (what: string, round: number): Promise<void> => {
    context.progress.update({ phase: `load: ${what}`, done: round, total: ROUNDS, unit: 'rounds' });
    await session.query('TRUNCATE public.test_documents, public.test_steps');
    await session.query('CHECKPOINT');
  };
  const seconds = await alternate(ROUNDS, {
    copy: async (round) => {
      await empty('binary COPY by psql', round);
      return secondsOf(() =>
        psql(stage, [`\\copy public.test_documents (${columns}) FROM '${file}' (FORMAT binary)`], signal),
      );
    },
    load: async (round) => {
      await empty('qbench load', round);
      return secondsOf(async () => inner.push(await load()));
    },
  });
  // The benchmarks after this one share these rows.
  await session.query('TRUNCATE public.test_documents, public.test_steps');
  await loadDocuments(context, stage, corpus.documents);
  const count = corpus.rows * COPIES;
  const copied = summary(seconds.copy.map((each) => count / each));
  return [
    {
      name: '`qbench load` / binary COPY by psql',
      ...summary(ratios(seconds.copy, inner)),
      unit: '',
      target: { atLeast: 0.8 },
      note: `rate, from connecting to the end, ANALYZE included; the same ${count.toLocaleString('en')} rows into the same table with its indexes, ${ROUNDS} rounds in turn; with the start of Node, which takes as long for any number of rows, ${formatNumber(summary(ratios(seconds.copy, seconds.load)).value)}`,
    },
    {
      name: '`qbench load`',
      ...summary(inner.map((each) => count / each)),
      unit: 'documents/s',
      note: `psql ${Math.round(copied.value).toLocaleString('en')} documents/s`,
    },
  ];
}

export const loadBench: Bench = {
  name: 'load',
  about: 'rate of `qbench load` beside a binary COPY by psql',
  run: measure,
};
