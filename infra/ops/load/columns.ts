/** The columns that a loaded row may carry: the application's contract, and how a JSON value becomes a field of COPY. */
import { boolField, int4Field, jsonbField, textArrayField, textField, timestampField, type Field } from './copyBinary';

export type ColumnType = 'integer' | 'text' | 'textArray' | 'boolean' | 'timestamp' | 'jsonb' | 'vector';

export interface Column {
  name: string;
  type: ColumnType;
  /** varchar(n): characters. */
  maxLength?: number;
  required?: boolean;
}

/** test_documents without `id`, which the database gives. */
export const DOCUMENT_COLUMNS: readonly Column[] = [
  { name: 'test_case_id', type: 'integer' },
  { name: 'uid', type: 'text', maxLength: 255, required: true },
  { name: 'jira_key', type: 'text', maxLength: 50 },
  { name: 'title', type: 'text', required: true },
  { name: 'description', type: 'text' },
  { name: 'summary', type: 'text' },
  { name: 'embedding', type: 'vector' },
  { name: 'test_type', type: 'text', maxLength: 50 },
  { name: 'priority', type: 'text', maxLength: 20 },
  { name: 'platforms', type: 'textArray' },
  { name: 'tags', type: 'textArray' },
  { name: 'folder_structure', type: 'text' },
  { name: 'suite_id', type: 'integer' },
  { name: 'section_id', type: 'integer' },
  { name: 'project_id', type: 'integer' },
  { name: 'source', type: 'text', maxLength: 255 },
  { name: 'ingested_at', type: 'timestamp' },
  { name: 'updated_at', type: 'timestamp' },
  { name: 'is_automated', type: 'boolean' },
  { name: 'refs', type: 'text' },
  { name: 'custom_fields', type: 'jsonb' },
];

/** test_steps without `id` and `test_document_id`. */
export const STEP_COLUMNS: readonly Column[] = [
  { name: 'step_index', type: 'integer' },
  { name: 'action', type: 'text' },
  { name: 'expected', type: 'textArray' },
  { name: 'data', type: 'text' },
  { name: 'embedding', type: 'vector' },
];

export function columnIndex(columns: readonly Column[], name: string): number {
  const index = columns.findIndex((column) => column.name === name);
  if (index === -1) throw new RangeError(`no column ${name}`);
  return index;
}

const INT4_MIN = -2_147_483_648;
const INT4_MAX = 2_147_483_647;
/** A key of a GIN index over text[] must fit a third of a page; the server refuses longer ones in the middle of a COPY. */
const MAX_ARRAY_ELEMENT_BYTES = 2600;
const LONE_SURROGATE = /\p{Surrogate}/u;
const TIMESTAMP = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,6})\d*)?)?)?(Z|[+-]\d\d:?\d\d)?$/;

/** What is wrong with a value; never holds the value itself. */
export class BadValue extends Error {}

/**
 * Encodes one JSON value for its column (all but vectors).
 * @returns null for JSON's null and for a field that is absent
 * @throws BadValue saying what is wrong, beginning after the column's name
 */
export function encodeValue(column: Column, value: unknown): Field {
  if (value === undefined || value === null) return null;
  switch (column.type) {
    case 'integer':
      if (typeof value !== 'number') throw new BadValue(`is ${kindOf(value)}, not a number`);
      if (!Number.isInteger(value) || value < INT4_MIN || value > INT4_MAX) {
        throw new BadValue(`is not a whole number from ${INT4_MIN} to ${INT4_MAX}`);
      }
      return int4Field(value);
    case 'text':
      return textField(checkText(value, column.maxLength));
    case 'boolean':
      if (typeof value !== 'boolean') throw new BadValue(`is ${kindOf(value)}, not true or false`);
      return boolField(value);
    case 'textArray':
      return textArrayField(checkTexts(value));
    case 'timestamp':
      return timestampField(parseTimestamp(value));
    case 'jsonb':
      return jsonbField(checkJson(value));
    case 'vector':
      throw new RangeError('vectors are encoded by row.ts');
  }
}

/** "a string", "an array": what a JSON value is. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

function checkText(value: unknown, maxLength?: number): string {
  if (typeof value !== 'string') throw new BadValue(`is ${kindOf(value)}, not a string`);
  if (value.includes('\0')) throw new BadValue('holds a NUL character, which PostgreSQL cannot store in text');
  if (LONE_SURROGATE.test(value)) throw new BadValue('holds half of a surrogate pair, which is not a character');
  if (maxLength !== undefined && value.length > maxLength) {
    const length = Array.from(value).length;
    if (length > maxLength) throw new BadValue(`has ${length} characters, at most ${maxLength} are allowed`);
  }
  return value;
}

function checkTexts(value: unknown): string[] {
  if (!Array.isArray(value)) throw new BadValue(`is ${kindOf(value)}, not an array of strings`);
  return value.map((element: unknown, index) => {
    if (typeof element !== 'string') throw new BadValue(`[${index}] is ${kindOf(element)}, not a string`);
    const text = checkText(element);
    if (text.length * 3 > MAX_ARRAY_ELEMENT_BYTES && Buffer.byteLength(text) > MAX_ARRAY_ELEMENT_BYTES) {
      throw new BadValue(
        `[${index}] is longer than ${MAX_ARRAY_ELEMENT_BYTES} bytes, the most that its index can hold`,
      );
    }
    return text;
  });
}

/** Microseconds since 1970; a time with a zone becomes UTC, one without is taken as it stands. */
function parseTimestamp(value: unknown): bigint {
  const allowed = 'not a time like 2026-01-31T08:30:00Z';
  if (typeof value !== 'string') throw new BadValue(`is ${kindOf(value)}, ${allowed}`);
  const match = TIMESTAMP.exec(value);
  if (match === null) throw new BadValue(`is ${allowed}`);
  const part = (group: number): number => Number(match[group] ?? 0);
  const [year, month, day, hour, minute, second] = [part(1), part(2), part(3), part(4), part(5), part(6)] as const;
  const at = new Date(0);
  at.setUTCFullYear(year, month - 1, day);
  at.setUTCHours(hour, minute, second);
  // Date carries 31 February over into March.
  const date = at.getUTCMonth() + 1 === month && at.getUTCDate() === day;
  const time = at.getUTCHours() === hour && at.getUTCMinutes() === minute && at.getUTCSeconds() === second;
  if (!date || !time || year === 0) throw new BadValue('is a day or time that does not exist');
  const micros = BigInt((match[7] ?? '').padEnd(6, '0'));
  return BigInt(at.getTime() - zoneMs(match[8])) * 1000n + micros;
}

function zoneMs(zone: string | undefined): number {
  if (zone === undefined || zone === 'Z') return 0;
  const sign = zone.startsWith('-') ? -1 : 1;
  return sign * (Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2))) * 60_000;
}

/** jsonb takes what JSON takes, but no NUL and no half of a surrogate pair; numbers must survive their way through this program. */
function checkJson(value: unknown): string {
  const json = JSON.stringify(value, (_, inner: unknown) => {
    if (
      typeof inner === 'number' &&
      (!Number.isFinite(inner) || (Number.isInteger(inner) && !Number.isSafeInteger(inner)))
    ) {
      throw new BadValue('holds a number that would lose digits; write it as a string');
    }
    if (typeof inner === 'string') checkText(inner);
    else if (typeof inner === 'object' && inner !== null) Object.keys(inner).forEach((key) => checkText(key));
    return inner;
  });
  return json;
}
