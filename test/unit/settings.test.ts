import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OperatorError } from '../../infra/ops/errors';
import { parseSettings, SettingsError, settingKeys, type Mistake, type SettingsContext } from '../../infra/settings';
import { settingPaths } from '../../infra/settings/keys';

const CONTEXT: SettingsContext = { stack: 'dev', project: 'qbench-postgres' };
const EC2 = { tier: 'ec2', owner: 'search', aws: { region: 'eu-central-1' } };
const AURORA = { ...EC2, tier: 'aurora' };

function mistakesOf(raw: Record<string, unknown>, context: Partial<SettingsContext> = {}): readonly Mistake[] {
  try {
    parseSettings(raw, { ...CONTEXT, ...context });
  } catch (error) {
    if (error instanceof SettingsError) return error.mistakes;
    throw error;
  }
  return [];
}

describe('settings of a stack', () => {
  it('need nothing: an empty configuration is the local tier at the size of the mission', () => {
    const settings = parseSettings({}, CONTEXT);
    expect(settings.tier).toBe('local');
    expect(settings.workload.documents).toBe(500_000);
    expect(settings.index).toEqual({ profile: 'speed', type: 'vector', m: 16, efConstruction: 64, efSearch: 100 });
    expect(settings.backup.engine).toBe('native');
    expect(settings.protectData).toBe(true);
  });

  it('have only the groups of their tier', () => {
    const groups = (raw: Record<string, unknown>): string[] =>
      ['local', 'ec2', 'aurora', 'aws', 'network', 'access'].filter((key) => key in parseSettings(raw, CONTEXT));
    expect(groups({})).toEqual(['local']);
    expect(groups(EC2)).toEqual(['ec2', 'aws', 'network', 'access']);
    expect(groups(AURORA)).toEqual(['aurora', 'aws', 'network', 'access']);
  });

  it('keep the defaults of the members that a group does not set', () => {
    const { workload } = parseSettings({ workload: { documents: 7 } }, CONTEXT);
    expect(workload).toMatchObject({ documents: 7, dimensions: 1536, connections: 100 });
  });

  it.each([
    [{ profile: 'accuracy' }, { profile: 'accuracy', type: 'vector', m: 32, efConstruction: 128, efSearch: 200 }],
    [{ profile: 'compact' }, { profile: 'compact', type: 'halfvec', m: 16, efConstruction: 64, efSearch: 100 }],
    [
      { profile: 'compact', type: 'bit' },
      { profile: 'compact', type: 'bit', m: 16, efConstruction: 64, efSearch: 200 },
    ],
    [
      { profile: 'ivfflat', lists: 500 },
      { profile: 'ivfflat', type: 'vector', lists: 500 },
    ],
    [
      { recallTolerance: 0, buildWorkers: 0 },
      {
        profile: 'speed',
        type: 'vector',
        m: 16,
        efConstruction: 64,
        efSearch: 100,
        recallTolerance: 0,
        buildWorkers: 0,
      },
    ],
    // pgvector refuses ef_construction < 2 * m: the default follows a large m.
    [{ m: 48 }, { profile: 'speed', type: 'vector', m: 48, efConstruction: 96, efSearch: 100 }],
  ])('resolve index %j', (raw, resolved) => {
    expect(parseSettings({ index: raw }, CONTEXT).index).toEqual(resolved);
  });

  it('lower the limit of a role to the connections there are, and leave a given one alone', () => {
    const raw = { workload: { connections: 10 }, database: { connectionLimits: { monitor: 2 } } };
    const { connectionLimits } = parseSettings(raw, CONTEXT).database;
    expect(connectionLimits).toEqual({ owner: 5, app: 10, readonly: 10, monitor: 2, backup: 5 });
  });

  it('write parameters as postgresql.conf does', () => {
    const raw = { postgresParameters: { jit: false, work_mem: '16MB', random_page_cost: 1.1 } };
    expect(parseSettings(raw, CONTEXT).postgresParameters).toEqual({
      jit: 'off',
      work_mem: '16MB',
      random_page_cost: '1.1',
    });
  });

  it('cannot be changed, at any depth', () => {
    const settings = parseSettings({ tags: { team: 'search' } }, CONTEXT);
    expect(() => Object.assign(settings.workload, { documents: 1 })).toThrow(TypeError);
    expect(() => Object.assign(settings.tags, { team: 'x' })).toThrow(TypeError);
    expect(() => (settings.allowDestroy as string[]).push('x')).toThrow(TypeError);
  });

  it('leave their input as it was', () => {
    const raw = { tier: 'Local', workload: { documents: 0 }, bogus: 1 };
    mistakesOf(raw);
    expect(raw).toEqual({ tier: 'Local', workload: { documents: 0 }, bogus: 1 });
  });
});

