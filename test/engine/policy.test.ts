/**
 * The policy pack in the real engine, with the recording aws plugin: the whole of tier ec2 passes in production, what violates a rule
 * stops, an exception lets it through until its day, and the report of a fresh preview says the same.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keepEvidence } from '../../infra/adapters/keptEvidence';
import { parsePreview } from '../../infra/ops/review/preview';
import { EPHEMERAL, messages, PRODUCTION, RecordedAws } from '../support/awsPlugin';
import { previewJson } from '../support/recordPreviews';
import { expectSuccess, type TestStack } from '../support/stack';

const PACK = ['--policy-pack', 'infra/policy'];
/** An address that the internet reaches, which no stack of staging may have. */
const PUBLIC = { ...EPHEMERAL, environment: 'staging', network: { egress: 'public' } };

const aws = new RecordedAws();
let stack: TestStack;

beforeAll(async () => {
  stack = await aws.stack('policy', PRODUCTION);
});
afterAll(() => aws.remove());

describe('the policy pack', () => {
  it('lets the whole of tier ec2 through in production, and advises', async () => {
    const preview = parsePreview(await previewJson(stack, 'stream', ...PACK));
    expect(preview.errors).toEqual([]);
    expect(preview.complete).toBe(true);
    expect(preview.policies.filter(({ level }) => level === 'mandatory')).toEqual([]);
    // That it ran at all shows in its advice.
    expect([...new Set(preview.policies.map(({ policy }) => policy))].sort()).toEqual(['flow-logs', 'secret-rotated']);
  });

  it('stops up at a resource that violates a rule, before it is made, and names both', async () => {
    stack.configure(PUBLIC);
    const refused = await stack.up(...PACK);
    expect(refused.code).not.toBe(0);
    expect(messages(refused)).toMatch(/\[mandatory\]\s+host-no-public-address/);
    expect(messages(refused)).toContain('host-public');
    expect(aws.journal.some(({ name }) => name === 'host-public')).toBe(false);
  });

  it('lets through what an exception covers', async () => {
    const exception = 'host-no-public-address host-public until 2099-12-31: a test of the exception itself';
    stack.configure({ ...PUBLIC, policyExceptions: [exception] });
    const preview = expectSuccess(await stack.pulumi('preview', ...PACK));
    expect(messages(preview)).not.toContain('host-no-public-address');
  });
});

describe('what allowDestroy names in production', () => {
  const named = { ...PRODUCTION, allowDestroy: ['backups-bucket'] };

  it('stops up before anything is made, as long as no restore of the backups was proven', async () => {
    stack.configure(named);
    const before = aws.journal;
    const refused = await stack.up(...PACK);
    expect(refused.code).not.toBe(0);
    expect(messages(refused)).toMatch(/\[mandatory\]\s+backup-before-destroy/);
    expect(messages(refused)).toMatch(/allowDestroy names backups-bucket, and no evidence of a backup was given/);
    expect(aws.journal).toEqual(before);
  });

  it('goes through once one was proven, for a day', async () => {
    const evidence = (hours: number): object => ({
      stack: 'policy',
      repository: 'host i-1: /etc/pgbackrest/pgbackrest.conf',
      backups: [{ name: 'F1' }],
      lastProvenRestore: {
        backup: 'F1',
        passed: true,
        finishedAt: new Date(Date.now() - hours * 3_600_000).toISOString(),
      },
    });
    keepEvidence(stack.machine.context, 'policy', evidence(1));
    const passes = expectSuccess(await stack.pulumi('preview', ...PACK));
    expect(messages(passes)).not.toContain('backup-before-destroy');
    keepEvidence(stack.machine.context, 'policy', evidence(30));
    const stale = await stack.pulumi('preview', ...PACK);
    expect(stale.code).not.toBe(0);
    expect(messages(stale)).toMatch(/a restore of F1 was proven 30 hours ago; allowed are 24/);
  });
});

describe('qbench preview-report on a fresh preview', () => {
  it('says the same as the engine, and ends with 1 where a rule stops it', async () => {
    stack.configure(PUBLIC);
    const preview = await previewJson(stack, 'stream');
    const report = await stack.qbench(['preview-report'], { stdin: preview });
    expect(report.code).toBe(1);
    expect(report.stdout).toContain('## Preview of stack `policy`');
    expect(report.stderr).toContain('host-no-public-address is violated by host-public');
    const cost = await stack.qbench(['preview-report', '--json'], { stdin: preview });
    expect(JSON.parse(cost.stdout)).toMatchObject({ tier: 'ec2', environment: 'staging', complete: true });
  });
});
