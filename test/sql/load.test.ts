/** `qbench load` against a real server: what is stored is what the file says, and a rerun converges. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import type { Database, Row, Session } from '../../infra/ops/ports';
import { embedding, loadFile, loadLines } from '../support/loading';
import { asSuperuser } from '../support/server';
import { createTestDatabase, type TestDatabase } from '../support/template';

const server = inject('server');
let db: TestDatabase;
let folder: string;

beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'qbench-load-'))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(async () => void (db = await createTestDatabase(server)));
afterEach(() => db.drop());

async function rows<R = Row>(sql: string, values: readonly unknown[] = []): Promise<R[]> {
  return asSuperuser(server, db.name, async (session) => (await session.query<R>(sql, values)).rows);
}

async function count(table: string): Promise<number> {
  return Number((await rows<{ count: string }>(`SELECT count(*) FROM ${table}`))[0]?.count);
}

function write(name: string, lines: readonly (object | string)[]): string {
  const path = join(folder, name);
  writeFileSync(path, lines.map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join(''));
  return path;
}

const FULL = {
  test_case_id: 77,
  uid: 'full',
  jira_key: 'QB-1',
  title: 'Ein Titel – “quoted” \\ \t𝄞',
  description: 'line one\nline two',
  summary: '',
  embedding: embedding([0.25, -0.5, 1e-7]),
  test_type: 'Functional',
  priority: 'High',
  platforms: ['ios', 'a,b', 'NULL', '"'],
  tags: [],
  folder_structure: 'A/B',
  suite_id: 1,
  section_id: -2,
  project_id: 2_147_483_647,
  source: 'test',
  ingested_at: '2024-02-29T23:59:59.123456+02:00',
  updated_at: '2024-03-01 00:00:00',
  is_automated: true,
  refs: 'R1',
  custom_fields: { nested: [1, 2.5, null, { ü: 'x' }], empty: {} },
  steps: [
    { step_index: 2, action: 'do', expected: ['a', 'b'], data: 'd', embedding: embedding([1]) },
    { action: 'first by place', step_index: 1 },
  ],
};

async function stored(): Promise<Row[]> {
  return rows(
    `SELECT test_case_id, uid, jira_key, title, description, summary, embedding::text, test_type, priority, platforms, tags, folder_structure,
            suite_id, section_id, project_id, source, ingested_at::text, updated_at::text, is_automated, refs, custom_fields
       FROM public.test_documents ORDER BY uid`,
  );
}

/** The database of the test, with something that happens in the session of the load after a statement. */
function afterStatement(act: (text: string, values: readonly unknown[]) => Promise<void> | void): Database {
  return {
    label: db.database.label,
    connect: async (options) => {
      const session = await db.database.connect(options);
      const query: Session['query'] = async (text, values) => {
        const result = await session.query<never>(text, values);
        await act(text, values ?? []);
        return result;
      };
      return new Proxy(session, {
        get: (target, key) => (key === 'query' ? query : (Reflect.get(target, key) as unknown)),
      });
    },
  };
}

/** Interrupts a load as Ctrl-C does, once a line is in the ledger. */
function interruptAfter(line: number, abort: AbortController): Database {
  return afterStatement((text, values) => {
    if (text.includes('UPDATE qbench.load_ledger') && values[1] === line) abort.abort(new Error('interrupted'));
  });
}

