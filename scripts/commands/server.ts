/** `qbench server`: the local tier's server. `reserve`, `apply` and `destroy` are called by the Pulumi program. */
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { LocalCluster, type DesiredServer } from '../../infra/adapters/localServer/cluster';
import { postmasterPid } from '../../infra/adapters/localServer/probe';
import { logTail } from '../../infra/adapters/localServer/process';
import { OperatorError, UsageError } from '../../infra/ops/errors';
import { stackOf, type CliContext } from '../support/context';
import { table } from '../support/output';
import { readJsonFromStdin } from '../support/stdin';

export function register(program: Command, context: CliContext): void {
  const server = program.command('server').description('the server of the local tier');
  const cluster = (stack: string, desired?: Partial<DesiredServer>): LocalCluster =>
    new LocalCluster(context.machine, stack, context.clock, context.progress(), desired);

  server
    .command('status')
    .description('where the server is and whether it runs')
    .option('--json', 'as JSON')
    .action((options: { json?: boolean }, command: Command) => {
      const stack = stackOf(command);
      const record = cluster(stack).record;
      const pid = record === undefined ? undefined : postmasterPid(record.dataDir);
      const dataMissing = record?.state === 'initialised' && !existsSync(record.dataDir);
      if (options.json === true)
        context.json({ stack, running: pid !== undefined, pid: pid ?? null, dataMissing, ...record });
      else if (record === undefined) context.write(`stack ${stack}: no server on this machine\n`);
      else {
        context.write(
          `stack ${stack}: ${pid === undefined ? 'down' : `running (pid ${pid})`} at ${record.host}:${record.port}\n`,
        );
        context.write(`  PostgreSQL ${record.postgresVersion ?? '-'}, pgvector ${record.pgvectorVersion ?? '-'}\n`);
        context.write(`  data ${record.dataDir}${dataMissing ? ' IS GONE' : ''}\n  log  ${record.logFile}\n`);
      }
    });

  server
    .command('start')
    .description('starts the server as it was last configured')
    .action(async (_: unknown, command: Command) => {
      const record = await cluster(stackOf(command)).start();
      context.write(`running at ${record.host}:${record.port}\n`);
    });

  server
    .command('stop')
    .description('stops the server; the data stays')
    .action(async (_: unknown, command: Command) => {
      const found = cluster(stackOf(command));
      const { record } = found;
      if (record === undefined) {
        throw new OperatorError(`stack ${stackOf(command)} has no server on this machine`, { next: 'npm run up' });
      }
      await found.stop();
      context.write(existsSync(record.dataDir) ? 'stopped\n' : `stopped; its data folder ${record.dataDir} IS GONE\n`);
    });

  server
    .command('logs')
    .description("the last lines of the server's log")
    .option('-n, --lines <count>', 'how many', '50')
    .action((options: { lines: string }, command: Command) => {
      const lines = Number(options.lines);
      if (!Number.isInteger(lines) || lines < 1)
        throw new UsageError(`--lines ${options.lines}`, { allowed: 'a whole number from 1' });
      const record = cluster(stackOf(command)).record;
      if (record === undefined || !existsSync(record.logFile))
        throw new OperatorError('there is no log yet', { next: 'npm run up' });
      context.write(`${logTail(record.logFile, lines).join('\n')}\n`);
    });

  server
    .command('parameters')
    .description(
      'every parameter asked for beside what the server runs with: equal, differs or pending restart, and why',
    )
    .option('--json', 'as JSON')
    .action(async (options: { json?: boolean }, command: Command) => {
      const found = await cluster(stackOf(command)).parameters();
      if (options.json === true) context.json(found);
      else {
        const rows = found.map((row) => [
          row.name,
          row.wanted,
          row.live ?? '-',
          row.standing,
          row.needs ?? '-',
          row.why,
        ]);
        context.write(table(['parameter', 'wanted', 'live', 'standing', 'change by', 'why'], rows));
      }
    });

  server
    .command('reserve', { hidden: true })
    .description('reserves host and port for the desired state on standard input; prints them as JSON')
    .action(async () => {
      const desired = await readJsonFromStdin<{ stack: string; port: number; dataDir?: string }>(context);
      const { host, port } = await cluster(desired.stack, desired).reserve(desired.port);
      context.json({ host, port });
    });

  server
    .command('apply', { hidden: true })
    .description('makes the server match the desired state on standard input; prints what it became as JSON')
    .action(async () => {
      const desired = await readJsonFromStdin<DesiredServer>(context);
      const password = context.env['QBENCH_SUPERUSER_PASSWORD'];
      if (password === undefined || password === '') throw new UsageError('QBENCH_SUPERUSER_PASSWORD is not set');
      const record = await cluster(desired.stack, desired).apply(desired, password);
      context.json({
        postgresVersion: record.postgresVersion,
        pgvectorVersion: record.pgvectorVersion,
        systemIdentifier: record.systemIdentifier,
      });
    });

  server
    .command('destroy', { hidden: true })
    .description('stops the server of the desired state on standard input and removes it')
    .action(async () => {
      const desired = await readJsonFromStdin<DesiredServer>(context);
      await cluster(desired.stack, desired).destroy();
    });
}
