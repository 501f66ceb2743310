/** `qbench check-env`: this machine, then the database; exit code 1 where something fails. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { attempt, checkDatabase, checkNode, checkSchema, type Check } from '../../infra/ops/environment';
import { messageOf } from '../../infra/ops/errors';
import { migrationStatus } from '../../infra/ops/migrations/migrate';
import type { CliContext } from '../support/context';
import { toolchainPaths } from '../toolchain/paths';
import { onPath } from '../toolchain/pulumiCli';

const MARKS = { ok: 'ok  ', warn: 'warn', fail: 'FAIL' } as const;

export function register(program: Command, context: CliContext): void {
  program
    .command('check-env')
    .description('whether this machine and the database have what is needed; exit code 1 where something fails')
    .option('--json', 'as JSON')
    .action(async (options: { json?: boolean }, command: Command) => {
      const checks = [
        checkNode(process.versions.node),
        checkPulumi(context),
        checkPassphrase(context),
        ...checkOptions(context),
        ...(await checkServerOf(context, command)),
      ];
      if (options.json === true) context.json(checks);
      else context.write(checks.map(forPeople).join(''));
      if (checks.some(({ level }) => level === 'fail')) context.exitCode = 1;
    });
}

function forPeople({ name, level, detail, next }: Check): string {
  return `${MARKS[level]}  ${name}: ${detail}\n${next === undefined ? '' : `        next: ${next}\n`}`;
}

/** Only looks; `npm run up` finds or builds. */
function checkPulumi(context: CliContext): Check {
  const name = 'Pulumi CLI';
  const paths = toolchainPaths(context.machine);
  if (existsSync(paths.choice)) {
    try {
      const { cli } = JSON.parse(readFileSync(paths.choice, 'utf8')) as {
        cli: { file: string; version: string; from: string };
      };
      if (existsSync(cli.file)) return { name, level: 'ok', detail: `${cli.version}, ${cli.from}` };
    } catch {
      // As if it were not there: the next run writes it anew.
    }
  }
  const [found] = onPath('pulumi', context.env, [paths.bin]);
  if (found !== undefined) return { name, level: 'ok', detail: found };
  return {
    name,
    level: 'warn',
    detail: 'not found',
    next: 'npm run up fetches or builds one; it is not needed for qbench',
  };
}

function checkPassphrase(context: CliContext): Check {
  const name = 'passphrase';
  const { env, machine } = context;
  const file = env['PULUMI_CONFIG_PASSPHRASE_FILE'];
  if (file !== undefined && file !== '' && !existsSync(file)) {
    return {
      name,
      level: 'fail',
      detail: 'PULUMI_CONFIG_PASSPHRASE_FILE names a file that is not there',
      next: 'make the file, or unset the variable',
    };
  }
  if (env['PULUMI_CONFIG_PASSPHRASE'] !== undefined || (file !== undefined && file !== ''))
    return { name, level: 'ok', detail: 'from the environment' };
  if (existsSync(toolchainPaths(machine).passphrase))
    return { name, level: 'ok', detail: 'the one generated for this checkout' };
  if (
    env['PULUMI_ACCESS_TOKEN'] !== undefined ||
    existsSync(join(env['PULUMI_HOME'] ?? join(machine.home, '.pulumi'), 'credentials.json'))
  ) {
    return { name, level: 'ok', detail: 'left to the Pulumi backend that you are logged in to' };
  }
  return {
    name,
    level: 'warn',
    detail: 'none yet',
    next: 'npm run up makes one for a backend of its own; or set PULUMI_CONFIG_PASSPHRASE',
  };
}

function checkOptions(context: CliContext): Check[] {
  const value = context.env['PGOPTIONS'];
  if (value === undefined || value === '') return [];
  return [{ name: 'PGOPTIONS', level: 'warn', detail: 'is set and changes every session', next: 'unset PGOPTIONS' }];
}

async function checkServerOf(context: CliContext, command: Command): Promise<Check[]> {
  const next =
    'npm run up starts a local one; or set DATABASE_URL=postgresql://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full';
  return attempt('database', next, async () => {
    const database = context.database(command);
    const session = await database.connect({ role: 'owner', applicationName: 'qbench check-env' });
    try {
      return [
        { name: 'database', level: 'ok', detail: database.label },
        ...(await checkDatabase(session)),
        ...(await attempt('schema', 'qbench migrate --status', async () => [
          checkSchema(await migrationStatus(database)),
        ])),
      ];
    } catch (error) {
      return [
        { name: 'database', level: 'fail', detail: messageOf(error), next: 'qbench server status; qbench server logs' },
      ];
    } finally {
      await session.close();
    }
  });
}
