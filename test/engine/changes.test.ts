/** Changes of the configuration of a running stack: what the preview says of them, and what `up` does. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSession } from '../../infra/adapters/postgresDatabase';
import { systemClock } from '../../infra/adapters/systemClock';
import { DATABASE_NAME, ROLE_NAMES } from '../../infra/naming';
import type { Session } from '../../infra/ops/ports';
import type { SearchRequest } from '../../infra/ops/search/request';
import { search } from '../../infra/ops/search/search';
import { expectSuccess, SMALL, TestStack } from '../support/stack';

let stack: TestStack;

beforeAll(async () => {
  stack = await TestStack.create('change');
  expectSuccess(await stack.up());
});

afterAll(async () => {
  await stack.remove();
});

async function withSession<T>(work: (session: Session) => Promise<T>): Promise<T> {
  const record = stack.record;
  if (record === undefined) throw new Error('the stack has no server');
  const address = { host: record.socketDir, port: record.port, database: DATABASE_NAME, user: ROLE_NAMES.app };
  const session = await openSession(address);
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}

/** The application's own statement, which an index over the full vectors serves. */
const QUERY = `SELECT id FROM test_documents ORDER BY embedding <=> (SELECT embedding FROM test_documents WHERE uid = $1) LIMIT 3`;

interface SearchLog {
  searches: number;
  failures: string[];
  withoutIndex: number;
}

/** One search: how many rows it found, and whether an index served it. */
type OneSearch = (session: Session, uid: string) => Promise<{ rows: number; indexed: boolean }>;

