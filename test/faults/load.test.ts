/**
 * What a load must survive: being killed, the server being killed, an interrupt. After each, running it again leaves every row exactly
 * once. And nothing of what is loaded or searched gets into the server's log or the CLI's output.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { postmasterPid } from '../../infra/adapters/localServer/probe';
import type { LoadSummary } from '../../infra/ops/load/load';
import { DEMO_DOCUMENTS } from '../../scripts/support/demo';
import { embedding } from '../support/loading';
import { eventually } from '../support/processes';
import { databaseUrl, runQbench, startQbench } from '../support/qbenchCli';
import { asSuperuser, desiredServer, startTestServer, type RunningTestServer } from '../support/server';
import { createTestDatabase, type TestDatabase } from '../support/template';

const ROWS = 24_000;
const DEMO_ROWS = 360;
const DEMO_DIMENSIONS = 384;

let server: RunningTestServer;
let db: TestDatabase;
let folder: string;
let corpus: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'qbench-faults-'));
  corpus = makeCorpus();
  const { parameters } = desiredServer();
  server = await startTestServer({
    // Everything is logged, as an operator looking for slow statements would have it; values must still not be.
    parameters: {
      ...parameters,
      log_min_duration_statement: '0',
      log_parameter_max_length: '0',
      log_parameter_max_length_on_error: '0',
    },
  });
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(async () => void (db = await createTestDatabase(server)));
afterEach(() => db.drop());

/** Real embeddings over and over, under names of their own. */
function makeCorpus(): string {
  const demo = readFileSync(DEMO_DOCUMENTS.replace('.jsonl.gz', '.f16'));
  const lines = Array.from({ length: ROWS }, (_, i) => `{"uid":"row-${i}","title":"title ${i}"}\n`);
  writeFileSync(join(folder, 'corpus.jsonl'), lines.join(''));
  writeFileSync(join(folder, 'corpus.f16'), Buffer.alloc(ROWS * DEMO_DIMENSIONS * 2, demo));
  return join(folder, 'corpus.jsonl');
}

async function one<R>(sql: string): Promise<R> {
  const { rows } = await asSuperuser(server, db.name, (session) => session.query<R>(sql));
  return rows[0] as R;
}

async function ledgerLine(): Promise<number> {
  return Number(
    (await one<{ line: string }>('SELECT coalesce(max(last_line), 0) AS line FROM qbench.load_ledger')).line,
  );
}

/** Every row once, with its own title, its own number and the embedding of its place in the demo corpus. */
async function expectWhole(): Promise<void> {
  const facts = await one(
    `SELECT count(*)::int AS rows, count(DISTINCT uid)::int AS uids,
            (max(test_case_id) - min(test_case_id) + 1)::int AS numbers,
            count(*) FILTER (WHERE title <> 'title ' || substr(uid, 5))::int AS wrong_titles,
            (SELECT count(*)::int FROM (
               SELECT FROM public.test_documents
                GROUP BY substr(uid, 5)::int % ${DEMO_ROWS} HAVING count(DISTINCT embedding) <> 1) AS mixed) AS mixed_embeddings
       FROM public.test_documents`,
  );
  expect(facts).toEqual({ rows: ROWS, uids: ROWS, numbers: ROWS, wrong_titles: 0, mixed_embeddings: 0 });
}

const LOAD = (): string[] => ['load', corpus, '--pad', '--json'];

async function loadAgain(): Promise<LoadSummary> {
  const result = await runQbench(databaseUrl(server, db.name), LOAD());
  if (result.code !== 0) throw new Error(result.stderr);
  return JSON.parse(result.stdout) as LoadSummary;
}

describe('a load', () => {
  it('that is killed goes on behind its last batch: every row exactly once', async () => {
    const { child, ended } = startQbench(databaseUrl(server, db.name), LOAD());
    await eventually('the first batch is committed', async () => (await ledgerLine()) > 0);
    child.kill('SIGKILL');
    expect(await ended).toMatchObject({ signal: 'SIGKILL' });
    const summary = await loadAgain();
    expect(summary).toMatchObject({ outcome: 'complete', inserted: ROWS, updated: 0, unchanged: 0 });
    expect(summary.resumedAfterLine).toBeGreaterThan(0);
    expect(summary.resumedAfterLine).toBeLessThan(ROWS);
    await expectWhole();
  });

  it('that is interrupted ends with 130 and says what is committed, which is what is there', async () => {
    const { child, ended } = startQbench(databaseUrl(server, db.name), ['load', corpus, '--pad']);
    await eventually('the first batch is committed', async () => (await ledgerLine()) > 0);
    child.kill('SIGINT');
    const { code, stdout } = await ended;
    expect(code).toBe(130);
    const committed = Number(/interrupted: lines up to (\d+) are committed; run it again to go on/.exec(stdout)?.[1]);
    expect(await one('SELECT count(*)::int AS rows FROM public.test_documents')).toEqual({ rows: committed });
    expect(await loadAgain()).toMatchObject({ outcome: 'complete', resumedAfterLine: committed });
    await expectWhole();
  });

  it('whose server is killed loses no batch that it was told of', async () => {
    const { ended } = startQbench(databaseUrl(server, db.name), LOAD());
    await eventually('the first batch is committed', async () => (await ledgerLine()) > 0);
    process.kill(postmasterPid(server.dataDir) ?? 0, 'SIGKILL');
    const { code, stderr } = await ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/next: {4}run the same load again: it goes on behind them/);
    const told = Number(/lines up to (\d+) are committed/.exec(stderr)?.[1]);
    expect(told).toBeGreaterThan(0);
    await server.cluster.start();
    const there = await ledgerLine();
    expect(there).toBeGreaterThanOrEqual(told);
    expect(await one('SELECT count(*)::int AS rows FROM public.test_documents')).toEqual({ rows: there });
    expect(await loadAgain()).toMatchObject({ outcome: 'complete', resumedAfterLine: there });
    await expectWhole();
  });
});

