/** `qbench monitor`: looks once or every few minutes, and tells what is new, what got worse or better, and what recovered. */
import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { writeAtomically } from '../../infra/adapters/atomicFile';
import { METRIC_NAMESPACE } from '../../infra/naming';
import { OperatorError, UsageError } from '../../infra/ops/errors';
import { HEALTH_EXIT_CODES } from '../../infra/ops/health';
import { recallIsDue } from '../../infra/ops/monitoring/collect';
import { advance, type Change, type Round } from '../../infra/ops/monitoring/judge';
import { measure, type Measurements } from '../../infra/ops/monitoring/measure';
import { NO_MEMORY } from '../../infra/ops/monitoring/observation';
import { emfLine, prometheusText } from '../../infra/ops/monitoring/publish';
import type { CliContext } from '../support/context';
import { numberFlag } from '../support/indexState';
import { look, stateFile, watched } from '../support/monitoring';
import { readState, writeState } from '../support/monitorState';

const FORMATS = ['text', 'emf', 'prometheus'] as const;
type Format = (typeof FORMATS)[number];

interface Flags {
  every?: string;
  format: string;
  output?: string;
  api?: string;
  state?: string;
  probe: boolean;
  recall?: boolean;
  json?: boolean;
}

export function register(program: Command, context: CliContext): void {
  program
    .command('monitor')
    .description('looks once, or every N minutes: tells what is new and what recovered; exit code as health')
    .option('--every <minutes>', 'goes on until it is interrupted')
    .option('--format <format>', `${FORMATS.join(', ')}; emf is CloudWatch's embedded metric format`, 'text')
    .option('--output <file>', 'writes emf (appended) or prometheus (replaced) there instead')
    .option('--api <url>', 'base URL of the application', undefined)
    .option('--state <file>', 'remembers there what was told')
    .option('--no-probe', 'takes the snapshot only, searches nothing')
    .option('--recall', 'measures recall now, not only once a day')
    .option('--json', 'each round as one line of JSON')
    .action(async (flags: Flags, command: Command) => {
      const minutes = numberFlag('every', flags.every, 0.01, 1440, false);
      const format = FORMATS.find((name) => name === flags.format);
      if (format === undefined) throw new UsageError(`--format ${flags.format}`, { allowed: FORMATS.join(', ') });
      for (;;) {
        const status = await round(context, command, flags, format);
        context.exitCode = HEALTH_EXIT_CODES[status];
        if (minutes === undefined) return;
        await context.clock.sleep(minutes * 60_000, context.signal).catch(() => undefined);
        // An interruption is how it ends: what was found last is its exit code.
        if (context.signal.aborted) return;
      }
    });
}

async function round(context: CliContext, command: Command, flags: Flags, format: Format): Promise<Round['status']> {
  const what = watched(context, command);
  const { label } = context.database(command);
  const file = flags.state ?? stateFile(context, what.stack, label);
  const before = readState(file);
  const observation = await look(context, command, what, {
    searches: flags.probe ? 20 : 0,
    recall: flags.probe && (flags.recall === true || recallIsDue(before, context.clock.now())),
    apiUrl: flags.api ?? what.apiUrl,
  });
  const values = measure(observation, what.planned, before?.memory ?? NO_MEMORY);
  const done = advance(before, observation, values, what.thresholds);
  writeState(file, done.state);
  if (flags.json === true) {
    const { findings, changes, status } = done;
    context.write(
      `${JSON.stringify({ at: observation.at, status, changes, findings, values: Object.fromEntries(values) })}\n`,
    );
  } else if (format === 'text') {
    context.write(forPeople(label, observation.at, done));
  } else {
    publish(context, flags.output, format, text(values, format));
  }
  return done.status;

  function text(measured: Measurements, as: 'emf' | 'prometheus'): string {
    return as === 'emf'
      ? `${emfLine(measured, what.thresholds, { namespace: METRIC_NAMESPACE, stack: what.stack, at: observation.at })}\n`
      : prometheusText(withLastRecall(measured, done.state.recall), what.thresholds, { stack: what.stack });
  }
}

/** A gauge that is only there once a day could not be looked at: Prometheus is told the last value. */
function withLastRecall(values: Measurements, last: number | undefined): Measurements {
  return values.has('recall') || last === undefined ? values : new Map([...values, ['recall', { value: last }]]);
}

function publish(context: CliContext, output: string | undefined, format: Format, text: string): void {
  if (output === undefined) {
    context.write(text);
    return;
  }
  try {
    if (format === 'emf') writeFileSync(output, text, { flag: 'a' });
    else {
      // A collector that reads while this writes sees the old text or the new one.
      writeAtomically(output, text);
    }
  } catch (error) {
    throw new OperatorError(`the metrics cannot be written: ${(error as Error).message}`, { cause: error });
  }
}

const WORDS: Readonly<Record<Change['kind'], string>> = {
  raised: 'NEW',
  worse: 'WORSE',
  better: 'BETTER',
  recovered: 'RECOVERED',
};

function forPeople(label: string, at: string, { changes, findings, status }: Round): string {
  const known = findings.length - changes.filter(({ kind }) => kind !== 'recovered').length;
  const lines = changes.flatMap(({ kind, message, detail, since, runbook }) => [
    `  ${WORDS[kind]} ${message}${kind === 'raised' ? '' : ` (since ${since})`}`,
    ...(detail === undefined ? [] : [`    ${detail}`]),
    ...(runbook === undefined || kind === 'recovered' ? [] : [`    see ${runbook}`]),
  ]);
  const rest = known > 0 ? `, ${known} known before or not long enough` : '';
  const news = changes.length === 0 ? 'nothing new' : `${changes.length} new`;
  return `${[`${at} ${label}: ${status}, ${news}${rest}`, ...lines].join('\n')}\n`;
}
