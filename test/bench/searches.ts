/** Searches with the held-out queries: how many of the truth they find, and how fast they are. */
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { IndexMethod, VectorType } from '../../infra/ops/indexes/desired';
import type { Session } from '../../infra/ops/ports';
import { run } from './programs';
import { clientEnv, documentIds, type Stage } from './stage';
import { quantile } from './statistics';

export const K = 10;

export interface SearchShape {
  type: VectorType;
  method: IndexMethod;
  /** hnsw.ef_search or ivfflat.probes. */
  breadth: number;
  /** @default public.test_documents */
  table?: string;
}

function breadthParameter(method: IndexMethod): string {
  return method === 'hnsw' ? 'hnsw.ef_search' : 'ivfflat.probes';
}

/** The application's search for the nearest rows of query `$id`; `columns` of the row `d`. */
function searchSql(
  { type, breadth, table = 'public.test_documents' }: SearchShape,
  id: string,
  columns: string,
): string {
  const query = `(SELECT q.embedding FROM bench.queries AS q WHERE q.id = ${id})`;
  switch (type) {
    case 'vector':
      return `SELECT ${columns} FROM ${table} AS d ORDER BY d.embedding <=> ${query} LIMIT ${K}`;
    case 'halfvec':
      return `SELECT ${columns} FROM ${table} AS d ORDER BY d.embedding::halfvec(1536) <=> ${query}::halfvec(1536) LIMIT ${K}`;
    case 'bit': {
      // The index gives as many candidates as ef_search; the full vectors order them.
      const candidates = `SELECT c.id, c.embedding FROM ${table} AS c ORDER BY binary_quantize(c.embedding)::bit(1536) <~> binary_quantize(${query})::bit(1536) LIMIT ${breadth}`;
      return `SELECT ${columns} FROM (${candidates}) AS d ORDER BY d.embedding <=> ${query} LIMIT ${K}`;
    }
  }
}

/** Distance of the tenth true neighbour of each query, by the database's own arithmetic. */
export async function trueRadii(session: Session, truth: readonly (readonly number[])[]): Promise<number[]> {
  const ids = await documentIds(session);
  const tenth = truth.map((rows) => ids[rows[K - 1] as number] as number);
  const { rows } = await session.query<{ distance: number }>(
    'SELECT d.embedding <=> q.embedding AS distance FROM unnest($1::integer[]) WITH ORDINALITY AS t (id, query) ' +
      'JOIN public.test_documents AS d ON d.id = t.id JOIN bench.queries AS q ON q.id = t.query ORDER BY t.query',
    [tenth],
  );
  return rows.map(({ distance }) => distance);
}

/** Two distances that differ by less are one: the truth was computed from the same numbers in another order. */
const EPSILON = 1e-6;

/** Recall@10 of the queries: found rows at least as near as the tenth true one. @throws Error where the search used no index */
export async function recall(session: Session, shape: SearchShape, radii: readonly number[]): Promise<number> {
  await session.query("SELECT '[1]'::vector");
  await session.query('SELECT set_config($1, $2, false)', [breadthParameter(shape.method), String(shape.breadth)]);
  const distance = 'd.embedding <=> (SELECT q.embedding FROM bench.queries AS q WHERE q.id = $1) AS distance';
  const text = searchSql(shape, '$1', distance);
  const plan = await session.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${text}`, [1]);
  const lines = plan.rows.map((row) => row['QUERY PLAN']).join('\n');
  // The queries are found by their key; the search itself needs an index scan of the table.
  if (/Seq Scan on test_documents|Seq Scan on vectors/.test(lines))
    throw new Error(`the search compares all rows:\n${lines}`);
  let hits = 0;
  for (const [index, radius] of radii.entries()) {
    const { rows } = await session.query<{ distance: number }>(text, [index + 1]);
    hits += rows.filter((row) => row.distance <= radius + EPSILON).length;
  }
  return hits / (K * radii.length);
}

export interface Throughput {
  qps: number;
  /** Milliseconds, of every search in the run. */
  p50: number;
  p99: number;
}

/**
 * Searches of random held-out queries by pgbench for some seconds, prepared, over the socket; the query vector comes from a table, so the
 * client sends and parses next to nothing.
 * @param sessions at once, each with a thread of its own
 */
export async function throughput(
  stage: Pick<Stage, 'server' | 'database'>,
  shape: SearchShape,
  options: { seconds: number; sessions?: number; queries: number; scratch: string; signal: AbortSignal },
): Promise<Throughput> {
  const { seconds, sessions = 1, queries, scratch, signal } = options;
  const script = join(scratch, 'search.pgbench');
  writeFileSync(script, `\\set id random(1, ${queries})\n${searchSql(shape, ':id', 'd.id')};\n`);
  const log = 'latency';
  const args = [
    '--no-vacuum',
    '--protocol=prepared',
    `--client=${sessions}`,
    `--jobs=${sessions}`,
    `--time=${seconds}`,
  ];
  const result = await run(
    join(stage.server.binDir, 'pgbench'),
    [...args, '--random-seed=1', '--log', `--log-prefix=${join(scratch, log)}`, `--file=${script}`],
    {
      env: { ...clientEnv(stage), PGOPTIONS: `-c ${breadthParameter(shape.method)}=${shape.breadth}` },
      signal,
      cwd: scratch,
    },
  );
  const qps = Number(/tps = ([\d.]+)/.exec(result.stdout)?.[1]);
  if (!(qps > 0)) throw new Error(`pgbench said nothing of its rate: ${result.stdout}`);
  const logs = readdirSync(scratch).filter((name) => name.startsWith(`${log}.`));
  const milliseconds = logs.flatMap((name) =>
    readFileSync(join(scratch, name), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => Number(line.split(' ')[2]) / 1000),
  );
  for (const name of logs) rmSync(join(scratch, name));
  return { qps, p50: quantile(milliseconds, 0.5), p99: quantile(milliseconds, 0.99) };
}
