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
