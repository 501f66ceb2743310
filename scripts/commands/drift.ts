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
import { resourceDrift } from '../../infra/ops/drift/resources';
import { schemaDrift } from '../../infra/ops/drift/schema';
import { readMigrations } from '../../infra/ops/migrations/manifest';
import { dumpSchema } from '../../infra/ops/migrations/schemaDump';
import { SQL_ROOT } from '../../infra/ops/sqlText';
import { CHECKOUT, stackOf, type CliContext } from '../support/context';
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
  return [
    ['resources', () => resources(context, stack)],
    [
      'roles, grants and settings',
      async () => {
        const session = await context.database(command).connect({ role: 'superuser', applicationName: 'qbench drift' });
        try {
          return await databaseDrift(
            session,
            readMigrations().map(({ sql }) => sql),
          );
        } finally {
          await session.close();
        }
      },
    ],
    ['parameters', () => parameters(context, stack)],
    ['schema', () => schema(context, stack)],
    ['vector indexes', () => indexes(context, stack)],
  ];
}

async function resources(context: CliContext, stack: string): Promise<Difference[]> {
  const toolchain = await Toolchain.ensure(context.machine, context.progress());
  const result = await runOnStack(toolchain, stack, ['refresh', '--preview-only', '--json'], true);
  if (result.code !== 0) throw new OperatorError(`pulumi refresh failed: ${lastLines(result.stderr || result.stdout)}`);
  return resourceDrift(result.stdout);
}

async function parameters(context: CliContext, stack: string): Promise<Difference[]> {
  if (readRecord(stackLayout(context.machine, stack)) === undefined) {
    throw new OperatorError('only the files of a server on this machine are read; ALTER SYSTEM is found on every tier');
  }
  const cluster = new LocalCluster(context.machine, stack, context.clock, context.progress());
  const found = await cluster.parameters();
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

async function schema(context: CliContext, stack: string): Promise<Difference[]> {
  const record = readRecord(stackLayout(context.machine, stack));
  if (record?.binDir === undefined) throw new OperatorError('pg_dump is run on a server of this machine only');
  const { binDir, socketDir, port } = record;
  const source = { binDir, socketDir, port, user: ROLE_NAMES.superuser, database: DATABASE_NAME };
  const live = await dumpSchema(new ProcessRunner(context.env), source);
  return schemaDrift(readFileSync(join(SQL_ROOT, 'schema.sql'), 'utf8'), live);
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
