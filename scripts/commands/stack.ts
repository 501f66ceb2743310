/** `qbench stack`: test stacks that come, live for a while and go without a trace. */
import { InvalidArgumentError, type Command } from 'commander';
import { currentMoment } from '../../infra/adapters/bootClock';
import { UsageError } from '../../infra/ops/errors';
import { proveGone, type TeardownProof } from '../../infra/ops/stacks/leftovers';
import { formatSpan, judge, LONGEST_TTL_HOURS } from '../../infra/ops/stacks/lifetime';
import { sweep, type SweepReport } from '../../infra/ops/stacks/sweep';
import { confirm } from '../support/confirm';
import type { CliContext } from '../support/context';
import { table } from '../support/output';
import { sweepPort } from '../support/testStacks/sweeping';
import { TestStacks } from '../support/testStacks/testStacks';
import { Toolchain } from '../toolchain/toolchain';

interface CreateOptions {
  tier?: string;
  region?: string;
  ttl: number;
  from?: string;
  sampleData: boolean;
  json?: boolean;
}

interface DestroyOptions {
  yes?: boolean;
  ifExists?: boolean;
  json?: boolean;
}

const hours = (text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > LONGEST_TTL_HOURS) {
    throw new InvalidArgumentError(`a whole number of hours from 1 to ${LONGEST_TTL_HOURS}`);
  }
  return value;
};

