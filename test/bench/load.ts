/** Documents a second of `qbench load` beside a binary COPY of the same rows by psql, into the same table with the same indexes. */
import { join } from 'node:path';
import { run, psql } from './programs';
import { formatNumber } from './report';
import { alternate, ratios, secondsOf, summary } from './statistics';
import { dropDocumentIndexes } from './indexes';
import { ownerUrl } from './stage';
import { CHECKOUT } from '../support/machine';
import type { Bench, BenchContext, Row } from './types';

const ROUNDS = 4;

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
  const file = join(scratch, 'documents.copy');
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
      const env = { DATABASE_URL: ownerUrl(stage) };
      const args = [join(CHECKOUT, 'scripts', 'qbench.mjs'), 'load', corpus.documents, '--pad', '--json'];
      return secondsOf(async () => {
        const { stdout } = await run(process.execPath, args, { env, signal });
        inner.push((JSON.parse(stdout) as { seconds: number }).seconds);
      });
    },
  });
  const count = corpus.rows;
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
