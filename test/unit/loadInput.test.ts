/** Reading files for a load: lines, bad input, gzip, embeddings beside the text. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readBatches, type Batch } from '../../infra/ops/load/batches';
import { DOCUMENT_COLUMNS, columnIndex } from '../../infra/ops/load/columns';
import { inputOfStream, openInput, type LoadInput } from '../../infra/ops/load/input';
import { splitLines } from '../../infra/ops/load/lines';
import type { RowRules } from '../../infra/ops/load/row';

const RULES: RowRules = { dimensions: { documents: 3, steps: 3 }, pad: false, ignoreUnknown: false };
const EMBEDDING = columnIndex(DOCUMENT_COLUMNS, 'embedding');

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'qbench-load-'))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

async function batches(input: LoadInput, rules = RULES, afterLine = 0, rows = 1000): Promise<Batch[]> {
  const all: Batch[] = [];
  const limits = { rows, bytes: 1e9 };
  for await (const batch of readBatches(input, rules, afterLine, new AbortController().signal, limits)) all.push(batch);
  return all;
}

const streamed = (content: string | Buffer): LoadInput => inputOfStream(Readable.from([Buffer.from(content)]));

/** The reasons against a single line. */
async function reasonsOf(line: string | Buffer, rules = RULES): Promise<string> {
  const [batch] = await batches(streamed(line), rules);
  return batch?.bad[0]?.reasons.join('; ') ?? 'accepted';
}

describe('splitLines', () => {
  it('splits as String.split does, wherever the pieces are cut', async () => {
    const text = fc.array(fc.constantFrom('a', 'é', '\n', '{}', ' '), { maxLength: 40 }).map((parts) => parts.join(''));
    await fc.assert(
      fc.asyncProperty(text, fc.integer({ min: 1, max: 7 }), async (given, size) => {
        const bytes = Buffer.from(given);
        const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
          bytes.subarray(i * size, (i + 1) * size),
        );
        const got: string[] = [];
        for await (const lines of splitLines(Readable.from(pieces))) {
          for (const line of lines) {
            expect(line.number).toBe(got.length + 1);
            got.push(String(line.bytes));
          }
        }
        const wanted = given.split('\n');
        expect(got).toEqual(wanted.at(-1) === '' ? wanted.slice(0, -1) : wanted);
      }),
    );
  });

  it('holds no more than the longest allowed line, and goes on behind a longer one', async () => {
    const mebibyte = Buffer.alloc(1 << 20, 'x');
    let largest = 0;
    function* source(): Generator<Buffer> {
      yield Buffer.from('first\n');
      for (let i = 0; i < 300; i++) {
        largest = Math.max(largest, process.memoryUsage().arrayBuffers);
        yield Buffer.from(mebibyte);
      }
      yield Buffer.from('\nlast');
    }
    const before = process.memoryUsage().arrayBuffers;
    const got: (string | undefined)[] = [];
    for await (const lines of splitLines(Readable.from(source()), 2 << 20))
      got.push(...lines.map(({ bytes }) => bytes?.toString()));
    expect(got).toEqual(['first', undefined, 'last']);
    // 300 MiB went through; what is kept is bounded by the limit and by what the collector has not taken yet.
    expect(largest - before).toBeLessThan(250 << 20);
  });
});

