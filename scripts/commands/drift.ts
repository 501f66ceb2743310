/** `qbench drift`: what was changed by hand, past the stack. Reads only; exit code 1 says that something was, or was not looked at. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { LocalCluster } from '../../infra/adapters/localServer/cluster';
import { readRecord, stackLayout } from '../../infra/adapters/localServer/layout';
import { ProcessRunner } from '../../infra/adapters/processRunner';
import { DATABASE_NAME, ROLE_NAMES } from '../../infra/naming';
import { messageOf, OperatorError } from '../../infra/ops/errors';
import type { Difference } from '../../infra/ops/drift/objects';
import { databaseDrift } from '../../infra/ops/drift/read';
import { refreshErrors, resourceDrift } from '../../infra/ops/drift/resources';
import { schemaDrift } from '../../infra/ops/drift/schema';
import { readMigrations } from '../../infra/ops/migrations/manifest';
import { dumpSchema } from '../../infra/ops/migrations/schemaDump';
import { SQL_ROOT } from '../../infra/ops/sqlText';
import type { Session } from '../../infra/ops/ports';
import type { Ec2Settings } from '../../infra/settings';
import { cloudSettings } from '../support/cloud';
import { CHECKOUT, stackOf, type CliContext } from '../support/context';
import { hostParameters, hostSchema, hostSuperuser, withGateway } from '../support/hostDrift';
import { runOnStack } from '../support/stackRun';
import { Toolchain } from '../toolchain/toolchain';

interface DriftReport {
  stack: string;
  drift: boolean;
  differences: Difference[];
  /** Parts that could not be compared, each with the reason. */
  notLookedAt: { part: string; reason: string }[];
}

/** One thing that is compared: what it is called, and what it finds. */
type Part = readonly [name: string, look: () => Promise<Difference[]>];

export function register(program: Command, context: CliContext): void {
  program
    .command('drift')
    .description(
      'what was changed by hand: resources, roles, grants, parameters, schema, indexes; exit code 1 if anything',
    )
    .option('--json', 'as JSON')
    .action(async (options: { json?: boolean }, command: Command) => {
      const stack = stackOf(command);
      const report: DriftReport = { stack, drift: false, differences: [], notLookedAt: [] };
      const progress = context.progress();
      for (const [name, look] of parts(context, command, stack)) {
        progress.update({ phase: `comparing the ${name}` });
        try {
          report.differences.push(...(await look()));
        } catch (error) {
          report.notLookedAt.push({ part: name, reason: messageOf(error) });
        }
      }
      report.drift = report.differences.length > 0;
      if (report.drift || report.notLookedAt.length > 0) context.exitCode = 1;
      if (options.json === true) context.json(report);
      else context.write(driftText(report));
    });
}

function parts(context: CliContext, command: Command, stack: string): Part[] {
  const host = cloudSettings(stack, context.machine);
  return [
    [
      'resources',
      () => {
        const look = (): Promise<Difference[]> => resources(context, stack);
        return host === undefined ? look() : withGateway(context, stack, host, look);
      },
    ],
    [
      'roles, grants and settings',
      () =>
        asSuperuser(context, command, host, (session) =>
          databaseDrift(
            session,
            readMigrations().map(({ sql }) => sql),
            host !== undefined,
          ),
        ),
    ],
    ['parameters', () => parameters(context, command, stack, host)],
    ['schema', () => schema(context, stack, host)],
    ['vector indexes', () => indexes(context, stack)],
  ];
}

async function asSuperuser<T>(
  context: CliContext,
  command: Command,
  host: Ec2Settings | undefined,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const session =
    host === undefined
      ? await context.database(command).connect({ role: 'superuser', applicationName: 'qbench drift' })
      : await hostSuperuser(context, stackOf(command));
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}

async function resources(context: CliContext, stack: string): Promise<Difference[]> {
  const toolchain = await Toolchain.ensure(context.machine, context.progress());
  const result = await runOnStack(toolchain, stack, ['refresh', '--preview-only', '--json'], true);
  if (result.code !== 0) {
    throw new OperatorError(`pulumi refresh failed: ${refreshErrors(result.stdout) || lastLines(result.stderr)}`);
  }
  return resourceDrift(result.stdout);
}

async function parameters(
  context: CliContext,
  command: Command,
  stack: string,
  host: Ec2Settings | undefined,
): Promise<Difference[]> {
  const found =
    host === undefined
      ? await new LocalCluster(context.machine, stack, context.clock, context.progress()).parameters()
      : await asSuperuser(context, command, host, (session) => hostParameters(context, stack, host, session));
  return found
    .filter(({ standing }) => standing !== 'equal')
    .map(({ name, wanted, live, standing, source }) => ({
      area: 'parameter',
      object: name,
      what:
        standing === 'pending restart'
          ? `waits for a restart to become ${wanted}`
          : `is ${live ?? 'unknown'}, not ${wanted}${source === undefined ? '' : ` (from ${source})`}`,
      next: 'npm run up sets it back',
    }));
}

async function schema(context: CliContext, stack: string, host: Ec2Settings | undefined): Promise<Difference[]> {
  const expected = readFileSync(join(SQL_ROOT, 'schema.sql'), 'utf8');
  if (host !== undefined) return schemaDrift(expected, await hostSchema(context, stack));
  const record = readRecord(stackLayout(context.machine, stack));
  if (record?.binDir === undefined) throw new OperatorError('pg_dump is run on a server of this machine only');
  const { binDir, socketDir, port } = record;
  const source = { binDir, host: socketDir, port, user: ROLE_NAMES.superuser, database: DATABASE_NAME };
  const live = await dumpSchema(new ProcessRunner(context.env), source);
  return schemaDrift(expected, live);
}

interface IndexPlan {
  actions: { kind: string; reason?: string; desired?: { name: string }; index?: { name: string } }[];
}

async function indexes(context: CliContext, stack: string): Promise<Difference[]> {
  // Its own process: it reads the stack's settings and plans as `up` would.
  const args = [join(CHECKOUT, 'scripts', 'qbench.mjs'), '--stack', stack, 'index', 'plan', '--json'];
  const result = await new ProcessRunner(context.env).run(process.execPath, args);
  if (result.code !== 0) throw new OperatorError(`qbench index plan failed: ${lastLines(result.stderr)}`);
  const { actions } = JSON.parse(result.stdout) as IndexPlan;
  return actions
    .filter(({ kind }) => kind !== 'keep')
    .map(({ kind, reason, desired, index }) => ({
      area: 'index',
      object: desired?.name ?? index?.name ?? '-',
      what: reason ?? (kind === 'build' ? 'is missing or not as the stack wants it' : `needs: ${kind}`),
      next: 'npm run qbench -- index plan shows it, index apply sets it right',
    }));
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-3).join(' / ');
}

function driftText({ stack, differences, notLookedAt }: DriftReport): string {
  const lines = differences.flatMap(({ area, object, what, next }) => [
    `- ${area} \`${object}\` ${what}`,
    ...(next === undefined ? [] : [`  - ${next}`]),
  ]);
  const missing = notLookedAt.map(({ part, reason }) => `- not compared: ${part}: ${reason}`);
  const head =
    differences.length === 0
      ? notLookedAt.length === 0
        ? `stack ${stack} is as it was declared`
        : `stack ${stack}: no difference in what was compared`
      : `stack ${stack} differs in ${differences.length} place${differences.length === 1 ? '' : 's'}:`;
  return `${[head, ...lines, ...missing].join('\n')}\n`;
}
