/** `qbench psql`: psql at the database, without a password on the command line. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Option, type Command } from 'commander';
import { runInteractive } from '../../infra/adapters/interactiveProcess';
import { openGateway } from '../../infra/adapters/databaseGateway';
import { readRecord, stackLayout } from '../../infra/adapters/localServer/layout';
import { DATABASE_NAME, ROLE_NAMES, type DatabaseRole } from '../../infra/naming';
import { OperatorError } from '../../infra/ops/errors';
import { accessTo, cloudPlace } from '../support/cloud';
import { stackOf, type CliContext } from '../support/context';
import { parseDatabaseUrl } from '../support/endpoint';

export function register(program: Command, context: CliContext): void {
  program
    .command('psql')
    .argument('[args...]', "psql's own arguments, after --")
    .description("opens psql at the database; psql's own arguments go after --")
    .addOption(new Option('--role <role>', 'database role').choices(Object.keys(ROLE_NAMES)).default('app'))
    .action(async (args: string[], { role }: { role: DatabaseRole }, command: Command) => {
      const { file, env } = await target(context, stackOf(command), role);
      try {
        context.exitCode = await runInteractive(file, args, { ...context.env, ...env });
      } catch (error) {
        throw new OperatorError(`cannot start ${file}`, {
          next: 'install psql (Debian: postgresql-client), or npm run up, which brings one',
          cause: error,
        });
      }
    });
}

async function target(
  context: CliContext,
  stack: string,
  role: DatabaseRole,
): Promise<{ file: string; env: Record<string, string> }> {
  const record = readRecord(stackLayout(context.machine, stack));
  const own = record?.binDir === undefined ? undefined : join(record.binDir, 'psql');
  const file = own !== undefined && existsSync(own) ? own : 'psql';
  const url = context.env['DATABASE_URL'];
  if (url !== undefined && url !== '') {
    // The role is the one of the URL: its password fits no other.
    const { host, port, database, user, password, ssl } = parseDatabaseUrl(url);
    return {
      file,
      env: {
        PGHOST: host,
        PGPORT: String(port),
        PGDATABASE: database,
        PGUSER: user,
        ...(password === undefined ? {} : { PGPASSWORD: password }),
        ...(ssl === undefined
          ? {}
          : { PGSSLMODE: 'verify-full', PGSSLROOTCERT: context.env['PGSSLROOTCERT'] ?? 'system' }),
      },
    };
  }
  const place = cloudPlace(stack, context.env, context.machine);
  if (record?.state !== 'initialised' && place !== undefined) {
    const access = await accessTo(place, context.env);
    const [, password] = await Promise.all([access.server(), access.password(role)]);
    // TLS begins behind this port, so that any psql will do and no file of a certificate is needed.
    const gateway = await openGateway({ port: 0, server: () => access.server() });
    return {
      file,
      env: {
        PGHOST: '127.0.0.1',
        PGPORT: String(gateway.port),
        PGDATABASE: DATABASE_NAME,
        PGUSER: ROLE_NAMES[role],
        PGPASSWORD: password,
        PGSSLMODE: 'disable',
      },
    };
  }
  if (record?.state !== 'initialised') {
    throw new OperatorError(`stack "${stack}" has no database on this machine, and DATABASE_URL is not set`, {
      next: 'npm run up, or choose another stack with --stack, or set DATABASE_URL',
    });
  }
  return {
    file,
    env: { PGHOST: record.socketDir, PGPORT: String(record.port), PGDATABASE: DATABASE_NAME, PGUSER: ROLE_NAMES[role] },
  };
}
