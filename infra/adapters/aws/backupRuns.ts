/** The steps of scheduled backups as commands of their SSM document. */
import {
  BACKUP_STEPS,
  type BackupReport,
  type BackupResult,
  type BackupRun,
  type BackupRuns,
  type BackupStep,
} from '../../ops/scheduledBackup/runs';
import { unpackReport } from '../../ops/scheduledBackup/report';
import type { Clock } from '../../ops/ports';
import { HOST_PARAMETERS } from '../../naming';
import { STANZA } from '../../postgres/pgbackrest';
import { readInfo } from '../backup/pgbackrest/infoJson';
import type { HostCommandRun, HostDocument } from './hostDocument';

/** A weekly full backup that takes its twelve hours, and all its attempts, lie well within. */
const REMEMBERED_MS = 3 * 86_400_000;

export class SsmBackupRuns implements BackupRuns {
  constructor(
    private readonly document: HostDocument,
    private readonly clock: Clock,
  ) {}

  async recent(): Promise<BackupRun[]> {
    const runs = await this.document.list(new Date(this.clock.now().getTime() - REMEMBERED_MS));
    return runs.map(backupRun).filter((run) => run !== undefined);
  }

  start(step: BackupStep, slot: string): Promise<string> {
    return this.document.start({ [HOST_PARAMETERS.step]: step, [HOST_PARAMETERS.slot]: slot }, `${step} ${slot}`);
  }

  async result(id: string): Promise<BackupResult | undefined> {
    const found = await this.document.result(id);
    const run = found === undefined ? undefined : backupRun(found.run);
    if (found === undefined || run === undefined) return undefined;
    const { output, errors } = found;
    return { run, errors, report: run.step === 'report' && run.state === 'succeeded' ? reportOf(output) : undefined };
  }
}

function reportOf(output: string): BackupReport {
  const { info, ...report } = unpackReport(output);
  return { ...report, backups: readInfo(info, STANZA).backups };
}

function backupRun({ id, parameters, state, status, startedAt }: HostCommandRun): BackupRun | undefined {
  const step = BACKUP_STEPS.find((each) => each === parameters[HOST_PARAMETERS.step]);
  const slot = parameters[HOST_PARAMETERS.slot];
  return step === undefined || slot === undefined ? undefined : { id, slot, step, state, status, startedAt };
}
