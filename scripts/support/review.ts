/** What a report needs beside the preview: the settings in its configuration, the plan that follows, the checkout's migrations. */
import type { CapacityPlan } from '../../infra/capacity/plan';
import { OperatorError } from '../../infra/ops/errors';
import type { Inputs, Preview } from '../../infra/ops/review/preview';
import { decodeRaw, parseSettings, type Settings } from '../../infra/settings';
import { ec2Machine } from '../../infra/tiers/ec2Host';
import { capacityOutput, LOCAL_CORES, planFor } from '../../infra/tiers/plan';
import { PROJECT } from '../../infra/naming';

export interface StackFacts {
  /** Undefined where the configuration cannot be, or is not told. */
  settings: Settings | undefined;
  plan: CapacityPlan | undefined;
  /** As the stack output `capacity`. */
  capacity: Inputs | undefined;
  region: string | undefined;
}

/** Works where it can; a workload that does not fit has no plan, and the preview itself says so. */
function orNothing<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof OperatorError) return undefined;
    throw error;
  }
}

/** The plan of a stack by its settings; undefined where the workload does not fit, or for a tier without one. */
function planOfSettings(settings: Settings): CapacityPlan | undefined {
  switch (settings.tier) {
    case 'local':
      return orNothing(() => planFor(settings, { memoryMiB: settings.local.memoryMiB, cores: LOCAL_CORES }));
    case 'ec2':
      return orNothing(() => ec2Machine(settings).plan);
    case 'aurora':
      return undefined;
  }
}

export function factsOf(settings: Settings | undefined): StackFacts {
  const plan = settings === undefined ? undefined : planOfSettings(settings);
  return {
    settings,
    plan,
    capacity: plan === undefined ? undefined : capacityOutput(plan),
    region: settings === undefined || settings.tier === 'local' ? undefined : settings.aws.region,
  };
}

/** The region of the stack's own provider; undefined where it has none, or several that differ. */
function regionOf({ resources }: Preview): string | undefined {
  const providers = resources.filter(({ type }) => type === 'pulumi:providers:aws');
  const regions = new Set(providers.map(({ before, after }) => (after ?? before)?.inputs['region']));
  const [region] = regions;
  return regions.size === 1 && typeof region === 'string' ? region : undefined;
}

/** The settings that a preview was made with. */
export function factsOfPreview(preview: Preview, checkout: string): StackFacts {
  const raw: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(preview.config)) {
    if (key.startsWith(`${PROJECT}:`))
      raw[key.slice(PROJECT.length + 1)] = decodeRaw(key.slice(PROJECT.length + 1), value);
  }
  const facts = factsOf(orNothing(() => parseSettings(raw, { stack: preview.stack, project: PROJECT, checkout })));
  return facts.region === undefined ? { ...facts, region: regionOf(preview) } : facts;
}

/** A value of the preview's configuration as it was written, for where the whole cannot be judged. */
export function rawSetting(preview: Preview, name: string): string | undefined {
  return preview.config[`${PROJECT}:${name}`];
}
