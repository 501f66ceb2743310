/** Texts the offline plugins make: quoted SQL, SCRAM verifiers, path patterns, Go's quoting, ids. */
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { globToRegExp, matchFiles } from '../../scripts/toolchain/plugins/command/glob';
import { goQuote } from '../../scripts/toolchain/plugins/command/run';
import { parseConfig, serverOf } from '../../scripts/toolchain/plugins/postgresql/config';
import { splitDottedId, splitsAtUnderscores } from '../../scripts/toolchain/plugins/postgresql/ids';
import { samePrivileges, wrongPrivilege } from '../../scripts/toolchain/plugins/postgresql/privileges';
import { grantee, ident, literal } from '../../scripts/toolchain/plugins/postgresql/quote';
import { isVerifier, passwordForServer, scramVerifier } from '../../scripts/toolchain/plugins/postgresql/scram';
import { Secret } from '../../scripts/toolchain/plugins/values';
import { must } from '../support/must';

describe('SQL quoting', () => {
  it.each([
    ['plain', '"plain"', "'plain'"],
    ['Mi"x\'ed', '"Mi""x\'ed"', "'Mi\"x''ed'"],
    ['back\\slash', '"back\\slash"', "E'back\\\\slash'"],
  ])('%s', (text, name, quoted) => {
    expect([ident(text), literal(text)]).toEqual([name, quoted]);
  });

  it('refuses a NUL byte, which no name and no text can have', () => {
    expect(() => ident('a\0')).toThrow('NUL');
    expect(() => literal('a\0')).toThrow('NUL');
  });

  it('writes PUBLIC as the keyword and every other role as a name', () => {
    expect([grantee('public'), grantee('PUBLIC'), grantee('publican')]).toEqual(['PUBLIC', 'PUBLIC', '"publican"']);
  });
});

describe('SCRAM verifiers', () => {
  it('are those of RFC 7677’s example', () => {
    // user "user", password "pencil", salt and iterations of section 3; keys derived as RFC 5802 says, apart from our code
    const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64');
    const salted = pbkdf2Sync('pencil', salt, 4096, 32, 'sha256');
    const server = createHmac('sha256', salted).update('Server Key').digest();
    const auth =
      'n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,' +
      'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0';
    // the published server signature shows that the server key is right
    expect(createHmac('sha256', server).update(auth).digest('base64')).toBe(
      '6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
    );
    const [stored = '', serverKey] = must(scramVerifier('pencil', salt, 4096).split('$')[2]).split(':');
    expect(serverKey).toBe(server.toString('base64'));
    // and the published client proof that the stored key is right
    const proof = Buffer.from('dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=', 'base64');
    const signature = createHmac('sha256', Buffer.from(stored, 'base64')).update(auth).digest();
    const clientKey = Buffer.from(proof.map((byte, index) => byte ^ signature.readUInt8(index)));
    expect(createHash('sha256').update(clientKey).digest('base64')).toBe(stored);
  });

  it('pass through as they are; other passwords do not', () => {
    const verifier = scramVerifier('x', Buffer.alloc(16), 4096);
    expect([isVerifier(verifier), passwordForServer(verifier)]).toEqual([true, verifier]);
    expect(isVerifier('SCRAM-SHA-256 is a nice word')).toBe(false);
    expect(passwordForServer('plain')).toMatch(/^SCRAM-SHA-256\$4096:/);
    expect(passwordForServer('plain')).not.toBe(passwordForServer('plain'));
  });

  it('leave a password that must be normalized first to the server', () => {
    expect(passwordForServer('pässword')).toBe('pässword');
  });
});

