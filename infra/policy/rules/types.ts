/** What a rule of the policy pack is. Rules are pure: they see types, names and inputs, and know nothing of the engine. */

import type { BackupVerdict } from '../../ops/review/backupEvidence';

export type Inputs = Readonly<Record<string, unknown>>;

/** A resource as a rule sees it. */
export interface Subject {
  type: string;
  /** Logical name. */
  name: string;
  urn: string;
  inputs: Inputs;
  protect: boolean;
  /** Properties whose changes are passed over; undefined where the source does not tell. */
  ignoreChanges?: readonly string[] | undefined;
  /** Outputs that are kept secret; undefined where the source does not tell. */
  secretOutputs?: readonly string[] | undefined;
  /** Secret inputs are masked, so that what looks like a secret is one in clear. */
  masked: boolean;
}

/** What rules know of the stack beside its resources. */
export interface StackFacts {
  environment: string;
  ephemeral: boolean;
  /** Names or URNs whose destruction was agreed to. */
  allowDestroy: readonly string[];
  /** Whether a restore of the stack's backups was proven lately; undefined where somebody else judges that. */
  backup?: BackupVerdict;
  /** The configuration names the image. */
  imagePinned: boolean;
  /** Migrations of the checkout that take data away: file name to what. */
  destructiveMigrations: ReadonlyMap<string, readonly string[]>;
}

/**
 * Where a rule stops a change. `always`: in every environment; `guarded`: in staging and production; `production`: there
 * alone; `advice`: nowhere. Where it does not stop, it advises.
 */
export type Enforcement = 'always' | 'guarded' | 'production' | 'advice';

export interface Violation {
  rule: string;
  /** Logical name; absent for the stack as a whole. */
  resource?: string;
  urn?: string;
  message: string;
  level: 'mandatory' | 'advisory';
}

interface RuleBase {
  /** Stable: exceptions name it. */
  id: string;
  /** What is demanded, in one sentence. */
  title: string;
  /** Why. */
  reason: string;
  /** Name of the control, such as "EC2.8", and where it is described. */
  control: string;
  url: string;
  enforcement: Enforcement;
}

/** Judges one resource at a time. */
export interface ResourceRule extends RuleBase {
  /** Type tokens it is about; others are not shown to it. */
  types: readonly string[];
  /** What is wrong with it; nothing where all is well. */
  check(subject: Subject, facts: StackFacts): string[];
}

/** What a rule of the stack finds; without a subject it is about the stack itself. */
export interface StackFinding {
  subject?: Subject;
  message: string;
}

/** Judges what only shows in the stack as a whole. */
export interface StackRule extends RuleBase {
  checkStack(subjects: readonly Subject[], facts: StackFacts): StackFinding[];
}

export type Rule = ResourceRule | StackRule;

const FSBP = 'https://docs.aws.amazon.com/securityhub/latest/userguide';

/** Where AWS describes a control: "EC2.8" is in ec2-controls.html#ec2-8. */
export function fsbp(control: string): { control: string; url: string } {
  const [service = '', number = ''] = control.toLowerCase().split('.');
  return { control, url: `${FSBP}/${service}-controls.html#${service}-${number}` };
}

/** A control of the CIS benchmark of PostgreSQL. */
export function cis(section: string): { control: string; url: string } {
  return { control: `CIS PostgreSQL ${section}`, url: 'https://www.cisecurity.org/benchmark/postgresql' };
}
