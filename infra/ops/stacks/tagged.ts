/** Test stacks as the tags of an account tell them. Pure. */
import { TAGS } from '../../naming';
import { OperatorError } from '../errors';
import { formatSpan, parseTtlTag, SKEW_MS } from './lifetime';

export interface Tagged {
  arn: string;
  tags: Readonly<Record<string, string>>;
}

/** A test stack in an account. */
export interface TaggedStack {
  name: string;
  /** Milliseconds since 1970; undefined where the tag is missing or no moment. */
  createdMs: number | undefined;
  /** Undefined where the tag is missing or no time to live. */
  ttlHours: number | undefined;
  environment: string | undefined;
  arns: readonly string[];
}

/** Stacks of which any resource carries a time to live. The shortest life that a resource tells does not count: the longest does. */
export function taggedStacks(resources: readonly Tagged[]): TaggedStack[] {
  const byStack = new Map<string, Tagged[]>();
  for (const resource of resources) {
    const stack = resource.tags[TAGS.stack];
    if (stack !== undefined && stack !== '') byStack.set(stack, [...(byStack.get(stack) ?? []), resource]);
  }
  return [...byStack].flatMap(([name, members]) => {
    const marked = members.filter(({ tags }) => tags[TAGS.ttl] !== undefined);
    // Every resource of a test stack has the tag; one without it may be somebody's who is not to lose it.
    if (marked.length === 0) return [];
    const created = members.map(({ tags }) => Date.parse(tags[TAGS.created] ?? '')).filter((ms) => !Number.isNaN(ms));
    const ttls = members.map(({ tags }) => parseTtlTag(tags[TAGS.ttl])).filter((hours) => hours !== undefined);
    return [
      {
        name,
        createdMs: created.length === 0 ? undefined : Math.max(...created),
        ttlHours: ttls.length === 0 ? undefined : Math.max(...ttls),
        environment: members.map(({ tags }) => tags[TAGS.environment]).find((value) => value !== undefined),
        arns: members.map(({ arn }) => arn),
      },
    ];
  });
}

/**
 * Whether a resource stays listed for a while after its deletion: a KMS key waits 7 to 30 days
 * (https://docs.aws.amazon.com/kms/latest/developerguide/deleting-keys.html), an ended instance about an hour
 * (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/terminating-instances.html).
 */
export function staysListed(arn: string): boolean {
  return /^arn:[^:]+:kms:[^:]*:[^:]*:key\//.test(arn) || /^arn:[^:]+:ec2:[^:]*:[^:]*:instance\//.test(arn);
}

/**
 * @param awsTimeMs what AWS says the time is
 * @throws OperatorError where this machine's clock is wrong: it would take the young for old, or give the young a false date
 */
export function checkClock(localMs: number, awsTimeMs: number | undefined): void {
  if (awsTimeMs === undefined || Math.abs(localMs - awsTimeMs) <= SKEW_MS) return;
  const off = formatSpan(Math.abs(localMs - awsTimeMs));
  throw new OperatorError(`the clock of this machine is ${off} ${localMs > awsTimeMs ? 'ahead of' : 'behind'} AWS`, {
    allowed: `at most ${formatSpan(SKEW_MS)} apart, since a test stack lives by the clock`,
    next: 'set the clock (timedatectl set-ntp true), then again',
  });
}