describe('path patterns', () => {
  it.each([
    ['*.txt', 'a.txt', true],
    ['*.txt', 'd/a.txt', false],
    ['**.txt', 'd/e/a.txt', true],
    ['src/**.js', 'src/a/b.js', true],
    ['a?c', 'abc', true],
    ['a?c', 'a/c', false],
    ['[a-c].{js,ts}', 'b.ts', true],
    ['[!a-c].js', 'b.js', false],
    ['a\\*b', 'a*b', true],
    ['a\\*b', 'axb', false],
    ['a.b+c(d)', 'a.b+c(d)', true],
    ['a.b', 'axb', false],
  ])('%s on %s: %s', (glob, path, matches) => {
    expect(globToRegExp(glob).test(path)).toBe(matches);
  });

  it('that are not closed are refused', () => {
    expect(() => globToRegExp('{a')).toThrow('without its }');
    expect(() => globToRegExp('[a')).toThrow('without its ]');
  });

  const folder = mkdtempSync(join(tmpdir(), 'glob-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it('find the files of the real plugin’s documentation', () => {
    for (const path of ['assets/logos', 'src']) mkdirSync(join(folder, path), { recursive: true });
    for (const file of ['assets/logos/logo.svg', 'src/index.js', 'src/secret.js'])
      writeFileSync(join(folder, file), '');
    expect(matchFiles(folder, ['assets/**', 'src/**.js', '!**secret.*'])).toEqual([
      'assets/logos/logo.svg',
      'src/index.js',
    ]);
    expect(matchFiles(folder, [])).toEqual([]);
  });
});

describe('Go’s %q', () => {
  it.each([
    ['echo "a"', '"echo \\"a\\""'],
    ['a\nb\t\\', '"a\\nb\\t\\\\"'],
    ['\x01\x7f', '"\\x01\\x7f"'],
    ['häß', '"häß"'],
  ])('%j', (text, quoted) => {
    expect(goQuote(text)).toBe(quoted);
  });
});

describe('ids', () => {
  it('are split in every way that leaves no part empty', () => {
    expect(splitsAtUnderscores('a_b_c', 2)).toEqual([
      ['a', 'b_c'],
      ['a_b', 'c'],
    ]);
    expect(splitsAtUnderscores('a_b_c_d', 3)).toHaveLength(3);
    expect(splitsAtUnderscores('a', 2)).toEqual([]);
  });

  it('with a dot have exactly two parts', () => {
    expect(splitDottedId('qb.vector', 'extension')).toEqual(['qb', 'vector']);
    for (const wrong of ['vector', 'a.b.c', '.b', 'a.'])
      expect(() => splitDottedId(wrong, 'extension')).toThrow('DATABASE.EXTENSION');
  });
});

describe('privileges', () => {
  it('are checked by object type', () => {
    expect(wrongPrivilege('schema', ['USAGE', 'ALL'])).toBeUndefined();
    expect(wrongPrivilege('schema', ['usage'])).toContain('allowed: ALL, CREATE, USAGE');
  });

  it('are compared as sets, and ALL stands for all', () => {
    expect(samePrivileges('schema', ['USAGE', 'CREATE'], ['CREATE', 'USAGE'])).toBe(true);
    expect(samePrivileges('schema', ['USAGE'], ['CREATE', 'USAGE'])).toBe(false);
    expect(samePrivileges('schema', ['CREATE', 'USAGE'], ['USAGE'])).toBe(false);
    expect(samePrivileges('schema', ['CREATE', 'USAGE'], ['ALL'])).toBe(true);
    expect(samePrivileges('schema', ['USAGE'], ['ALL'])).toBe(false);
  });
});

describe('provider configuration', () => {
  it('comes as text and is read by type; secrets stay secret', () => {
    const { config, failures } = parseConfig({
      port: '5433',
      superuser: new Secret('false'),
      host: '1',
      connectTimeout: 'soon',
    });
    expect(config).toEqual({ port: 5433, superuser: new Secret(false), host: '1' });
    expect(failures).toEqual([
      { property: 'connectTimeout', reason: 'connectTimeout is "soon"; it must be a whole number' },
    ]);
  });

  it('falls back to libpq’s environment, then to the real provider’s defaults', () => {
    expect(serverOf({}, { PGHOST: '/run/x', PGUSER: 'me', PGDATABASE: 'd' })).toMatchObject({
      user: 'me',
      database: 'd',
      superuser: true,
    });
    expect(serverOf({ username: 'a' }, { PGUSER: 'b' }).user).toBe('a');
  });

  it('refuses an sslmode that would not check what it says', () => {
    expect(() => serverOf({ host: 'h', sslmode: 'prefer' }, {})).toThrow(
      'allowed: disable, require, verify-ca, verify-full',
    );
  });
});
