/** `qbench schema`: writes sql/schema.sql from the migrations, or tells whether it is stale. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Command } from 'commander';
import { readRecord, stackLayout } from '../../infra/adapters/localServer/layout';
import { nodePgMigrateEngine } from '../../infra/adapters/migrationRunner';
import { ProcessRunner } from '../../infra/adapters/processRunner';
import { ROLE_NAMES } from '../../infra/naming';
import { OperatorError, UsageError } from '../../infra/ops/errors';
import { migrate } from '../../infra/ops/migrations/migrate';
import { dumpSchema, firstDifference } from '../../infra/ops/migrations/schemaDump';
import { withScratchDatabase } from '../../infra/ops/migrations/scratch';
import { SQL_ROOT } from '../../infra/ops/sqlText';
import { CHECKOUT, stackOf, type CliContext } from '../support/context';
import { databaseOf } from '../support/endpoint';

const FILE = join(SQL_ROOT, 'schema.sql');

export function register(program: Command, context: CliContext): void {
  program
    .command('schema')
    .description('prints what all migrations together make, from a scratch database on the local server of the stack')
    .option('--write', 'writes it to sql/schema.sql')
    .option('--check', 'exit code 1 where sql/schema.sql is stale')
    .action(async (flags: { write?: boolean; check?: boolean }, command: Command) => {
      if (flags.write === true && flags.check === true) throw new UsageError('--write and --check exclude each other');
      const text = await dump(context, command);
      if (flags.write === true) {
        writeFileSync(FILE, text);
        context.write(`${relative(CHECKOUT, FILE)} written\n`);
      } else if (flags.check === true) check(context, text);
      else context.write(text);
    });
}

async function dump(context: CliContext, command: Command): Promise<string> {
  const stack = stackOf(command);
  const record = readRecord(stackLayout(context.machine, stack));
  if (record?.binDir === undefined)
    throw new OperatorError(`stack "${stack}" has no server on this machine to make a scratch database on`, {
      next: 'npm run up',
    });
  const { binDir, socketDir, port } = record;
  const progress = context.progress();
  return withScratchDatabase(databaseOf(stack, {}, context.machine), context.clock, progress, async (scratch, name) => {
    await migrate(scratch, nodePgMigrateEngine, context.clock, progress, { signal: context.signal });
    return dumpSchema(new ProcessRunner(context.env), {
      binDir,
      host: socketDir,
      port,
      user: ROLE_NAMES.superuser,
      database: name,
    });
  });
}

function check(context: CliContext, text: string): void {
  const difference = firstDifference(text, existsSync(FILE) ? readFileSync(FILE, 'utf8') : '');
  if (difference === undefined) {
    context.write('sql/schema.sql is up to date\n');
    return;
  }
  const { line, expected, found } = difference;
  throw new OperatorError(`sql/schema.sql is stale from line ${line}: "${found}" should be "${expected}"`, {
    next: 'npm run qbench -- schema --write, and commit it with the migration',
  });
}
