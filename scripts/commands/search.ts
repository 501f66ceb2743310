/** `qbench search`: one vector search, with the index that served it and its latency. */
import { readFileSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { OperatorError, UsageError, messageOf } from '../../infra/ops/errors';
import { openInput, type LoadInput } from '../../infra/ops/load/input';
import { planLines } from '../../infra/ops/search/explain';
import type { IterativeScan, SearchAnswer, SearchRequest, SearchSource } from '../../infra/ops/search/request';
import { MAX_EF_SEARCH, search } from '../../infra/ops/search/search';
import { formatOf, parseVector } from '../../infra/ops/search/vectorText';
import type { CliContext } from '../support/context';
import { DEMO_QUERIES } from '../support/demo';
import { table } from '../support/output';

interface Options {
  uid?: string;
  vector?: string;
  demoQuery?: number;
  priority?: string;
  tag?: string[];
  platform?: string;
  folder?: string;
  limit: number;
  ef?: number;
  iterative?: 'off' | 'strict' | 'relaxed';
  pad?: boolean;
  steps?: boolean;
  useIndex?: boolean;
  explain?: boolean;
  json?: boolean;
}

const MAX_LIMIT = 1000;
/** Space for the numbers left of a title, and the narrowest title worth printing. */
const COLUMNS_BEFORE_TITLE = 12;
const MIN_TITLE_COLUMNS = 20;

const HELP = `
There is no embedding model here. TEXT finds the stored document whose title or description is most like it, and the search is made with
the embedding of that document. --vector FILE searches with an embedding of your own: a JSON array, or raw little-endian values in a
.f16 or .f32 file; - is a JSON array on standard input.`;

/** A whole number from 1 to `max`. */
const wholeNumber =
  (max: number) =>
  (text: string): number => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < 1 || value > max)
      throw new InvalidArgumentError(`allowed: a whole number from 1 to ${max}.`);
    return value;
  };

export function register(program: Command, context: CliContext): void {
  program
    .command('search')
    .argument('[text]', 'title of a stored document, or a part of it')
    .description('searches with the embedding of a stored document, or with one from a file')
    .option('--uid <uid>', 'documents similar to this one, without itself')
    .option('--vector <file>', 'an embedding: JSON array, .f16, .f32, or - for standard input')
    .option('--demo-query <n>', 'a query of the demo corpus with its real embedding', wholeNumber(12))
    .option('--priority <priority>', 'only documents of this priority')
    .option(
      '--tag <tag>',
      'only documents with this tag; more than one: with any of them',
      (tag, before: string[] | undefined) => [...(before ?? []), tag],
    )
    .option('--platform <platform>', 'only documents for this platform')
    .option('--folder <folder>', 'only documents whose folder begins like this')
    .option('--limit <n>', 'how many', wholeNumber(MAX_LIMIT), 10)
    .option(
      '--ef <n>',
      'hnsw.ef_search: more is more accurate and slower (default: 40, or the limit)',
      wholeNumber(MAX_EF_SEARCH),
    )
    .addOption(
      new Option('--iterative <mode>', 'hnsw.iterative_scan (default: strict with filters, else off)').choices([
        'off',
        'strict',
        'relaxed',
      ]),
    )
    .option('--pad', 'fills up an embedding that is too short with zeros, which keeps every cosine')
    .option('--steps', 'searches steps instead of documents')
    .option('--use-index', 'keeps the planner from comparing every row, which it prefers in a small table')
    .option('--explain', 'shows the plan with measured rows, times and buffers')
    .option('--json', 'as JSON')
    .addHelpText('after', HELP)
    .action(async (text: string | undefined, options: Options, command: Command) => {
      const { source, label } = await chooseSource(text, options, context);
      const session = await context.database(command).connect({ role: 'readonly', applicationName: 'qbench search' });
      try {
        const answer = await search(session, toRequest(source, options), context.clock);
        if (options.json === true) context.json({ ...(label === undefined ? {} : { query: label }), ...answer });
        else context.write(forPeople(answer, label, options, context.columns));
      } catch (error) {
        if (error instanceof OperatorError || (error as { code?: string }).code === undefined) throw error;
        // The statement's parameters are an embedding: only the server's own words go out.
        throw new OperatorError(`the server refused the search: ${messageOf(error)}`, { cause: error });
      } finally {
        await session.close();
      }
    });
}

