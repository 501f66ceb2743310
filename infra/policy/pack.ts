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
import { keptEvidenceOf } from '../machine';
import { messageOf } from '../ops/errors';
import { judgeEvidence, readBackupEvidence, type BackupVerdict } from '../ops/review/backupEvidence';
import type { Settings } from '../settings';
import { exceptionsOf, stackFacts } from './facts';
import { findings, judge, levelOf, RULES } from './rules';
import type { PolicyException } from './rules/exceptions';
import type { Inputs, Rule, StackFacts, Subject, Violation } from './rules/types';
import { UNKNOWN } from './rules/values';
import { listenToEngine, nameOfStack, settingsOfStack } from './stackConfig';

listenToEngine();

/** Only what is named in allowDestroy asks for it. */
function backupOf(settings: Settings | undefined): BackupVerdict | undefined {
  if ((settings?.allowDestroy ?? []).length === 0) return undefined;
  const stack = nameOfStack();
  try {
    const kept = keptEvidenceOf(stack);
    return judgeEvidence(kept === undefined ? undefined : readBackupEvidence(kept), { stack }, new Date());
  } catch (error) {
    return { fresh: false, why: messageOf(error) };
  }
}

let known: { of: Settings | undefined; facts: StackFacts } | undefined;

/** The engine tells the configuration after the pack was loaded, and may tell another; for one the files are read once. */
function factsOfStack(): StackFacts {
  const settings = settingsOfStack();
  if (known === undefined || known.of !== settings)
    known = { of: settings, facts: stackFacts(settings, backupOf(settings)) };
  return known.facts;
}

const exceptionsOfStack = (): PolicyException[] => exceptionsOf(settingsOfStack());
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

/** What people read of a rule; how it is enforced is asked when the engine asks, which is after it told the configuration. */
function named<P extends ResourceValidationPolicy | StackValidationPolicy>(
  rule: Rule,
  policy: Omit<P, 'name' | 'description'>,
): P {
  const described = {
    ...policy,
    name: rule.id,
    description: `${rule.title}: ${rule.reason} (${rule.control})`,
    url: rule.url,
  };
  const get = (): string => levelOf(rule, factsOfStack().environment);
  return Object.defineProperty(described, 'enforcementLevel', { enumerable: true, get }) as unknown as P;
}

function violationsOf(rule: Rule, subjects: readonly Subject[]): Violation[] {
  return findings(rule, subjects, factsOfStack(), exceptionsOfStack(), today());
}

function wrap(rule: Rule): ResourceValidationPolicy | StackValidationPolicy {
  if ('checkStack' in rule) {
    return named<StackValidationPolicy>(rule, {
      validateStack: ({ resources }, report) => {
        const subjects = resources.map((resource: PolicyResource) => subject(resource));
        for (const { message, urn } of violationsOf(rule, subjects)) report(message, urn);
      },
    });
  }
  return named<ResourceValidationPolicy>(rule, {
    validateResource: (args: ResourceValidationArgs, report: ReportViolation) => {
      if (!rule.types.includes(args.type)) return;
      for (const { message } of violationsOf(rule, [subject(args)])) report(message);
    },
  });
}

/** The exceptions are judged once for the stack. */
const aboutExceptions: StackValidationPolicy = {
  name: 'policy-exceptions',
  description: 'Exceptions name rules that there are, and have not ended',
  enforcementLevel: 'advisory',
  validateStack: (_, report) => {
    for (const { message } of judge([], factsOfStack(), exceptionsOfStack(), today())) report(message);
  },
};

new PolicyPack('qbench', { policies: [...RULES.map(wrap), aboutExceptions] });
