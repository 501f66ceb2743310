/** `npm run bench`: chooses the benchmarks, runs them one after the other, prints one table, and leaves nothing behind. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { OperatorError, UsageError } from '../../infra/ops/errors';
import type { ProgressSink } from '../../infra/ops/ports';
import { createProgress, formatDuration } from '../../scripts/support/progress';
import { backupBench } from './backup';
import { backupPgbackrestBench } from './backupPgbackrest';
import { bootBench } from './boot';
import { buildBench } from './build';
import { capacityBench } from './capacity';
import { openCorpus, type Corpus } from './corpus';
import { HEAVY_PROFILES, heavyBench } from './heavy';
import { hostBootBench } from './hostBoot';
import { lambdaBench } from './lambda';
import { loadBench } from './load';
import { monitoringBench } from './monitoring';
import { previewReportBench } from './previewReport';
import { profilesBench } from './profiles';
import { recallBench } from './recall';
import { markdown, thisMachine, type Report } from './report';
import { benchPlan, loadDocuments, startStage, storeQueries, type Stage } from './stage';
import { stacksBench } from './stacks';
import { tuningBench } from './tuning';
import type { Bench, BenchContext } from './types';
import { upBench } from './up';

/** The quick set, in the order it runs: what needs a quiet machine first, what shares a server together. */
const QUICK: readonly Bench[] = [
  bootBench,
  upBench,
  lambdaBench,
  previewReportBench,
  stacksBench,
  loadBench,
  recallBench,
  buildBench,
  profilesBench,
  monitoringBench,
  tuningBench,
  capacityBench,
  backupBench,
];

/** Run only where they are named: they need root and programs of the system. */
const NAMED: readonly Bench[] = [hostBootBench, backupPgbackrestBench];

const HELP = `npm run bench [-- NAME...] [--json]
npm run bench -- --documents 500000 [--profiles speed,accuracy,compact] [--json]

Without names every benchmark of the quick set runs: about ten minutes on two cores. --documents N is the heavy run on N rows mixed of the
real ones: half an hour for 500,000 on two cores, and 25 GB of disk while it runs. Progress goes to standard error, the table to
standard output. QBENCH_BENCH_DATA is demo, or names a folder of real embeddings (documents.jsonl.gz, documents.f16, queries.f16, truth-top100.i32);
without it ../shared/data beside the checkout is used where it is there, else the demo corpus, mixed with noise.
`;

interface Arguments {
  names: string[];
  documents: number | undefined;
  profiles: string[];
  json: boolean;
  list: boolean;
  help: boolean;
}

function readArguments(argv: readonly string[]): Arguments {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      documents: { type: 'string' },
      profiles: { type: 'string', default: HEAVY_PROFILES.join(',') },
      json: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const names = [...QUICK, ...NAMED].map(({ name }) => name);
  for (const name of positionals) {
    if (!names.includes(name)) throw new UsageError(`there is no benchmark "${name}"`, { allowed: names.join(', ') });
  }
  const documents = values.documents === undefined ? undefined : Number(values.documents);
  if (documents !== undefined && !(Number.isInteger(documents) && documents >= 1000 && documents <= 10_000_000)) {
    throw new UsageError(`--documents ${values.documents}`, { allowed: 'a whole number from 1000 to 10000000' });
  }
  const profiles = values.profiles.split(',');
  for (const profile of profiles) {
    if (!(HEAVY_PROFILES as readonly string[]).includes(profile)) {
      throw new UsageError(`--profiles ${values.profiles}`, { allowed: HEAVY_PROFILES.join(',') });
    }
  }
  return { names: positionals, documents, profiles, json: values.json, list: values.list, help: values.help };
}

/** What must be undone when the run ends, in reverse order, whichever way it ends. */
class Undoing {
  private readonly entries: (() => Promise<void> | void)[] = [];

  add(undo: () => Promise<void> | void): () => Promise<void> {
    this.entries.push(undo);
    return async () => {
      const at = this.entries.indexOf(undo);
      if (at === -1) return;
      this.entries.splice(at, 1);
      await undo();
    };
  }

  async all(): Promise<void> {
    for (let undo = this.entries.pop(); undo !== undefined; undo = this.entries.pop()) {
      try {
        await undo();
      } catch (error) {
        process.stderr.write(`cleaning up: ${String(error)}\n`);
      }
    }
  }
}

