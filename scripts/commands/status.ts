/** `qbench status`: the state of a stack on one screen. */
import type { Command } from 'commander';
import { OperatorError } from '../../infra/ops/errors';
import { judge, statusOf } from '../../infra/ops/monitoring/judge';
import { measure } from '../../infra/ops/monitoring/measure';
import { NO_MEMORY } from '../../infra/ops/monitoring/observation';
import type { CliContext } from '../support/context';
import { look, watched } from '../support/monitoring';
import { screen } from '../support/monitoringTables';

export function register(program: Command, context: CliContext): void {
  program
    .command('status')
    .description('size, rows, connections, indexes, archiving and what is wrong, on one screen')
    .option('--json', 'the whole snapshot as JSON')
    .action(async (options: { json?: boolean }, command: Command) => {
      const what = watched(context, command);
      const observation = await look(context, command, what, { searches: 0 });
      const { snapshot, unreachable } = observation;
      if (snapshot === undefined) {
        throw new OperatorError(unreachable ?? 'the database gave no answer', {
          next: 'qbench server start, on this machine; elsewhere see that the server runs and can be reached',
        });
      }
      const values = measure(observation, what.planned, NO_MEMORY);
      const findings = judge(values, what.thresholds);
      const status = statusOf(findings);
      if (options.json === true) context.json({ status, findings, values: Object.fromEntries(values), snapshot });
      else context.write(screen(context.database(command).label, snapshot, values, findings, status));
    });
}