describe('what is stored', () => {
  it('is every column of the file as it was given, by COPY', async () => {
    const summary = await loadLines(db.database, [FULL]);
    expect(summary).toMatchObject({ outcome: 'complete', inserted: 1, steps: 2, updated: 0, zeroVectors: 0 });
    const { steps: _steps, embedding: values, ...document } = FULL;
    const wanted = {
      ...document,
      ingested_at: '2024-02-29 21:59:59.123456',
      updated_at: '2024-03-01 00:00:00',
    };
    const [{ embedding: text, ...others } = {}, ...more] = await stored();
    expect(more).toEqual([]);
    expect(others).toEqual(wanted);
    expect(Float32Array.from(JSON.parse(text as string) as number[])).toEqual(Float32Array.from(values));
    expect(
      await rows(
        'SELECT step_index, action, expected, data, vector_dims(embedding) AS dims FROM public.test_steps ORDER BY step_index',
      ),
    ).toEqual([
      { step_index: 1, action: 'first by place', expected: null, data: null, dims: null },
      { step_index: 2, action: 'do', expected: ['a', 'b'], data: 'd', dims: 1536 },
    ]);
  });

  it('is the same by the other way, through staging tables', async () => {
    await loadLines(db.database, [FULL]);
    const direct = await stored();
    await rows('DELETE FROM public.test_documents');
    await loadLines(db.database, [{ uid: 'known', title: 'makes the next batch meet an existing row' }]);
    await loadLines(db.database, [{ uid: 'known', title: 'changed' }, FULL]);
    expect(await rows("SELECT title FROM public.test_documents WHERE uid = 'known'")).toEqual([{ title: 'changed' }]);
    await rows("DELETE FROM public.test_documents WHERE uid = 'known'");
    expect(await stored()).toEqual(direct);
    expect(await count('public.test_steps')).toBe(2);
  });

  it('has the defaults of the schema where the file has nothing', async () => {
    await loadLines(db.database, [{ uid: 'bare', title: 't' }]);
    expect(
      await rows(
        `SELECT is_automated, embedding IS NULL AS no_embedding, test_case_id >= 1000000001 AS assigned,
                ingested_at = updated_at AND localtimestamp - ingested_at BETWEEN interval '0' AND interval '5 minutes' AS fresh
           FROM public.test_documents`,
      ),
    ).toEqual([{ is_automated: false, no_embedding: true, assigned: true, fresh: true }]);
  });

  it('lets the application go on inserting: its ids do not meet those of the load', async () => {
    await loadLines(db.database, [FULL, { uid: 'b', title: 't' }]);
    const again = `INSERT INTO public.test_documents (test_case_id, uid, title) VALUES (1, 'app', 'by the application') RETURNING id`;
    expect(await rows(again)).toHaveLength(1);
  });
});