const byStatement: OneSearch = async (session, uid) => {
  const { rowCount } = await session.query(QUERY, [uid]);
  const plan = await session.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${QUERY.replace('$1', `'${uid}'`)}`);
  return { rows: rowCount, indexed: plan.rows.some((row) => /using \S*embedding/.test(row['QUERY PLAN'])) };
};

/** What follows the live index whatever its type: qbench search. */
const byLiveIndex: OneSearch = async (session, uid) => {
  const request: SearchRequest = {
    source: { kind: 'uid', uid },
    target: 'documents',
    filters: {},
    limit: 3,
    explain: false,
    useIndex: true,
  };
  const { hits, index } = await search(session, request, systemClock);
  return { rows: hits.length, indexed: index !== null };
};

/** Runs a search that must be served by an index, over and over, until stopped. @returns how many, and what failed */
async function searchUntil(stopped: () => boolean, one: OneSearch): Promise<SearchLog> {
  return withSession(async (session) => {
    const result: SearchLog = { searches: 0, failures: [], withoutIndex: 0 };
    await session.query('SET enable_seqscan = off');
    const { rows } = await session.query<{ uid: string }>('SELECT uid FROM test_documents ORDER BY id LIMIT 1');
    const uid = rows[0]?.uid ?? '';
    while (!stopped() && result.failures.length === 0) {
      try {
        const found = await one(session, uid);
        if (found.rows !== 3) result.failures.push(`${String(found.rows)} rows`);
        if (!found.indexed) result.withoutIndex++;
        result.searches++;
      } catch (error) {
        result.failures.push(String(error));
      }
    }
    return result;
  });
}

describe('a change of a parameter', () => {
  it('shows as one update of the server, and is in force after up', async () => {
    stack.configure({ ...SMALL, postgresParameters: { work_mem: '7MB', log_lock_waits: 'off' } });
    expect(await stack.planned()).toEqual({ 'local-server': 'update' });
    const preview = expectSuccess(await stack.pulumi('preview'));
    expect(preview.stdout).toMatch(/log_lock_waits: on -> off \(reload\), work_mem: .* -> 7MB \(reload\)/);
    expectSuccess(await stack.up());
    const { rows } = await withSession((session) => session.query<{ work_mem: string }>('SHOW work_mem'));
    expect(rows).toEqual([{ work_mem: '7MB' }]);
  });

  it('that keeps the server from starting fails with its own words, and leaves it running as it was', async () => {
    stack.configure({ ...SMALL, postgresParameters: { work_mem: '7MB', huge_pages: 'on', huge_page_size: '1GB' } });
    const failed = await stack.up();
    expect(failed.code).not.toBe(0);
    expect(failed.stdout).toMatch(/huge page|anonymous shared memory/i);
    const { rows } = await withSession((session) => session.query<{ work_mem: string }>('SHOW work_mem'));
    expect(rows).toEqual([{ work_mem: '7MB' }]);
    stack.configure(SMALL);
    expectSuccess(await stack.up());
    expectSuccess(await stack.pulumi('preview', '--expect-no-changes'));
  });
});

describe('a change of the index', () => {
  it.each<[string, Record<string, unknown>, string, OneSearch]>([
    [
      'another m',
      { profile: 'speed', m: 24, efConstruction: 64 },
      "hnsw (embedding vector_cosine_ops) WITH (m='24'",
      byStatement,
    ],
    [
      'another profile',
      { profile: 'ivfflat', lists: 10, probes: 10 },
      "ivfflat (embedding vector_cosine_ops) WITH (lists='10'",
      byStatement,
    ],
    [
      'another type, halfvec',
      { profile: 'compact' },
      'hnsw (((embedding)::halfvec(1536)) halfvec_cosine_ops)',
      byLiveIndex,
    ],
    [
      'another type, bit',
      { profile: 'compact', type: 'bit', recallTolerance: 0.1 },
      'hnsw (((binary_quantize(embedding))::bit(1536)) bit_hamming_ops)',
      byLiveIndex,
    ],
    ['the first one again', { profile: 'speed' }, "hnsw (embedding vector_cosine_ops) WITH (m='16'", byLiveIndex],
  ])('to %s shows as one update and swaps while searches run', async (_, index, definition, oneSearch) => {
    stack.configure({ ...SMALL, index });
    // An index of another size may also move a parameter that a reload is enough for.
    const planned = await stack.planned();
    expect(planned['schema-indexes']).toBe('update');
    expect(Object.keys(planned).filter((name) => !['schema-indexes', 'local-server'].includes(name))).toEqual([]);
    let stopped = false;
    const searching = searchUntil(() => stopped, oneSearch);
    // Whatever becomes of `up`, the searches must end.
    const up = await stack.up().finally(() => (stopped = true));
    const { searches, failures, withoutIndex } = await searching;
    expectSuccess(up);
    expect(failures).toEqual([]);
    expect(withoutIndex).toBe(0);
    expect(searches).toBeGreaterThan(10);
    const { rows } = await withSession((session) =>
      session.query<{ indexdef: string }>(
        "SELECT indexdef FROM pg_catalog.pg_indexes WHERE indexname = 'idx_test_documents_embedding'",
      ),
    );
    expect(rows[0]?.indexdef).toContain(definition);
  });
});

describe('a configuration that cannot be', () => {
  it('fails the preview with every mistake at once', async () => {
    stack.configure({ ...SMALL, index: { m: 1 }, locl: { port: 1 }, postgresParameters: { fsync: 'off' } });
    const preview = await stack.pulumi('preview');
    expect(preview.code).not.toBe(0);
    expect(preview.stdout).toMatch(/index\.m: 1 is not allowed/);
    expect(preview.stdout).toMatch(/did you mean local\?/);
    expect(preview.stdout).toMatch(/fsync/);
    expect(preview.stdout).not.toMatch(/at .*\.ts:\d+/);
  });

  it('fails the preview with the numbers that break and ways out where the workload does not fit', async () => {
    stack.configure({ ...SMALL, workload: { documents: 500_000 } });
    const preview = await stack.pulumi('preview');
    expect(preview.code).not.toBe(0);
    expect(preview.stdout).toMatch(/the workload does not fit its host/);
    expect(preview.stdout).toMatch(/ways out:\s+(error: )?\s*1\. bigger host/);
  });

  it('refuses a tier that this version does not have', async () => {
    stack.configure({ tier: 'aurora', owner: 'test', aws: { region: 'eu-central-1' }, workload: { documents: 5000 } });
    const preview = await stack.pulumi('preview');
    expect(preview.code).not.toBe(0);
    expect(preview.stdout).toMatch(/aurora/);
  });
});
