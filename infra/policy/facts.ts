/** What the rules are told of a stack: from its settings, and from the migrations of the checkout. */
import type { BackupVerdict } from '../ops/review/backupEvidence';
import { migrationDrops } from '../ops/review/migrations';
import type { Settings } from '../settings';
import { parseException, type PolicyException } from './rules/exceptions';
import type { StackFacts } from './rules/types';

/**
 * The facts of a stack; without settings that can be it is guarded as production is.
 * @param backup undefined where somebody else judges the evidence, as the gate of a report does
 */
export function stackFacts(settings: Settings | undefined, backup?: BackupVerdict): StackFacts {
  return {
    environment: settings?.environment ?? 'production',
    ephemeral: settings?.ephemeral ?? false,
    allowDestroy: settings?.allowDestroy ?? [],
    ...(backup === undefined ? {} : { backup }),
    imagePinned: settings?.tier === 'ec2' && settings.ec2.amiId !== undefined,
    destructiveMigrations: migrationDrops(),
  };
}

export function exceptionsOf(settings: Settings | undefined): PolicyException[] {
  return (settings?.policyExceptions ?? []).map(parseException).filter((exception) => exception !== undefined);
}
