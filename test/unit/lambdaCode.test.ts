/**
 * The zips of the Lambdas: the same bytes wherever and whenever they are built, others only where the code is another. A build needs
 * nothing but the checkout; what a zip does, test/lambda proves.
 */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unzipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lambdaCode, type LambdaCode } from '../../infra/adapters/lambda/code';
import { CHECKOUT } from '../support/machine';

let copy: string;
let first: { backup: LambdaCode; monitor: LambdaCode };

const both = async (): Promise<typeof first> => ({
  backup: await lambdaCode('backup', copy),
  monitor: await lambdaCode('monitor', copy),
});

beforeAll(async () => {
  // Another folder than the checkout's: paths must not decide anything.
  copy = mkdtempSync(join(tmpdir(), 'qbench-zip-'));
  for (const name of ['infra', 'package.json', 'package-lock.json', 'tsconfig.json']) {
    cpSync(join(CHECKOUT, name), join(copy, name), { recursive: true });
  }
  symlinkSync(join(CHECKOUT, 'node_modules'), join(copy, 'node_modules'));
  first = await both();
}, 60_000);
afterAll(() => rmSync(copy, { recursive: true, force: true }));

describe('a zip', () => {
  it('is the same in another folder, another time zone and at another time', async () => {
    const zone = process.env['TZ'];
    process.env['TZ'] = 'Pacific/Auckland';
    try {
      rmSync(join(copy, '.qbench'), { recursive: true });
      const again = await both();
      expect(again).toEqual(first);
      const here = await lambdaCode('backup', CHECKOUT);
      expect(here.sha256).toBe(first.backup.sha256);
    } finally {
      if (zone === undefined) Reflect.deleteProperty(process.env, 'TZ');
      else process.env['TZ'] = zone;
    }
  });

  it('holds one module, the AWS SDK and all, and no path of the machine that built it', () => {
    const files = unzipSync(readFileSync(first.backup.zip));
    expect(Object.keys(files)).toEqual(['index.mjs']);
    const text = Buffer.from(files['index.mjs'] ?? []).toString();
    expect(text).not.toContain(copy);
    expect(text).not.toContain(CHECKOUT);
    // In a message of the SDK stands a package that it can do without.
    const needless = '@aws-sdk/signature-v4-crt';
    const outside = [...text.matchAll(/(?:from|import)\s*"([^".][^"]*)"/g)].map(([, name = '']) => name);
    expect(outside.filter((name) => name !== needless && !/^(node:)?[a-z_]+(\/promises)?$/.test(name))).toEqual([]);
    expect(first.backup.bytes).toBeLessThan(1_000_000);
  });

  it('is not built again where nothing changed', async () => {
    const before = statSync(first.backup.zip).mtimeMs;
    expect(await both()).toEqual(first);
    expect(statSync(first.backup.zip).mtimeMs).toBe(before);
  });

  it('stays as it is where only a comment changed, and where a file changed that is not its own', async () => {
    const file = join(copy, 'infra/lambda/backup.ts');
    writeFileSync(file, `// Another word.\n${readFileSync(file, 'utf8')}`);
    writeFileSync(join(copy, 'infra/tiers/ec2.ts'), '');
    expect(await both()).toEqual(first);
  });

  it('of one Lambda changes with the code of that one alone', async () => {
    const file = join(copy, 'infra/ops/scheduledBackup/decide.ts');
    writeFileSync(file, readFileSync(file, 'utf8').replace('is due', 'is due now'));
    const changed = await both();
    expect(changed.backup.sha256).not.toBe(first.backup.sha256);
    expect(changed.monitor).toEqual(first.monitor);
  });

  it('is built again where its file is gone or its manifest was cut off', async () => {
    const now = await both();
    rmSync(now.monitor.zip);
    expect((await both()).monitor).toEqual(now.monitor);
    expect(existsSync(now.monitor.zip)).toBe(true);
    writeFileSync(join(copy, '.qbench/lambda/monitor.json'), '{"builder":');
    expect((await both()).monitor).toEqual(now.monitor);
  });

  it('that cannot be built says which Lambda, and why', async () => {
    const file = join(copy, 'infra/lambda/monitor.ts');
    writeFileSync(file, "import './nowhere';\n");
    await expect(lambdaCode('monitor', copy)).rejects.toThrow(/"monitor" cannot be bundled[\s\S]*nowhere/);
  });

  it('leaves no drafts behind', () => {
    mkdirSync(join(copy, '.qbench/lambda'), { recursive: true });
    expect(readdirSync(join(copy, '.qbench/lambda')).filter((name) => name.startsWith('.'))).toEqual([]);
  });
});
