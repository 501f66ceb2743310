/** The tables of the offline plugins: check, diff and previews as functions of property values. Opens and runs nothing. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkInputs } from '../../scripts/toolchain/plugins/check';
import { commandPlugin } from '../../scripts/toolchain/plugins/command';
import { diffProperties } from '../../scripts/toolchain/plugins/diff';
import { previewOfCreate, previewOfUpdate, withSecrets } from '../../scripts/toolchain/plugins/outputs';
import { postgresqlPlugin } from '../../scripts/toolchain/plugins/postgresql';
import { randomPlugin } from '../../scripts/toolchain/plugins/random';
import type { ResourceSpec } from '../../scripts/toolchain/plugins/spec';
import { nameOfUrn, typeOfUrn } from '../../scripts/toolchain/plugins/urn';
import {
  fromWire,
  hasSecret,
  hasUnknown,
  sameValue,
  Secret,
  secretTexts,
  toWire,
  Unknown,
  type Properties,
  type Value,
} from '../../scripts/toolchain/plugins/values';
import { must } from '../support/must';

function spec(type: string): ResourceSpec {
  const all = { ...commandPlugin.resources, ...randomPlugin.resources, ...postgresqlPlugin.resources };
  return must(Object.entries(all).find(([token]) => token.endsWith(`:${type}`)))[1].spec;
}

function failures(type: string, news: Properties): string[] {
  return checkInputs(type, spec(type), news).failures.map(({ property, reason }) => `${property}: ${reason}`);
}

function detailed(type: string, old: Properties, next: Properties): Record<string, string> {
  const before = checkInputs(type, spec(type), old).inputs;
  const after = checkInputs(type, spec(type), next).inputs;
  const { detailed: paths } = diffProperties(spec(type), before, before, after);
  return Object.fromEntries(
    [...paths].map(([path, { kind, replaces }]) => [path, replaces ? `${kind}-replace` : kind]),
  );
}

const value: fc.Arbitrary<Value> = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constant(null),
    fc.boolean(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).filter((number) => !Object.is(number, -0)),
    fc.string(),
    fc.constant(Unknown.instance),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(
      fc.string({ minLength: 1 }).filter((key) => key !== '__proto__'),
      tie('value'),
      { maxKeys: 3, noNullPrototype: true },
    ),
    tie('value')
      .filter((inner) => !(inner instanceof Secret))
      .map((inner) => new Secret(inner)),
  ),
})).value;

describe('values', () => {
  it('survive the way to the engine and back', () => {
    fc.assert(
      fc.property(value, (original) => {
        expect(fromWire(JSON.parse(JSON.stringify(toWire(original))))).toEqual(original);
      }),
    );
  });

  it('are equal to themselves exactly when they are known', () => {
    fc.assert(
      fc.property(value, (original) => {
        expect(sameValue(original, original)).toBe(!hasUnknown(original));
      }),
    );
  });

  it('are equal to their secret selves', () => {
    fc.assert(
      fc.property(value, (original) => {
        expect(sameValue(original, new Secret(original))).toBe(!hasUnknown(original));
      }),
    );
  });

  it('name every text inside a secret, and no other', () => {
    const nested: Value = { open: 'a', closed: new Secret({ list: ['b', { deep: 'c' }, ''] }) };
    expect(secretTexts(nested)).toEqual(['b', 'c']);
    expect([hasSecret(nested), hasSecret('a')]).toEqual([true, false]);
  });

  it('know every reserved word of the engine for "unknown"', () => {
    for (const word of ['04da6b54-80e4-46f7-96ec-b56ff0331ba9', '6a19a0b0-7e62-4c92-b797-7f8e31da9cc2']) {
      expect(fromWire(word)).toBe(Unknown.instance);
    }
  });
});

describe('urns', () => {
  it('give type and name, also below a parent and with colons in the name', () => {
    const urn = 'urn:pulumi:dev::project::qbench:local:Server$command:local:Command::a::b';
    expect([typeOfUrn(urn), nameOfUrn(urn)]).toEqual(['command:local:Command', 'a::b']);
  });
});

describe('check', () => {
  it('refuses what the type does not have, and says what it has', () => {
    expect(failures('Command', { craete: 'x' })[0]).toMatch(/craete.*it has: create, update, delete/);
    expect(failures('Command', { stdout: 'x' })[0]).toMatch(/no input property stdout/);
  });

  it.each([
    ['Role', {}, 'name: Role needs name'],
    ['Grant', { role: 'r', database: 'd', objectType: 'database' }, 'privileges: Grant needs privileges'],
    ['RandomPassword', {}, 'length: RandomPassword needs length'],
    ['Role', { name: '' }, 'must not be empty'],
    ['Role', { name: 'r', connectionLimit: -2 }, 'at least -1'],
    ['Role', { name: 'r', connectionLimit: 1.5 }, 'whole number'],
    ['Role', { name: 'r', login: 'yes' }, 'true or false'],
    ['Role', { name: 'r', roles: 'x' }, 'list of strings'],
    ['Role', { name: 'r', encryptedPassword: false }, 'store no password unencrypted'],
    ['Role', { name: 'r', searchPaths: ['a, b'] }, 'must not contain'],
    ['Role', { name: 'r', passwordWo: 'x' }, 'does not support passwordWo'],
    ['Command', { logging: 'loud' }, 'allowed: stdout, stderr'],
    ['Command', { environment: { A: 1 } }, 'map of strings'],
    ['Grant', { role: 'r', database: 'd', objectType: 'tabel', privileges: [] }, 'allowed: database, schema, table'],
    ['Grant', { role: 'r', database: 'd', objectType: 'table', privileges: ['SELECT'] }, 'needs schema'],
    [
      'Grant',
      { role: 'r', database: 'd', objectType: 'database', privileges: ['SELECT'] },
      'no privilege on a database',
    ],
    ['Grant', { role: 'r', database: 'd', objectType: 'database', privileges: [], objects: ['x'] }, 'takes no objects'],
    ['Grant', { role: 'r', database: 'd', schema: 's', objectType: 'column', privileges: [] }, 'exactly one object'],
    [
      'DefaultPrivileges',
      { role: 'public', database: 'd', owner: 'o', objectType: 'table', privileges: [], withGrantOption: true },
      'PUBLIC',
    ],
    ['RandomPassword', { length: 3, minLower: 2, minUpper: 2 }, 'at least 4'],
    ['RandomPassword', { length: 3, lower: false, upper: false, numeric: false, special: false }, 'at least one of'],
    ['RandomInteger', { min: 2, max: 1 }, 'max must not be below min'],
    ['RandomInteger', { min: 1, max: 2, seed: 'x' }, 'does not support seed'],
  ] as [string, Properties, string][])('%s %j: %s', (type, news, reason) => {
    expect(failures(type, news).join('\n')).toContain(reason);
  });

  it('never quotes a secret, and does not name its property to the engine, which would print the value', () => {
    const news = {
      name: 'r',
      password: ['hunter2'],
      validUntil: new Secret(['hunter2']),
      connectionLimit: new Secret(-77),
    };
    const found = checkInputs('Role', spec('Role'), news).failures;
    expect(found.map(({ property }) => property)).toEqual(['', '', '']);
    expect(found.map(({ reason }) => reason)).toEqual([
      'password of Role must be a string',
      'validUntil of Role must be a string',
      'connectionLimit of Role is a secret; it must be at least -1',
    ]);
  });

  it('accepts what is not known yet, also where a rule would need it', () => {
    const unknown = Unknown.instance;
    const news = {
      role: unknown,
      database: unknown,
      schema: unknown,
      objectType: 'table',
      privileges: unknown,
      objects: unknown,
    };
    expect(failures('Grant', news)).toEqual([]);
    expect(failures('RandomPassword', { length: unknown, minLower: 9 })).toEqual([]);
  });

  it('fills in the defaults of the real provider and lists them', () => {
    const { inputs } = checkInputs('Role', spec('Role'), { name: 'r', connectionLimit: 3 });
    expect(inputs).toEqual({
      __defaults: ['encryptedPassword', 'inherit', 'validUntil'],
      name: 'r',
      connectionLimit: 3,
      encryptedPassword: true,
      inherit: true,
      validUntil: 'infinity',
    });
  });
});

describe('diff', () => {
  it.each([
    ['Command', { environment: { A: '1' } }, { environment: { A: '1', 'b-c': '2' } }, { 'environment["b-c"]': 'add' }],
    ['Command', { environment: { A: '1' } }, {}, { environment: 'delete' }],
    ['Command', { stdin: 'a' }, { stdin: new Secret('a') }, {}],
    ['Command', { stdin: 'a' }, { stdin: Unknown.instance }, { stdin: 'update' }],
    [
      'Command',
      { triggers: [1, { a: 1 }] },
      { triggers: [1, { a: 2 }, 3] },
      { 'triggers[1].a': 'update-replace', 'triggers[2]': 'add-replace' },
    ],
    [
      'Role',
      { name: 'r', searchPaths: ['a', 'b'] },
      { name: 'r', searchPaths: ['b', 'a'] },
      { 'searchPaths[0]': 'update', 'searchPaths[1]': 'update' },
    ],
    ['Role', { name: 'r', roles: ['a', 'b'] }, { name: 'r', roles: ['b', 'a'] }, {}],
    [
      'Role',
      { name: 'r', roles: ['a', 'b'] },
      { name: 'r', roles: ['b', 'c'] },
      { 'roles[0]': 'delete', 'roles[1]': 'add' },
    ],
    ['Role', { name: 'r' }, { name: 'r', statementTimeout: 5 }, { statementTimeout: 'add' }],
    ['Role', { name: 'r', statementTimeout: 5 }, { name: 'r' }, { statementTimeout: 'delete' }],
    ['Role', { name: 'r', superuser: true }, { name: 'r', superuser: false }, { superuser: 'update' }],
    ['Role', { name: 'r' }, { name: 'r', superuser: false, password: '', searchPaths: [] }, {}],
    ['Database', { name: 'd', owner: 'o', encoding: 'UTF8' }, { name: 'd' }, {}],
    ['RandomPassword', { length: 8 }, { length: 9 }, { length: 'update-replace' }],
    [
      'RandomPassword',
      { length: 8, keepers: { a: '1' } },
      { length: 8, keepers: { a: '2' } },
      { 'keepers.a': 'update-replace' },
    ],
  ] as [string, Properties, Properties, Record<string, string>][])('%s %j to %j', (type, old, next, expected) => {
    expect(detailed(type, old, next)).toEqual(expected);
  });

  it('of a value with itself is empty', () => {
    fc.assert(
      fc.property(fc.array(value.filter((item) => !hasUnknown(item))), (triggers) => {
        expect(detailed('Command', { triggers }, { triggers })).toEqual({});
      }),
    );
  });

  it('sees drift: what the state has and nobody asked for', () => {
    const inputs = { name: 'r' };
    const { detailed: paths } = diffProperties(
      spec('Role'),
      inputs,
      { name: 'r', superuser: true, connectionLimit: 5 },
      inputs,
    );
    expect([...paths.keys()]).toEqual(['superuser', 'connectionLimit']);
  });

  it.each([
    ['Database', { name: 'd', encoding: 'UTF8' }, { name: 'd', encoding: 'LATIN1' }, true],
    ['Extension', { name: 'e', database: 'a' }, { name: 'e', database: 'b' }, true],
    ['Grant', grant({}), grant({ role: 'other' }), false],
    ['Grant', grant({}), grant({ withGrantOption: true }), true],
    ['GrantRole', { role: 'a', grantRole: 'b' }, { role: 'a', grantRole: 'b', withAdminOption: true }, true],
    ['GrantRole', { role: 'a', grantRole: 'b' }, { role: 'a', grantRole: 'c' }, false],
    ['Command', { triggers: [1] }, { triggers: [2] }, false],
  ] as [string, Properties, Properties, boolean][])(
    '%s: deletes before it replaces where the two would collide',
    (type, old, next, first) => {
      const result = diffProperties(spec(type), old, old, next);
      expect(result.replaces).not.toEqual([]);
      expect(result.deleteBeforeReplace).toBe(first);
    },
  );
});

function grant(change: Properties): Properties {
  return { role: 'r', database: 'd', schema: 's', objectType: 'table', privileges: ['SELECT'], ...change };
}

describe('previews', () => {
  it('of a creation know the inputs and the defaults, and not what the server decides', () => {
    const outputs = previewOfCreate(spec('Extension'), { name: 'vector', database: Unknown.instance });
    expect(outputs).toMatchObject({
      name: 'vector',
      database: Unknown.instance,
      schema: Unknown.instance,
      dropCascade: false,
    });
  });

  it('of an update keep what the server decided, except what any change may change', () => {
    const state = { name: 'vector', database: 'd', schema: 'public', version: '0.8.6' };
    expect(previewOfUpdate(spec('Extension'), state, { name: 'vector', database: 'd', schema: 'ops' })).toMatchObject({
      schema: 'ops',
      version: '0.8.6',
    });
    const command = previewOfUpdate(spec('Command'), { create: 'a', stdout: 'x', stderr: '' }, { create: 'b' });
    expect(command).toEqual({ create: 'b', stdout: Unknown.instance, stderr: Unknown.instance });
  });

  it('keep secrets secret', () => {
    const inputs = { name: 'r', password: 'x', validUntil: new Secret('infinity') };
    const outputs = previewOfCreate(spec('Role'), inputs);
    expect(outputs['password']).toEqual(new Secret('x'));
    expect(outputs['validUntil']).toEqual(new Secret('infinity'));
  });
});

describe('outputs', () => {
  it('that mirror an input are as secret as it is; others are not', () => {
    const environment = { A: new Secret('s'), B: 'open' };
    const outputs = withSecrets(
      spec('Command'),
      { environment, stdin: new Secret('in') },
      {
        environment: { A: 's', B: 'open' },
        stdin: 'in',
        stdout: 's',
      },
    );
    expect(outputs).toEqual({ environment, stdin: new Secret('in'), stdout: 's' });
  });

  it('that no longer mirror a partly secret input are secret as a whole', () => {
    const outputs = withSecrets(
      spec('Command'),
      { environment: { A: new Secret('s') } },
      { environment: { A: 'other' } },
    );
    expect(outputs['environment']).toEqual(new Secret({ A: 'other' }));
  });
});
