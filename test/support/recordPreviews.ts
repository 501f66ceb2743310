/**
 * Records the previews that the golden tests of the report read, from the real engine: `node --require ./infra/register.cjs test/support/recordPreviews.ts
 * [NAME...]`. What names this machine is taken out, and so is the engine's chatter, which no report reads. Nothing but these
 * fixtures is written.
 */
import { readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { ProcessRunner } from '../../infra/adapters/processRunner';
import { PRODUCTION, RecordedAws } from './awsPlugin';
import { HostDatabases } from './hostDatabase';
import { expectSuccess, SMALL, TestStack } from './stack';

const FOLDER = join(__dirname, '..', 'golden', 'previews');

/** A preview in JSON as the engine prints it, in one of its two forms. */
export async function previewJson(stack: TestStack, form: 'digest' | 'stream', ...args: string[]): Promise<string> {
  const env = form === 'stream' ? { PULUMI_ENABLE_STREAMING_JSON_PREVIEW: 'true' } : {};
  const options = ['--stack', stack.name, '--config-file', stack.configFile, '--non-interactive'];
  const { cli } = stack.toolchain;
  const runner = new ProcessRunner({ ...stack.env, ...env });
  const result = await runner.run(cli.file, [...cli.args, 'preview', '--json', ...args, ...options], {
    cwd: stack.machine.context.checkout,
  });
  return result.stdout;
}

/** Reads a recorded preview. */
export function recordedPreview(name: string): string {
  return gunzipSync(readFileSync(join(FOLDER, `${name}.gz`))).toString('utf8');
}

const DEBUG = /^\{.*"diagnosticEvent":\{.*"severity":"(debug|info#err)"/;
const CHATTER = /"policy(Remediate|Analyze)SummaryEvent"/;

function clean(text: string, stack: TestStack): string {
  const { checkout, stateDir, home } = stack.machine.context;
  return (
    text
      .split('\n')
      .filter((line) => !DEBUG.test(line) && !CHATTER.test(line) && !/using pulumi-\S+ from \$PATH/.test(line))
      .join('\n')
      .replaceAll(stateDir ?? '/nowhere', '/state')
      .replaceAll(checkout, '/checkout')
      // Packages may lie elsewhere, behind a link.
      .replaceAll(dirname(realpathSync(join(checkout, 'node_modules'))), '/checkout')
      .replaceAll(/\/tmp\/qbench-[A-Za-z0-9-]+/g, '/scratch')
      .replaceAll(`"${home}"`, '"/home/user"')
  );
}

async function save(stack: TestStack, name: string, form: 'digest' | 'stream'): Promise<void> {
  write(stack, `${name}.${form === 'digest' ? 'json' : 'jsonl'}`, await previewJson(stack, form));
}

function write(stack: TestStack, name: string, json: string): void {
  const text = clean(json, stack);
  writeFileSync(join(FOLDER, `${name}.gz`), gzipSync(text, { level: 9 }));
  process.stdout.write(`${name}: ${text.length} characters\n`);
}

const HOST = { ec2: { instanceType: 'r7g.xlarge', volumeGiB: 100, iops: 3000 } };
const BASE = { ...PRODUCTION, ...HOST };
const OTHER_KEY = 'arn:aws:kms:eu-central-1:111122223333:key/12345678-1234-1234-1234-123456789012';
const REGION = { region: 'eu-central-1', accountId: '111122223333' };

async function recordProduction(aws: RecordedAws, databases: HostDatabases): Promise<void> {
  const { stack, configure } = await databases.stack(aws, 'prod', BASE);
  await save(stack, 'first', 'stream');
  expectSuccess(await stack.up());
  configure({ ...BASE, postgresParameters: { log_temp_files: '1MB' } });
  await save(stack, 'one-line', 'stream');
  await save(stack, 'one-line', 'digest');
  configure({ ...BASE, ec2: { instanceType: 'r7g.2xlarge', volumeGiB: 200, iops: 4000 } });
  await save(stack, 'grown', 'stream');
  aws.publishImage('ami-0fedcba9876543210');
  configure({ ...BASE, allowDestroy: ['host-instance'] });
  await save(stack, 'new-host', 'stream');
  configure({ ...BASE, aws: { ...REGION, kmsKeyArn: OTHER_KEY } });
  await save(stack, 'refused-by-the-engine', 'digest');
  configure({ ...BASE, allowDestroy: ['key-key'] });
  await save(stack, 'protection-taken-away', 'stream');
  expectSuccess(await stack.up());
  // Nobody names the key any more, and it is no longer protected in the state.
  configure({ ...BASE, aws: { ...REGION, kmsKeyArn: OTHER_KEY } });
  await save(stack, 'key-deleted', 'stream');
  await save(stack, 'key-deleted', 'digest');
}

async function recordLarge(aws: RecordedAws): Promise<void> {
  const stack = await aws.stack('large', { environment: 'production', round: 1 });
  const folder = join(__dirname, 'largeStack');
  const options = ['--stack', stack.name, '--config-file', stack.configFile, '--non-interactive'];
  expectSuccess(await stack.toolchain.capture(['up', '--yes', '--skip-preview', ...options], folder));
  stack.configure({ environment: 'production', round: 2 });
  const { cli } = stack.toolchain;
  const runner = new ProcessRunner({ ...stack.env, PULUMI_ENABLE_STREAMING_JSON_PREVIEW: 'true' });
  const { stdout } = await runner.run(cli.file, [...cli.args, 'preview', '--json', ...options], { cwd: folder });
  write(stack, 'large.jsonl', stdout);
}

async function recordLocal(): Promise<void> {
  const stack = await TestStack.create('report', { ...SMALL, local: { memoryMiB: 1024, sampleData: false } });
  try {
    await save(stack, 'local-first', 'stream');
    expectSuccess(await stack.up());
    const small = { ...SMALL, local: { memoryMiB: 1024, sampleData: false } };
    stack.configure({
      ...small,
      index: { profile: 'accuracy' },
      postgresParameters: { max_wal_senders: '12', work_mem: '7MB' },
    });
    await save(stack, 'local-index', 'stream');
    stack.configure({ ...small, database: { passwordGeneration: 2 } });
    await save(stack, 'local-passwords', 'stream');
  } finally {
    await stack.remove();
  }
}

async function main(wanted: readonly string[]): Promise<void> {
  const asked = (name: string): boolean => wanted.length === 0 || wanted.includes(name);
  const aws = new RecordedAws();
  try {
    if (asked('production')) {
      const databases = await HostDatabases.start(aws.account);
      await recordProduction(aws, databases).finally(() => databases.stop());
    }
    if (asked('large')) await recordLarge(aws);
  } finally {
    aws.remove();
  }
  if (asked('local')) await recordLocal();
}

if (require.main === module) void main(process.argv.slice(2));
