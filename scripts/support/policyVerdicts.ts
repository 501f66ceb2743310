/** The rules of the policy pack, run over a preview in JSON: also where the preview was made without the pack. */
import type { PolicyVerdict, Preview } from '../../infra/ops/review/preview';
import { exceptionsOf, stackFacts } from '../../infra/policy/facts';
import { findings, judge, RULES } from '../../infra/policy/rules';
import type { Subject, Violation } from '../../infra/policy/rules/types';
import type { Settings } from '../../infra/settings';

function subjects(preview: Preview): Subject[] {
  return preview.resources.flatMap(({ operation, type, name, urn, after }) =>
    operation === 'delete' || after === undefined
      ? []
      : [{ type, name, urn, inputs: after.inputs, protect: after.protect, masked: true }],
  );
}

/**
 * A preview that failed, or that names changed resources only, shows the stack in part: then only the rules that look at one
 * resource at a time are asked.
 */
export function policyVerdicts(preview: Preview, settings: Settings | undefined, now: Date): PolicyVerdict[] {
  const whole = preview.form === 'stream' && preview.complete;
  const facts = stackFacts(settings);
  const exceptions = exceptionsOf(settings);
  const today = now.toISOString().slice(0, 10);
  const all = subjects(preview);
  const found: Violation[] = whole
    ? judge(all, facts, exceptions, today)
    : RULES.filter((rule) => !('checkStack' in rule)).flatMap((rule) => findings(rule, all, facts, exceptions, today));
  return found.map(({ rule, resource, message, level }) => ({
    policy: rule,
    ...(resource === undefined ? {} : { resource }),
    message,
    level,
  }));
}
