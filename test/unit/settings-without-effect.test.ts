/** Which settings are told to do nothing on the tier of their stack. That a preview says so is for test/engine/local.test.ts. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { settingsWithoutEffect } from '../../infra/settings';
import { CHECKOUT } from '../support/machine';

const EC2 = { tier: 'ec2', owner: 'platform', aws: { region: 'eu-central-1' } };
const yaml = createRequire(__filename)('js-yaml') as { load(text: string): unknown };

/** What the engine fills in for every stack. */
function engineDefaults(): Record<string, unknown> {
  const { config } = yaml.load(readFileSync(join(CHECKOUT, 'Pulumi.yaml'), 'utf8')) as {
    config: Record<string, { default?: unknown }>;
  };
  return Object.fromEntries(
    Object.entries(config).map(([key, { default: value }]) => [key.split(':').pop() ?? key, value]),
  );
}

describe('settings without effect', () => {
  it.each(['local', 'ec2'])('are none of the defaults on tier %s', (tier) => {
    expect(settingsWithoutEffect({ tier })).toEqual([]);
    expect(settingsWithoutEffect({ ...engineDefaults(), tier })).toEqual([]);
  });

  it.each<[string, Record<string, unknown>, string[]]>([
    ['groups of AWS on this machine', { ...EC2, tier: 'local' }, ['aws.region']],
    [
      'members of groups, by their own names',
      { ec2: { port: 5433, sampleData: true }, network: { allowedCidrs: ['10.0.4.0/24'] } },
      ['network.allowedCidrs', 'ec2.port', 'ec2.sampleData'],
    ],
    [
      'what only services of AWS carry out',
      { backup: { schedule: 'cron(0 3 ? * MON-SAT *)', retentionDays: 3 }, monitoring: { alertEmail: 'a@b.example' } },
      ['backup.schedule', 'monitoring.alertEmail'],
    ],
    ['each entry of a map', { tags: { team: 'search' } }, ['tags.team']],
    ['single keys', { access: 'direct' }, ['access']],
    ['the server of this machine on a host', { ...EC2, local: { memoryMiB: 512 } }, ['local.memoryMiB']],
    ['the window that only Aurora keeps', { ...EC2, maintenanceWindow: 'sat:01:00-sat:02:00' }, ['maintenanceWindow']],
    ['nothing of what a host reads', { ...EC2, tags: { team: 'search' }, access: 'tunnel', ec2: { port: 5433 } }, []],
  ])('are %s', (_, raw, keys) => {
    expect(settingsWithoutEffect(raw)).toEqual(keys);
  });
});