describe('lines of JSON', () => {
  it.each([
    ['{"uid":"a","title":"t","embedding":[1,NaN,3]}', 'is not JSON: NaN is no JSON value (null is)'],
    ['{"uid":"a","title":"t","embedding":[1,Infinity,3]}', 'is not JSON: Infinity is no JSON value (null is)'],
    ['{"uid":"a","title":"t","embedding":[1,1e400,3]}', 'embedding [1] is NaN, infinite or beyond the range of float4'],
    ['{"uid":"a","title":"t","embedding":[1,1e39,3]}', 'embedding [1] is NaN, infinite or beyond the range of float4'],
    ['{"uid":"a","title":"t","embedding":[1,"2",3]}', 'embedding [1] is a string, not a number'],
    ['{"uid":"a","title":"t","embedding":[1,null,3]}', 'embedding [1] is null, not a number'],
    ['{"uid":"a","title":"t","embedding":"[1,2,3]"}', 'embedding is a string, not an array of numbers'],
    [
      '{"uid":"a","title":"t","embedding":[1,2]}',
      'embedding has 2 dimensions, the column has 3; --pad fills up with zeros',
    ],
    ['{"uid":"a","title":"t","embedding":[1,2,3,4]}', 'embedding has 4 dimensions, the column has 3'],
    ['{"uid":"a","title":"t","embedding":[]}', 'embedding has no dimensions'],
    ['{"title":"t"}', 'uid is missing'],
    ['{"uid":"a"}', 'title is missing'],
    ['{"uid":"","title":null}', 'uid is missing; title is missing'],
    ['{"uid":"a","title":"a\\u0000b"}', 'title holds a NUL character, which PostgreSQL cannot store in text'],
    ['{"uid":"a","title":"\\ud800"}', 'title holds half of a surrogate pair, which is not a character'],
    [`{"uid":"${'x'.repeat(256)}","title":"t"}`, 'uid has 256 characters, at most 255 are allowed'],
    ['{"uid":"a","title":"t","test_case_id":1.5}', 'test_case_id is not a whole number from -2147483648 to 2147483647'],
    [
      '{"uid":"a","title":"t","test_case_id":3000000000}',
      'test_case_id is not a whole number from -2147483648 to 2147483647',
    ],
    ['{"uid":"a","title":"t","test_case_id":"7"}', 'test_case_id is a string, not a number'],
    ['{"uid":"a","title":"t","is_automated":"yes"}', 'is_automated is a string, not true or false'],
    ['{"uid":"a","title":"t","tags":"x"}', 'tags is a string, not an array of strings'],
    ['{"uid":"a","title":"t","tags":["x",1]}', 'tags [1] is a number, not a string'],
    [
      `{"uid":"a","title":"t","tags":["${'x'.repeat(2601)}"]}`,
      'tags [0] is longer than 2600 bytes, the most that its index can hold',
    ],
    ['{"uid":"a","title":"t","ingested_at":"yesterday"}', 'ingested_at is not a time like 2026-01-31T08:30:00Z'],
    [
      '{"uid":"a","title":"t","ingested_at":"2026-02-30T00:00:00Z"}',
      'ingested_at is a day or time that does not exist',
    ],
    [
      '{"uid":"a","title":"t","custom_fields":{"n":12345678901234567890}}',
      'custom_fields holds a number that would lose digits; write it as a string',
    ],
    [
      '{"uid":"a","title":"t","custom_fields":{"a\\u0000":1}}',
      'custom_fields holds a NUL character, which PostgreSQL cannot store in text',
    ],
    ['{"uid":"a","title":"t","steps":{}}', 'steps is an object, not an array'],
    ['{"uid":"a","title":"t","steps":[1]}', 'steps[0] is a number, not an object'],
    [
      '{"uid":"a","title":"t","steps":[{"step_index":1},{"step_index":1}]}',
      'steps[1].step_index 1 is there twice in this document',
    ],
    [
      '{"uid":"a","title":"t","steps":[{"embedding":[1]}]}',
      'steps[0].embedding has 1 dimensions, the column has 3; --pad fills up with zeros',
    ],
    ['[1,2,3]', 'is an array, not a JSON object'],
    ['{"uid":"a","title":"t"', 'is not JSON'],
  ])('%s', async (line, reason) => {
    expect(await reasonsOf(line)).toBe(reason);
  });

  it('names a field that is no column, and drops it when told to', async () => {
    const line = '{"uid":"a","titel":"x","title":"t"}';
    expect(await reasonsOf(line)).toMatch(/^"titel" is not a column \(test_case_id, uid, /);
    expect(await reasonsOf(line, { ...RULES, ignoreUnknown: true })).toBe('accepted');
  });

  it('never quotes an embedding', async () => {
    const canary = '0.123456789';
    const lines = [
      `{"uid":"a","title":"t","embedding":[${canary},NaN]}`,
      `{"uid":"a","title":"t","embedding":["${canary}"]}`,
      `{"uid":"a","title":"t","embedding":[${canary}]}`,
      `{"uid":"a","title":"t","embedding":[${canary}`,
    ];
    for (const line of lines) {
      const reason = await reasonsOf(line);
      expect(reason).not.toBe('accepted');
      expect(reason).not.toContain('123456789');
    }
  });

  it('accepts a byte order mark, CRLF, blank lines and a last line without an end', async () => {
    const [batch] = await batches(streamed('\ufeff{"uid":"a","title":"t"}\r\n\r\n  \n{"uid":"b","title":"t"}'));
    expect(batch?.bad).toEqual([]);
    expect(batch?.rows.map(({ line, uid }) => [line, uid])).toEqual([
      [1, 'a'],
      [4, 'b'],
    ]);
  });

  it('refuses bytes that are not UTF-8', async () => {
    const line = Buffer.concat([Buffer.from('{"uid":"a","title":"'), Buffer.from([0xff]), Buffer.from('"}')]);
    expect(await reasonsOf(line)).toBe('is not UTF-8');
  });

  it('names both lines of a uid or a test_case_id that is there twice', async () => {
    const text = [
      '{"uid":"a","title":"t","test_case_id":5}',
      '{"uid":"a","title":"u"}',
      '{"uid":"b","title":"t","test_case_id":5}',
    ];
    const [batch] = await batches(streamed(text.join('\n')));
    expect(batch?.bad.map(({ line, reasons }) => [line, reasons.join()])).toEqual([
      [2, 'uid "a" was on line 1 already'],
      [3, 'test_case_id 5 was on line 1 already'],
    ]);
  });

  it('refuses other dimensions than the ones that the file began with', async () => {
    const text = '{"uid":"a","title":"t","embedding":[1,2]}\n{"uid":"b","title":"t","embedding":[1]}';
    const [batch] = await batches(streamed(text), { ...RULES, pad: true });
    expect(batch?.rows.map((row) => row.uid)).toEqual(['a']);
    expect(batch?.bad[0]?.reasons).toEqual(['embedding has 1 dimensions, the ones before it in this file have 2']);
  });

  it('counts zero vectors of documents and steps, whatever the sign of their zeros', async () => {
    const text =
      '{"uid":"a","title":"t","embedding":[0,-0.0,0],"steps":[{"embedding":[0,0,0]},{"embedding":[0,0,1]},{}]}';
    const [batch] = await batches(streamed(text));
    expect(batch?.rows[0]?.zeroVectors).toBe(2);
  });

  it('makes batches of the size asked for, and goes on behind a line', async () => {
    const text = Array.from({ length: 10 }, (_, i) => `{"uid":"u${i + 1}","title":"t"}`).join('\n');
    const shape = (list: Batch[]): unknown => list.map(({ rows, lastLine }) => [rows.map((row) => row.line), lastLine]);
    expect(shape(await batches(streamed(text), RULES, 0, 4))).toEqual([
      [[1, 2, 3, 4], 4],
      [[5, 6, 7, 8], 8],
      [[9, 10], 10],
    ]);
    expect(shape(await batches(streamed(text), RULES, 8, 4))).toEqual([[[9, 10], 10]]);
    // A uid of a line that was committed before counts as seen.
    const again = await batches(streamed(`${text}\n{"uid":"u3","title":"t"}`), RULES, 8, 4);
    expect(again[0]?.bad[0]?.reasons).toEqual(['uid "u3" was on line 3 already']);
  });
});

describe('files', () => {
  const LINES = Array.from({ length: 2000 }, (_, i) => `{"uid":"uid-${i}","title":"title number ${i * 7919}"}\n`).join(
    '',
  );

  it('tells gzip by its content', async () => {
    const input = await openInput(file('named-wrongly.jsonl', gzipSync('{"uid":"a","title":"t"}\n')));
    expect((await batches(input))[0]?.rows[0]?.uid).toBe('a');
  });

  it('says at which line cut off gzip breaks, after the whole batches before it', async () => {
    const input = await openInput(file('cut.jsonl.gz', gzipSync(LINES).subarray(0, -3000)));
    const seen: number[] = [];
    const reading = (async () => {
      for await (const batch of readBatches(input, RULES, 0, new AbortController().signal, { rows: 100, bytes: 1e9 }))
        seen.push(batch.lastLine);
    })();
    await expect(reading).rejects.toThrow(
      /^cut\.jsonl\.gz is cut off: its gzip data ends too early; it breaks at line \d+$/,
    );
    expect(seen.length).toBeGreaterThan(0);
    expect(seen.every((line) => line % 100 === 0)).toBe(true);
  });

  it('says that damaged gzip is damaged', async () => {
    const bytes = gzipSync(LINES);
    bytes.fill(0xaa, 4000, 4100);
    const input = await openInput(file('damaged.jsonl.gz', bytes));
    await expect(batches(input)).rejects.toThrow(
      /^damaged\.jsonl\.gz is broken: its gzip data is damaged; it breaks at line \d+$/,
    );
  });

  it.each([
    ['missing', () => join(folder, 'missing.jsonl'), /there is no file .*missing\.jsonl/],
    ['empty', () => file('empty.jsonl', ''), /empty\.jsonl is empty/],
    ['a folder', () => folder, /is a folder/],
    ['embeddings without text', () => file('lonely.f16', Buffer.alloc(6)), /lonely\.f16 has no text beside it/],
  ])('refuses %s', async (_, path, message) => {
    await expect(openInput(path())).rejects.toThrow(message);
  });

  function f16(rows: number[][]): Buffer {
    const one = 0x3c00;
    return Buffer.from(Uint16Array.from(rows.flat().map((value) => value * one)).buffer);
  }

  it('takes embeddings from the file beside it, by whichever name it is called', async () => {
    const path = file(
      'pair.jsonl.gz',
      gzipSync('{"uid":"a","title":"t"}\n\n{"uid":"b","title":"t","steps":[{},{}]}\n'),
    );
    const rows = f16([
      [1, 0],
      [0, 1],
    ]);
    file('pair.f16', rows);
    for (const name of [path, join(folder, 'pair.f16')]) {
      const input = await openInput(name);
      const [batch] = await batches(input, { ...RULES, pad: true });
      input.close();
      const embeddings = batch?.rows.map((row) => [0, 1, 2].map((i) => row.fields[EMBEDDING]?.readFloatBE(4 + 4 * i)));
      expect(embeddings).toEqual([
        [1, 0, 0],
        [0, 1, 0],
      ]);
    }
    file('pair.f16', rows.subarray(0, -2));
    await expect(openInput(path)).rejects.toThrow(
      /pair\.f16 has 6 bytes, which do not fit the 2 lines of pair\.jsonl\.gz/,
    );
  });

  it('takes embeddings of steps in order, past a bad line, but not past one whose steps cannot be counted', async () => {
    const lines = [
      '{"uid":"a","title":"t","steps":[{},{}]}',
      '{"uid":"b","steps":[{}]}',
      '{"uid":"c","title":"t","steps":[{}]}',
    ];
    const path = file('stepped.jsonl', lines.join('\n'));
    file(
      'stepped.f16',
      f16([
        [1, 0, 0],
        [1, 0, 0],
        [1, 0, 0],
      ]),
    );
    file(
      'stepped.steps.f16',
      f16([
        [1, 0, 0],
        [0, 1, 0],
        [0, 0, 1],
        [1, 1, 0],
      ]),
    );
    const input = await openInput(path);
    const [batch] = await batches(input);
    input.close();
    const last = batch?.rows[1]?.steps[0]?.fields.at(-1);
    expect([0, 1, 2].map((i) => last?.readFloatBE(4 + 4 * i))).toEqual([1, 1, 0]);
    file('stepped.jsonl', [lines[0], '{"uid":"b", oops', lines[2]].join('\n'));
    const broken = await openInput(path);
    await expect(batches(broken)).rejects.toThrow(/line 2 is not JSON, so the embeddings of its steps/);
    broken.close();
  });

  it('knows a file by all of its content, and by the embeddings beside it', async () => {
    const path = file('known.jsonl', '{"uid":"a","title":"t"}\n');
    const first = (await openInput(path)).identity;
    expect((await openInput(path)).identity).toBe(first);
    file('known.f16', f16([[1, 0, 0]]));
    const second = await openInput(path);
    second.close();
    expect(second.identity).not.toBe(first);
    file('known.jsonl', '{"uid":"a","title":"u"}\n');
    const third = await openInput(path);
    third.close();
    expect(third.identity).not.toBe(second.identity);
  });
});
