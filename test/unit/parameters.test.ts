/** postgresql.conf as text: the whole file of three servers, its format, and what a person may override. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PARAMETER_ROWS } from '../../infra/capacity/parameters';
import { parameterCatalog, SINCE_18 } from '../../infra/postgres/catalog';
import { parameterChanges } from '../../infra/postgres/change';
import { ParameterError } from '../../infra/postgres/overrides';
import { noteOf, PARAMETER_RULES, postgresqlConf } from '../../infra/postgres/parameters';
import { parsePostgresqlConf, quoteValue, renderPostgresqlConf } from '../../infra/postgres/render';
import type { ConfigurationInput } from '../../infra/postgres/rules';
import { canonicalValue, sameValue } from '../../infra/postgres/values';
import { changeKind } from '../support/changeKind';
import { DEV_PLAN, PLAN_16_GIB, PLAN_32_GIB } from '../support/serverParameters';

const DEV: ConfigurationInput = { tier: 'local', plan: DEV_PLAN };

const host = {
  listenAddresses: ['localhost', '10.64.1.10'],
  port: 5432,
  dataDirectory: '/srv/postgresql/18/main',
  configDirectory: '/etc/postgresql/18/main',
  logDirectory: '/var/log/postgresql',
  socketDirectory: '/run/postgresql',
  tlsCertFile: '/etc/postgresql/tls/server.crt',
  tlsKeyFile: '/etc/postgresql/tls/server.key',
};
const archiving = { command: 'pgbackrest --stanza=qbench archive-push %p', timeoutSeconds: 300, summarizeWal: false };
const EC2: ConfigurationInput = { tier: 'ec2', plan: PLAN_16_GIB, host, archiving };

/** Every input that the properties below are tried with. */
const INPUTS: readonly ConfigurationInput[] = [
  DEV,
  { ...DEV, version: 17 },
  { ...DEV, archiving: { command: 'archive %p', timeoutSeconds: 60, summarizeWal: true } },
  EC2,
  { ...EC2, plan: PLAN_32_GIB },
];

describe('the files of three servers', () => {
  it.each([
    ['dev', DEV],
    ['ec2-16gib', EC2],
    ['ec2-32gib', { ...EC2, plan: PLAN_32_GIB }],
  ] as const)('%s is the golden file, line by line', async (name, input) => {
    const conf = postgresqlConf(input);
    await expect(conf.text).toMatchFileSnapshot(`../golden/postgresql-${name}.conf`);
    expect(parsePostgresqlConf(conf.text)).toEqual(conf.parameters);
  });

  it('keeps every promise of the security list on a host of its own', () => {
    // Check 32 of the security list and the CIS items that a file can show.
    expect(postgresqlConf(EC2).parameters).toMatchObject({
      ssl: 'on',
      ssl_min_protocol_version: 'TLSv1.2',
      password_encryption: 'scram-sha-256',
      fsync: 'on',
      full_page_writes: 'on',
      log_parameter_max_length: '0',
      log_parameter_max_length_on_error: '0',
      log_min_error_statement: 'panic',
      log_statement: 'none',
      logging_collector: 'on',
      log_file_mode: '0600',
      log_connections: 'on',
      log_disconnections: 'on',
      log_timezone: 'UTC',
      debug_print_parse: 'off',
      archive_mode: 'on',
    });
  });

  it('listens on named interfaces and logs outside the data directory', () => {
    const { parameters } = postgresqlConf(EC2);
    expect(parameters['listen_addresses']).toBe('localhost,10.64.1.10');
    expect(parameters['log_directory']?.startsWith(parameters['data_directory'] ?? '')).toBe(false);
  });

  it('names nothing that PostgreSQL 17 does not know in a file for it', () => {
    const { parameters } = postgresqlConf({ ...DEV, version: 17 });
    expect(Object.keys(parameters).filter((name) => SINCE_18.has(name))).toEqual([]);
    expect(postgresqlConf(DEV).parameters).toHaveProperty('io_workers');
  });

  it('leaves archiving off, with no command, where backups are off', () => {
    const { parameters } = postgresqlConf(DEV);
    expect(parameters).toMatchObject({ archive_mode: 'off' });
    expect(parameters).not.toHaveProperty('archive_command');
  });
});

