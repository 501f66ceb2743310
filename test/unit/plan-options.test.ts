/** Flags of `qbench plan`: what they change, and what a bad one says. */
import { describe, expect, it } from 'vitest';
import { CapacityInputError, planCapacity, type PlanRequest } from '../../infra/capacity/plan';
import { UsageError } from '../../infra/ops/errors';
import { parseSettings, type Settings } from '../../infra/settings';
import { asUsageError, planRequest, type PlanFlags } from '../../scripts/support/planOptions';
import { guideText, parametersTable, planText } from '../../scripts/support/planTables';
import { stackSettings } from '../../scripts/support/stackSettings';
import { guideFigures, guidePlan } from '../../infra/capacity/guideFigures';

const local = (workload: Record<string, unknown> = {}): Settings =>
  parseSettings({ tier: 'local', workload, local: { memoryMiB: 4096 } }, { stack: 'test', project: 'qbench-postgres' });

describe('the request', () => {
  it('is the 500,000 documents of the guide without settings and flags', () => {
    const request = planRequest({}, undefined);
    expect(request).toMatchObject({ workload: { documents: 500_000 }, index: { profile: 'speed' } });
    expect(request.host).toBeUndefined();
  });

  it('begins with the settings of the stack, and flags go before them', () => {
    const settings = local({ documents: 1234, connections: 20 });
    expect(planRequest({}, settings)).toMatchObject({
      workload: { documents: 1234, connections: 20 },
      host: { memoryMiB: 4096 },
    });
    const flags = { documents: '2_000_000', growthPerMonth: '3%', memoryGib: '32', cores: '8', diskGib: '500' };
    expect(planRequest(flags, settings)).toMatchObject({
      workload: { documents: 2_000_000, growthPerMonth: 0.03, connections: 20 },
      host: { memoryMiB: 32_768, cores: 8, diskGiB: 500 },
    });
  });

  it('lets a profile bring its own numbers and a type change one', () => {
    expect(planRequest({ profile: 'accuracy', type: 'halfvec' }, local()).index).toEqual({
      profile: 'accuracy',
      type: 'halfvec',
    });
    expect(planRequest({ profile: 'ivfflat', lists: '700' }, local()).index).toEqual({
      profile: 'ivfflat',
      lists: 700,
    });
  });

  it('takes the host of an instance type', () => {
    expect(planRequest({ instanceType: 'r8g.xlarge' }, undefined).host).toMatchObject({
      cores: 4,
      instanceType: 'r8g.xlarge',
    });
  });

  it('reads the stack file of this checkout, which fits its own host', () => {
    const settings = stackSettings(process.cwd(), 'dev');
    expect(settings?.tier).toBe('local');
    expect(planCapacity(planRequest({}, settings)).fits).toBe(true);
    expect(stackSettings(process.cwd(), 'no-such-stack')).toBeUndefined();
  });
});

describe('a bad flag', () => {
  const cases: readonly [PlanFlags, RegExp, string][] = [
    [{ documents: 'many' }, /--documents many/, 'a number'],
    [{ cores: '4x' }, /--cores 4x/, 'a number'],
    [{ profile: 'speedy' }, /--profile speedy/, 'speed, accuracy, compact, ivfflat'],
    [{ type: 'float' }, /--type float/, 'vector, halfvec, bit'],
    [{ lists: '10' }, /--lists 10 with the profile speed/, 'with the profile ivfflat only'],
    [{ diskGib: '10' }, /--disk-gib without a host/, 'with --memory-gib or --instance-type'],
    [
      { instanceType: 'r8g.large', cores: '4' },
      /r8g\.large with --cores/,
      'either an instance type, or memory and cores',
    ],
  ];
  it.each(cases)('%j is refused with the value, what is allowed and what to do', (flags, message, allowed) => {
    const attempt = (): PlanRequest => planRequest(flags, undefined);
    expect(attempt).toThrow(UsageError);
    expect(attempt).toThrow(message);
    expect(attempt).toThrow(expect.objectContaining({ allowed, exitCode: 2 }));
    expect(attempt).toThrow(expect.not.objectContaining({ next: undefined }));
  });

  it.each([
    [{ documents: '-5' }, '--documents: -5'],
    [{ dimensions: '2001' }, '--dimensions: 2001'],
    [{ m: '1' }, '--m: 1'],
    [{ memoryGib: '0.1' }, '--memory-gib: 102'],
    [{ shareWithSteps: '70' }, '--share-with-steps: 70'],
  ])('%j is a number, but none the planner takes', (flags, message) => {
    try {
      planCapacity(planRequest(flags, undefined));
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(CapacityInputError);
      expect(asUsageError(error as CapacityInputError).message).toBe(message);
    }
  });
});

describe('the tables', () => {
  it('name sizes, memory, hosts, prices and the verdict', () => {
    const text = planText(guidePlan());
    for (const part of [
      /^documents +500000$/m,
      /^sum +\S+ GiB +\S+ GiB$/m,
      /r7g\.xlarge \(32 GiB/,
      /2025-10/,
      /The workload fits this host\./,
    ]) {
      expect(text).toMatch(part);
    }
    expect(text).not.toMatch(/undefined|NaN|null/);
    expect(parametersTable(guidePlan())).toMatch(/^shared_buffers +10056 +MiB$/m);
  });

  it('say what breaks and three ways out', () => {
    const request = planRequest({ memoryGib: '16', cores: '8', diskGib: '500' }, undefined);
    const text = planText(planCapacity(request));
    expect(text).toContain('The workload does not fit this host:');
    expect(text).toMatch(/ {2}1\. bigger host[^]* {2}2\. smaller type[^]* {2}3\. fewer step embeddings/);
  });

  it('show every figure of the guide with its reason', () => {
    const text = guideText(guideFigures());
    for (const { topic, why } of guideFigures()) expect(text).toContain(`  ${topic}: ${why}`);
  });

  it('never show an unknown price as a number', () => {
    const plan = planCapacity({ ...planRequest({ region: 'ap-south-2' }, undefined) });
    expect(planText(plan)).toContain('price not known');
    expect(planText(plan)).not.toMatch(/\b0\.00 USD/);
  });
});
