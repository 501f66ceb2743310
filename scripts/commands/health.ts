/** `qbench health`: exit code 0 ok, 1 warning, 2 critical. */
import type { Command } from 'commander';
import { OperatorError, messageOf } from '../../infra/ops/errors';
import { HEALTH_EXIT_CODES, healthOf, type HealthReport } from '../../infra/ops/health';
import type { CliContext } from '../support/context';
import { look, watched } from '../support/monitoring';
import { countOf, findingLines } from '../support/monitoringTables';
import { bytes } from '../support/output';

export function register(program: Command, context: CliContext): void {
  program
    .command('health')
    .description('judges the database by its thresholds; exit code 0 ok, 1 warning, 2 critical')
    .option('--probe', 'searches with stored rows too, and asks the application where monitoring.apiUrl names it')
    .option('--json', 'as JSON')
    .action(async (options: { probe?: boolean; json?: boolean }, command: Command) => {
      try {
        const what = watched(context, command);
        const probe = options.probe === true;
        const observation = await look(context, command, what, {
          searches: probe ? 20 : 0,
          apiUrl: probe ? what.apiUrl : undefined,
        });
        if (observation.snapshot === undefined) {
          throw new OperatorError(observation.unreachable ?? 'the database gave no answer', {
            next: 'qbench server start, on this machine; elsewhere see that the server runs and can be reached',
          });
        }
        const report = healthOf(observation.snapshot, observation, what.planned, what.thresholds);
        context.exitCode = HEALTH_EXIT_CODES[report.status];
        if (options.json === true) context.json(report);
        else context.write(forPeople(report));
      } catch (error) {
        context.exitCode = HEALTH_EXIT_CODES.critical;
        const lines = error instanceof OperatorError ? error.toLines() : [messageOf(error)];
        if (options.json === true) context.json({ status: 'critical', error: lines[0] });
        else context.write('critical\n');
        context.writeError(`qbench: ${lines.join('\n')}\n`);
      }
    });
}

function forPeople(report: HealthReport): string {
  const tables = report.tables.map(
    ({ name, rows, rowsEstimated, missingEmbeddings, missingEstimated }) =>
      `${countOf(rows, rowsEstimated)} ${name === 'test_documents' ? 'documents' : 'steps'} ` +
      `(${countOf(missingEmbeddings, missingEstimated)} without embedding)`,
  );
  const lines = [
    report.status,
    `  ${tables.join(', ')}, ${bytes(report.databaseBytes)}`,
    `  pgvector ${report.pgvectorVersion ?? 'missing'}`,
    ...report.indexes.map(
      ({ name, method, valid, building, bytes: size }) =>
        `  index ${name} (${method}, ${bytes(size)}): ${valid ? 'valid' : building ? 'being built' : 'NOT VALID'}`,
    ),
    ...findingLines(report.findings).map((line) => `  ${line}`),
  ];
  return `${lines.join('\n')}\n`;
}
