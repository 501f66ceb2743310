/** `qbench init`: a few questions, and a stack file that holds. */
import { existsSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { InvalidArgumentError, type Command } from 'commander';
import { planCapacity, type CapacityPlan } from '../../infra/capacity/plan';
import { UsageError } from '../../infra/ops/errors';
import { CHECKOUT, type CliContext } from '../support/context';
import { bytes, table } from '../support/output';
import { planRequest } from '../support/planOptions';
import { withQuestions } from '../support/prompt';
import { stackFileText, type RawConfig } from '../support/stackFileText';
import { judgedSettings } from '../support/stackSettings';

interface InitOptions {
  tier?: string;
  documents?: number;
  region?: string;
  owner?: string;
  budget?: number;
  sampleData?: boolean;
  yes?: boolean;
  dryRun?: boolean;
  json?: boolean;
}

/** What `local.memoryMiB` is tried with, the smallest that fits first. */
const MEMORY_MIB = [1_024, 2_048, 4_096, 8_192, 16_384, 32_768, 65_536];
const NAME = /^[A-Za-z0-9_.-]{1,100}$/;
const COMMENT = [
  'Written by qbench init. Every setting is described in Pulumi.yaml; qbench plan shows what this one leads to.',
];

interface Summary {
  stack: string;
  file: string;
  written: boolean;
  tier: string;
  documents: number;
  databaseBytes: number;
  diskGiB: number;
  /** "r7g.large", or the memory of the local server. */
  host: string;
  /** Host, its disk and backups on S3; null where a price is not known, 0 on this machine. */
  usdPerMonth: number | null;
  pricesAsOf: string | null;
}

export function register(program: Command, context: CliContext): void {
  program
    .command('init [stack]')
    .description('asks a few questions and writes a validated stack file; shows plan, size and monthly price')
    .option('--tier <tier>', 'local or ec2')
    .option('--documents <count>', 'rows of test_documents that it is sized for', positive)
    .option('--region <region>', 'AWS region')
    .option('--owner <owner>', 'team or person that answers for it')
    .option('--budget <usd>', 'most that it may cost a month in USD; reports of previews compare with it', positive)
    .option('--sample-data', 'loads the demo corpus (tier local)')
    .option('--dry-run', 'shows what it would write, and writes nothing')
    .option('-y, --yes', 'replaces the file that is there')
    .option('--json', 'as JSON')
    .action(async (name: string | undefined, given: InitOptions) => {
      const stack = name ?? context.defaultStack;
      if (!NAME.test(stack))
        throw new UsageError(`"${stack}" cannot be the name of a stack`, { allowed: 'letters, digits, _ . -' });
      const file = join(CHECKOUT, `Pulumi.${stack}.yaml`);
      if (existsSync(file) && given.yes !== true && given.dryRun !== true) {
        throw new UsageError(`${relative(CHECKOUT, file)} exists`, {
          next: 'add --yes to replace it, or choose another name: qbench init NAME',
        });
      }
      const options = context.interactive ? await askFor(given, context) : given;
      const { config, plan } = fitted(configOf(options), stack);
      const summary = summaryOf(stack, relative(CHECKOUT, file), config, plan, given.dryRun !== true);
      refuseAboveBudget(summary, options.budget);
      const text = stackFileText(config, COMMENT);
      if (given.dryRun !== true) writeFileSync(file, text);
      if (given.json === true) context.json({ ...summary, config });
      else context.write(`${summaryText(summary)}\n${given.dryRun === true ? text : nextText(summary)}`);
    });
}

function positive(text: string): number {
  const value = Number(text.replaceAll('_', ''));
  if (!Number.isFinite(value) || value <= 0) throw new InvalidArgumentError('a number above 0');
  return value;
}

function knownTier(text: string): string {
  if (!['local', 'ec2'].includes(text)) throw new InvalidArgumentError('local or ec2');
  return text;
}

/** Asks for what was not given. An empty answer takes what stands in brackets; one that cannot be is asked for again. */
function askFor(given: InitOptions, context: CliContext): Promise<InitOptions> {
  return withQuestions(context, async (ask) => {
    const until = async <T>(words: string, fallback: string, read: (answer: string) => T): Promise<T> => {
      for (;;) {
        const answer = await ask(`${words} [${fallback}]: `);
        try {
          return read(answer === '' ? fallback : answer);
        } catch (error) {
          if (!(error instanceof InvalidArgumentError)) throw error;
          context.writeError(`  ${error.message}\n`);
        }
      }
    };
    const words = (answer: string): string => answer;
    const tier = given.tier ?? (await until('Where shall it run: local or ec2?', 'local', knownTier));
    const documents =
      given.documents ?? (await until('How many documents?', tier === 'local' ? '5000' : '500000', positive));
    if (tier === 'local') return { ...given, tier, documents };
    const region = given.region ?? (await until('AWS region?', 'eu-central-1', words));
    const owner = given.owner ?? (await until('Who answers for it (a team or a person)?', 'platform', words));
    const amount = (answer: string): number | undefined => (answer === 'none' ? undefined : positive(answer));
    const budget = given.budget ?? (await until('Most that it may cost a month in USD, or none?', 'none', amount));
    return { ...given, tier, documents, region, owner, ...(budget === undefined ? {} : { budget }) };
  });
}

function configOf({ tier = 'local', documents, region, owner, budget, sampleData }: InitOptions): RawConfig {
  if (tier === 'aurora') throw new UsageError('tier "aurora" is not part of this version', { allowed: 'local, ec2' });
  const workload = documents === undefined ? {} : { workload: { documents } };
  if (tier === 'local') {
    if (region !== undefined || budget !== undefined) {
      throw new UsageError('--region and --budget mean nothing on this machine', {
        allowed: 'with --tier ec2',
      });
    }
    const local = { local: { sampleData: sampleData === true } };
    return {
      tier,
      environment: 'dev',
      ...(owner === undefined ? {} : { owner }),
      protectData: false,
      ...workload,
      ...local,
    };
  }
  return {
    tier,
    environment: 'staging',
    ...(owner === undefined ? {} : { owner }),
    ...workload,
    ...(region === undefined ? {} : { aws: { region } }),
    ...(budget === undefined ? {} : { monitoring: { budgetUsdPerMonth: budget } }),
  };
}

/** The configuration judged as the program will, its plan, and on this machine the least memory that the workload fits in. */
function fitted(config: RawConfig, stack: string): { config: RawConfig; plan: CapacityPlan } {
  const planOf = (candidate: RawConfig): CapacityPlan =>
    planCapacity(planRequest({}, judgedSettings(structuredClone(candidate), stack, CHECKOUT)));
  if (config['tier'] !== 'local') return { config, plan: planOf(config) };
  const tried = MEMORY_MIB.map((memoryMiB) => ({
    ...config,
    local: { ...(config['local'] as object), memoryMiB },
  }));
  for (const candidate of tried) {
    const plan = planOf(candidate);
    if (plan.fits) return { config: candidate, plan };
  }
  throw new UsageError('no server on this machine fits that many documents', {
    allowed: `what fits in ${MEMORY_MIB.at(-1) ?? 0} MiB of memory`,
    next: 'choose --tier ec2; qbench plan shows the sizes',
  });
}

function summaryOf(stack: string, file: string, config: RawConfig, plan: CapacityPlan, written: boolean): Summary {
  const local = config['tier'] === 'local';
  const offer = plan.horizon.smallestHost ?? plan.smallestHost;
  const parts = [offer?.totalUsdPerMonth, plan.backup.s3UsdPerMonth];
  const known = parts.every((part) => part !== undefined);
  return {
    stack,
    file,
    written,
    tier: String(config['tier']),
    documents: plan.workload.documents,
    databaseBytes: plan.sizes.databaseBytes,
    diskGiB: plan.diskGiB,
    host: local
      ? `this machine, ${(config['local'] as { memoryMiB: number }).memoryMiB} MiB`
      : (offer?.instanceType ?? 'none fits'),
    usdPerMonth: local ? 0 : known ? Math.round(parts.reduce((sum, part) => sum + part, 0)) : null,
    pricesAsOf: local ? null : (offer?.pricesAsOf ?? null),
  };
}

function refuseAboveBudget({ usdPerMonth, documents, host }: Summary, budget: number | undefined): void {
  if (budget === undefined || usdPerMonth === null || usdPerMonth <= budget) return;
  throw new UsageError(`${documents.toLocaleString('en')} documents cost about ${usdPerMonth} USD a month (${host})`, {
    allowed: `the budget that was given, ${budget} USD`,
    next: 'raise --budget, lower --documents, or see qbench plan for smaller index types',
  });
}

function summaryText(summary: Summary): string {
  const { usdPerMonth, pricesAsOf } = summary;
  const known = usdPerMonth !== null;
  const price = !known ? 'not known for this region' : usdPerMonth === 0 ? 'nothing' : `about ${usdPerMonth} USD`;
  return table(
    ['stack', summary.stack],
    [
      ['tier', summary.tier],
      ['documents', summary.documents.toLocaleString('en')],
      ['database', bytes(summary.databaseBytes)],
      ['disk', `${summary.diskGiB} GiB`],
      ['host', summary.host],
      ['host, disk and backups a month', pricesAsOf === null || !known ? price : `${price} (prices of ${pricesAsOf})`],
    ],
  );
}

function nextText({ stack, file, tier }: Summary): string {
  const option = stack === 'dev' ? '' : ` -- --stack ${stack}`;
  return `wrote ${file}; next:\n  npm run preview${option}\n  npm run up${option}${tier === 'local' ? '' : '   (needs AWS credentials)'}\n`;
}
