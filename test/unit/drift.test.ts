/** Drift, the pure half: what is compared and what is none. That it is found on a live stack is for test/engine/stacks.test.ts. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { grantDrift, roleDrift, settingDrift, type GrantRow } from '../../infra/ops/drift/objects';
import { resourceDrift } from '../../infra/ops/drift/resources';
import { schemaDrift, statementsOf } from '../../infra/ops/drift/schema';
import { SQL_ROOT } from '../../infra/ops/sqlText';

const SCHEMA = readFileSync(join(SQL_ROOT, 'schema.sql'), 'utf8');

const ROLES = [
  { name: 'qbench_app', attributes: [], memberships: [] },
  {
    name: 'qbench_backup',
    attributes: ['REPLICATION'],
    memberships: ['pg_checkpoint', 'pg_read_all_data', 'pg_use_reserved_connections'],
  },
  { name: 'qbench_monitor', attributes: [], memberships: ['pg_monitor', 'pg_use_reserved_connections'] },
  { name: 'qbench_owner', attributes: [], memberships: [] },
  { name: 'qbench_readonly', attributes: [], memberships: [] },
];

describe('roles', () => {
  it('as the stack makes them are no drift', () => {
    expect(roleDrift(ROLES)).toEqual([]);
  });

  it('of a host have an administrator, who is nobody’s work by hand there alone', () => {
    const administrator = {
      name: 'qbench_admin',
      attributes: ['CREATEDB', 'CREATEROLE', 'REPLICATION'],
      memberships: [
        ...['pg_checkpoint', 'pg_monitor', 'pg_read_all_data', 'pg_use_reserved_connections'],
        ...ROLES.map(({ name }) => name),
      ],
    };
    expect(roleDrift([...ROLES, administrator], true)).toEqual([]);
    expect(roleDrift([...ROLES, administrator]).map(({ what }) => what)).toEqual(['was made by hand']);
    expect(roleDrift([...ROLES, { ...administrator, attributes: ['SUPERUSER'] }], true).length).toBe(4);
    expect(roleDrift(ROLES, true).map(({ object, what }) => `${object} ${what}`)).toEqual(['qbench_admin is gone']);
  });

  it('that were added, strengthened, weakened or dropped are', () => {
    const found = roleDrift([
      { name: 'reporting', attributes: [], memberships: [] },
      { name: 'qbench_app', attributes: ['SUPERUSER'], memberships: [] },
      { name: 'qbench_monitor', attributes: [], memberships: ['pg_monitor'] },
      ...ROLES.filter(({ name }) => /owner|backup/.test(name)),
    ]);
    expect(found.map(({ object, what }) => `${object} ${what}`)).toEqual([
      'reporting was made by hand',
      'qbench_app has the attribute SUPERUSER by hand',
      'qbench_monitor has lost the membership in pg_use_reserved_connections',
      'qbench_readonly is gone',
    ]);
  });
});

describe('grants', () => {
  const table = (grantee: string, ...privileges: string[]): GrantRow[] =>
    privileges.map((privilege) => ({ kind: 'table', name: 'public.test_steps', grantee, privilege }));
  const whole = [
    ...table('qbench_app', 'SELECT', 'INSERT', 'UPDATE', 'DELETE'),
    ...table('qbench_readonly', 'SELECT'),
    ...table('qbench_monitor', 'SELECT'),
  ];

  it('that the stack or a migration makes are no drift', () => {
    const probe: GrantRow = { kind: 'function', name: 'qbench.probe', grantee: 'qbench_monitor', privilege: 'EXECUTE' };
    expect(grantDrift(whole, [])).toEqual([]);
    const migration = 'GRANT EXECUTE ON FUNCTION qbench.snapshot(),\n  qbench.probe(integer) TO qbench_monitor;';
    expect(grantDrift([...whole, probe], [migration])).toEqual([]);
    expect(grantDrift([...whole, probe], ['REVOKE ALL ON FUNCTION qbench.probe(integer) FROM PUBLIC;'])).toHaveLength(
      1,
    );
  });

  it('to strangers, beyond the role’s work, and those that are missing are', () => {
    const found = grantDrift(
      [
        ...whole.filter(({ privilege }) => privilege !== 'DELETE'),
        ...table('qbench_readonly', 'UPDATE'),
        ...table('public', 'SELECT'),
      ],
      [],
    );
    expect(found.map(({ what }) => what)).toEqual([
      'UPDATE was granted to qbench_readonly by hand',
      'SELECT was granted to public by hand',
      'qbench_app has lost DELETE',
    ]);
  });
});

describe('settings', () => {
  it('of the stack are no drift; ALTER SYSTEM always is', () => {
    const found = settingDrift([
      { by: 'ALTER ROLE', target: 'qbench_app', name: 'statement_timeout', value: '120000' },
      { by: 'ALTER DATABASE', target: 'mlb_qbench', name: 'hnsw.ef_search', value: '100' },
      { by: 'ALTER DATABASE', target: 'mlb_qbench', name: 'enable_seqscan', value: 'off' },
      { by: 'ALTER SYSTEM', target: 'the server', name: 'statement_timeout', value: '1' },
    ]);
    expect(found.map(({ object }) => object)).toEqual(['enable_seqscan', 'statement_timeout']);
  });
});

describe('the schema', () => {
  it('of the migrations is no drift from itself, and vector indexes are somebody else’s', () => {
    expect(statementsOf(SCHEMA).length).toBeGreaterThan(20);
    const index = 'CREATE INDEX idx_e ON public.test_documents USING hnsw (embedding public.vector_cosine_ops);';
    expect(schemaDrift(SCHEMA, `${SCHEMA}\n${index}\n`)).toEqual([]);
  });

  it('with an object more, one changed and one less says which', () => {
    const live = `${SCHEMA.replace('ADD CONSTRAINT test_documents_pkey PRIMARY KEY (id)', 'ADD CONSTRAINT test_documents_pkey UNIQUE (id)').replace(/CREATE TABLE qbench\.load_ledger \([^;]*\);/, '')}\nCREATE TABLE public.scratch (id integer);\n`;
    const found = schemaDrift(SCHEMA, live).map(({ object, what }) => `${object} ${what}`);
    expect(found).toContain('TABLE public.scratch was made by hand');
    expect(found).toContain('TABLE qbench.load_ledger is gone');
    expect(found.filter((line) => /pkey was changed by hand/.test(line))).toHaveLength(1);
    expect(found).toHaveLength(3);
  });

  it('is cut into statements that hold bodies and texts whole', () => {
    const dump =
      "CREATE FUNCTION f() RETURNS void AS $_$ BEGIN; -- ';\n END; $_$;\nCOMMENT ON TABLE t IS 'a; b''s';\nSELECT 1;";
    expect(statementsOf(dump)).toHaveLength(3);
  });
});

describe('resources', () => {
  const step = (op: string, urn: string, detailedDiff: Record<string, unknown> = {}): unknown => ({
    op,
    urn,
    detailedDiff,
  });

  it('that a refresh would change or finds gone are drift, in a digest as in the stream of events', () => {
    const steps = [
      step('refresh', 'urn:pulumi:s::p::t::same'),
      step('update', 'urn:pulumi:s::p::t::roles-app-role', { connectionLimit: { kind: 'update' } }),
      step('delete', 'urn:pulumi:s::p::t::gone'),
      step('update', 'urn:pulumi:s::p::pulumi:pulumi:Stack::p-s'),
    ];
    const expected = ['roles-app-role was changed by hand: connectionLimit', 'gone is gone'];
    const words = (text: string): string[] => resourceDrift(text).map(({ object, what }) => `${object} ${what}`);
    expect(words(JSON.stringify({ steps }))).toEqual(expected);
    const events = steps.map((metadata) => JSON.stringify({ resOutputsEvent: { metadata } }));
    expect(words(events.join('\n'))).toEqual(expected);
  });
});
