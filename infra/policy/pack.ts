/** The rules as a policy pack of Pulumi: the only file that knows the SDK. `pulumi up --policy-pack infra/policy`. */
import {
  PolicyPack,
  type PolicyResource,
  type PolicyResourceOptions,
  type ReportViolation,
  type ResourceValidationArgs,
  type ResourceValidationPolicy,
  type StackValidationPolicy,
} from '@pulumi/policy';
import { readConfig } from '../config';
import { OperatorError } from '../ops/errors';
import { parseSettings, type Settings } from '../settings';
import { exceptionsOf, stackFacts } from './facts';
import { findings, judge, levelOf, RULES } from './rules';
import type { Inputs, Rule, Subject } from './rules/types';
import { UNKNOWN } from './rules/values';

/** Settings that cannot be fail the program itself, in words; the rules then guard the stack as production. */
function settingsOfStack(): Settings | undefined {
  try {
    const { raw, context } = readConfig();
    return parseSettings(raw, context);
  } catch (error) {
    if (error instanceof OperatorError) return undefined;
    throw error;
  }
}

const settings = settingsOfStack();
const facts = stackFacts(settings);
const exceptions = exceptionsOf(settings);
const today = (): string => new Date().toISOString().slice(0, 10);

/**
 * A copy in which what is unknown is a marker. The SDK's own proxy throws when anything unknown is read, and a rule that throws
 * judges nothing, not even what is known.
 */
function plain(read: () => unknown): unknown {
  let value: unknown;
  try {
    value = read();
  } catch (error) {
    if ((error as Error).name === 'UnknownValueError' || /can't be known during preview|unknown/i.test(String(error)))
      return UNKNOWN;
    throw error;
  }
  if (Array.isArray(value)) {
    const list = value as unknown[];
    return Array.from({ length: list.length }, (_, index) => plain(() => list[index]));
  }
  if (typeof value !== 'object' || value === null) return value;
  const from = value as Record<string, unknown>;
  return Object.fromEntries(Object.keys(from).map((key) => [key, plain(() => from[key])]));
}

function subject(resource: {
  type: string;
  name: string;
  urn: string;
  props: Record<string, unknown>;
  opts: PolicyResourceOptions;
}): Subject {
  const { type, name, urn, opts } = resource;
  return {
    type,
    name,
    urn,
    inputs: plain(() => resource.props) as Inputs,
    protect: opts.protect,
    ignoreChanges: opts.ignoreChanges,
    secretOutputs: opts.additionalSecretOutputs,
    masked: false,
  };
}

function described(rule: Rule): Pick<ResourceValidationPolicy, 'name' | 'description' | 'enforcementLevel' | 'url'> {
  return {
    name: rule.id,
    description: `${rule.title}: ${rule.reason} (${rule.control})`,
    enforcementLevel: levelOf(rule, facts.environment),
    url: rule.url,
  };
}

function wrap(rule: Rule): ResourceValidationPolicy | StackValidationPolicy {
  if ('checkStack' in rule) {
    return {
      ...described(rule),
      validateStack: ({ resources }, report: ReportViolation) => {
        const subjects = resources.map((resource: PolicyResource) => subject(resource));
        for (const { message, urn } of findings(rule, subjects, facts, exceptions, today())) report(message, urn);
      },
    };
  }
  return {
    ...described(rule),
    validateResource: (args: ResourceValidationArgs, report: ReportViolation) => {
      if (!rule.types.includes(args.type)) return;
      for (const { message } of findings(rule, [subject(args)], facts, exceptions, today())) report(message);
    },
  };
}

/** The exceptions are judged once for the stack. */
const aboutExceptions: StackValidationPolicy = {
  name: 'policy-exceptions',
  description: 'Exceptions name rules that there are, and have not ended',
  enforcementLevel: 'advisory',
  validateStack: (_, report) => {
    for (const { message } of judge([], facts, exceptions, today())) report(message);
  },
};

new PolicyPack('qbench', { policies: [...RULES.map(wrap), aboutExceptions] });
