/** The `random` plugin: passwords, strings, bytes, ids and integers as version 4.21.2 of the real one gives them. */
import { randomBytes, randomInt } from 'node:crypto';
import type { Created, ProviderPlugin, ResourceType } from './provider';
import type { CheckFailure, PropertySpec, ResourceSpec } from './spec';
import type { PlainProperties } from './values';

const LOWER = 'abcdefghijklmnopqrstuvwxyz';
const UPPER = LOWER.toUpperCase();
const DIGITS = '0123456789';
/** The special characters of the real provider. */
const SPECIAL = '!@#$%&*()-_=+[]{}<>:?';
/** crypto.randomInt takes ranges below 2^48. */
const WIDEST_RANGE = 2 ** 48 - 1;

const keepers: PropertySpec = { type: 'map', replaces: true };

interface Alphabet {
  readonly characters: string;
  readonly minimum: number;
}

/** The four alphabets that the inputs allow, each with how many characters of it there must be. */
function alphabetsOf(inputs: PlainProperties): Alphabet[] {
  const numeric = inputs['numeric'] ?? inputs['number'] ?? true;
  const rows: [enabled: unknown, characters: string, minimum: unknown][] = [
    [inputs['lower'] ?? true, LOWER, inputs['minLower']],
    [inputs['upper'] ?? true, UPPER, inputs['minUpper']],
    [numeric, DIGITS, inputs['minNumeric']],
    [inputs['special'] ?? true, (inputs['overrideSpecial'] as string | undefined) ?? SPECIAL, inputs['minSpecial']],
  ];
  return rows
    .filter(([enabled]) => enabled === true)
    .map(([, characters, minimum]) => ({ characters, minimum: (minimum as number | undefined) ?? 0 }));
}

/**
 * A text of `length` characters, each drawn with equal chance from what is allowed, with the required ones at random places.
 * Every draw is crypto.randomInt, which has no modulo bias.
 */
export function randomText(inputs: PlainProperties): string {
  const alphabets = alphabetsOf(inputs);
  const all = alphabets.map(({ characters }) => characters).join('');
  const drawn = alphabets.flatMap(({ characters, minimum }) => Array.from({ length: minimum }, () => pick(characters)));
  while (drawn.length < (inputs['length'] as number)) drawn.push(pick(all));
  for (let last = drawn.length - 1; last > 0; last--) {
    const other = randomInt(last + 1);
    const [a = '', b = ''] = [drawn[last], drawn[other]];
    [drawn[last], drawn[other]] = [b, a];
  }
  return drawn.join('');
}

function pick(characters: string): string {
  return characters.charAt(randomInt(characters.length));
}

function textRules(inputs: PlainProperties): CheckFailure[] {
  const alphabets = alphabetsOf(inputs);
  const { length } = inputs;
  const needed = ['minLower', 'minUpper', 'minNumeric', 'minSpecial'].reduce(
    (sum, key) => sum + Number(inputs[key] ?? 0),
    0,
  );
  if (typeof length === 'number' && length < needed) {
    return [{ property: 'length', reason: `length is ${length}; the minimum counts ask for at least ${needed}` }];
  }
  if (alphabets.every(({ characters }) => characters === '')) {
    return [{ property: 'special', reason: 'at least one of lower, upper, numeric and special must be true' }];
  }
  return [];
}

function textSpec(secret: boolean): ResourceSpec {
  const flag: PropertySpec = { type: 'boolean', replaces: true };
  const count: PropertySpec = { type: 'integer', minimum: 0, replaces: true };
  const result: PropertySpec = secret
    ? { type: 'string', outputOnly: true, secret: true }
    : { type: 'string', outputOnly: true };
  return {
    comparedWith: 'inputs',
    listsDefaults: true,
    rules: textRules,
    properties: {
      length: { type: 'integer', required: true, minimum: 1, replaces: true },
      lower: flag,
      upper: flag,
      numeric: flag,
      number: flag,
      special: flag,
      minLower: count,
      minUpper: count,
      minNumeric: count,
      minSpecial: count,
      overrideSpecial: { type: 'string', replaces: true },
      keepers,
      result,
    },
  };
}

/** The state of a text resource: what was asked for, with the defaults written out. */
function textState(inputs: PlainProperties, result: string): PlainProperties {
  const numeric = inputs['numeric'] ?? inputs['number'] ?? true;
  return {
    lower: true,
    upper: true,
    special: true,
    minLower: 0,
    minUpper: 0,
    minNumeric: 0,
    minSpecial: 0,
    ...inputs,
    number: numeric,
    numeric,
    result,
  };
}

