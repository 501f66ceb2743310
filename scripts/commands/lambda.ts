/**
 * `qbench lambda invoke`: one event for one Lambda. Of a stack on AWS the zip itself runs here, against the stack's host; of a stack on
 * this machine the same operations run against its server.
 */
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import type { Command } from 'commander';
import { findHost } from '../../infra/adapters/aws/ssmHost';
import { ssmClient } from '../../infra/adapters/aws/clients';
import { LAMBDA_NAMES, lambdaCode, type LambdaName } from '../../infra/adapters/lambda/code';
import { LambdaProcess } from '../../infra/adapters/lambda/process';
import { stackLayout } from '../../infra/adapters/localServer/layout';
import { messageOf, OperatorError, UsageError } from '../../infra/ops/errors';
import { onBackupEvent, onRunEnded, type BackupTools } from '../../infra/ops/scheduledBackup/advance';
import { EngineBackupRuns } from '../../infra/ops/scheduledBackup/engineRuns';
import { METRIC_NAMESPACE, PROJECT } from '../../infra/naming';
import { parseMonitorEvent } from '../../infra/ops/hostMonitor/events';
import { packPlan } from '../../infra/ops/hostMonitor/packing';
import { judge } from '../../infra/ops/monitoring/judge';
import { measure } from '../../infra/ops/monitoring/measure';
import { NO_MEMORY } from '../../infra/ops/monitoring/observation';
import { emfLine } from '../../infra/ops/monitoring/publish';
import type { Ec2Settings } from '../../infra/settings';
import { backupsOf } from '../support/backupEngine';
import { CHECKOUT, stackOf, type CliContext } from '../support/context';
import { fileLedger } from '../support/localRuns';
import { look, watched } from '../support/monitoring';
import { stackSettings } from '../support/stackSettings';

export function register(program: Command, context: CliContext): void {
  const lambda = program.command('lambda').description('the Lambdas: backup, monitor');
  lambda
    .command('invoke <name>')
    .description('hands one event to a Lambda and prints what it led to')
    .requiredOption('-e, --event <file>', 'JSON of the event; - reads standard input')
    .action(async (name: string, options: { event: string }, command: Command) => {
      const known = LAMBDA_NAMES.find((each) => each === name);
      if (known === undefined) {
        throw new UsageError(`there is no Lambda "${name}"`, { allowed: LAMBDA_NAMES.join(', ') });
      }
      const event = await readEvent(context, options.event);
      const stack = stackOf(command);
      const settings = stackSettings(CHECKOUT, stack);
      if (settings?.tier === 'ec2') await invokeZip(context, command, known, stack, settings, event);
      else await invokeHere(context, command, known, stack, event);
    });
}

async function readEvent(context: CliContext, file: string): Promise<unknown> {
  let json: string;
  try {
    json = file === '-' ? await text(context.stdin) : readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`the event cannot be read: ${messageOf(error)}`, {
      allowed: 'a file of JSON, or - for standard input',
    });
  }
  try {
    return JSON.parse(json) as unknown;
  } catch (error) {
    throw new UsageError(`the event in ${file} is no JSON: ${messageOf(error)}`, {
      next: 'docs/monitoring.md shows events',
    });
  }
}

/** The zip, as AWS runs it, with the rights of whoever is logged in here. */
async function invokeZip(
  context: CliContext,
  command: Command,
  name: LambdaName,
  stack: string,
  settings: Ec2Settings,
  event: unknown,
): Promise<void> {
  const { region } = settings.aws;
  const { instanceId } = await findHost(ssmClient(region), stack);
  const { zip } = await lambdaCode(name, CHECKOUT);
  const credentials = Object.entries(context.env).filter(
    ([key]) => key.startsWith('AWS_') || key === 'HOME' || key === 'PATH',
  );
  const running = await LambdaProcess.start(zip, {
    ...(Object.fromEntries(credentials) as Record<string, string>),
    AWS_REGION: region,
    QBENCH_STACK: stack,
    QBENCH_INSTANCE_ID: instanceId,
    QBENCH_DOCUMENT: `${PROJECT}-${stack}-${name}`,
    QBENCH_PLAN: packPlan({
      planned: watched(context, command).planned,
      overrides: settings.monitoring.thresholds,
      apiUrl: settings.monitoring.apiUrl ?? '',
    }),
  });
  try {
    const { result, error, lines } = await running.invoke(event);
    for (const line of lines) context.writeError(`${line}\n`);
    if (error !== undefined) throw new OperatorError(`the Lambda failed: ${error.message}`);
    context.json(result);
  } finally {
    await running.stop();
  }
}

/** The same operations on this machine: what a host would do between two events is done at once. */
async function invokeHere(
  context: CliContext,
  command: Command,
  name: LambdaName,
  stack: string,
  event: unknown,
): Promise<void> {
  if (name === 'monitor') {
    await monitorHere(context, command, event);
    return;
  }
  const { engine } = await backupsOf(context, stack);
  const line =
    (level: string) =>
    (message: string, details: object = {}) =>
      context.writeError(`${JSON.stringify({ level, message, ...details })}\n`);
  const ledger = fileLedger(stackLayout(context.machine, stack).dir);
  const tools: BackupTools = {
    runs: new EngineBackupRuns(engine, ledger, context.clock, context.progress()),
    log: { info: line('INFO'), warn: line('WARN'), error: line('ERROR') },
    metrics: { put: (metric, value, unit) => context.writeError(`${JSON.stringify({ metric, value, unit })}\n`) },
    clock: context.clock,
  };
  const first = await onBackupEvent(event, tools);
  context.json(first);
  // Each step tells its end, as EventBridge would.
  for (let next = first.started; next !== undefined;) {
    const outcome = await onRunEnded(next.id, tools);
    if (outcome.started !== undefined) context.json(outcome);
    else context.writeError(`${outcome.why}\n`);
    next = outcome.started;
  }
}

/** What the Lambda does in two calls, at once: looks, and tells the values and what is beyond a level. */
async function monitorHere(context: CliContext, command: Command, event: unknown): Promise<void> {
  const read = parseMonitorEvent(event);
  if (read.kind !== 'snapshot') {
    throw new UsageError('a stack on this machine has no commands whose end could be told', {
      allowed: '{"kind": "snapshot"}',
    });
  }
  const what = watched(context, command);
  const observation = await look(context, command, what, { recall: read.comparisons > 0, apiUrl: what.apiUrl });
  const values = measure(observation, what.planned, NO_MEMORY);
  const where = { namespace: METRIC_NAMESPACE, stack: what.stack, at: observation.at };
  context.writeError(`${emfLine(values, what.thresholds, where)}\n`);
  const findings = judge(values, what.thresholds).map(({ name, severity }) => `${name} ${severity}`);
  context.json({ findings, why: observation.unreachable ?? 'a snapshot came' });
}