function createContext(undoing: Undoing, signal: AbortSignal, progress: ProgressSink): BenchContext {
  const scratch = mkdtempSync(join(tmpdir(), 'qbench-bench-'));
  // The server's user reads nothing of it, but its own folder may lie below.
  chmodSync(scratch, 0o755);
  undoing.add(() => rmSync(scratch, { recursive: true, force: true }));
  let corpus: Corpus | undefined;
  let stage: Promise<Stage> | undefined;
  const context: BenchContext = {
    progress,
    signal,
    scratch,
    corpus: () => (corpus ??= openCorpus(process.env, scratch)),
    stage: () => (stage ??= sharedStage(context)),
    cleanup: (undo) => undoing.add(undo),
  };
  return context;
}

async function sharedStage(context: BenchContext): Promise<Stage> {
  const corpus = context.corpus();
  const stage = await startStage(context, benchPlan(corpus.rows, { profile: 'speed' }));
  await storeQueries(stage.session, corpus.queries);
  await loadDocuments(context, stage, corpus.documents);
  return stage;
}

async function runBenches(benches: readonly Bench[], context: BenchContext, report: Report): Promise<void> {
  for (const bench of benches) {
    const started = performance.now();
    context.progress.note(`--- ${bench.name}: ${bench.about}`);
    try {
      report.rows.push(...(await bench.run(context)));
    } catch (error) {
      context.signal.throwIfAborted();
      const message = error instanceof Error ? error.message : String(error);
      context.progress.note(`${bench.name} failed: ${error instanceof Error ? (error.stack ?? message) : message}`);
      report.failed.push({ bench: bench.name, message });
    }
    context.progress.note(`    ${bench.name} took ${formatDuration((performance.now() - started) / 1000)}`);
  }
}

async function main(): Promise<number> {
  const args = readArguments(process.argv.slice(2));
  if (args.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (args.list) {
    const lines = [...QUICK, ...NAMED].map(({ name, about }) => `${name.padEnd(10)} ${about}\n`);
    process.stdout.write(`${lines.join('')}${'--documents'.padEnd(10)} the heavy run\n`);
    return 0;
  }
  const undoing = new Undoing();
  const abort = new AbortController();
  const stop = (): void => abort.abort(new Error('interrupted'));
  process.on('SIGINT', stop).on('SIGTERM', stop);
  const progress = createProgress(process.stderr);
  try {
    const context = createContext(undoing, abort.signal, progress);
    const heavy = args.documents === undefined ? undefined : heavyBench(args.documents, args.profiles);
    const quick =
      args.names.length > 0
        ? [...QUICK, ...NAMED].filter(({ name }) => args.names.includes(name))
        : heavy === undefined
          ? QUICK
          : [];
    const benches = [...quick, ...(heavy === undefined ? [] : [heavy])];
    const usesCorpus = quick.some(
      (bench) => ![bootBench, upBench, lambdaBench, previewReportBench, hostBootBench].includes(bench),
    );
    const report: Report = {
      date: new Date().toISOString().slice(0, 10),
      machine: thisMachine(),
      corpus: usesCorpus ? context.corpus().label : undefined,
      rows: [],
      failed: [],
    };
    // A query that runs when the interrupt comes ends with its server; whoever waits for it need not be waited for.
    const interrupted = new Promise<never>((_, reject) => {
      abort.signal.addEventListener('abort', () => reject(abort.signal.reason as Error));
    });
    const work = runBenches(benches, context, report);
    work.catch(() => undefined);
    await Promise.race([work, interrupted]);
    process.stdout.write(args.json ? `${JSON.stringify(report, null, 2)}\n` : markdown(report));
    return report.failed.length === 0 ? 0 : 1;
  } catch (error) {
    if (!abort.signal.aborted) throw error;
    progress.note('interrupted: stopping the servers');
    return 130;
  } finally {
    await undoing.all();
  }
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(
      `${error instanceof OperatorError ? error.toLines().join('\n') : String(error instanceof Error ? error.stack : error)}\n`,
    );
    process.exit(error instanceof OperatorError ? error.exitCode : 1);
  },
);