/** A resource whose value is drawn once, never changes and lives only in the state. */
function drawnOnce(
  spec: ResourceSpec,
  draw: (inputs: PlainProperties) => Created,
  adopt: (id: string) => Created,
): ResourceType {
  return {
    spec,
    create: (inputs) => Promise.resolve(draw(inputs)),
    read: (id, state, inputs) => {
      if (Object.keys(state).length > 0) return Promise.resolve({ id, outputs: state, inputs });
      const imported = adopt(id);
      const given = Object.entries(imported.outputs).filter(([key]) => {
        const property = spec.properties[key];
        return property?.required === true || key === 'prefix';
      });
      return Promise.resolve({ ...imported, inputs: Object.fromEntries(given) });
    },
    // every input replaces: there is nothing an update could change
    update: (_id, state, inputs) => Promise.resolve({ ...state, ...inputs }),
    delete: () => Promise.resolve(),
  };
}

/** Bytes in every form RandomId has; a prefix goes before each. */
function idForms(bytes: Buffer, prefix: string): PlainProperties {
  return {
    b64Std: prefix + bytes.toString('base64'),
    b64Url: prefix + bytes.toString('base64url'),
    hex: prefix + bytes.toString('hex'),
    dec: prefix + BigInt(`0x${bytes.toString('hex')}`).toString(),
  };
}

function createdId(bytes: Buffer, inputs: PlainProperties): Created {
  const forms = idForms(bytes, (inputs['prefix'] as string | undefined) ?? '');
  const id = bytes.toString('base64url');
  return { id, outputs: { ...inputs, byteLength: bytes.length, ...forms, id } };
}

function createdBytes(bytes: Buffer, inputs: PlainProperties): Created {
  const base64 = bytes.toString('base64');
  return { id: base64, outputs: { ...inputs, length: bytes.length, base64, hex: bytes.toString('hex') } };
}

const output: PropertySpec = { type: 'string', outputOnly: true };

const resources: Record<string, ResourceType> = {
  'random:index/randomPassword:RandomPassword': drawnOnce(
    textSpec(true),
    // the id of a password is the word "none": ids are not encrypted
    (inputs) => ({ id: 'none', outputs: { ...textState(inputs, randomText(inputs)), id: 'none' } }),
    (id) => ({ id: 'none', outputs: { ...textState({ length: id.length }, id), id: 'none' } }),
  ),
  'random:index/randomString:RandomString': drawnOnce(
    textSpec(false),
    (inputs) => {
      const result = randomText(inputs);
      return { id: result, outputs: { ...textState(inputs, result), id: result } };
    },
    (id) => ({ id, outputs: { ...textState({ length: id.length }, id), id } }),
  ),
  'random:index/randomBytes:RandomBytes': drawnOnce(
    {
      comparedWith: 'inputs',
      listsDefaults: true,
      properties: {
        length: { type: 'integer', required: true, minimum: 1, replaces: true },
        keepers,
        base64: { ...output, secret: true },
        hex: { ...output, secret: true },
      },
    },
    (inputs) => createdBytes(randomBytes(inputs['length'] as number), inputs),
    (id) => createdBytes(Buffer.from(id, 'base64'), {}),
  ),
  'random:index/randomId:RandomId': drawnOnce(
    {
      comparedWith: 'inputs',
      listsDefaults: true,
      properties: {
        byteLength: { type: 'integer', required: true, minimum: 1, replaces: true },
        prefix: { type: 'string', replaces: true },
        keepers,
        b64Std: output,
        b64Url: output,
        dec: output,
        hex: output,
      },
    },
    (inputs) => createdId(randomBytes(inputs['byteLength'] as number), inputs),
    (id) => {
      const comma = id.lastIndexOf(',');
      const prefix: PlainProperties = comma < 0 ? {} : { prefix: id.slice(0, comma) };
      return createdId(Buffer.from(id.slice(comma + 1), 'base64url'), prefix);
    },
  ),
  'random:index/randomInteger:RandomInteger': drawnOnce(
    {
      comparedWith: 'inputs',
      listsDefaults: true,
      rules: ({ min, max }) =>
        typeof min !== 'number' || typeof max !== 'number' || (max >= min && max - min < WIDEST_RANGE)
          ? []
          : [
              {
                property: 'max',
                reason: `max is ${max} and min is ${min}; max must not be below min, nor more than 2^48 above it`,
              },
            ],
      properties: {
        min: { type: 'integer', required: true, replaces: true },
        max: { type: 'integer', required: true, replaces: true },
        seed: { type: 'string', refused: 'the generator behind it is the real one’s own; leave seed out' },
        keepers,
        result: { type: 'integer', outputOnly: true },
      },
    },
    (inputs) => {
      const result = randomInt(inputs['min'] as number, (inputs['max'] as number) + 1);
      return { id: String(result), outputs: { ...inputs, result, id: String(result) } };
    },
    (id) => {
      const [result = Number.NaN, min = Number.NaN, max = Number.NaN] = id.split(',').map(Number);
      if (![result, min, max].every(Number.isSafeInteger)) {
        throw new Error(`the id ${JSON.stringify(id)} is no integer to import; write it as RESULT,MIN,MAX`);
      }
      return { id: String(result), outputs: { result, min, max, id: String(result) } };
    },
  ),
};

export const randomPlugin: ProviderPlugin = {
  name: 'random',
  version: '4.21.2',
  config: { comparedWith: 'inputs', properties: {} },
  resources,
  configure: () => undefined,
};