describe('the table', () => {
  it('has one rule a parameter, and one for every number of the plan', () => {
    const names = PARAMETER_RULES.map((rule) => rule.name);
    expect(new Set(names).size).toBe(names.length);
    expect(PARAMETER_ROWS.map((row) => row.parameter).filter((name) => !names.includes(name))).toEqual([]);
  });

  it('writes only values that the server’s own catalog takes, in every tier', () => {
    const refused = INPUTS.flatMap((input) =>
      Object.entries(postgresqlConf(input).parameters).filter(([name, value]) => {
        const fact = parameterCatalog().get(name);
        return fact === undefined || fact.context === 'internal' || 'problem' in canonicalValue(fact, value);
      }),
    );
    expect(refused).toEqual([]);
  });

  it('says why and where to read on for every parameter', () => {
    for (const { name } of PARAMETER_RULES) {
      const note = noteOf(name);
      expect(note?.why.length, name).toBeGreaterThan(10);
      expect(note?.link, name).toMatch(/^https:\/\/www\.postgresql\.org\/docs\/18\/[a-z-]+\.html#[A-Z0-9-]+$/);
    }
  });

  it('calls reloadable exactly what the server can change without a restart', () => {
    const { parameters, reloadable } = postgresqlConf(EC2);
    const restart = Object.keys(parameters).filter((name) => !reloadable.includes(name));
    expect(restart).toEqual(restart.filter((name) => parameterCatalog().get(name)?.context === 'postmaster'));
    expect(restart).toEqual(
      expect.arrayContaining(['shared_buffers', 'max_connections', 'wal_level', 'listen_addresses']),
    );
    expect(reloadable).toEqual(expect.arrayContaining(['work_mem', 'max_wal_size', 'ssl', 'archive_command']));
  });
});

describe('rendering', () => {
  const printable = fc.string({ unit: fc.constantFrom(...Array.from(' !"#$%&\'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~é漢')) });

  it('gives back any value without control characters, and sorts the lines', () => {
    const names = fc.stringMatching(/^[a-z_][a-z0-9_]{0,10}(\.[a-z][a-z0-9_]{0,5})?$/);
    fc.assert(
      fc.property(fc.dictionary(names, printable, { noNullPrototype: true }), (parameters) => {
        const text = renderPostgresqlConf(parameters);
        const lines = text.split('\n').slice(1, -1);
        expect(parsePostgresqlConf(text)).toEqual(parameters);
        expect(lines.map((line) => line.split(' ')[0])).toEqual(Object.keys(parameters).sort());
      }),
    );
  });

  it.each(['a\nfsync = off', 'a\0', '\u001b[31m'])('refuses a control character: %j', (value) => {
    expect(() => quoteValue(value)).toThrow(RangeError);
  });

  it.each(['work mem', 'a=b', '', "x'"])('refuses %j as a name', (name) => {
    expect(() => renderPostgresqlConf({ [name]: '1' })).toThrow(/no name of a parameter/);
  });

  it('reads files that initdb or a person wrote', () => {
    const text =
      "# work_mem = 1MB\nwork_mem = 4MB  # more\nport 5433\ndatestyle = 'iso, mdy'\nwork_mem='8MB'\nprefix = 'it''s \\\\ %m # not a comment'\n";
    expect(parsePostgresqlConf(text)).toEqual({
      work_mem: '8MB',
      port: '5433',
      datestyle: 'iso, mdy',
      prefix: "it's \\ %m # not a comment",
    });
  });
});

describe('values', () => {
  it.each([
    ['shared_buffers', '512MB', '65536'],
    ['work_mem', '2834kB', '2834'],
    ['checkpoint_timeout', '15min', '900'],
    ['log_autovacuum_min_duration', '30s', '30000'],
    ['log_temp_files', '64MB', '65536'],
    ['autovacuum_vacuum_cost_delay', '2ms', '2'],
    ['log_file_mode', '0600', '384'],
    ['jit', 'FALSE', 'off'],
    ['wal_level', 'REPLICA', 'replica'],
    ['checkpoint_completion_target', '.9', '0.9'],
    ['shared_preload_libraries', 'a, b', 'a,b'],
  ])('%s: %s is %s', (name, given, live) => {
    expect(sameValue(parameterCatalog().get(name), given, live)).toBe(true);
  });

  it.each([
    ['work_mem', '8gb', /unit that does not fit \("gb"\)/],
    ['work_mem', '8 G B', /is no number/],
    ['work_mem', '10min', /unit that does not fit/],
    ['max_connections', '0', /out of range/],
    ['jit', 'o', /neither on nor off/],
    ['wal_level', 'full', /not one of its values/],
  ])('%s does not take %s', (name, given, problem) => {
    const fact = parameterCatalog().get(name);
    expect(fact === undefined ? undefined : canonicalValue(fact, given)).toMatchObject({
      problem: expect.stringMatching(problem) as string,
    });
  });
});

describe('overrides', () => {
  const override = (overrides: Record<string, string>): Record<string, string> =>
    postgresqlConf({ ...DEV, overrides }).parameters;

  it('replaces defaults and adds parameters of which the table says nothing', () => {
    expect(override({ work_mem: '8MB', enable_partitionwise_join: 'on' })).toMatchObject({
      work_mem: '8MB',
      enable_partitionwise_join: 'on',
    });
  });

  it('takes a mandatory value in another spelling', () => {
    expect(override({ fsync: 'true' })['fsync']).toBe('true');
  });

  it('lists every mistake at once, with what is allowed', () => {
    const wrong = {
      fsync: 'off',
      shared_bufers: '1GB',
      sharedBuffers: '1GB',
      work_mem: '8gb',
      log_statement: 'all',
      'hnsw.ef_search': '200',
      listen_addresses: '*',
      restore_command: 'cp /x/%f %p',
      data_checksums: 'off',
      archive_command: 'true',
      random_page_cost: '1.1',
    };
    let error: unknown;
    try {
      override(wrong);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(ParameterError);
    const { mistakes, message } = error as ParameterError;
    expect(mistakes.map((mistake) => mistake.name)).toEqual(
      Object.keys(wrong).filter((name) => name !== 'random_page_cost'),
    );
    expect(message).toContain('fsync = "off" breaks a mandatory parameter: off loses acknowledged rows');
    expect(message).toContain('sharedBuffers = "1GB" is no parameter of PostgreSQL 18; allowed: shared_buffers');
    expect(message).toContain(
      'hnsw.ef_search = "200" belongs to an index, not to the server; allowed: the settings index.efSearch',
    );
    expect(message).toContain('data_checksums = "off" cannot be set');
  });

  it('never lets a mandatory parameter go, whichever and whatever is given', () => {
    const mandatory = PARAMETER_RULES.filter((rule) => rule.kind === 'mandatory').map((rule) => rule.name);
    fc.assert(
      fc.property(
        fc.constantFrom(...INPUTS),
        fc.constantFrom(...mandatory),
        fc.oneof(fc.string(), fc.constantFrom('on', 'off', '0', '-1', 'all', 'md5', 'minimal')),
        (input, name, value) => {
          const before = postgresqlConf(input).parameters;
          try {
            const after = postgresqlConf({ ...input, overrides: { [name]: value } }).parameters;
            expect(sameValue(parameterCatalog().get(name), after[name], before[name])).toBe(true);
          } catch (error) {
            expect(error).toBeInstanceOf(ParameterError);
          }
        },
      ),
    );
  });
});

describe('what a change needs', () => {
  const { parameters } = postgresqlConf(DEV);

  it.each([
    ['none', {}],
    ['none', { shared_buffers: '524288kB' }],
    ['reload', { work_mem: '9MB' }],
    ['restart', { shared_buffers: '1GB' }],
    ['restart', { work_mem: '9MB', max_connections: '50' }],
  ] as const)('%s for %j', (kind, change) => {
    expect(changeKind(parameters, { ...parameters, ...change })).toBe(kind);
  });

  it('counts a line that comes or goes', () => {
    const { huge_pages: _gone, ...without } = parameters;
    expect(parameterChanges(parameters, without)).toEqual([{ name: 'huge_pages', before: 'off', needs: 'restart' }]);
    expect(parameterChanges(without, parameters)).toEqual([{ name: 'huge_pages', after: 'off', needs: 'restart' }]);
  });
});
