/** `qbench health`: exit code 0 ok, 1 warning, 2 critical. */
import type { Command } from 'commander';
import { OperatorError, messageOf } from '../../infra/ops/errors';
import { HEALTH_EXIT_CODES, readHealth, type HealthReport } from '../../infra/ops/health';
import type { CliContext } from '../support/context';
import { bytes } from '../support/output';

/** A monitoring system that asks every minute must not pile up. */
const STATEMENT_TIMEOUT_MS = 30_000;

export function register(program: Command, context: CliContext): void {
  program
    .command('health')
    .description('how the database is; exit code 0 ok, 1 warning, 2 critical')
    .option('--json', 'as JSON')
    .action(async (options: { json?: boolean }, command: Command) => {
      try {
        const report = await ask(context, command);
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

async function ask(context: CliContext, command: Command): Promise<HealthReport> {
  const options = {
    role: 'readonly',
    applicationName: 'qbench health',
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
  } as const;
  const session = await context.database(command).connect(options);
  try {
    return await readHealth(session);
  } finally {
    await session.close();
  }
}

function forPeople(report: HealthReport): string {
  const number = (value: number): string => value.toLocaleString('en');
  const lines = [
    report.status,
    `  ${number(report.documents)} documents (${number(report.documentsWithoutEmbedding)} without embedding), ` +
      `${number(report.steps)} steps (${number(report.stepsWithoutEmbedding)} without), ${bytes(report.databaseBytes)}`,
    `  pgvector ${report.pgvectorVersion ?? 'missing'}`,
    ...report.indexes.map(
      ({ name, method, valid, building, bytes: size }) =>
        `  index ${name} (${method}, ${bytes(size)}): ${valid ? 'valid' : building ? 'being built' : 'NOT VALID'}`,
    ),
    ...report.problems.flatMap(({ level, message, next }) => [`  ${level}: ${message}`, `    next: ${next}`]),
  ];
  return `${lines.join('\n')}\n`;
}
