/** User data of a host: its whole text, its size, what must not be in it, and that cloud-init gets back what was put in. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cloudConfig, PGDG_KEY_FINGERPRINT, USER_DATA_MAX_BYTES, userDataBase64 } from '../../infra/postgres/cloudInit';
import { hostFiles } from '../../infra/postgres/hostFiles';
import { FakeHost, HOST_32_GIB, parsedCloudConfig } from '../support/hostScripts';
import { PLAN_16_GIB } from '../support/serverParameters';

const HOST_16_GIB_DEBIAN = {
  ...HOST_32_GIB,
  plan: PLAN_16_GIB,
  packageSource: 'debian',
  pgvectorVersion: '0.8.7',
  cidrs: [],
} as const;
const TEMPLATES = join(__dirname, '../../infra/postgres/templates/host');
const shellFiles = readdirSync(TEMPLATES, { recursive: true, encoding: 'utf8' }).filter((name) =>
  /^(common\.sh|qbench-[a-z-]+|steps\/.+)$/.test(name),
);

const SHELL_CHARACTERS = [
  'a',
  "'",
  '"',
  '$',
  '`',
  '\\',
  ' ',
  ';',
  '&',
  '|',
  '(',
  ')',
  '{',
  '}',
  '*',
  '!',
  '#',
  '~',
  '<',
  '>',
];

describe('user data', () => {
  it.each([
    ['32gib-pgdg', HOST_32_GIB],
    ['16gib-debian', HOST_16_GIB_DEBIAN],
  ] as const)('%s is the golden file, line by line', async (name, input) => {
    await expect(cloudConfig(input)).toMatchFileSnapshot(`../golden/cloud-init-${name}.yaml`);
  });

  it('is what EC2 takes: packed, below 16 KiB, the same bytes each time', () => {
    const packed = Buffer.from(userDataBase64(HOST_32_GIB), 'base64');
    expect(packed.length).toBeLessThan(USER_DATA_MAX_BYTES);
    expect(gunzipSync(packed).toString()).toBe(cloudConfig(HOST_32_GIB));
    expect(userDataBase64(HOST_32_GIB)).toBe(packed.toString('base64'));
  });

  it('refuses to grow beyond what EC2 takes, and says what makes it smaller', () => {
    const cidrs = Array.from(
      { length: 250 },
      (_, i) => `10.${String((i * 37) % 251)}.${String((i * 101) % 251)}.${String((i * 53) % 16)}/32`,
    );
    const overrides = {
      cluster_name: Array.from({ length: 9000 }, (_, i) => ((i * i * 7919) % 36).toString(36)).join(''),
    };
    expect(() => userDataBase64({ ...HOST_32_GIB, cidrs, overrides })).toThrow(/EC2 takes 16384.*allowedCidrs/);
  });

  it('gives cloud-init each file byte for byte, the templates as they are', () => {
    const files = new Map(parsedCloudConfig(HOST_32_GIB).write_files.map((file) => [file.path, file.content]));
    for (const { path, content } of hostFiles(HOST_32_GIB)) expect(files.get(path), path).toBe(content);
    for (const name of readdirSync(join(TEMPLATES, 'steps'))) {
      expect(files.get(`/usr/local/lib/qbench/steps/${name}`)).toBe(
        readFileSync(join(TEMPLATES, 'steps', name), 'utf8'),
      );
    }
    expect(files.get('/usr/local/sbin/qbench-setup')).toBe(readFileSync(join(TEMPLATES, 'qbench-setup'), 'utf8'));
  });

  it('starts the setup without waiting for it, and nothing else', () => {
    expect(parsedCloudConfig(HOST_32_GIB).runcmd).toEqual([
      ['systemctl', 'daemon-reload'],
      ['systemctl', 'enable', '--now', '--no-block', 'qbench-setup.service'],
    ]);
  });

  it('trusts no package source but by a key that was there before, and pipes nothing into a shell', () => {
    // Check 11 of the security list.
    const text = cloudConfig(HOST_32_GIB);
    expect(text).toContain('Signed-By:');
    expect(text).toContain(PGDG_KEY_FINGERPRINT);
    expect(text).not.toMatch(/\|\s*(sudo\s+)?(ba|da)?sh\b/);
    expect(text).not.toMatch(/http:\/\/|trusted=yes|allow-unauthenticated|--insecure|apt-key/i);
    expect(text).not.toMatch(/AKIA|BEGIN [A-Z ]*PRIVATE KEY|repo1-cipher-pass=[^%]/);
  });

  it('lets no value become code: the shell reads back what was given', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...SHELL_CHARACTERS)), (characters) => {
        const value = characters.join('');
        const host = new FakeHost({ ...HOST_32_GIB, caParameter: value });
        try {
          expect(host.environment()['QB_CA_PARAMETER']).toBe(value);
        } finally {
          host.remove();
        }
      }),
      { numRuns: 25 },
    );
  });
});

describe('the scripts', () => {
  it.each(shellFiles)('%s is shell', (name) => {
    execFileSync('bash', ['-n', join(TEMPLATES, name)]);
  });

  it('pass shellcheck', ({ skip }) => {
    if (spawnSync('shellcheck', ['--version']).status !== 0) skip('shellcheck is not on PATH');
    const result = spawnSync('shellcheck', ['--shell=bash', '--exclude=SC1091', ...shellFiles], {
      cwd: TEMPLATES,
      encoding: 'utf8',
    });
    expect(result.stdout).toBe('');
  });
});