export function register(program: Command, context: CliContext): void {
  const stack = program.command('stack').description('test stacks: made, seeded, found by what they leave, and swept');
  const open = async (): Promise<TestStacks> => {
    const progress = context.progress();
    return new TestStacks(context, await Toolchain.ensure(context.machine, progress), progress);
  };

  stack
    .command('create [name]')
    .description('makes a test stack with sample data, or brings one up to date; a name is made up where none is given')
    .option('--tier <tier>', 'local or ec2 (default: local, or what --from says)')
    .option('--region <region>', 'AWS region of tier ec2')
    .option('--ttl <hours>', 'how long it lives', hours, 24)
    .option('--from <file>', 'stack file whose settings it takes over; its protection, port and folders it does not')
    .option('--no-sample-data', 'leaves the database empty')
    .option('--json', 'as JSON')
    .action(async (name: string | undefined, options: CreateOptions) => {
      const made = await (
        await open()
      ).create(name, {
        tier: options.tier,
        region: options.region,
        ttlHours: options.ttl,
        from: options.from,
        sampleData: options.sampleData,
      });
      if (options.json === true) {
        context.json(made);
        return;
      }
      const at = made.port === null ? '' : ` at 127.0.0.1:${made.port}`;
      context.write(
        `stack ${made.name} (${made.tier}) is up${at} after ${made.seconds} s, and lives until ${made.expiresAt}\n`,
      );
      context.write(`  connect    npm run qbench -- psql --stack ${made.name}\n`);
      context.write(`  live on    npm run qbench -- stack extend ${made.name} --hours 24\n`);
      context.write(`  remove it  npm run qbench -- stack destroy ${made.name}\n`);
    });

  stack
    .command('list')
    .description('every test stack: how old, how long still, whether in use, and what a sweep would do')
    .option('--json', 'as JSON')
    .action(async (options: { json?: boolean }) => {
      const stacks = await open();
      const found = [];
      for (const marker of await stacks.all()) {
        const facts = await stacks.factsOf(marker);
        found.push({ ...facts, ...judge(facts, currentMoment()) });
      }
      if (options.json === true) {
        context.json(found);
        return;
      }
      if (found.length === 0) {
        context.write('there is no test stack\n');
        return;
      }
      const rows = found.map((each) => [
        each.name,
        each.tier,
        each.phase,
        each.leftMs === undefined
          ? '-'
          : each.leftMs < 0
            ? `over since ${formatSpan(-each.leftMs)}`
            : formatSpan(each.leftMs),
        each.sweep ? 'goes' : 'stays',
        each.reason,
      ]);
      context.write(table(['stack', 'tier', 'phase', 'lives', 'sweep', 'because'], rows));
    });

  stack
    .command('extend <name>')
    .description('lets a test stack live so many hours from now')
    .requiredOption('--hours <hours>', `1 to ${LONGEST_TTL_HOURS}`, hours)
    .option('--json', 'as JSON')
    .action(async (name: string, options: { hours: number; json?: boolean }) => {
      const extended = await (await open()).extend(name, options.hours);
      if (options.json === true) context.json(extended);
      else
        context.write(`stack ${name} lives until ${extended.expiresAt} (${extended.ttlHours} h since it was made)\n`);
    });

  stack
    .command('destroy <name>')
    .description('destroys a test stack with its data, and proves that nothing of it is left')
    .option('-y, --yes', 'does not ask')
    .option('--if-exists', 'succeeds where there is no such test stack')
    .option('--json', 'as JSON')
    .action(async (name: string, options: DestroyOptions) => {
      const stacks = await open();
      if (options.ifExists === true && (await stacks.markerOf(name)) === undefined) {
        if (options.json === true) context.json({ stack: name, gone: true, lookedAt: [], left: [] });
        else context.write(`there is no test stack ${name}\n`);
        return;
      }
      await confirm(context, options.yes === true, name, `This destroys test stack ${name} with everything in it.`);
      report(context, await stacks.destroy(name), options.json === true);
    });

  stack
    .command('leftovers <name>')
    .description(
      'what is left of a stack on this machine, in the backend and, by tag, in the account; exit code 1 if anything',
    )
    .option('--json', 'as JSON')
    .action(async (name: string, options: { json?: boolean }) => {
      const stacks = await open();
      const proof = await proveGone(name, stacks.places(name, await stacks.markerOf(name)));
      report(context, proof, options.json === true);
    });

  stack
    .command('sweep')
    .description(
      'destroys the test stacks whose time is over or whose making or destruction was cut off; never one in use or protected',
    )
    .option('-y, --yes', 'does not ask')
    .option('--dry-run', 'only says what it would do')
    .option('--region <region>', 'also looks in this region for stacks that the Pulumi backend does not know')
    .option('--json', 'as JSON')
    .action(async (options: { yes?: boolean; dryRun?: boolean; region?: string; json?: boolean }) => {
      const stacks = await open();
      const dryRun = options.dryRun === true;
      if (!dryRun && options.yes !== true && !context.interactive) {
        throw new UsageError('a sweep destroys stacks, and there is no terminal to confirm it on', {
          allowed: '--dry-run, or --yes',
        });
      }
      if (!dryRun)
        await confirm(context, options.yes === true, 'sweep', 'This destroys every test stack that is over.');
      const swept = await sweep(await sweepPort(stacks, options.region), dryRun, context.progress());
      if (!swept.clean) context.exitCode = 1;
      if (options.json === true) context.json(swept);
      else context.write(sweepText(swept));
    });
}

function report(context: CliContext, proof: TeardownProof, json: boolean): void {
  if (!proof.gone) context.exitCode = 1;
  if (json) context.json(proof);
  else context.write(proofText(proof));
}

function proofText({ stack, gone, lookedAt, left }: TeardownProof): string {
  const looked = `  looked at: ${lookedAt.join('; ')}\n`;
  if (gone) return `nothing of stack ${stack} is left\n${looked}`;
  return `of stack ${stack} is left:\n${left.map(({ kind, what }) => `  ${kind}: ${what}\n`).join('')}${looked}`;
}

function sweepText({ stacks, dryRun }: SweepReport): string {
  if (stacks.length === 0) return 'there is no test stack\n';
  const lines = stacks.map(({ name, sweep: goes, reason, proof, error }) => {
    if (!goes) return `kept    ${name}: ${reason}`;
    if (dryRun) return `would go ${name}: ${reason}`;
    if (error !== undefined) return `FAILED  ${name}: ${error}`;
    const left = proof?.left.map(({ kind, what }) => `${kind} ${what}`).join(', ') ?? '';
    return left === '' ? `swept   ${name}: ${reason}; nothing is left` : `LEFT    ${name}: ${left}`;
  });
  return `${lines.join('\n')}\n`;
}
