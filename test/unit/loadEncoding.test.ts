/** The binary COPY encoder and float16, against independent readers and against properties. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  copyStream,
  int4Field,
  jsonbField,
  rowBytes,
  textArrayField,
  textField,
  timestampField,
  vectorField,
  type Field,
} from '../../infra/ops/load/copyBinary';
import { decodeFloat16, decodeFloat32 } from '../../infra/ops/load/float16';
import { FingerprintMap } from '../../infra/ops/load/fingerprints';

/** Reads a binary COPY as the server does, and fails where the server would. */
function readCopy(bytes: Buffer): Field[][] {
  expect(bytes.subarray(0, 11).toString('latin1')).toBe('PGCOPY\n\xff\r\n\0');
  expect(bytes.readInt32BE(11)).toBe(0);
  let at = 19 + bytes.readInt32BE(15);
  const rows: Field[][] = [];
  for (;;) {
    const count = bytes.readInt16BE(at);
    at += 2;
    if (count === -1) break;
    rows.push(
      Array.from({ length: count }, () => {
        const length = bytes.readInt32BE(at);
        at += 4;
        if (length === -1) return null;
        at += length;
        return bytes.subarray(at - length, at);
      }),
    );
  }
  expect(at).toBe(bytes.length);
  return rows;
}

describe('binary COPY', () => {
  it('gives back every row that was written, across the borders of its pieces', () => {
    const field = fc.option(fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)));
    const rows = fc
      .integer({ min: 1, max: 5 })
      .chain((width) => fc.array(fc.array(field, { minLength: width, maxLength: width }), { maxLength: 20 }));
    fc.assert(
      fc.property(rows, (given) => {
        expect(readCopy(Buffer.concat([...copyStream(given)]))).toEqual(given);
      }),
    );
    const large = [
      [Buffer.alloc(200_000, 1), null],
      [Buffer.alloc(200_000, 2), Buffer.alloc(0)],
      [Buffer.alloc(600_000, 3), null],
    ];
    const pieces = [...copyStream(large)];
    expect(pieces.length).toBeGreaterThan(2);
    expect(readCopy(Buffer.concat(pieces))).toEqual(large);
  });

  it('counts the bytes of a row exactly', () => {
    const row = [int4Field(7), null, textField('ä')];
    const [piece] = [...copyStream([row])];
    expect(piece?.length).toBe(19 + rowBytes(row));
  });

  it('writes a vector as pgvector reads it: dimensions, a zero, big-endian floats, zeros up to the column', () => {
    const vectors = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(vectors, fc.nat(20), (values, extra) => {
        const bytes = vectorField(Float32Array.from(values), values.length + extra);
        expect([bytes.readInt16BE(0), bytes.readInt16BE(2)]).toEqual([values.length + extra, 0]);
        const read = Array.from({ length: values.length + extra }, (_, i) => bytes.readFloatBE(4 + 4 * i));
        expect(read).toEqual([...values, ...new Array<number>(extra).fill(0)]);
      }),
    );
    expect(() => vectorField(new Float32Array(3), 2)).toThrow(RangeError);
  });

  it('writes the shapes that the manual of each type gives', () => {
    expect(textArrayField([]).toString('hex')).toBe('00000000' + '00000000' + '00000019');
    expect(textArrayField(['a']).toString('hex')).toBe('0000000100000000000000190000000100000001' + '0000000161');
    expect(jsonbField('{}').toString('hex')).toBe('017b7d');
    expect(timestampField(946_684_800_000_001n).readBigInt64BE()).toBe(1n);
  });
});

describe('float16', () => {
  it('decodes the values that IEEE 754 names', () => {
    const bits = [0x0000, 0x8000, 0x3c00, 0xbc00, 0x7bff, 0x0400, 0x0001, 0x7c00, 0xfc00, 0x3555];
    const bytes = Buffer.from(Uint16Array.from(bits).buffer);
    const third = 0.333251953125;
    expect([...decodeFloat16(bytes)]).toEqual([0, -0, 1, -1, 65504, 2 ** -14, 2 ** -24, Infinity, -Infinity, third]);
    expect(decodeFloat16(Buffer.from([0x00, 0x7e]))[0]).toBeNaN();
  });

  it('agrees with DataView.getFloat16 for all 65,536 patterns', () => {
    const view = new DataView(Uint16Array.from({ length: 65_536 }, (_, bits) => bits).buffer);
    const own = view as unknown as { getFloat16(at: number, little: boolean): number };
    const decoded = decodeFloat16(Buffer.from(view.buffer));
    expect(decoded.findIndex((value, i) => !Object.is(value, own.getFloat16(2 * i, true)))).toBe(-1);
  });

  it('refuses a byte too many', () => {
    expect(() => decodeFloat16(Buffer.alloc(3))).toThrow(RangeError);
    expect(() => decodeFloat32(Buffer.alloc(6))).toThrow(RangeError);
  });
});

describe('FingerprintMap', () => {
  it('knows of every key the line where it was first, like a Map', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 3 }), { maxLength: 300 }), (keys) => {
        const map = new FingerprintMap();
        const model = new Map<string, number>();
        keys.forEach((key, index) => {
          expect(map.add(key, index + 1)).toBe(model.get(key));
          if (!model.has(key)) model.set(key, index + 1);
        });
        expect(map.size).toBe(model.size);
      }),
    );
  });

  it('grows', () => {
    const map = new FingerprintMap();
    for (let i = 1; i <= 20_000; i++) expect(map.add(`uid-${i}`, i)).toBeUndefined();
    expect(map.add('uid-1', 99)).toBe(1);
    expect(map.add('uid-20000', 99)).toBe(20_000);
  });
});
