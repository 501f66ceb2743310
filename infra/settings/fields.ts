/**
 * Building blocks of the schema. Each says in `NOTES` what it allows, so that a message about any value of it can be
 * written in one place.
 */
import { z } from 'zod';
import { shown } from './errors';
import { nearest } from './suggest';
import { hasControlCharacter, type Check } from './values';

/** What a field allows, for messages. */
export interface FieldNote {
  /** What is allowed, and whose limit it is: "an integer from 2 to 100; pgvector's limit (hnsw m)". */
  readonly allowed: string;
  /** The words it can be, for suggestions. */
  readonly words?: readonly string[];
}

/** Marks an issue that is about the name of a map's member, not about its value. */
export const BAD_NAME = 'badName';

const NOTES = z.registry<FieldNote>();

function withReason(allowed: string, reason: string | undefined): FieldNote {
  return { allowed: reason === undefined ? allowed : `${allowed}; ${reason}` };
}

/** A whole number in a closed range. @param reason whose limit it is */
export function integer(min: number, max: number, reason?: string): z.ZodInt {
  return z
    .int()
    .min(min)
    .max(max)
    .register(NOTES, withReason(`an integer from ${String(min)} to ${String(max)}`, reason));
}

/** A number in a closed range. */
export function decimal(min: number, max: number, reason?: string): z.ZodNumber {
  return z
    .number()
    .min(min)
    .max(max)
    .register(NOTES, withReason(`a number from ${String(min)} to ${String(max)}`, reason));
}

/** true or false. */
export function flag(): z.ZodBoolean {
  return z.boolean().register(NOTES, { allowed: 'true or false' });
}

/** One of a few words. */
export function choice<const T extends readonly [string, ...string[]]>(words: T): z.ZodEnum<{ [K in T[number]]: K }> {
  return z.enum(words).register(NOTES, { allowed: words.join(', '), words });
}

/** A text that passes a check. @param allowed what is allowed, for people */
export function text(allowed: string, check: Check): z.ZodString {
  return z
    .string()
    .check((context) => {
      const problem = context.value === '' ? 'is empty; leave the key out instead' : check(context.value);
      if (problem !== undefined) context.issues.push({ code: 'custom', message: problem, input: context.value });
    })
    .register(NOTES, { allowed });
}

/** A list without duplicates. @param what "ranges such as 10.0.4.0/24" */
export function list<T extends z.ZodType<string>>(item: T, what: string, maxItems: number): z.ZodArray<T> {
  return z
    .array(item)
    .check((context) => {
      const twice = context.value.find((value, i) => context.value.indexOf(value) !== i);
      if (twice !== undefined)
        context.issues.push({ code: 'custom', message: `has ${shown(twice)} twice`, input: context.value });
      if (context.value.length > maxItems) {
        context.issues.push({
          code: 'custom',
          message: `has ${String(context.value.length)} entries`,
          input: context.value,
        });
      }
    })
    .register(NOTES, { allowed: `a list of at most ${String(maxItems)} ${what}` });
}

/** A map whose keys pass a check. @param allowed what is allowed, for people */
export function map<T extends z.ZodType>(allowed: string, key: Check, value: T): z.ZodRecord<z.ZodString, T> {
  return z
    .record(z.string(), value)
    .check((context) => {
      for (const name of Object.keys(context.value)) {
        const problem = key(name);
        if (problem === undefined) continue;
        context.issues.push({
          code: 'custom',
          message: problem,
          path: [name],
          input: context.value,
          params: { [BAD_NAME]: true },
        });
      }
    })
    .register(NOTES, { allowed });
}

/** Related settings under one key. Unknown keys are refused. */
export function group<T extends z.core.$ZodLooseShape>(shape: T): z.ZodPrefault<z.ZodObject<T, z.core.$strict>> {
  const members = Object.keys(shape).join(', ');
  return z
    .strictObject(shape)
    .register(NOTES, { allowed: `an object of ${members}` })
    .prefault({} as never);
}

/** One line of text for people. */
export function line(maxLength: number): z.ZodString {
  return text(`one line of 1 to ${String(maxLength)} characters`, (value) => {
    if (hasControlCharacter(value)) return 'holds a control character';
    if (value !== value.trim()) return 'begins or ends with a space';
    return value.length > maxLength ? `has ${String(value.length)} characters` : undefined;
  });
}

/** The schema without optional, default and prefault around it. */
export function unwrap(schema: z.ZodType): z.ZodType {
  let inner: z.ZodType = schema;
  while (
    inner instanceof z.ZodDefault ||
    inner instanceof z.ZodPrefault ||
    inner instanceof z.ZodOptional ||
    inner instanceof z.ZodExactOptional
  ) {
    inner = inner.unwrap() as z.ZodType;
  }
  return inner;
}

/** The schema of the value at `path`, unwrapped, or undefined where the path leaves the schema. */
export function schemaAt(root: z.ZodType, path: readonly PropertyKey[]): z.ZodType | undefined {
  let schema: z.ZodType | undefined = unwrap(root);
  for (const part of path) {
    if (schema instanceof z.ZodObject) schema = schema.shape[String(part)] as z.ZodType | undefined;
    else if (schema instanceof z.ZodArray) schema = schema.element as z.ZodType;
    else if (schema instanceof z.ZodRecord) schema = schema.valueType as z.ZodType;
    else return undefined;
    if (schema === undefined) return undefined;
    schema = unwrap(schema);
  }
  return schema;
}

/** What is allowed at `path`. */
export function noteAt(root: z.ZodType, path: readonly PropertyKey[]): FieldNote | undefined {
  const schema = schemaAt(root, path);
  return schema === undefined ? undefined : NOTES.get(schema);
}

/** Registers what a schema made by hand allows. */
export function noted<T extends z.ZodType>(schema: T, note: FieldNote): T {
  NOTES.add(schema, note);
  return schema;
}

/** What somebody who gave `value` probably meant, or undefined. */
export function meant(value: unknown, schema: z.ZodType, note: FieldNote | undefined): string | undefined {
  if (typeof value === 'string') {
    const word = note?.words === undefined ? undefined : nearest(value, note.words);
    if (word !== undefined) return `did you mean ${JSON.stringify(word)}?`;
    const number = numberMeant(value);
    if (number !== undefined && schema.safeParse(number).success)
      return `write ${String(number)}, a number without quotes`;
    if ((value === 'true' || value === 'false') && schema instanceof z.ZodBoolean)
      return `write ${value} without quotes`;
  }
  if (value === null) return 'a key without a value means nothing here; leave the key out';
  return undefined;
}

function numberMeant(value: string): number | undefined {
  const parts = /^\s*(\d+(?:[._]\d+)*)\s*([kKmM]?)\s*$/.exec(value);
  if (parts === null) return undefined;
  const factor = { k: 1e3, m: 1e6 }[(parts[2] ?? '').toLowerCase()] ?? 1;
  const number = Number((parts[1] ?? '').replaceAll('_', '')) * factor;
  return Number.isFinite(number) ? number : undefined;
}
