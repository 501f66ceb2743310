/** What the verbs of monitoring share: the plan to compare with, the thresholds, what this machine knows of the stack, the one look. */
import { existsSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { freeBytes } from '../../infra/adapters/hostFacts';
import { httpGet } from '../../infra/adapters/httpGet';
import { lastGoodParameters, MACHINE_PARAMETERS } from '../../infra/adapters/localServer/configuration';
import { readRecord, stackLayout, stacksDir, type ServerRecord } from '../../infra/adapters/localServer/layout';
import { CapacityInputError, planCapacity, type CapacityPlan } from '../../infra/capacity/plan';
import { readBackupInfo } from '../../infra/ops/backup/info';
import { OperatorError } from '../../infra/ops/errors';
import { collect, takeSnapshot, SNAPSHOT_TIMEOUT_MS, type CollectOptions } from '../../infra/ops/monitoring/collect';
import type { Observation } from '../../infra/ops/monitoring/observation';
import { plannedOf } from '../../infra/ops/monitoring/planned';
import type { Snapshot } from '../../infra/ops/monitoring/snapshot';
import type { Session } from '../../infra/ops/ports';
import { resolveThresholds, type Planned, type ResolvedThreshold } from '../../infra/ops/thresholds';
import { backupsOf } from './backupEngine';
import { CHECKOUT, stackOf, type CliContext } from './context';
import { asUsageError, planRequest } from './planOptions';
import { stackSettings } from './stackSettings';

export interface Watched {
  stack: string;
  plan: CapacityPlan;
  planned: Planned;
  thresholds: ResolvedThreshold[];
  apiUrl: string | undefined;
  /** The local server's record; absent where DATABASE_URL names another database, or there is none. */
  record: ServerRecord | undefined;
}

function namesDatabase({ env }: CliContext): boolean {
  return env['DATABASE_URL'] !== undefined && env['DATABASE_URL'] !== '';
}

/** What is promised of the stack, from its settings. */
export function watched(context: CliContext, command: Command): Watched {
  const stack = stackOf(command);
  const settings = stackSettings(CHECKOUT, stack);
  const plan = planOf(settings);
  const layout = stackLayout(context.machine, stack);
  const record = namesDatabase(context) ? undefined : readRecord(layout);
  // What `up` last wrote; of another server this machine does not know what was asked for.
  const parameters = record === undefined ? {} : parametersOf(layout.dir);
  const planned = plannedOf(plan, parameters);
  return {
    stack,
    plan,
    planned,
    thresholds: resolveThresholds(planned, settings?.monitoring.thresholds),
    apiUrl: settings?.monitoring.apiUrl,
    record,
  };
}

function planOf(settings: ReturnType<typeof stackSettings>): CapacityPlan {
  try {
    return planCapacity(planRequest({}, settings));
  } catch (error) {
    throw error instanceof CapacityInputError ? asUsageError(error) : error;
  }
}

function parametersOf(stackDir: string): Record<string, string> {
  try {
    const all = Object.entries(lastGoodParameters(stackDir) ?? {});
    return Object.fromEntries(all.filter(([name]) => !MACHINE_PARAMETERS.some((machine) => machine === name)));
  } catch {
    // Another user's server: its files are not ours to read.
    return {};
  }
}

/** @throws OperatorError where the data of the stack's server is gone: no start would help */
export function refuseLostData({ record, stack }: Watched): void {
  if (record?.state !== 'initialised' || existsSync(record.dataDir)) return;
  throw new OperatorError(`the data folder of stack "${stack}" is missing: ${record.dataDir}`, {
    next: 'bring the folder back, or restore a backup into it; npm run up refuses to begin anew over a loss',
  });
}

/** Looks once at the stack, with what this machine knows beside. */
export async function look(
  context: CliContext,
  command: Command,
  what: Watched,
  options: CollectOptions = {},
): Promise<Observation> {
  refuseLostData(what);
  const free = what.record === undefined ? undefined : await freeBytes(what.record.dataDir);
  const observation = await collect(
    { database: context.database(command), clock: context.clock, http: httpGet },
    { ...options, ...(free === undefined ? {} : { disk: { freeBytes: free } }) },
  );
  return observation.snapshot === undefined ? observation : { ...observation, backup: await backupAges(context, what) };
}

/** Ages that the repository of this machine tells; undefined where there is none, or it cannot be read now. */
async function backupAges(context: CliContext, { record, stack }: Watched): Promise<Observation['backup']> {
  if (record?.repositoryDir === undefined) return undefined;
  try {
    const { engine } = await backupsOf(context, stack);
    const { metrics } = await readBackupInfo(engine, context.clock.now());
    return { backupAgeSeconds: metrics.backupAgeSeconds, restoreAgeSeconds: metrics.provenRestoreAgeSeconds };
  } catch {
    // qbench info tells why; what the database itself says is worth having all the same.
    return undefined;
  }
}

/** Runs `work` in a session of the monitor role, with the snapshot taken first. */
export async function withSnapshot<T>(
  context: CliContext,
  command: Command,
  work: (snapshot: Snapshot, session: Session) => Promise<T> | T,
): Promise<T> {
  refuseLostData(watched(context, command));
  const session = await context.database(command).connect({
    role: 'monitor',
    applicationName: `qbench ${command.name()}`,
    statementTimeoutMs: SNAPSHOT_TIMEOUT_MS,
  });
  try {
    return await work(await takeSnapshot(session), session);
  } finally {
    await session.close();
  }
}

/** File that remembers what `qbench monitor` has told: one a stack, and one a DATABASE_URL. */
export function stateFile(context: CliContext, stack: string, label: string): string {
  const name = namesDatabase(context) ? createHash('sha256').update(label).digest('hex').slice(0, 12) : stack;
  return join(dirname(stacksDir(context.machine)), 'monitoring', `${name}.json`);
}
