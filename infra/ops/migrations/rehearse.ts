/** Runs all migrations from nothing in a scratch database, and judges what they made. */
import type { Clock, Database, ProgressSink } from '../ports';
import { checkContractBehaviour, checkContractShape, type ContractCheck } from './contract';
import { migrate, type MigrateReport, type MigrationEngine } from './migrate';
import { withScratchDatabase } from './scratch';

export interface Rehearsal {
  migrations: MigrateReport['applied'];
  checks: ContractCheck[];
  ok: boolean;
}

/**
 * @param options.dir folder of the migrations. @default the folder of this checkout
 * @throws OperatorError where a migration fails; a check that fails is part of the answer
 */
export async function rehearseMigrations(
  database: Database,
  engine: MigrationEngine,
  clock: Clock,
  progress: ProgressSink,
  options: { dir?: string; signal?: AbortSignal } = {},
): Promise<Rehearsal> {
  return withScratchDatabase(database, clock, progress, async (scratch) => {
    const { applied } = await migrate(scratch, engine, clock, progress, options);
    progress.update({ phase: 'checking the contract with sample rows' });
    const checks = [...(await checkContractShape(scratch)), await checkContractBehaviour(scratch)];
    return { migrations: applied, checks, ok: checks.every(({ ok }) => ok) };
  });
}
