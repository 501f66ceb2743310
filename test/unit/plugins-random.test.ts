/** The offline random plugin, without an engine. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Operation, ResourceType } from '../../scripts/toolchain/plugins/provider';
import { randomPlugin, randomText } from '../../scripts/toolchain/plugins/random';
import { textOf, type PlainProperties } from '../../scripts/toolchain/plugins/values';
import { must } from '../support/must';

const operation: Operation = { urn: '', name: 'x', signal: new AbortController().signal, log: () => undefined };

function type(name: string): ResourceType {
  return must(randomPlugin.resources[`random:index/${name.charAt(0).toLowerCase()}${name.slice(1)}:${name}`]);
}

function create(name: string, inputs: PlainProperties): ReturnType<ResourceType['create']> {
  return type(name).create(inputs, operation, {});
}

const count = (text: string, pattern: RegExp): number => text.match(pattern)?.length ?? 0;

describe('random text', () => {
  it('has the length, the minimum counts and only what is allowed', () => {
    const few = fc.integer({ min: 0, max: 4 });
    fc.assert(
      fc.property(
        few,
        few,
        few,
        few,
        fc.integer({ min: 0, max: 20 }),
        (minLower, minUpper, minNumeric, minSpecial, more) => {
          const length = minLower + minUpper + minNumeric + minSpecial + more + 1;
          const text = randomText({ length, minLower, minUpper, minNumeric, minSpecial, overrideSpecial: '_%' });
          expect(text).toMatch(/^[A-Za-z0-9_%]+$/);
          expect(text).toHaveLength(length);
          expect(count(text, /[a-z]/g)).toBeGreaterThanOrEqual(minLower);
          expect(count(text, /[A-Z]/g)).toBeGreaterThanOrEqual(minUpper);
          expect(count(text, /\d/g)).toBeGreaterThanOrEqual(minNumeric);
          expect(count(text, /[_%]/g)).toBeGreaterThanOrEqual(minSpecial);
        },
      ),
    );
  });

  it('draws every character about equally often, at every place', () => {
    // 40,000 draws of 4 characters: 10,000 each, standard deviation 87; 600 off is seven of them
    const text = randomText({ length: 40_000, lower: false, upper: false, numeric: false, overrideSpecial: 'abcd' });
    for (const character of 'abcd')
      expect(Math.abs(count(text, new RegExp(character, 'g')) - 10_000)).toBeLessThan(600);
    // the one required digit is not always first
    const places = new Set(
      Array.from({ length: 200 }, () =>
        randomText({ length: 4, numeric: true, minNumeric: 1, upper: false, special: false, lower: true }).search(/\d/),
      ),
    );
    expect(places.size).toBeGreaterThan(2);
  });

  it('leaves out what is switched off', () => {
    expect(randomText({ length: 50, special: false, upper: false, numeric: false })).toMatch(/^[a-z]{50}$/);
    expect(randomText({ length: 50, special: false, upper: false, number: false })).toMatch(/^[a-z]{50}$/);
  });
});

describe('resources', () => {
  it('RandomPassword has the id "none" and the defaults in its state', async () => {
    const { id, outputs } = await create('RandomPassword', { length: 24, special: false });
    expect(id).toBe('none');
    expect(outputs).toMatchObject({
      length: 24,
      special: false,
      lower: true,
      numeric: true,
      number: true,
      minUpper: 0,
      id: 'none',
    });
    expect(outputs['result']).toMatch(/^[A-Za-z0-9]{24}$/);
    expect(type('RandomPassword').spec.properties['result']).toMatchObject({ secret: true, outputOnly: true });
  });

  it('RandomString is its own id and is no secret', async () => {
    const { id, outputs } = await create('RandomString', { length: 8, special: false });
    expect(outputs['result']).toBe(id);
    expect(type('RandomString').spec.properties['result']?.secret).toBeUndefined();
  });

  it('RandomId gives one number in four forms, each with the prefix', async () => {
    const { id, outputs } = await create('RandomId', { byteLength: 8, prefix: 'p-' });
    const hex = Buffer.from(id, 'base64url').toString('hex');
    expect(outputs).toMatchObject({ hex: `p-${hex}`, dec: `p-${BigInt(`0x${hex}`)}`, b64Url: `p-${id}` });
    expect(Buffer.from(textOf(outputs, 'b64Std').slice(2), 'base64').toString('hex')).toBe(hex);
  });

  it('RandomBytes gives the same bytes in two secret forms', async () => {
    const { id, outputs } = await create('RandomBytes', { length: 16 });
    expect(Buffer.from(textOf(outputs, 'base64'), 'base64').toString('hex')).toBe(outputs['hex']);
    expect(id).toBe(outputs['base64']);
    expect(type('RandomBytes').spec.properties).toMatchObject({ base64: { secret: true }, hex: { secret: true } });
  });

  it('RandomInteger stays in its range and reaches both ends', async () => {
    const drawn = await Promise.all(Array.from({ length: 100 }, () => create('RandomInteger', { min: -1, max: 1 })));
    expect(new Set(drawn.map(({ outputs }) => outputs['result']))).toEqual(new Set([-1, 0, 1]));
  });

  it('keep their value on a refresh', async () => {
    const { id, outputs } = await create('RandomPassword', { length: 8 });
    const read = await type('RandomPassword').read(id, outputs, { length: 8 }, operation);
    expect(read).toEqual({ id, outputs, inputs: { length: 8 } });
  });

  it.each([
    ['RandomPassword', 'secret-word', 'none', { length: 11, result: 'secret-word' }],
    ['RandomString', 'abc', 'abc', { length: 3, result: 'abc' }],
    ['RandomId', 'p-,p-9hUg', 'p-9hUg', { byteLength: 4, prefix: 'p-', hex: 'p-a7ef6152' }],
    ['RandomBytes', '8/fu3q+2DcgSJ19i0jZ5Cw==', '8/fu3q+2DcgSJ19i0jZ5Cw==', { length: 16 }],
    ['RandomInteger', '15390,1,50000', '15390', { result: 15390, min: 1, max: 50000 }],
  ] as [string, string, string, PlainProperties][])('%s is imported by %s', async (name, id, imported, outputs) => {
    const read = await type(name).read(id, {}, {}, operation);
    expect(read).toMatchObject({ id: imported, outputs });
  });
});