describe('a document that is there already', () => {
  const before = {
    test_case_id: 5,
    uid: 'a',
    title: 'old',
    description: 'kept',
    tags: ['x'],
    is_automated: true,
    embedding: embedding([1]),
  };

  beforeEach(async () => {
    await loadLines(db.database, [{ ...before, steps: [{ action: 'one' }, { action: 'two', data: 'kept' }] }]);
  });

  it('is updated by uid; what the line does not have stays', async () => {
    const summary = await loadLines(db.database, [
      { uid: 'a', title: 'new', steps: [{ step_index: 2, action: 'changed' }, { step_index: 3 }] },
    ]);
    expect(summary).toMatchObject({ inserted: 0, updated: 1, unchanged: 0, steps: 2 });
    expect(
      await rows(
        'SELECT test_case_id, title, description, tags, is_automated, embedding IS NOT NULL AS e FROM public.test_documents',
      ),
    ).toEqual([{ test_case_id: 5, title: 'new', description: 'kept', tags: ['x'], is_automated: true, e: true }]);
    expect(await rows('SELECT step_index, action, data FROM public.test_steps ORDER BY 1')).toEqual([
      { step_index: 1, action: 'one', data: null },
      { step_index: 2, action: 'changed', data: 'kept' },
      { step_index: 3, action: null, data: null },
    ]);
  });

  it('is updated by test_case_id where the uid is new, as the application does', async () => {
    expect(await loadLines(db.database, [{ test_case_id: 5, uid: 'renamed', title: 'old' }])).toMatchObject({
      updated: 1,
      inserted: 0,
    });
    expect(await rows('SELECT uid, test_case_id FROM public.test_documents')).toEqual([
      { uid: 'renamed', test_case_id: 5 },
    ]);
  });

  it('is not written where nothing would change', async () => {
    const version = 'SELECT xmin::text, ctid::text FROM public.test_documents';
    const old = await rows(version);
    expect(await loadLines(db.database, [before])).toMatchObject({ inserted: 0, updated: 0, unchanged: 1 });
    expect(await rows(version)).toEqual(old);
  });

  it('is left alone with skip, and refused with error', async () => {
    const lines = [
      { uid: 'a', title: 'new' },
      { uid: 'b', title: 'b' },
    ];
    await expect(loadLines(db.database, lines, { onConflict: 'error' })).rejects.toThrow(
      /1 lines of this batch are in the database already, the first is line 1 \(uid "a"\); nothing was committed/,
    );
    expect(await count('public.test_documents')).toBe(1);
    expect(await loadLines(db.database, lines, { onConflict: 'skip' })).toMatchObject({
      inserted: 1,
      updated: 0,
      skipped: 1,
    });
    expect(await rows('SELECT uid, title FROM public.test_documents ORDER BY 1')).toEqual([
      { uid: 'a', title: 'old' },
      { uid: 'b', title: 'b' },
    ]);
  });

  it('also where the application inserted it between our look and our write', async () => {
    let done = false;
    const racing = afterStatement(async (text) => {
      if (done || !text.includes('AS known')) return;
      done = true;
      await rows(
        "INSERT INTO public.test_documents (test_case_id, uid, title, refs) VALUES (99, 'raced', 'by the application', 'kept')",
      );
    });
    const lines = [
      { uid: 'new', title: 'n' },
      { uid: 'raced', title: 'by the load' },
    ];
    expect(await loadLines(racing, lines)).toMatchObject({ inserted: 1, updated: 1 });
    expect(await rows("SELECT test_case_id, title, refs FROM public.test_documents WHERE uid = 'raced'")).toEqual([
      { test_case_id: 99, title: 'by the load', refs: 'kept' },
    ]);
  });

  it('is refused where uid and test_case_id are those of two documents, or two lines are about one', async () => {
    await loadLines(db.database, [{ test_case_id: 6, uid: 'b', title: 'b' }]);
    await expect(loadLines(db.database, [{ test_case_id: 6, uid: 'a', title: 'x' }])).rejects.toThrow(
      /line 1: test_case_id 6 belongs to uid "b"/,
    );
    const twice = [
      { uid: 'a', title: 'x' },
      { test_case_id: 5, uid: 'other', title: 'y' },
    ];
    await expect(loadLines(db.database, twice)).rejects.toThrow(/line 2: is about the same document as line 1/);
    expect(await rows('SELECT uid, title FROM public.test_documents ORDER BY 1')).toEqual([
      { uid: 'a', title: 'old' },
      { uid: 'b', title: 'b' },
    ]);
  });
});

