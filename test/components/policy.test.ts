/**
 * Every rule of the policy pack over the graph that tier ec2 declares, and what the stack costs by its settings beside what is
 * declared. Protection is the engine's to show: `test/engine/policy.test.ts`.
 */
import { describe, expect, it } from 'vitest';
import { costOfResources } from '../../infra/ops/review/cost';
import { stackFacts } from '../../infra/policy/facts';
import { judge } from '../../infra/policy/rules';
import type { StackFacts, Violation } from '../../infra/policy/rules/types';
import { parseSettings, type Ec2Settings } from '../../infra/settings';
import { costOfSettings } from '../../scripts/support/stackCost';
import { declareEc2, type Ec2Program } from '../support/awsMocks';
import { EPHEMERAL, PRODUCTION } from '../support/awsPlugin';

const settingsOf = (raw: Record<string, unknown>): Ec2Settings =>
  parseSettings(raw, { stack: 'mocked', project: 'qbench-postgres' }) as Ec2Settings;

function violations(program: Ec2Program, facts: StackFacts): Violation[] {
  const subjects = program.declared.map(({ type, name, inputs }) => ({
    type,
    name,
    urn: `urn:pulumi:mocked::qbench-postgres::${type}::${name}`,
    inputs,
    // Not told to the mocks.
    protect: !facts.ephemeral,
    masked: false,
  }));
  return judge(subjects, facts, [], '2026-11-22');
}

const STACKS: readonly (readonly [string, Record<string, unknown>])[] = [
  ['in production', PRODUCTION],
  [
    'in production, in a network and with a key that were there',
    {
      ...PRODUCTION,
      aws: {
        region: 'eu-central-1',
        kmsKeyArn: 'arn:aws:kms:eu-central-1:111122223333:key/12345678-1234-1234-1234-123456789012',
      },
      network: {
        vpcId: 'vpc-0123456789abcdef0',
        subnetIds: ['subnet-0123456789abcdef0'],
        allowedCidrs: ['10.0.4.0/24'],
      },
    },
  ],
  ['for a test', EPHEMERAL],
];

describe('tier ec2', () => {
  it.each(STACKS)('violates no rule that stops it %s', async (_, raw) => {
    const found = violations(await declareEc2(raw), stackFacts(settingsOf(raw)));
    expect(found.filter(({ level }) => level === 'mandatory')).toEqual([]);
  });

  it.each(STACKS)('costs by its settings what its resources cost %s', async (_, raw) => {
    const settings = settingsOf(raw);
    const told = costOfSettings(settings);
    const { declared } = await declareEc2(raw);
    const made = costOfResources(declared, { region: settings.aws.region, backupBytes: 0 });
    const names = new Map(made.items.map((item) => [item.name, item]));
    const fixed = told.items.filter(({ name }) => !['functions, alarms, logs', 'backups-bucket'].includes(name));
    for (const item of fixed) expect(names.get(item.name), item.name).toEqual(item);
    // What the settings leave to the preview is named as unknown, and is of these kinds alone.
    expect(told.unknown).toContain('functions, alarms, logs');
    const others = made.items.filter(({ name }) => !told.items.some((item) => item.name === name));
    expect(others.filter(({ type }) => !/^aws:(lambda|cloudwatch|sns|sqs|scheduler)\//.test(type))).toEqual([]);
  });
});
