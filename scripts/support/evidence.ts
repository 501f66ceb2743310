/** What is known of a stack's backups: kept in this checkout, and for a stack in AWS published for those who may not ask its host. */
import { keepEvidence } from '../../infra/adapters/keptEvidence';
import type { BackupInfo } from '../../infra/ops/backup/info';
import { messageOf, UsageError } from '../../infra/ops/errors';
import { publicEvidence } from '../../infra/ops/review/backupEvidence';
import { cloudSettings } from './cloud';
import type { CliContext } from './context';

/** Keeps it for the gate, the policy pack and migrations of this checkout. */
export function keep(context: CliContext, stack: string, info: BackupInfo): void {
  keepEvidence(context.machine, stack, { stack, ...info });
}

/** As `keep`, and for the previews of pull requests. What cannot be published is told: the drill was one all the same. */
export async function keepAndPublish(context: CliContext, stack: string, info: BackupInfo): Promise<void> {
  keep(context, stack, info);
  const settings = cloudSettings(stack, context.machine);
  if (settings === undefined) return;
  const [{ ssmClient }, { publishEvidence }] = await Promise.all([
    import('../../infra/adapters/aws/clients'),
    import('../../infra/adapters/aws/publishedEvidence'),
  ]);
  const client = ssmClient(settings.aws.region);
  try {
    await publishEvidence(client, stack, JSON.stringify(publicEvidence({ stack, ...info })));
  } catch (error) {
    context.progress().note(`pull requests are not told of it: ${messageOf(error)}`);
  } finally {
    client.destroy();
  }
}

/**
 * Keeps what was published last, without asking the host.
 * @returns it as JSON
 * @throws UsageError for a stack that is not in AWS; OperatorError where nothing was published
 */
export async function keepPublished(context: CliContext, stack: string): Promise<object> {
  const settings = cloudSettings(stack, context.machine);
  if (settings === undefined) {
    throw new UsageError('--published', {
      allowed: 'for a stack of tier ec2',
      next: `qbench info --stack ${stack} asks the repository itself`,
    });
  }
  const [{ ssmClient }, { publishedEvidence }] = await Promise.all([
    import('../../infra/adapters/aws/clients'),
    import('../../infra/adapters/aws/publishedEvidence'),
  ]);
  const client = ssmClient(settings.aws.region);
  try {
    const evidence = JSON.parse(await publishedEvidence(client, stack)) as object;
    keepEvidence(context.machine, stack, evidence);
    return evidence;
  } finally {
    client.destroy();
  }
}
