/** Exceptions from the rules: each for one rule and one resource, with a reason and a last day. */
import { POLICY_EXCEPTION } from '../../settings/values';

export interface PolicyException {
  rule: string;
  /** Logical name, or `*` for every resource. */
  resource: string;
  /** Last day in UTC, "2026-12-31". */
  until: string;
  reason: string;
}

/** An exception as the configuration writes it, `flow-logs network-vpc until 2026-12-31: costs more than it tells`; undefined where it is not of the form. */
export function parseException(line: string): PolicyException | undefined {
  const [, rule, resource, until, reason] = POLICY_EXCEPTION.exec(line) ?? [];
  if (rule === undefined || resource === undefined || until === undefined || reason === undefined) return undefined;
  return { rule, resource, until, reason };
}

/** Whether an exception that has not ended covers the resource. */
export function isExcepted(
  rule: string,
  resource: string | undefined,
  exceptions: readonly PolicyException[],
  today: string,
): boolean {
  return exceptions.some(
    (each) => each.rule === rule && today <= each.until && (each.resource === '*' || each.resource === resource),
  );
}

/** What is wrong with the exceptions themselves: rules that there are not, and days that have passed. */
export function exceptionComplaints(
  exceptions: readonly PolicyException[],
  rules: readonly string[],
  today: string,
): string[] {
  return exceptions.flatMap(({ rule, resource, until }) => [
    ...(rules.includes(rule) ? [] : [`the exception of ${resource} names the rule ${rule}, which there is not`]),
    ...(today > until
      ? [`the exception from ${rule} of ${resource} ended on ${until}: remove it, or decide again`]
      : []),
  ]);
}
