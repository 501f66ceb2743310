/** Values of postgresql.conf as the server understands them: the same amount in any unit is the same value. */
import type { ParameterFact } from './catalog';

/** Bytes of each unit of memory, letter for letter as the server takes them. */
const BYTES: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1024,
  '8kB': 8192,
  MB: 1024 ** 2,
  GB: 1024 ** 3,
  TB: 1024 ** 4,
};

/** Microseconds of each unit of time. */
const MICROSECONDS: Readonly<Record<string, number>> = {
  us: 1,
  ms: 1e3,
  s: 1e6,
  min: 60e6,
  h: 3600e6,
  d: 86_400e6,
};

/** Comma-separated lists, in which spaces mean nothing. */
const LISTS = new Set([
  'listen_addresses',
  'local_preload_libraries',
  'log_connections',
  'log_destination',
  'session_preload_libraries',
  'shared_preload_libraries',
  'unix_socket_directories',
]);

/** A value in one spelling, or what is wrong with it and what is allowed instead. */
export type Canonical = { value: string } | { problem: string; allowed: string };

/**
 * Reads a value as guc.c does (parse_bool, parse_int, parse_real, enum look-up).
 * @param text as written in postgresql.conf without its quotes, or as pg_settings.setting shows it
 * @returns the amount in the parameter's own unit, `on` or `off`, the word in lower case, or the text
 */
export function canonicalValue(fact: ParameterFact, text: string): Canonical {
  switch (fact.type) {
    case 'bool':
      return canonicalBoolean(text);
    case 'enum':
      return fact.words.length === 0 || fact.words.includes(text.toLowerCase())
        ? { value: text.toLowerCase() }
        : { problem: 'is not one of its values', allowed: fact.words.filter((word) => word !== '').join(', ') };
    case 'string':
      return {
        value: LISTS.has(fact.name)
          ? text
              .split(',')
              .map((item) => item.trim())
              .join(',')
          : text,
      };
    default:
      return canonicalNumber(fact, text);
  }
}

/** Whether two values mean the same to the server. An unknown parameter is compared letter by letter. */
export function sameValue(fact: ParameterFact | undefined, a: string | undefined, b: string | undefined): boolean {
  if (a === undefined || b === undefined || fact === undefined) return a === b;
  const left = canonicalValue(fact, a);
  const right = canonicalValue(fact, b);
  return 'value' in left && 'value' in right ? left.value === right.value : a === b;
}

function canonicalBoolean(text: string): Canonical {
  const word = text.trim().toLowerCase();
  // Any unambiguous beginning counts; "o" alone begins both on and off.
  const matches = (full: string, shortest = 1): boolean => word.length >= shortest && full.startsWith(word);
  if (matches('true') || matches('yes') || word === 'on' || word === '1') return { value: 'on' };
  if (matches('false') || matches('no') || matches('off', 2) || word === '0') return { value: 'off' };
  return { problem: 'is neither on nor off', allowed: 'on, off' };
}

function unitFactor(unit: string, base: string): number | undefined {
  if (unit === '') return 1;
  for (const table of [BYTES, MICROSECONDS]) {
    const from = table[unit];
    const to = table[base];
    if (from !== undefined && to !== undefined && unit !== '8kB') return from / to;
  }
  return undefined;
}

function canonicalNumber(fact: ParameterFact, text: string): Canonical {
  const parts = /^\s*([+-]?(?:0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?))\s*([A-Za-z]*)\s*$/.exec(text);
  const units = unitsOf(fact.unit);
  if (parts === null) return { problem: 'is no number', allowed: numberShape(fact, units) };
  const digits = parts[1] ?? '';
  const factor = unitFactor(parts[2] ?? '', fact.unit);
  if (factor === undefined) {
    return { problem: `has a unit that does not fit ("${parts[2] ?? ''}")`, allowed: numberShape(fact, units) };
  }
  // As strtol with base 0: a leading zero means octal (file modes), but not in 0.5.
  const octal = fact.type === 'integer' && /^[+-]?0[0-7]+$/.test(digits);
  const amount = (octal ? Number.parseInt(digits, 8) : Number(digits)) * factor;
  const value = fact.type === 'integer' ? roundHalfEven(amount) : amount;
  if ((fact.min !== undefined && value < fact.min) || (fact.max !== undefined && value > fact.max)) {
    return { problem: 'is out of range', allowed: numberShape(fact, units) };
  }
  return { value: String(value) };
}

/** rint(), which the server rounds with. */
function roundHalfEven(amount: number): number {
  const floor = Math.floor(amount);
  if (amount - floor !== 0.5) return Math.round(amount);
  return floor % 2 === 0 ? floor : floor + 1;
}

function unitsOf(base: string): readonly string[] {
  if (base in BYTES) return ['B', 'kB', 'MB', 'GB', 'TB'];
  return base in MICROSECONDS ? ['us', 'ms', 's', 'min', 'h', 'd'] : [];
}

function numberShape(fact: ParameterFact, units: readonly string[]): string {
  const counted = fact.unit === '' ? '' : ` in units of ${fact.unit}`;
  const range = fact.min === undefined ? '' : ` from ${fact.min} to ${fact.max ?? 'any'}${counted}`;
  return `${fact.type === 'integer' ? 'a whole number' : 'a number'}${range}${units.length === 0 ? '' : `, or with a unit: ${units.join(', ')}`}`;
}
