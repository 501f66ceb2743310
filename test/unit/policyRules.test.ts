/**
 * Every rule of the policy pack on a stack that passes it and on stacks that do not, how it is enforced, and exceptions with their
 * end. Not proven: that the engine shows resources as these do; `test/engine/policy.test.ts` does that.
 */
import { describe, expect, it } from 'vitest';
import { parseException } from '../../infra/policy/rules/exceptions';
import { findings, judge, levelOf, RULES } from '../../infra/policy/rules';
import type { StackFacts } from '../../infra/policy/rules/types';
import { UNKNOWN } from '../../infra/policy/rules/values';
import { must } from '../support/must';
import { ACCESS_CASES } from '../support/policyCases/access';
import { SERVICE_CASES } from '../support/policyCases/services';
import { STORAGE_CASES } from '../support/policyCases/storage';
import { PRODUCTION_FACTS, subject, WHOSE, type PolicyCase } from '../support/policyCases/subjects';

const CASES: Readonly<Record<string, PolicyCase>> = { ...ACCESS_CASES, ...STORAGE_CASES, ...SERVICE_CASES };

const TODAY = '2026-11-22';

const DOCUMENT = `This list is written by \`npm test -- unit -t policies.md -u\`, from \`infra/policy/rules\`; [review.md](review.md) tells how the rules are run
and how exceptions are made. Enforced \`always\` stops a change in every environment, \`guarded\` in staging and production, \`production\` there
alone, \`advice\` nowhere; where a rule does not stop, it advises.`;

describe('the rules', () => {
  it('have cases, and cases have rules', () => {
    expect(Object.keys(CASES).sort()).toEqual(RULES.map(({ id }) => id).sort());
    expect(new Set(RULES.map(({ id }) => id)).size).toBe(RULES.length);
  });

  it.each(RULES.map((rule) => [rule.id, rule] as const))('%s', (id, rule) => {
    const { passes, fails, facts } = must(CASES[id]);
    const on = { ...PRODUCTION_FACTS, ...facts };
    for (const stack of passes) expect(findings(rule, stack, on, [], TODAY), JSON.stringify(stack)).toEqual([]);
    for (const stack of fails) {
      const found = findings(rule, stack, on, [], TODAY);
      expect(found.length, JSON.stringify(stack)).toBeGreaterThan(0);
      // What is wrong, what is demanded and why, and where to read more.
      for (const { message } of found) {
        expect(message).toContain(rule.title);
        expect(message).toContain(rule.reason);
        expect(message).toContain(rule.url);
      }
    }
    expect(rule.url).toMatch(/^https:\/\//);
    expect(passes.length).toBeGreaterThan(0);
    expect(fails.length).toBeGreaterThan(0);
  });

  it('hold nothing against what is only known after up', () => {
    const key = subject('aws:kms/key:Key', {
      enableKeyRotation: UNKNOWN,
      deletionWindowInDays: UNKNOWN,
      policy: UNKNOWN,
    });
    const disk = subject('aws:ebs/volume:Volume', { encrypted: true, kmsKeyId: UNKNOWN }, { protect: true });
    const rule = (id: string): (typeof RULES)[number] => must(RULES.find((each) => each.id === id));
    expect(findings(rule('kms-key-guarded'), [key], PRODUCTION_FACTS, [], TODAY)).toEqual([]);
    expect(findings(rule('disks-encrypted'), [disk], PRODUCTION_FACTS, [], TODAY)).toEqual([]);
  });
});

describe('backup-before-destroy', () => {
  const rule = must(RULES.find(({ id }) => id === 'backup-before-destroy'));
  const stale = { fresh: false, why: 'no restore of F1 was proven' };
  const found = (facts: Partial<StackFacts>): string[] =>
    findings(
      rule,
      [subject('pulumi:pulumi:Stack', {})],
      { ...PRODUCTION_FACTS, allowDestroy: ['data-volume'], ...facts },
      [],
      TODAY,
    ).map(({ message }) => message);

  it('names what is named and why the backup does not do', () => {
    expect(found({ backup: stale })).toEqual([
      expect.stringMatching(
        /^allowDestroy names data-volume, and no restore of F1 was proven\. .*qbench drill/,
      ) as string,
    ]);
  });

  it.each<[string, Partial<StackFacts>]>([
    ['a restore was proven', { backup: { fresh: true, why: 'proven' } }],
    ['nothing is named', { backup: stale, allowDestroy: [] }],
    [
      'only a migration is named, which asks when it is applied',
      { backup: stale, allowDestroy: ['000099-drop-title.sql'] },
    ],
    ['the gate of a report judges the evidence', {}],
    ['the stack is to vanish', { backup: stale, ephemeral: true }],
  ])('lets through where %s', (_, facts) => expect(found(facts)).toEqual([]));

  it('stops in production alone', () => {
    expect(['dev', 'test', 'staging', 'production'].map((environment) => levelOf(rule, environment))).toEqual([
      'advisory',
      'advisory',
      'advisory',
      'mandatory',
    ]);
  });
});

describe('docs/policies.md', () => {
  it('lists every rule as it is', async () => {
    const rows = RULES.map(
      ({ id, title, reason, enforcement, control, url }) =>
        `| \`${id}\` | ${title} | ${reason} | ${enforcement} | [${control}](${url}) |`,
    );
    const text = [
      '# The rules of the policy pack',
      '',
      DOCUMENT,
      '',
      '| rule | what is demanded | why | enforced | control |',
      '|---|---|---|---|---|',
      ...rows,
      '',
    ].join('\n');
    await expect(text).toMatchFileSnapshot('../../docs/policies.md');
  });
});

describe('enforcement', () => {
  it.each([
    ['always', 'dev', 'mandatory'],
    ['guarded', 'dev', 'advisory'],
    ['guarded', 'staging', 'mandatory'],
    ['production', 'staging', 'advisory'],
    ['production', 'production', 'mandatory'],
    ['advice', 'production', 'advisory'],
    ['production', 'an environment nobody knows', 'mandatory'],
  ] as const)('%s in %s is %s', (enforcement, environment, level) => {
    expect(levelOf({ enforcement }, environment)).toBe(level);
  });
});

describe('an exception', () => {
  const stack = [subject('aws:ec2/subnet:Subnet', { mapPublicIpOnLaunch: true, tags: WHOSE }, { name: 'public' })];
  const rulesOf = (line: string, today: string): string[] =>
    judge(stack, PRODUCTION_FACTS, [must(parseException(line))], today).map(({ rule }) => rule);
  const LINE = 'subnet-no-public-addresses public until 2026-12-31: agreed with the network team';

  it('counts to the end of its last day, and then the rule bites again', () => {
    expect(rulesOf(LINE, '2026-12-31')).toEqual([]);
    expect(rulesOf(LINE, '2027-01-01')).toEqual(['subnet-no-public-addresses', 'policy-exceptions']);
  });

  it('is for its own resource and rule', () => {
    expect(rulesOf(LINE.replace(' public ', ' other '), TODAY)).toEqual(['subnet-no-public-addresses']);
    expect(rulesOf(LINE.replace(' public ', ' * '), TODAY)).toEqual([]);
    expect(rulesOf(LINE.replace('subnet-no-public-addresses', 'no-such-rule'), TODAY)).toEqual([
      'subnet-no-public-addresses',
      'policy-exceptions',
    ]);
  });

  it.each([
    'flow-logs network-vpc: no end',
    'flow-logs until 2026-12-31: no resource',
    'flow-logs x until 2026-12-31: short',
  ])('is none without rule, resource, end and reason: %s', (line) => expect(parseException(line)).toBeUndefined());
});
