/**
 * `npm test`: every tier in turn, or those that are named (`npm test -- unit sql`). Other arguments go to vitest
 * (`npm test -- sql -t upsert`). Ends with the line "N passed, N failed", and ", N skipped" where a test said why it could not run.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { CHECKS, runCheck } from './check';
import { CHECKOUT } from './support/context';
import { formatDuration } from './support/progress';

/** The tiers, quick ones first, each with what it proves. */
const TIERS = {
  check: 'types, lint, format, SQL lint, shell lint',
  unit: 'pure functions, settings, boundaries',
  components: 'the program against mocks of the engine',
  sql: 'a real PostgreSQL + pgvector',
  faults: 'servers that are killed, filled, corrupted and raced',
  lambda: 'the Lambdas from their zips, against stand-ins of AWS',
  engine: 'the real Pulumi engine: preview, up, refresh, destroy',
  host: 'whole hosts of tier ec2, booted from their user data under qemu',
} as const;

type Tier = keyof typeof TIERS;

/**
 * Tiers whose files are tried a second time where one of their tests failed, from a fresh boot: a whole system under emulation meets loads
 * and clocks that no test is about. What failed at first is told at the end all the same, and docs/host-tests.md says so.
 */
const SECOND_ATTEMPT: readonly Tier[] = ['host'];

/** Of a failed test's message, at the end of the output; it stands whole above. */
const MESSAGE_LINES = 12;

interface Tally {
  passed: number;
  failed: number;
  skipped: number;
  /** What failed, and how it said so. */
  failures: string[];
  /** What failed at first, in files that were then tried again. */
  atFirst?: string[];
}

interface VitestRun extends Tally {
  /** Files that failed, and what is counted of them. */
  broken: { files: string[]; passed: number; skipped: number };
}

interface VitestReport {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  success: boolean;
  testResults: {
    name: string;
    status: string;
    message: string;
    assertionResults: { fullName: string; status: string; failureMessages: string[] }[];
  }[];
}

async function runChecks(): Promise<Tally> {
  const tally: Tally = { passed: 0, failed: 0, skipped: 0, failures: [] };
  for (const check of CHECKS) {
    const result = await runCheck(check);
    tally[result]++;
    if (result === 'failed') tally.failures.push(check.name);
  }
  return tally;
}

/** A message without the lines of its stack that stand in other people's code. */
function ownLines(message: string): string[] {
  return message.split('\n').filter((line) => !/^\s+at (new Promise|.*node_modules)/.test(line));
}

/** For the end of the output: where a log is cut, that is what is left of it. */
function failuresOf(report: VitestReport): string[] {
  const told = (file: string, test: string, message: string): string =>
    [`${relative(CHECKOUT, file)} > ${test}`, ...ownLines(message).slice(0, MESSAGE_LINES)].join('\n      ');
  return report.testResults.flatMap(({ name, status, message, assertionResults }) => {
    const tests = assertionResults.filter((test) => test.status === 'failed');
    if (tests.length === 0 && status === 'failed') return [told(name, 'the file', message)];
    return tests.map((test) => told(name, test.fullName, test.failureMessages[0] ?? ''));
  });
}

async function runVitest(tier: Tier, extra: readonly string[]): Promise<VitestRun> {
  const dir = mkdtempSync(join(tmpdir(), 'qbench-report-'));
  const report = join(dir, 'report.json');
  const args = [
    'run',
    '--project',
    tier,
    '--passWithNoTests',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
  ];
  try {
    const code = await new Promise<number>((resolve, reject) => {
      const vitest = join(CHECKOUT, 'node_modules', 'vitest', 'vitest.mjs');
      const child = spawn(process.execPath, [vitest, ...args, ...extra], {
        cwd: CHECKOUT,
        stdio: ['ignore', 'inherit', 'inherit'],
      });
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => child.kill(signal));
      child.on('error', reject);
      child.on('close', (status) => resolve(status ?? 1));
    });
    if (!existsSync(report)) {
      const failures = [`${tier}: vitest ended without a report`];
      return { passed: 0, failed: 1, skipped: 0, failures, broken: { files: [], passed: 0, skipped: 0 } };
    }
    const result = JSON.parse(readFileSync(report, 'utf8')) as VitestReport;
    // A file that could not even be loaded has no failed test, but it has failed.
    const broken = result.testResults.filter((file) => file.status === 'failed' && file.message !== '').length;
    const failed = result.numFailedTests + (result.numFailedTests === 0 ? broken : 0);
    return {
      passed: result.numPassedTests,
      failed: failed === 0 && code !== 0 ? 1 : failed,
      skipped: result.numPendingTests + result.numTodoTests,
      failures: failuresOf(result),
      broken: brokenOf(result),
    };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function brokenOf({ testResults }: VitestReport): VitestRun['broken'] {
  const failed = testResults.filter(({ status }) => status === 'failed');
  const tests = failed.flatMap(({ assertionResults }) => assertionResults.map(({ status }) => status));
  return {
    files: failed.map(({ name }) => name),
    passed: tests.filter((status) => status === 'passed').length,
    skipped: tests.filter((status) => status !== 'passed' && status !== 'failed').length,
  };
}

async function runTier(tier: Tier, extra: readonly string[]): Promise<Tally> {
  const first = await runVitest(tier, extra);
  const { files, passed, skipped } = first.broken;
  // Where somebody named files himself, he sees how they fail.
  if (!SECOND_ATTEMPT.includes(tier) || extra.length > 0 || files.length === 0) return first;
  process.stdout.write(
    `\n=== ${tier}: a second attempt of ${files.map((file) => relative(CHECKOUT, file)).join(', ')}\n`,
  );
  const second = await runVitest(tier, files);
  return {
    passed: first.passed - passed + second.passed,
    failed: second.failed,
    skipped: first.skipped - skipped + second.skipped,
    failures: second.failures,
    atFirst: first.failures,
  };
}

async function main(): Promise<number> {
  const args = process.argv.slice(2);
  const named = (Object.keys(TIERS) as Tier[]).filter((tier) => args.includes(tier));
  const extra = args.filter((arg) => !(arg in TIERS));
  const tiers = named.length > 0 ? named : (Object.keys(TIERS) as Tier[]);
  const total: Tally = { passed: 0, failed: 0, skipped: 0, failures: [] };
  const lines: string[] = [];
  const atFirst: string[] = [];
  for (const tier of tiers) {
    process.stdout.write(`\n=== ${tier}: ${TIERS[tier]}\n`);
    const started = performance.now();
    const tally = tier === 'check' ? await runChecks() : await runTier(tier, extra);
    for (const key of ['passed', 'failed', 'skipped'] as const) total[key] += tally[key];
    total.failures.push(...tally.failures);
    atFirst.push(...(tally.atFirst ?? []));
    const again = tally.atFirst === undefined ? '' : ', in a second attempt';
    const time = formatDuration((performance.now() - started) / 1_000);
    lines.push(
      `  ${tier.padEnd(10)} ${tally.passed} passed, ${tally.failed} failed, ${tally.skipped} skipped in ${time}${again}`,
    );
  }
  for (const [heading, texts] of [
    ['Failed at first, in files that were tried a second time:', atFirst],
    ['Failed:', total.failures],
  ] as const) {
    if (texts.length > 0) process.stdout.write(`\n${heading}\n${texts.map((text) => `    ${text}\n`).join('')}`);
  }
  process.stdout.write(`\n${lines.join('\n')}\n\n`);
  process.stdout.write(
    `${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}\n`,
  );
  return total.failed === 0 && total.passed > 0 ? 0 : 1;
}

void main().then((code) => {
  process.exitCode = code;
});
