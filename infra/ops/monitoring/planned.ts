/** What the capacity plan and the configuration promise, for the thresholds to compare with. */
import type { CapacityPlan } from '../../capacity/plan';
import { GIB } from '../../capacity/units';
import { parameterCatalog } from '../../postgres/catalog';
import { canonicalValue } from '../../postgres/values';
import type { Planned } from '../thresholds';

/**
 * @param parameters postgresql.conf as it was written, units and all
 * @returns plain data; parameters in their own units, as pg_settings shows them
 */
export function plannedOf(
  plan: Pick<CapacityPlan, 'workload' | 'diskGiB' | 'horizon'>,
  parameters: Readonly<Record<string, string>>,
): Planned {
  const facts = parameterCatalog();
  const canonical = Object.entries(parameters).map(([name, text]) => {
    const fact = facts.get(name);
    const value = fact === undefined ? undefined : canonicalValue(fact, text);
    return [name, value !== undefined && 'value' in value ? value.value : text] as const;
  });
  return {
    clientConnections: plan.workload.connections,
    diskBytes: plan.diskGiB * GIB,
    databaseBytes: plan.horizon.databaseBytes,
    parameters: Object.fromEntries(canonical),
  };
}
