/** Test stacks, the pure half: names, life, verdicts, tags, sweeps. That they really come and go is for test/engine/stacks.test.ts. */
import { describe, expect, it } from 'vitest';
import { TAGS } from '../../infra/naming';
import { OperatorError, UsageError } from '../../infra/ops/errors';
import { proveGone } from '../../infra/ops/stacks/leftovers';
import {
  elapsedMs,
  extendedTtlHours,
  GRACE_MS,
  HOUR_MS,
  judge,
  parseTtlTag,
  SKEW_MS,
  type Moment,
  type StackFacts,
} from '../../infra/ops/stacks/lifetime';
import { checkStackName, freeStackName, NAME_MAX } from '../../infra/ops/stacks/names';
import { sweep, type SweepPort } from '../../infra/ops/stacks/sweep';
import { checkClock, staysListed, taggedStacks } from '../../infra/ops/stacks/tagged';
import { readTag, tagText } from '../../scripts/support/testStacks/stackTag';
import { recordedProgress } from '../support/machine';

const T0 = Date.parse('2026-03-01T12:00:00Z');
const at = (hours: number): Moment => ({ wallMs: T0 + hours * HOUR_MS });

const OVER: StackFacts = {
  name: 't-over',
  tier: 'local',
  ephemeral: true,
  protections: [],
  phase: 'ready',
  created: at(0),
  changed: at(0),
  ttlHours: 24,
  runs: [],
  clients: [],
};

describe('the name of a test stack', () => {
  it.each(['pr-12', 'ab', 't-x9', `a${'b'.repeat(NAME_MAX - 1)}`])('%s is taken', (name) => {
    expect(() => checkStackName(name)).not.toThrow();
  });

  it.each(['', 'a', 'PR-12', '12pr', 'a_b', 'a--b', 'a-', '../x', 'a b', `a${'b'.repeat(NAME_MAX)}`])(
    '"%s" is refused with what is allowed',
    (name) => {
      expect(() => checkStackName(name)).toThrow(UsageError);
    },
  );

  it('is made up where none is given, and never one that is taken', () => {
    const numbers = [0, 0, 0, 0, 0, 0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5];
    let next = 0;
    const name = freeStackName(new Set(['t-aaaaaa']), () => numbers[next++ % numbers.length] ?? 0);
    expect(name).not.toBe('t-aaaaaa');
    expect(() => checkStackName(name)).not.toThrow();
  });
});

describe('the verdict on a stack', () => {
  it('takes one whose time is over, and not a minute before clocks can differ', () => {
    expect(judge(OVER, at(24)).sweep).toBe(false);
    expect(judge(OVER, { wallMs: T0 + 24 * HOUR_MS + SKEW_MS }).sweep).toBe(false);
    expect(judge(OVER, { wallMs: T0 + 24 * HOUR_MS + SKEW_MS + 1 })).toMatchObject({ sweep: true });
  });

  it.each([
    ['no test stack', { ephemeral: false }, /not a test stack/],
    ['protected by its settings', { protections: ['protectData is not false'] }, /protected: protectData/],
    ['a run is at work', { runs: ['pulumi up (pid 7)'] }, /in use: pulumi up/],
    ['somebody is connected', { clients: ['psql of qbench_app'] }, /in use: psql/],
    ['its server does not answer', { clients: 'unknown' as const }, /does not say/],
  ])('keeps one that is long over but %s', (_, change, reason) => {
    const verdict = judge({ ...OVER, ...change }, at(1_000));
    expect(verdict.sweep).toBe(false);
    expect(verdict.reason).toMatch(reason);
  });

  it.each(['creating', 'destroying'] as const)('takes one left %s after a while, however much life it had', (phase) => {
    const facts = { ...OVER, phase, changed: at(1) };
    expect(judge(facts, { wallMs: T0 + HOUR_MS + GRACE_MS - 1 }).sweep).toBe(false);
    expect(judge(facts, { wallMs: T0 + HOUR_MS + GRACE_MS }).sweep).toBe(true);
  });

  it('keeps one of unknown age', () => {
    const { created: _, changed: __, ...unknown } = OVER;
    expect(judge(unknown, at(1_000))).toMatchObject({ sweep: false });
  });
});

describe('clocks that are wrong', () => {
  const boot = (wallHours: number, bootHours: number, bootId = 'b1'): Moment => ({
    ...at(wallHours),
    bootId,
    sinceBootMs: bootHours * HOUR_MS,
  });

  it('a clock set three days ahead does not age a stack of this boot', () => {
    const facts = { ...OVER, created: boot(0, 5), changed: boot(0, 5) };
    expect(judge(facts, boot(72, 6))).toMatchObject({ sweep: false, leftMs: 23 * HOUR_MS });
  });

  it('a clock set back does not keep one for ever', () => {
    const facts = { ...OVER, created: boot(0, 5), changed: boot(0, 5) };
    expect(judge(facts, boot(-100, 30)).sweep).toBe(true);
  });

  it('after another boot only the wall clock is left, and a stack from its future is kept', () => {
    expect(elapsedMs(boot(0, 5), boot(3, 1, 'b2'))).toBe(3 * HOUR_MS);
    const future = { ...OVER, created: at(10), changed: at(10), phase: 'creating' as const };
    expect(judge(future, at(0))).toMatchObject({ sweep: false });
    expect(judge(future, at(0)).reason).toMatch(/clocks differ/);
  });

  it('the clock of a machine that AWS contradicts is refused, in both directions', () => {
    expect(() => checkClock(T0, T0 + SKEW_MS)).not.toThrow();
    expect(() => checkClock(T0, undefined)).not.toThrow();
    expect(() => checkClock(T0, T0 + SKEW_MS + 1)).toThrow(/behind AWS/);
    expect(() => checkClock(T0 + 2 * HOUR_MS, T0)).toThrow(OperatorError);
  });
});

