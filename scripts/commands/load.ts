/** `qbench load`: files of documents into the database. `load --demo --if-empty` is called by the Pulumi program. */
import { Option, type Command } from 'commander';
import { UsageError } from '../../infra/ops/errors';
import { inputOfStream, openInput, type LoadInput } from '../../infra/ops/load/input';
import { load, type LoadOptions, type LoadSummary } from '../../infra/ops/load/load';
import type { ConflictPolicy } from '../../infra/ops/load/writeBatch';
import type { CliContext } from '../support/context';
import { DEMO_DOCUMENTS } from '../support/demo';

interface Options {
  demo?: boolean;
  ifEmpty?: boolean;
  onConflict: ConflictPolicy;
  pad?: boolean;
  ignoreUnknown?: boolean;
  skipBad?: string;
  restart?: boolean;
  json?: boolean;
}

const HELP = `
FILE is JSON Lines, plain or gzip, one document a line; - is standard input. Fields are the columns of test_documents and, optionally,
"embedding": [numbers] and "steps": [{ "step_index", "action", "expected", "data", "embedding" }]. Where NAME.f16 lies beside
NAME.jsonl.gz, its rows (float16, little-endian) are the embeddings of the lines, and those of NAME.steps.f16 the embeddings of the steps.

A line is about a document of the database when its uid is there or, if not, its test_case_id. Lines without test_case_id get numbers from
1,000,000,001 on. With update, values that a line does not have stay as they are, and steps that it does not have stay too.

Every batch is one transaction. A load that was interrupted goes on behind its last batch when it is run again; a changed file is a new
load. A bad line ends the load before its batch is written, unless --skip-bad FILE takes it: one JSON object a line, with "line",
"reasons" and "text". Zero vectors are loaded, but no cosine index holds them.`;

export function register(program: Command, context: CliContext): void {
  program
    .command('load')
    .argument('[files...]', 'what to load')
    .description('loads documents, steps and embeddings')
    .option('--demo', 'the demo corpus of this checkout')
    .option('--if-empty', 'does nothing where there are documents already')
    .addOption(
      new Option('--on-conflict <policy>', 'what to do with a line whose document is in the database already')
        .choices(['update', 'skip', 'error'])
        .default('update'),
    )
    .option('--pad', 'fills up embeddings that are too short with zeros, which keeps every cosine')
    .option('--ignore-unknown', 'drops fields that are no column')
    .option('--skip-bad <file>', 'writes bad lines to this new file and goes on')
    .option('--restart', 'begins at the first line, even where an earlier run was interrupted')
    .option('--json', 'one line of JSON for each file')
    .addHelpText('after', HELP)
    .action(async (files: string[], options: Options, command: Command) => {
      const paths = chosen(files, options);
      const database = context.database(command);
      for (const path of paths) {
        const input = await open(path, context);
        try {
          const summary = await load(database, input, toLoadOptions(options), {
            clock: context.clock,
            progress: context.progress(),
            signal: context.signal,
          });
          context.write(options.json === true ? `${JSON.stringify(summary)}\n` : `${lines(summary).join('\n')}\n`);
        } finally {
          input.close();
        }
        context.signal.throwIfAborted();
      }
    });
}

function chosen(files: readonly string[], options: Options): readonly string[] {
  if (options.demo === true && files.length > 0)
    throw new UsageError('--demo and files together', { allowed: 'one of the two' });
  if (options.demo === true) return [DEMO_DOCUMENTS];
  if (files.length === 0)
    throw new UsageError('no file was given', { allowed: 'qbench load FILE..., qbench load -, or qbench load --demo' });
  if (files.length > 1 && options.skipBad !== undefined) {
    throw new UsageError('--skip-bad with several files: their line numbers would be mixed up', {
      next: 'load one file at a time',
    });
  }
  return files;
}

async function open(path: string, context: CliContext): Promise<LoadInput> {
  if (path !== '-') return openInput(path);
  if (context.stdin.isTTY) throw new UsageError('standard input is a terminal', { next: 'pipe a file into it' });
  return inputOfStream(context.stdin);
}

function toLoadOptions(options: Options): LoadOptions {
  return {
    onConflict: options.onConflict,
    pad: options.pad === true,
    ignoreUnknown: options.ignoreUnknown === true,
    restart: options.restart === true,
    ifEmpty: options.ifEmpty === true,
    ...(options.skipBad === undefined ? {} : { skipBadFile: options.skipBad }),
  };
}

function lines(summary: LoadSummary): string[] {
  const number = (value: number): string => value.toLocaleString('en');
  if (summary.outcome === 'nothing-to-do') return [`${summary.file}: nothing to do, there are documents already`];
  const parts = [
    [summary.inserted, 'inserted'],
    [summary.updated, 'updated'],
    [summary.unchanged, 'unchanged'],
    [summary.skipped, 'skipped'],
    [summary.rejected, 'rejected'],
  ] as const;
  const counts = parts
    .filter(([count], index) => index === 0 || count > 0)
    .map(([count, what]) => `${number(count)} ${what}`);
  const rate = `${number(summary.rowsPerSecond)} documents/s, ${summary.seconds.toFixed(1)} s`;
  const text = [`${summary.file}: ${counts.join(', ')}; ${number(summary.steps)} steps (${rate})`];
  if (summary.resumedAfterLine > 0)
    text.push(`  went on behind line ${summary.resumedAfterLine}; the counts are of all runs together`);
  if (summary.zeroVectors > 0)
    text.push(`  warning: ${number(summary.zeroVectors)} zero vectors, which no cosine search can find`);
  if (summary.outcome === 'interrupted') {
    text.push(`  interrupted: lines up to ${summary.lastLine} are committed; run it again to go on`);
  }
  return text;
}
