/** A rule between settings, and what more than one of them asks. */
import { instanceTypeNamed } from '../capacity/instanceTypes';
import type { SettingsContext } from './context';
import type { Mistake } from './errors';
import type { ParsedSettings } from './schema';

/** Left out where one of the keys it reads is wrong in itself: it could only repeat that. */
export interface Rule {
  /** Keys whose values the rule reads. */
  reads: readonly string[];
  check: (settings: ParsedSettings, context: SettingsContext) => Mistake[];
}

/** Memory in MiB of the host that serves, where the settings tell it. */
export function hostMemoryMiB(settings: ParsedSettings): number | undefined {
  if (settings.tier === 'local') return settings.local.memoryMiB;
  const type = settings.tier === 'ec2' ? settings.ec2.instanceType : undefined;
  const memoryGiB = type === undefined ? undefined : instanceTypeNamed(type)?.memoryGiB;
  return memoryGiB === undefined ? undefined : memoryGiB * 1024;
}

/** A rule that holds on the AWS tiers only. */
export function cloud(reads: readonly string[], check: Rule['check']): Rule {
  return {
    reads: ['tier', ...reads],
    check: (settings, context) => (settings.tier === 'local' ? [] : check(settings, context)),
  };
}

/** A rule that holds on one tier only. */
export function on(tier: 'ec2' | 'aurora', reads: readonly string[], check: Rule['check']): Rule {
  return {
    reads: ['tier', ...reads],
    check: (settings, context) => (settings.tier === tier ? check(settings, context) : []),
  };
}
