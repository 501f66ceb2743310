import { runtime } from '@pulumi/pulumi';
import { afterEach, describe, expect, it } from 'vitest';
import { readConfig } from '../../infra/config';
import { THRESHOLD_NAMES } from '../../infra/ops/thresholds';
import { parseSettings, SettingsError } from '../../infra/settings';
import { CHECKOUT } from '../support/machine';

/** Configuration as the engine hands it over: text by full key, and the keys that are encrypted. */
async function given(config: Record<string, string>, secretKeys: string[] = []): Promise<void> {
  await runtime.setMocks({ call: () => ({}), newResource: () => ({ id: '', state: {} }) }, 'qbench-postgres', 'dev');
  runtime.setAllConfig(config, secretKeys);
}

afterEach(() => runtime.setAllConfig({}));

describe("Pulumi's configuration", () => {
  it('is handed over decoded, with the names of the stack and the project', async () => {
    await given({
      'qbench-postgres:tier': 'local',
      'qbench-postgres:ttlHours': '48',
      'qbench-postgres:protectData': 'false',
      'qbench-postgres:workload': '{"documents":5000}',
      'aws:region': 'eu-central-1',
    });
    const { raw, context } = readConfig();
    expect(raw).toEqual({ tier: 'local', ttlHours: 48, protectData: false, workload: { documents: 5000 } });
    expect(context).toEqual({
      stack: 'dev',
      project: 'qbench-postgres',
      secretKeys: [],
      foreignKeys: ['aws:region'],
      thresholdNames: THRESHOLD_NAMES,
      checkout: CHECKOUT,
    });
    expect(parseSettings(raw, context)).toMatchObject({ tier: 'local', ttlHours: 48, workload: { documents: 5000 } });
  });

  it('shows keys that nobody declared, so that a misspelt one is an error', async () => {
    await given({ 'qbench-postgres:teir': 'ec2' });
    const { raw, context } = readConfig();
    expect(() => parseSettings(raw, context)).toThrow(/teir: there is no such setting\n.*did you mean tier\?/);
  });

  it('keeps an encrypted value out of the raw object, and names its key to be refused', async () => {
    await given({ 'qbench-postgres:owner': 'canary-4711', 'qbench-postgres:pasword': 'canary-4712' }, [
      'qbench-postgres:owner',
      'qbench-postgres:pasword',
    ]);
    const { raw, context } = readConfig();
    expect(JSON.stringify({ raw, context })).not.toContain('canary');
    expect(context.secretKeys).toEqual(['owner', 'pasword']);
    let error: unknown;
    try {
      parseSettings(raw, context);
    } catch (thrown) {
      error = thrown;
    }
    expect((error as SettingsError).mistakes.map(({ key }) => key)).toEqual(['pasword', 'owner']);
  });
});