describe('a line of a gigabyte', () => {
  it('is refused by its number, in bounded memory', async () => {
    const file = join(folder, 'gigabyte.jsonl');
    writeFileSync(file, '{"uid":"a","title":"t"}\n');
    truncateSync(file, 2 ** 30);
    const { child, ended } = startQbench(databaseUrl(server, db.name), ['load', file]);
    let peakKiB = 0;
    const watch = setInterval(() => {
      const status = existsSync(`/proc/${child.pid}/status`) ? readFileSync(`/proc/${child.pid}/status`, 'utf8') : '';
      peakKiB = Math.max(peakKiB, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0));
    }, 20);
    const { code, stderr } = await ended;
    clearInterval(watch);
    expect(stderr).toMatch(/gigabyte\.jsonl: 1 bad line, nothing was committed\n {2}line 2: is longer than 32 MiB/);
    expect(code).toBe(2);
    expect(peakKiB).toBeGreaterThan(0);
    expect(peakKiB).toBeLessThan(512 * 1024);
  });
});

describe('secrets of the data', () => {
  it('a canary text and a canary vector appear in no log and no output, whatever goes wrong', async () => {
    const text = 'canarytext7391';
    const digits = '0.73917391';
    const vector = embedding([Number(digits)]);
    const file = (name: string, lines: readonly (object | string)[]): string => {
      const path = join(folder, name);
      writeFileSync(path, lines.map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join(''));
      return path;
    };
    const row = {
      uid: 'canary',
      title: text,
      description: text,
      embedding: vector,
      custom_fields: { text },
      steps: [{ action: text, embedding: vector }],
    };
    const query = join(folder, 'query.json');
    writeFileSync(query, JSON.stringify(vector));
    const short = join(folder, 'short.json');
    writeFileSync(short, JSON.stringify(vector.slice(0, 3)));
    const url = databaseUrl(server, db.name);
    const nested = `{"uid":"deep","title":"${text}","custom_fields":${'['.repeat(2000)}"${text}"${']'.repeat(2000)}}`;
    const runs: [string[], number][] = [
      [['load', file('good.jsonl', [row])], 0],
      [['load', file('good.jsonl', [{ ...row, summary: text }])], 0],
      [
        [
          'load',
          file('bad.jsonl', [row, { ...row, uid: 'x', embedding: vector.slice(1) }, `{"title":"${text}",[${digits}`]),
        ],
        2,
      ],
      // The server's own refusal: JSON nested deeper than it can follow.
      [['load', file('deep.jsonl', [nested])], 1],
      [['search', '--vector', query], 0],
      [['search', '--uid', 'canary', '--steps', '--explain', '--json'], 0],
      [['search', '--vector', short], 2],
    ];
    await asSuperuser(server, db.name, async (session) => {
      // Depth that a backend refuses, whatever the machine's stack limit.
      await session.query("ALTER ROLE qbench_owner SET max_stack_depth = '100kB'");
    });
    const outputs: string[] = [];
    for (const [args, code] of runs) {
      const result = await runQbench(url, args);
      expect({ args: args.slice(0, 2), code: result.code, stderr: result.stderr }).toMatchObject({ code });
      outputs.push(result.stderr, args[0] === 'load' || args.includes('--vector') ? '' : withoutHits(result.stdout));
      if (args[0] === 'load') outputs.push(result.stdout);
    }
    await asSuperuser(server, db.name, (session) => session.query('ALTER ROLE qbench_owner RESET max_stack_depth'));
    const log = readFileSync(server.logFile, 'utf8');
    // There was something to be found: the log has the statements, an output has the server's refusal.
    expect(log).toContain('AS known');
    expect(outputs.join('')).toMatch(/the server refused the batch: stack depth limit exceeded; nothing was committed/);
    for (const place of [log, ...outputs]) {
      expect(place).not.toContain(text);
      // As a float of four bytes and as one of two show it. Fewer digits turn up in process numbers and times.
      expect(place).not.toContain('0.7391');
    }
  });

  /** Hits show titles and actions: that is what a search is for. Everything else of the answer must not. */
  function withoutHits(stdout: string): string {
    const { hits: _hits, searchedWith: _searchedWith, ...rest } = JSON.parse(stdout) as Record<string, unknown>;
    return JSON.stringify(rest);
  }
});
