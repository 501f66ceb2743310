/** Which commands the toolchain puts the policy pack before. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { policyPackArguments } from '../../scripts/toolchain/policyPack';

let checkout: string;

beforeAll(() => {
  checkout = mkdtempSync(join(tmpdir(), 'qbench-pack-'));
  const file = (stack: string, lines: string[]): void =>
    writeFileSync(
      join(checkout, `Pulumi.${stack}.yaml`),
      ['config:', ...lines.map((line) => `  qbench-postgres:${line}`), ''].join('\n'),
    );
  file('dev', ['tier: local']);
  file('kept', ['tier: local', 'environment: production']);
  file('cloud', ['tier: ec2', 'owner: platform', 'aws: { region: eu-central-1 }']);
  file('broken', ['tier: nowhere']);
});
afterAll(() => rmSync(checkout, { recursive: true, force: true }));

describe('the policy pack', () => {
  const pack = (stack: string | undefined, ...args: string[]): boolean =>
    policyPackArguments(checkout, stack, args).includes('--policy-pack');

  it.each(['cloud', 'kept', 'broken', 'a-stack-without-a-file'])('goes before up and preview of %s', (stack) => {
    expect(pack(stack, 'up', '--yes')).toBe(true);
    expect(pack(stack, 'preview', '--json')).toBe(true);
  });

  it.each([
    [['up']],
    [['--non-interactive', 'up', '--yes']],
    [['-C', 'infra', 'up']],
    [['--color', 'never', '--stack', 'cloud', 'preview']],
    [['--color=never', 'preview']],
    [['-Q', 'update']],
  ])('goes before %j', (args) => expect(pack('cloud', ...args)).toBe(true));

  it.each([
    [['config', 'set', 'greeting', 'up']],
    [['config', 'set', '--path', 'a.b', 'preview']],
    [['-C', 'up', 'config']],
    [['stack', 'tag', 'set', 'state', 'update']],
    [['--stack', 'preview', 'stack', 'output']],
    [['--help']],
    [[]],
  ])('does not go before %j, where a word of a change is no command', (args) =>
    expect(pack('cloud', ...args)).toBe(false),
  );

  it('is left out for a server of this machine that is nobody’s production', () => {
    expect(pack('dev', 'up')).toBe(false);
  });

  it('is not given twice, and not to commands that do not take it', () => {
    expect(pack('cloud', 'up', '--policy-pack', 'other')).toBe(false);
    for (const verb of ['destroy', 'refresh', 'config']) expect(pack('cloud', verb), verb).toBe(false);
    expect(pack(undefined, 'up')).toBe(false);
  });
});
