/** Every rule of the policy pack, how it is enforced, and what a stack violates. Pure. */
import { AURORA_RULES } from './aurora';
import { exceptionComplaints, isExcepted, type PolicyException } from './exceptions';
import { IAM_RULES } from './iam';
import { HOST_RULES, NETWORK_RULES } from './network';
import { COMMAND_RULES, SERVER_RULES } from './server';
import { SERVERLESS_RULES } from './serverless';
import { STACK_RULES } from './stack';
import { BUCKET_RULES, SECRET_RULES } from './storage';
import type { Rule, StackFacts, Subject, Violation } from './types';

export const RULES: readonly Rule[] = [
  ...HOST_RULES,
  ...NETWORK_RULES,
  ...IAM_RULES,
  ...BUCKET_RULES,
  ...SECRET_RULES,
  ...SERVERLESS_RULES,
  ...SERVER_RULES,
  ...COMMAND_RULES,
  ...AURORA_RULES,
  ...STACK_RULES,
];

/** Whether a rule stops a change in an environment. An environment that is not known is guarded as production is. */
export function levelOf(rule: Pick<Rule, 'enforcement'>, environment: string): Violation['level'] {
  const stops = {
    always: true,
    guarded: !['dev', 'test'].includes(environment),
    production: !['dev', 'test', 'staging'].includes(environment),
    advice: false,
  }[rule.enforcement];
  return stops ? 'mandatory' : 'advisory';
}

/** What one rule finds in the resources, without those that are excepted. */
export function findings(
  rule: Rule,
  subjects: readonly Subject[],
  facts: StackFacts,
  exceptions: readonly PolicyException[],
  today: string,
): Violation[] {
  const found =
    'checkStack' in rule
      ? rule.checkStack(subjects, facts)
      : subjects
          .filter(({ type }) => rule.types.includes(type))
          .flatMap((subject) => rule.check(subject, facts).map((message) => ({ subject, message })));
  return found
    .filter(({ subject }) => !isExcepted(rule.id, subject?.name, exceptions, today))
    .map(({ subject, message }) => ({
      rule: rule.id,
      ...(subject === undefined ? {} : { resource: subject.name, urn: subject.urn }),
      message: `${message}. ${rule.title}: ${rule.reason} (${rule.control}, ${rule.url})`,
      level: levelOf(rule, facts.environment),
    }));
}

/**
 * Judges a stack by every rule.
 * @param today day in UTC, "2026-11-22"
 */
export function judge(
  subjects: readonly Subject[],
  facts: StackFacts,
  exceptions: readonly PolicyException[],
  today: string,
): Violation[] {
  const complaints = exceptionComplaints(
    exceptions,
    RULES.map(({ id }) => id),
    today,
  );
  return [
    ...RULES.flatMap((rule) => findings(rule, subjects, facts, exceptions, today)),
    ...complaints.map((message): Violation => ({ rule: 'policy-exceptions', message, level: 'advisory' })),
  ];
}