async function chooseSource(
  text: string | undefined,
  options: Options,
  context: CliContext,
): Promise<{ source: SearchSource; label?: string }> {
  const given = [text, options.uid, options.vector, options.demoQuery].filter((value) => value !== undefined);
  if (given.length !== 1) {
    throw new UsageError(
      given.length === 0 ? 'nothing to search for was given' : 'more than one thing to search for was given',
      {
        allowed: 'one of: TEXT, --uid UID, --vector FILE, --demo-query N',
      },
    );
  }
  if (options.uid !== undefined) return { source: { kind: 'uid', uid: options.uid } };
  if (options.demoQuery !== undefined) return demoQuery(options.demoQuery);
  if (options.vector !== undefined)
    return { source: await vectorSource(options.vector, options.pad === true, context) };
  if (text === undefined || text.trim() === '' || text.includes('\0'))
    throw new UsageError('the text to search for is empty');
  return { source: { kind: 'text', text } };
}

async function demoQuery(number: number): Promise<{ source: SearchSource; label: string }> {
  const input: LoadInput = await openInput(DEMO_QUERIES);
  try {
    const texts = gunzipSync(readFileSync(DEMO_QUERIES)).toString('utf8').trimEnd().split('\n');
    const { title, description } = JSON.parse(texts[number - 1] ?? '{}') as { title: string; description: string };
    let values = input.embeddings?.documents.next() ?? new Float32Array();
    for (let i = 1; i < number; i++) values = input.embeddings?.documents.next() ?? values;
    return {
      source: { kind: 'vector', values, pad: true, name: `demo query ${number}` },
      label: `${title}: ${description}`,
    };
  } finally {
    input.close();
  }
}

async function vectorSource(file: string, pad: boolean, context: CliContext): Promise<SearchSource> {
  if (file === '-' && context.stdin.isTTY)
    throw new UsageError('standard input is a terminal', { next: 'pipe a JSON array into it' });
  const name = file === '-' ? 'standard input' : file;
  let bytes: Buffer;
  try {
    bytes = file === '-' ? await buffer(context.stdin) : readFileSync(file);
  } catch (error) {
    throw new UsageError(`cannot read ${name}: ${messageOf(error)}`, { cause: error });
  }
  return { kind: 'vector', values: parseVector(bytes, formatOf(file), name), pad, name };
}

const ITERATIVE: Readonly<Record<'off' | 'strict' | 'relaxed', IterativeScan>> = {
  off: 'off',
  strict: 'strict_order',
  relaxed: 'relaxed_order',
};

function toRequest(source: SearchSource, options: Options): SearchRequest {
  return {
    source,
    target: options.steps === true ? 'steps' : 'documents',
    filters: {
      ...(options.priority === undefined ? {} : { priority: options.priority }),
      ...(options.tag === undefined ? {} : { tags: options.tag }),
      ...(options.platform === undefined ? {} : { platform: options.platform }),
      ...(options.folder === undefined ? {} : { folder: options.folder }),
    },
    limit: options.limit,
    ...(options.ef === undefined ? {} : { efSearch: options.ef }),
    ...(options.iterative === undefined ? {} : { iterativeScan: ITERATIVE[options.iterative] }),
    useIndex: options.useIndex === true,
    explain: options.explain === true,
  };
}

function forPeople(answer: SearchAnswer, label: string | undefined, options: Options, columns: number): string {
  const parts: string[] = [];
  if (label !== undefined) parts.push(`searching for "${label}"\n`);
  if (answer.searchedWith !== undefined) {
    parts.push(
      `searching with the stored embedding of "${answer.searchedWith.title}" (uid ${answer.searchedWith.uid})\n`,
    );
  }
  const width = Math.max(MIN_TITLE_COLUMNS, columns - COLUMNS_BEFORE_TITLE);
  const rows = answer.hits.map((hit) => {
    const what =
      options.steps === true
        ? `${hit.title}, step ${hit.step_index}: ${hit.action ?? ''}`
        : `${hit.title}: ${hit.description ?? ''}`;
    return [hit.similarity.toFixed(4), what.slice(0, width)];
  });
  parts.push(
    rows.length === 0
      ? 'nothing found\n'
      : table(['similarity', options.steps === true ? 'step' : 'document'], rows, [0]),
  );
  const how =
    answer.index === null
      ? 'by exact scan, without a vector index'
      : `by index ${answer.index} over ${answer.indexType}, ef_search ${answer.efSearch}`;
  const reranked =
    answer.candidates === undefined ? '' : `, up to ${answer.candidates} candidates reranked by the full vectors`;
  const iterative =
    answer.index === null || answer.iterativeScan === 'off' ? '' : `, iterative scan ${answer.iterativeScan}`;
  parts.push(`\n${answer.hits.length} found in ${answer.latencyMs.toFixed(1)} ms ${how}${iterative}${reranked}\n`);
  if (answer.plan !== undefined) parts.push(`\n${planLines(answer.plan).join('\n')}\n`);
  return parts.join('');
}
