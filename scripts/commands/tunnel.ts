/** `qbench tunnel`: the database of a stack in AWS on a port of this machine, for as long as it runs. */
import type { Command } from 'commander';
import { openGateway } from '../../infra/adapters/databaseGateway';
import { DATABASE_NAME, gatewayPort, ROLE_NAMES } from '../../infra/naming';
import { UsageError } from '../../infra/ops/errors';
import { hostAccess } from '../support/cloud';
import { stackOf, type CliContext } from '../support/context';

export function register(program: Command, context: CliContext): void {
  program
    .command('tunnel')
    .description(
      'keeps the database of a stack in AWS on a port of this machine until Ctrl-C; TLS is verified behind the port',
    )
    .option(
      '-p, --port <port>',
      "port of this machine; 0 takes a free one (default: the stack's own, which pulumi uses too)",
    )
    .option('--json', 'prints where it is as JSON')
    .action(async (options: { port?: string; json?: boolean }, command: Command) => {
      const stack = stackOf(command);
      const access = await hostAccess(context, stack);
      const wanted = options.port === undefined ? gatewayPort(stack) : Number(options.port);
      if (!Number.isInteger(wanted) || wanted < 0 || wanted > 65_535)
        throw new UsageError(`--port ${options.port ?? ''}`, { allowed: 'a whole number up to 65535' });
      // The first connection would find out, too; whoever waits here wants to know now.
      await access.server();
      const gateway = await openGateway({
        port: wanted,
        server: () => access.server(),
        failed: (message) => context.writeError(`${message}\n`),
      });
      const url = `postgresql://${ROLE_NAMES.app}@127.0.0.1:${gateway.port}/${DATABASE_NAME}?sslmode=disable`;
      if (options.json === true)
        context.json({ stack, host: '127.0.0.1', port: gateway.port, database: DATABASE_NAME });
      else
        context.write(`${url}\npasswords: qbench psql asks for none; the stack's databaseUrl has the application's\n`);
      await new Promise<void>((resolve) => {
        // The gateway alone would not keep this running.
        const alive = setInterval(() => undefined, 60_000);
        context.signal.addEventListener('abort', () => {
          clearInterval(alive);
          gateway.close();
          access.close();
          resolve();
        });
      });
    });
}