describe('the error', () => {
  it('is for people, has exit code 2, and stands in one block a mistake, grouped', () => {
    const raw = { index: { m: 1 }, workload: { documnets: 5, documents: '500k' }, tier: 'EC2' };
    let error: unknown;
    try {
      parseSettings(raw, CONTEXT);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(OperatorError);
    expect((error as OperatorError).exitCode).toBe(2);
    expect((error as OperatorError).toLines().join('\n')).toBe(
      [
        '4 settings of stack "dev" are not right:',
        '',
        '  tier: "EC2" is not allowed',
        '    allowed: local, ec2, aurora',
        '    hint:    did you mean "ec2"?',
        '',
        '  workload.documents: "500k" is not allowed',
        '    allowed: an integer from 1 to 100000000',
        '    hint:    write 500000, a number without quotes',
        '  workload.documnets: there is no such setting',
        '    hint:    did you mean workload.documents?',
        '',
        '  index.m: 1 is not allowed',
        "    allowed: an integer from 2 to 100; pgvector's limit (hnsw m)",
        "  next:    correct Pulumi.dev.yaml, or: pulumi config set --path 'KEY' VALUE",
      ].join('\n'),
    );
  });

  it('names a rule between two settings even where a third is wrong in itself', () => {
    const keys = mistakesOf({ ephemeral: true, index: { m: 32, efConstruction: 60 }, ttlHours: 0 }).map(
      ({ key }) => key,
    );
    expect(keys.sort()).toEqual(['index.efConstruction', 'protectData', 'ttlHours']);
  });

  it('does not repeat a mistake through a rule that reads the wrong value', () => {
    const keys = mistakesOf({ index: { m: 101, efConstruction: 150 } }).map(({ key }) => key);
    expect(keys).toEqual(['index.m']);
  });
});

const name = fc.stringMatching(/^[a-z][a-z0-9]{1,12}$/);
const share = fc.double({ min: 0, max: 1, noNaN: true });
const days = { full: fc.constantFrom('SUN', 'MON', 'SAT'), differential: fc.constantFrom('TUE-FRI', 'WED', 'THU,FRI') };

const indexArbitrary = fc.oneof(
  fc
    .record(
      { profile: fc.constantFrom('speed', 'accuracy', 'compact'), m: fc.integer({ min: 2, max: 100 }) },
      { requiredKeys: ['profile'] },
    )
    .chain((index) =>
      fc.integer({ min: 2 * (index.m ?? 32), max: 1000 }).map((efConstruction) => ({ ...index, efConstruction })),
    ),
  fc.integer({ min: 1, max: 32_768 }).map((lists) => ({ profile: 'ivfflat', lists, probes: Math.ceil(lists / 10) })),
);

/** Configurations that are right, of every tier. */
const validArbitrary = fc
  .record({
    tier: fc.constantFrom('local', 'ec2', 'aurora'),
    owner: name,
    environment: fc.constantFrom('dev', 'test', 'staging'),
    ephemeral: fc.boolean(),
    ttlHours: fc.integer({ min: 1, max: 720 }),
    workload: fc.record(
      {
        documents: fc.integer({ min: 1, max: 100_000_000 }),
        shareWithSteps: share,
        growthPerMonth: share,
        dimensions: fc.integer({ min: 1, max: 2000 }),
        connections: fc.integer({ min: 5, max: 5000 }),
      },
      { requiredKeys: [] },
    ),
    index: indexArbitrary,
    tags: fc
      .dictionary(name, name, { maxKeys: 10 })
      .map(({ project: _p, stack: _s, owner: _o, environment: _e, ...rest }) => rest),
    allowDestroy: fc.uniqueArray(name, { maxLength: 4 }),
    postgresParameters: fc.record(
      { jit: fc.boolean(), work_mem: fc.integer({ min: 64, max: 4096 }).map((kb) => `${String(kb)}kB`) },
      { requiredKeys: [] },
    ),
    backup: fc.record({
      hour: fc.integer({ min: 6, max: 23 }),
      full: days.full,
      differential: days.differential,
      retentionDays: fc.integer({ min: 1, max: 35 }),
    }),
    monitoring: fc.record({ budgetUsdPerMonth: fc.integer({ min: 1, max: 9999 }) }, { requiredKeys: [] }),
  })
  .map(({ backup, ...raw }) => ({
    ...raw,
    protectData: !raw.ephemeral,
    aws: {
      region: 'us-east-1',
      kmsKeyArn: 'arn:aws:kms:us-east-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef',
    },
    backup: {
      retentionDays: backup.retentionDays,
      schedule: `cron(30 ${String(backup.hour)} ? * ${backup.differential} *)`,
      fullSchedule: `cron(30 ${String(backup.hour)} ? * ${backup.full} *)`,
    },
  }));

/** Mistakes that do not touch each other: the key that must be named, and how it is made. */
const INJECTIONS: readonly (readonly [key: string, make: (raw: Record<string, Record<string, unknown>>) => void])[] = [
  ['ttlHours', (raw) => Object.assign(raw, { ttlHours: 0 })],
  ['postgresVersion', (raw) => Object.assign(raw, { postgresVersion: 99 })],
  ['enviroment', (raw) => Object.assign(raw, { enviroment: 'dev' })],
  ['workload.documents', (raw) => Object.assign(raw['workload'] ?? {}, { documents: '500k' })],
  ['workload.shareWithSteps', (raw) => Object.assign(raw['workload'] ?? {}, { shareWithSteps: 67 })],
  ['workload.document', (raw) => Object.assign(raw['workload'] ?? {}, { document: 5 })],
  ['backup.timeZone', (raw) => Object.assign(raw['backup'] ?? {}, { timeZone: 'Mars/Olympus' })],
  ['backup.retentionDays', (raw) => Object.assign(raw['backup'] ?? {}, { retentionDays: 0 })],
  ['tags["aws:x"]', (raw) => Object.assign(raw['tags'] ?? {}, { 'aws:x': 'y' })],
  ['tags.bad', (raw) => Object.assign(raw['tags'] ?? {}, { bad: 'a\nb' })],
  ['allowDestroy[0]', (raw) => (raw['allowDestroy'] as unknown as string[]).unshift('not a name')],
  ['postgresParameters.fsync', (raw) => Object.assign(raw['postgresParameters'] ?? {}, { fsync: 'off' })],
  [
    'postgresParameters.temp_buffers',
    (raw) => Object.assign(raw['postgresParameters'] ?? {}, { temp_buffers: '8 mb' }),
  ],
  ['monitoring.alertEmail', (raw) => Object.assign(raw['monitoring'] ?? {}, { alertEmail: 'nobody' })],
  [
    'monitoring.thresholds.connections.warnin',
    (raw) => Object.assign(raw['monitoring'] ?? {}, { thresholds: { connections: { warnin: 1 } } }),
  ],
  ['aws.kmsKeyArn', (raw) => Object.assign(raw['aws'] ?? {}, { kmsKeyArn: 'alias/mine' })],
  ['local.port', (raw) => Object.assign(raw, { local: { port: 22 } })],
  ['network.vpcCidr', (raw) => Object.assign(raw, { network: { vpcCidr: '8.8.8.0/24' } })],
];

describe('for any configuration', () => {
  it('what is right is taken, and its result means the same when it is read again', () => {
    fc.assert(
      fc.property(validArbitrary, (raw) => {
        const settings = parseSettings(raw, CONTEXT);
        expect(parseSettings({ ...settings }, CONTEXT)).toEqual(settings);
      }),
      { numRuns: 150 },
    );
  });

  it('every mistake of a random set is named, and no other', () => {
    fc.assert(
      fc.property(validArbitrary, fc.subarray([...INJECTIONS], { minLength: 1 }), (valid, injections) => {
        const raw = structuredClone(valid) as unknown as Record<string, Record<string, unknown>>;
        for (const [, make] of injections) make(raw);
        const named = mistakesOf(raw).map(({ key }) => key);
        expect(named.sort()).toEqual(injections.map(([key]) => key).sort());
      }),
      { numRuns: 150 },
    );
  });

  it('no error ever holds a secret: encrypted, under an unknown key, or in a URL', () => {
    const canary = `c'4n%4ry@\n${'x'.repeat(40)}`;
    const trace = /c'4n%4ry|x{20}/;
    const set = (raw: Record<string, unknown>, path: string, value: unknown): void => {
      const [first = '', ...rest] = path.split('.');
      if (rest.length === 0) raw[first] = value;
      else set((raw[first] ??= {}) as Record<string, unknown>, rest.join('.'), value);
    };
    const places = fc.oneof(
      fc
        .constantFrom(...settingPaths())
        .map((path) => ({ path, value: `postgresql://app:${canary}@db/mlb_qbench`, secret: false })),
      fc.constantFrom(...settingPaths()).map((path) => ({ path, value: canary, secret: true })),
      fc
        .constantFrom('passwrd', 'appPassword', 'local.pasword', 'aws.x', 'tier.x', 'databse')
        .map((path) => ({ path, value: canary, secret: false })),
    );
    fc.assert(
      fc.property(fc.array(places, { minLength: 1, maxLength: 5 }), (injections) => {
        const raw: Record<string, unknown> = { index: { m: 1 } };
        for (const { path, value } of injections)
          if (!(path.startsWith('tier.') && typeof raw['tier'] === 'string')) set(raw, path, value);
        const secretKeys = injections.filter(({ secret }) => secret).map(({ path }) => path.split('.')[0] ?? '');
        let error: unknown;
        try {
          parseSettings(raw, { ...CONTEXT, secretKeys });
        } catch (thrown) {
          error = thrown;
        }
        expect(error).toBeInstanceOf(SettingsError);
        expect(
          `${JSON.stringify(error)}${String((error as Error).stack)}${(error as SettingsError).toLines().join()}`,
        ).not.toMatch(trace);
      }),
      { numRuns: 300 },
    );
  });
});

describe('the keys', () => {
  it('are decoded from what Pulumi hands over by their declared type', async () => {
    const { decodeRaw } = await import('../../infra/settings');
    expect(decodeRaw('postgresVersion', '18')).toBe(18);
    expect(decodeRaw('protectData', 'false')).toBe(false);
    expect(decodeRaw('owner', '18')).toBe('18');
    expect(decodeRaw('workload', '{"documents":5}')).toEqual({ documents: 5 });
    expect(decodeRaw('allowDestroy', '["a"]')).toEqual(['a']);
    expect(decodeRaw('workload', '{')).toBe('{');
    expect(decodeRaw('ttlHours', 'soon')).toBe('soon');
    expect(decodeRaw('nosuch', '5')).toBe('5');
  });

  it('given as their own defaults are a right configuration: Pulumi hands them over so', () => {
    const raw = Object.fromEntries(settingKeys().map((key) => [key.name, key.default]));
    expect(parseSettings(raw, CONTEXT)).toEqual(parseSettings({}, CONTEXT));
  });
});