describe('bad lines', () => {
  const LINES = [
    { uid: 'a', title: 'a' },
    '{"uid":"b","title":"b","embedding":[1,NaN]}',
    { uid: 'c', title: 'c', embedding: embedding([0]) },
    { uid: 'a', title: 'again' },
  ];

  it('end the load before their batch is written, each named with its reason', async () => {
    const path = write('bad.jsonl', LINES);
    await expect(loadFile(db.database, path)).rejects.toThrow(
      'bad.jsonl: 2 bad lines, nothing was committed\n' +
        '  line 2: is not JSON: NaN is no JSON value (null is)\n' +
        '  line 4: uid "a" was on line 1 already',
    );
    expect(await count('public.test_documents')).toBe(0);
  });

  it('leave the batches before them committed, and a corrected file loads', async () => {
    const limits = { rows: 1, bytes: 1e9 };
    await expect(loadFile(db.database, write('later.jsonl', LINES), { limits })).rejects.toThrow(
      /later\.jsonl: 1 bad line, lines up to 1 are committed/,
    );
    expect(await count('public.test_documents')).toBe(1);
    const corrected = write('later.jsonl', [LINES[0] ?? '', { uid: 'b', title: 'b' }]);
    expect(await loadFile(db.database, corrected, { limits })).toMatchObject({
      inserted: 1,
      unchanged: 1,
      resumedAfterLine: 0,
    });
  });

  it('go to the file of --skip-bad, private to its owner, and the load goes on', async () => {
    const rejects = join(folder, 'rejects.jsonl');
    const summary = await loadFile(db.database, write('skipped.jsonl', LINES), { skipBadFile: rejects });
    expect(summary).toMatchObject({ inserted: 2, rejected: 2, zeroVectors: 1, lastLine: 4 });
    const written = readFileSync(rejects, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
    expect(written).toEqual([
      { line: 2, reasons: ['is not JSON: NaN is no JSON value (null is)'], text: LINES[1] },
      { line: 4, reasons: ['uid "a" was on line 1 already'], text: JSON.stringify(LINES[3]) },
    ]);
    expect(statSync(rejects).mode & 0o077).toBe(0);
    await expect(loadFile(db.database, write('skipped.jsonl', LINES), { skipBadFile: rejects })).rejects.toThrow(
      /rejects\.jsonl is there already/,
    );
  });

  it('are refused by their dimensions with those of the column', async () => {
    await expect(loadLines(db.database, [{ uid: 'a', title: 'a', embedding: [1, 2] }])).rejects.toThrow(
      /line 1: embedding has 2 dimensions, the column has 1536; --pad fills up with zeros/,
    );
    expect(await loadLines(db.database, [{ uid: 'a', title: 'a', embedding: [1, 2] }], { pad: true })).toMatchObject({
      inserted: 1,
    });
    expect(
      await rows('SELECT vector_dims(embedding) AS dims, vector_norm(embedding)^2 AS norm FROM public.test_documents'),
    ).toEqual([{ dims: 1536, norm: expect.closeTo(5, 4) as number }]);
  });

  it('make an empty text an error', async () => {
    await expect(loadLines(db.database, [])).rejects.toThrow(/standard input holds no rows/);
    await expect(loadFile(db.database, write('blank.jsonl', ['', '  ']))).rejects.toThrow(/blank\.jsonl holds no rows/);
  });
});

describe('going on', () => {
  const LINES = Array.from({ length: 50 }, (_, i) => ({ uid: `u${i}`, title: `t${i}`, steps: [{ action: 's' }] }));
  const limits = { rows: 10, bytes: 1e9 };

  it('continues behind the last committed batch, with the same numbers', async () => {
    const path = write('interrupted.jsonl', LINES);
    const abort = new AbortController();
    const watched = interruptAfter(20, abort);
    const first = await loadFile(watched, path, { limits }, abort.signal);
    expect(first).toMatchObject({ outcome: 'interrupted', inserted: 20, lastLine: 20 });
    expect(await count('public.test_documents')).toBe(20);
    const second = await loadFile(db.database, path, { limits });
    expect(second).toMatchObject({
      outcome: 'complete',
      inserted: 50,
      updated: 0,
      unchanged: 0,
      resumedAfterLine: 20,
      steps: 50,
    });
    const numbers = await rows(
      'SELECT count(*)::int AS n, count(DISTINCT test_case_id)::int AS d, max(test_case_id) - min(test_case_id) AS span FROM public.test_documents',
    );
    expect(numbers).toEqual([{ n: 50, d: 50, span: 49 }]);
    // A finished load is no unfinished one: the next run looks at every line again.
    expect(await loadFile(db.database, path, { limits })).toMatchObject({
      resumedAfterLine: 0,
      unchanged: 50,
      inserted: 0,
    });
  });

  it('begins anew where the rows were cleared, and where it is told to', async () => {
    const path = write('cleared.jsonl', LINES);
    for (const restart of [false, true]) {
      const abort = new AbortController();
      await loadFile(interruptAfter(10, abort), path, { limits, restart }, abort.signal);
      if (!restart) await rows('DELETE FROM public.test_documents');
      expect(await loadFile(db.database, path, { limits, restart })).toMatchObject({
        resumedAfterLine: 0,
        outcome: 'complete',
      });
      expect(await count('public.test_documents')).toBe(50);
      await rows('DELETE FROM public.test_documents');
    }
  });

  it('keeps a second load out while one runs, and names it', async () => {
    await asSuperuser(server, db.name, async (session) => {
      await session.query('SELECT pg_advisory_lock($1::bigint)', [0x71_62_65_6e_63_03n.toString()]);
      await expect(loadLines(db.database, LINES)).rejects.toThrow(
        new RegExp(`another load is still at work: pid ${session.backendPid}`),
      );
    });
    expect(await loadLines(db.database, LINES)).toMatchObject({ inserted: 50 });
  });
});
