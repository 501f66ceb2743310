/** `qbench preview-report`: a preview in JSON as a report for people, and the gate that a change must pass. */
import { readFile } from 'node:fs/promises';
import { addAbortSignal } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { Command } from 'commander';
import { keptEvidence } from '../../infra/adapters/keptEvidence';
import { messageOf, OperatorError, UsageError } from '../../infra/ops/errors';
import { readMigrations } from '../../infra/ops/migrations/manifest';
import { readBackupEvidence } from '../../infra/ops/review/backupEvidence';
import { reportJson, reportMarkdown } from '../../infra/ops/review/markdown';
import { parsePreview, type Preview } from '../../infra/ops/review/preview';
import { isRefused, makeReport, type Report } from '../../infra/ops/review/report';
import { CHECKOUT, type CliContext } from '../support/context';
import { policyVerdicts } from '../support/policyVerdicts';
import { factsOfPreview, rawSetting } from '../support/review';

const HELP = `
FILE is what pulumi preview --json printed; - or nothing reads standard input. Best is the stream of events, which also names what stays
the same, so that the whole cost is known:

  PULUMI_ENABLE_STREAMING_JSON_PREVIEW=true npm run --silent preview -- --json | qbench preview-report

What destroys a volume, database, bucket, key or backup repository, or drops a table or column, must be named: in allowDestroy of the
stack's configuration, or by a label of the pull request (--allow allow-destroy:data-volume, --allow allow-destroy:000016). In
production it also needs a restore proven in the last 24 hours. qbench drill proves one; qbench drill and qbench info keep what they saw
in this checkout, and --backup names a file with what qbench info --json printed elsewhere.

Exit code 1 says that the change may not go through; the report is printed all the same.`;

interface Options {
  json?: boolean;
  allow: string[];
  backup?: string;
}

export function register(program: Command, context: CliContext): void {
  program
    .command('preview-report')
    .description('what a preview would do: risks, capacity, cost, policies; fails where data is lost')
    .argument('[file]', 'preview in JSON; - is standard input', '-')
    .option('--allow <label>', 'label of the pull request, or several with commas; may be given again', collect, [])
    .option(
      '--backup <file>',
      'evidence of a backup: what qbench info --json printed (default: what qbench info or drill last saw here)',
    )
    .option('--json', 'as JSON')
    .addHelpText('after', HELP)
    .action(async (file: string, options: Options) => {
      const preview = readPreview(await readInput(file, context), context);
      const report = await reportOf(preview, options, context);
      context.write(options.json === true ? reportJson(report) : reportMarkdown(report));
      if (isRefused(report)) {
        context.writeError(`qbench: ${refusal(report).toLines().join('\n')}\n`);
        context.exitCode = 1;
      }
    });
}

function collect(value: string, before: string[]): string[] {
  const labels = value.split(',').map((label) => label.trim());
  return [...before, ...labels.filter((label) => label !== '')];
}

/** @throws UsageError where it is no preview; what is then put into a comment says so */
function readPreview(input: string, context: CliContext): Preview {
  try {
    return parsePreview(input);
  } catch (error) {
    context.write(`## There is no preview\n\n${messageOf(error)}. The log of the preview says why.\n`);
    throw error;
  }
}

async function readInput(file: string, context: CliContext): Promise<string> {
  if (file === '-') {
    if (context.stdin.isTTY) {
      throw new UsageError('the preview is read from standard input, and none was given', {
        next: 'name a file, or see qbench preview-report --help',
      });
    }
    return text(addAbortSignal(context.signal, context.stdin));
  }
  return readNamed(file);
}

async function readNamed(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new UsageError(`${file} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

async function reportOf(preview: Preview, options: Options, context: CliContext): Promise<Report> {
  const evidence =
    options.backup === undefined ? keptEvidence(context.machine, preview.stack) : await readNamed(options.backup);
  const { settings, plan, capacity, region } = factsOfPreview(preview, CHECKOUT);
  return makeReport({
    preview,
    // What cannot be judged is guarded as production is.
    environment: settings?.environment ?? rawSetting(preview, 'environment') ?? 'production',
    tier: settings?.tier ?? rawSetting(preview, 'tier') ?? 'unknown',
    region,
    plan,
    capacityAfter: capacity,
    budgetUsdPerMonth: settings?.monitoring.budgetUsdPerMonth,
    migrations: readMigrations(),
    policies: policyVerdicts(preview, settings, context.clock.now()),
    allowDestroy: settings?.allowDestroy ?? [],
    labels: options.allow,
    backup: evidence === undefined ? undefined : readBackupEvidence(evidence),
    now: context.clock.now(),
  });
}

/** Why the change may not go through, everything by name. */
function refusal({ complete, errors, gate, policies }: Report): OperatorError {
  const rules = new Map<string, string[]>();
  for (const { policy, resource, level } of policies) {
    if (level === 'mandatory') rules.set(policy, [...(rules.get(policy) ?? []), resource ?? 'the stack']);
  }
  const why = [
    ...(complete ? [] : [`the preview failed${errors[0] === undefined ? '' : `: ${errors[0].split('\n')[0] ?? ''}`}`]),
    ...gate.blocked.map(({ name, why: reason }) => `${name}: ${reason}`),
    ...(gate.backup?.fresh === false ? [gate.backup.why] : []),
    ...[...rules].map(([rule, resources]) => `${rule} is violated by ${listed(resources)}`),
  ];
  const names = gate.blocked.map(({ name }) => name);
  return new OperatorError(`this change may not go through: ${why.join('; ')}`, {
    ...(names.length === 0 ? {} : { allowed: 'destruction that was named in allowDestroy or by a label' }),
    next:
      names.length > 0
        ? `pulumi config set --path 'allowDestroy[0]' ${names[0] ?? ''}, or the label allow-destroy:${names[0] ?? ''}`
        : gate.backup?.fresh === false
          ? 'qbench drill, then the report again'
          : 'read the report above',
  });
}

function listed(names: readonly string[]): string {
  const first = names.slice(0, 5).join(', ');
  return names.length > 5 ? `${first} and ${names.length - 5} more` : first;
}