describe('tags', () => {
  const resource = (stack: string, tags: Record<string, string>, arn = `arn:aws:s3:::${stack}`) => ({
    arn,
    tags: { [TAGS.project]: 'qbench-postgres', [TAGS.stack]: stack, ...tags },
  });

  it('tell test stacks from others, and the longest life that any resource tells', () => {
    const found = taggedStacks([
      resource('prod', { [TAGS.environment]: 'production' }),
      resource('pr-1', { [TAGS.ttl]: '24h', [TAGS.created]: '2026-03-01T12:00:00Z' }),
      resource('pr-1', { [TAGS.ttl]: '48h' }, 'arn:aws:ec2:::volume/v'),
    ]);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({ name: 'pr-1', createdMs: T0, ttlHours: 48 });
    expect(found[0]?.arns).toHaveLength(2);
  });

  it.each([
    ['24h', 24],
    ['0h', undefined],
    ['721h', undefined],
    ['soon', undefined],
    [undefined, undefined],
  ])('the time to live %s is read as %s', (text, hours) => {
    expect(parseTtlTag(text)).toBe(hours);
  });

  it('of a shared backend carry a stack to another machine and back', () => {
    const marker = {
      name: 'pr-1',
      tier: 'ec2',
      region: 'eu-central-1',
      phase: 'ready' as const,
      created: at(0),
      changed: at(1),
      ttlHours: 48,
    };
    expect(readTag('pr-1', tagText(marker), T0 + HOUR_MS, true)).toEqual(marker);
    expect(readTag('pr-1', 'something else', T0, true)).toBeUndefined();
  });

  it('of what AWS keeps listing after its deletion are no leftovers; those of a volume are', () => {
    expect(staysListed('arn:aws:kms:eu-central-1:111122223333:key/1234')).toBe(true);
    expect(staysListed('arn:aws:ec2:eu-central-1:111122223333:instance/i-1')).toBe(true);
    expect(staysListed('arn:aws:ec2:eu-central-1:111122223333:volume/vol-1')).toBe(false);
  });
});

describe('a sweep', () => {
  const port = (facts: StackFacts[], now: Moment, later: StackFacts[] = facts): SweepPort & { destroyed: string[] } => {
    const destroyed: string[] = [];
    return {
      destroyed,
      now: () => now,
      facts: () => Promise.resolve(facts),
      factsOf: (name) => Promise.resolve(later.find((each) => each.name === name)),
      destroy: (name) => {
        destroyed.push(name);
        return name === 't-bad'
          ? Promise.reject(new OperatorError('the stack is locked'))
          : proveGone(name, [{ name: 'folders', look: () => [] }]);
      },
    };
  };
  const fresh = { ...OVER, name: 't-fresh', created: at(99), changed: at(99) };

  it('takes only what is over, and goes on after one that fails', async () => {
    const asked = port([{ ...OVER, name: 't-bad' }, fresh, OVER], at(100));
    const report = await sweep(asked, false, recordedProgress());
    expect(asked.destroyed).toEqual(['t-bad', 't-over']);
    expect(report.clean).toBe(false);
    expect(report.stacks.map(({ name, error }) => [name, error !== undefined])).toEqual([
      ['t-bad', true],
      ['t-fresh', false],
      ['t-over', false],
    ]);
  });

  it('touches nothing in a dry run', async () => {
    const asked = port([OVER], at(100));
    expect((await sweep(asked, true, recordedProgress())).stacks[0]?.sweep).toBe(true);
    expect(asked.destroyed).toEqual([]);
  });

  it('looks once more before it takes one: somebody may have come meanwhile', async () => {
    const asked = port([OVER], at(100), [{ ...OVER, clients: ['psql of qbench_app'] }]);
    const report = await sweep(asked, false, recordedProgress());
    expect(asked.destroyed).toEqual([]);
    expect(report.stacks[0]).toMatchObject({ sweep: false });
  });

  it('is not clean where a place could not be looked at', async () => {
    const proof = await proveGone('t-x', [
      { name: 'tags of the account', look: () => Promise.reject(new OperatorError('no credentials')) },
      { name: 'folders', look: () => [] },
    ]);
    expect(proof.gone).toBe(false);
    expect(proof.left).toEqual([{ kind: 'not looked at', what: 'tags of the account: no credentials' }]);
  });
});

it('an extension counts from the creation and ends at thirty days', () => {
  expect(extendedTtlHours(90 * 60_000, 24)).toBe(26);
  expect(extendedTtlHours(700 * HOUR_MS, 100)).toBe(720);
});
