/** What the local tier declares. Proves names, rights and secrecy of the inputs; not that a server accepts them. */
import { isSecret } from '@pulumi/pulumi';
import { beforeAll, describe, expect, it } from 'vitest';
import { deployLocal } from '../../infra/tiers/local';
import type { TierOutputs } from '../../infra/tiers/outputs';
import { parseSettings, type LocalSettings } from '../../infra/settings';
import { declare, type Declared } from '../support/mocks';

let declared: Declared[];
let outputs: TierOutputs;

beforeAll(async () => {
  const raw = {
    tier: 'local',
    protectData: false,
    workload: { documents: 5000, connections: 30 },
    local: { memoryMiB: 1024, sampleData: true },
  };
  const settings = parseSettings(raw, { stack: 'mocked', project: 'qbench-postgres' }) as LocalSettings;
  ({ declared, result: outputs } = await declare(() => deployLocal(settings, 'mocked')));
});

function named(name: string): Declared {
  const found = declared.find((resource) => resource.name === name);
  if (found === undefined)
    throw new Error(`${name} is not declared; declared are ${declared.map((r) => r.name).join(', ')}`);
  return found;
}

describe('the local tier', () => {
  it('never renames what it has declared before', () => {
    // A changed name deletes and makes anew: rename only with an alias, and say so here.
    expect(declared.map(({ type, name }) => `${type} ${name}`).sort()).toMatchSnapshot();
  });

  it('gives every role a login of its own and none the rights of a superuser', () => {
    const roles = declared.filter(({ type }) => type.endsWith(':Role'));
    expect(roles.map(({ inputs }) => inputs['name']).sort()).toEqual([
      'qbench_app',
      'qbench_backup',
      'qbench_monitor',
      'qbench_owner',
      'qbench_readonly',
    ]);
    for (const { inputs } of roles) {
      expect(inputs['login']).toBe(true);
      expect(inputs['searchPaths']).toEqual(['public']);
      expect(inputs['connectionLimit']).toBeGreaterThan(0);
      expect(inputs).not.toHaveProperty('superuser');
      expect(inputs).not.toHaveProperty('createRole');
      expect(inputs).not.toHaveProperty('createDatabase');
    }
    expect(roles.filter(({ inputs }) => inputs['replication'] === true).map(({ name }) => name)).toEqual([
      'roles-backup-role',
    ]);
  });

  it('sends the server verifiers, never passwords', () => {
    for (const { name, inputs } of declared.filter(({ type }) => type.endsWith(':Role'))) {
      // Mocks are told secrets in clear; the engine test `secrets` proves that the state is not.
      expect(JSON.stringify(inputs['password']), name).toMatch(/SCRAM-SHA-256\$4096:/);
      expect(JSON.stringify(inputs), name).not.toContain('canary');
    }
  });

  it('keeps secrets out of the text, the input and the log of every command', () => {
    const commands = declared.filter(({ type }) => type === 'command:local:Command');
    expect(commands.map(({ name }) => name).sort()).toEqual([
      'local-endpoint',
      'local-server',
      'schema-indexes',
      'schema-migrations',
      'schema-sample-data',
    ]);
    for (const { name, inputs } of commands) {
      const { environment, ...visible } = inputs;
      expect(JSON.stringify(visible), name).not.toContain('canary');
      expect(inputs, name).not.toHaveProperty('triggers');
      expect(inputs['update'], name).toBe(inputs['create']);
      expect(inputs['logging'], name).toBe(environment === undefined ? 'stderr' : 'none');
    }
    expect(named('local-server').inputs['environment']).toBeDefined();
  });

  it('names no path of the machine in what a preview compares', () => {
    const text = JSON.stringify(
      declared.filter(({ type }) => type === 'command:local:Command').map(({ inputs }) => inputs['stdin']),
    );
    expect(text).not.toContain(process.cwd());
    expect(text).not.toMatch(/\/(home|root|tmp|var)\//);
  });

  it('takes the right to connect from everybody else', () => {
    expect(named('database-public-revoked').inputs).toMatchObject({
      role: 'public',
      objectType: 'database',
      privileges: [],
    });
  });

  it('marks the connection string, and only it, as secret', async () => {
    const secret = await Promise.all(
      Object.entries(outputs).map(async ([key, value]) => [key, await isSecretOutput(value)] as const),
    );
    expect(secret.filter(([, hidden]) => hidden).map(([key]) => key)).toEqual(['databaseUrl']);
  });
});

async function isSecretOutput(value: unknown): Promise<boolean> {
  return typeof value === 'object' && value !== null && 'apply' in value ? isSecret(value as never) : false;
}
