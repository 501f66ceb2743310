/** What is known of a stack's backups: kept in this checkout, and for a stack in AWS published for those who may not ask its host. */
import { keepEvidence } from '../../infra/adapters/keptEvidence';
import type { BackupInfo } from '../../infra/ops/backup/info';
import { messageOf, UsageError } from '../../infra/ops/errors';
import { publicEvidence } from '../../infra/ops/review/backupEvidence';
import { cloudSettings, hostAccess } from './cloud';
import type { CliContext } from './context';

/** Keeps it for the gate, the policy pack and migrations of this checkout. */
export function keep(context: CliContext, stack: string, info: BackupInfo): void {
  keepEvidence(context.machine, stack, { stack, ...info });
}

/** As `keep`, and for the previews of pull requests. What cannot be published is told: the drill was one all the same. */
export async function keepAndPublish(context: CliContext, stack: string, info: BackupInfo): Promise<void> {
  keep(context, stack, info);
  if (cloudSettings(stack, context.machine) === undefined) return;
  try {
    const access = await hostAccess(context, stack);
    await access.publishEvidence(JSON.stringify(publicEvidence({ stack, ...info })));
  } catch (error) {
    context.progress().note(`pull requests are not told of it: ${messageOf(error)}`);
  }
}

/**
 * Keeps what was published last, without asking the host.
 * @returns it as JSON
 * @throws UsageError for a stack that is not in AWS; OperatorError where nothing was published
 */
export async function keepPublished(context: CliContext, stack: string): Promise<object> {
  if (cloudSettings(stack, context.machine) === undefined) {
    throw new UsageError('--published', {
      allowed: 'for a stack of tier ec2',
      next: `qbench info --stack ${stack} asks the repository itself`,
    });
  }
  const access = await hostAccess(context, stack);
  const evidence = JSON.parse(await access.publishedEvidence()) as object;
  keepEvidence(context.machine, stack, evidence);
  return evidence;
}
