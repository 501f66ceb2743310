/** One line of JSON to the fields of one document and its steps, or everything that is wrong with it. */
import { isUtf8 } from 'node:buffer';
import { BadValue, DOCUMENT_COLUMNS, STEP_COLUMNS, encodeValue, kindOf, type Column } from './columns';
import { int4Field, rowBytes, vectorField, type Field } from './copyBinary';

export interface StepRow {
  /** As STEP_COLUMNS. */
  fields: Field[];
}

export interface DocumentRow {
  line: number;
  uid: string;
  /** Null where the line has none: the loader assigns one. */
  testCaseId: number | null;
  /** As DOCUMENT_COLUMNS. */
  fields: Field[];
  steps: StepRow[];
  /** Embeddings of the document and its steps that are all zeros: stored, but never in a cosine index. */
  zeroVectors: number;
  /** Bytes in a COPY stream. */
  bytes: number;
}

/** What embeddings must look like. */
export interface RowRules {
  /** Dimensions of test_documents.embedding and test_steps.embedding. */
  dimensions: { documents: number; steps: number };
  /** Shorter embeddings are filled up with zeros. */
  pad: boolean;
  /** Fields that are no column are dropped instead of refused. */
  ignoreUnknown: boolean;
}

/** Embeddings that come from files beside the JSON, for one line. */
export interface OutsideEmbeddings {
  document: Float32Array;
  /** Gives the embedding of the line's next step; absent where steps carry none. */
  nextStep?: () => Float32Array;
}

/** `stepsUnknown`: not even the number of steps could be read, so embeddings of steps in a file beside it have lost their place. */
export type ParsedLine = { row: DocumentRow } | { reasons: string[]; stepsUnknown: boolean };

const DOCUMENT_FIELDS = new Set([...DOCUMENT_COLUMNS.map((column) => column.name), 'steps']);
const STEP_FIELDS = new Set(STEP_COLUMNS.map((column) => column.name));

/** Parses lines of one file; keeps in mind how many dimensions the file's first embedding has. */
export class RowParser {
  private fileDimensions: number | undefined;

  constructor(private readonly rules: RowRules) {}

  parse(line: number, bytes: Buffer, outside?: OutsideEmbeddings): ParsedLine {
    const object = parseObject(bytes);
    if (typeof object === 'string') return { reasons: [object], stepsUnknown: true };
    const reasons: string[] = [];
    this.checkNames(object, DOCUMENT_FIELDS, '', reasons);
    const fields = this.encode(
      DOCUMENT_COLUMNS,
      object,
      '',
      this.rules.dimensions.documents,
      outside?.document,
      reasons,
    );
    const steps = this.parseSteps(object['steps'], outside, reasons);
    if (reasons.length > 0) return { reasons, stepsUnknown: false };
    const zeroVectors = [fields, ...steps.map((step) => step.fields)].filter(hasZeroVector).length;
    return {
      row: {
        line,
        uid: object['uid'] as string,
        testCaseId: (object['test_case_id'] as number | null | undefined) ?? null,
        fields,
        steps,
        zeroVectors,
        bytes: steps.reduce((sum, step) => sum + rowBytes(step.fields), rowBytes(fields)),
      },
    };
  }

  private parseSteps(value: unknown, outside: OutsideEmbeddings | undefined, reasons: string[]): StepRow[] {
    if (value === undefined || value === null) return [];
    if (!Array.isArray(value)) {
      reasons.push(`steps is ${kindOf(value)}, not an array`);
      return [];
    }
    const seen = new Set<number>();
    return value.map((step: unknown, index) => {
      const prefix = `steps[${index}]`;
      // Taken even where the step is bad: the next line's embedding must not slip.
      const embedding = outside?.nextStep?.();
      if (typeof step !== 'object' || step === null || Array.isArray(step)) {
        reasons.push(`${prefix} is ${kindOf(step)}, not an object`);
        return { fields: [] };
      }
      const object = step as Record<string, unknown>;
      this.checkNames(object, STEP_FIELDS, `${prefix}.`, reasons);
      const fields = this.encode(STEP_COLUMNS, object, `${prefix}.`, this.rules.dimensions.steps, embedding, reasons);
      fields[0] ??= int4Field(index + 1);
      const stepIndex = fields[0].readInt32BE();
      if (seen.has(stepIndex)) reasons.push(`${prefix}.step_index ${stepIndex} is there twice in this document`);
      seen.add(stepIndex);
      return { fields };
    });
  }

  private checkNames(
    object: Record<string, unknown>,
    known: ReadonlySet<string>,
    prefix: string,
    reasons: string[],
  ): void {
    if (this.rules.ignoreUnknown) return;
    for (const name of Object.keys(object)) {
      if (!known.has(name))
        reasons.push(`${prefix}${JSON.stringify(name.slice(0, 60))} is not a column (${[...known].join(', ')})`);
    }
  }

  private encode(
    columns: readonly Column[],
    object: Record<string, unknown>,
    prefix: string,
    dimensions: number,
    outside: Float32Array | undefined,
    reasons: string[],
  ): Field[] {
    return columns.map((column) => {
      const value = object[column.name];
      try {
        if (column.type === 'vector') return this.encodeVector(value, outside, dimensions);
        if (column.required === true && (value === undefined || value === null || value === ''))
          throw new BadValue('is missing');
        return encodeValue(column, value);
      } catch (error) {
        if (!(error instanceof BadValue || error instanceof RangeError)) throw error;
        // RangeError: nested deeper than JSON.stringify can follow.
        reasons.push(`${prefix}${column.name} ${error instanceof BadValue ? error.message : 'is nested too deep'}`);
        return null;
      }
    });
  }

  private encodeVector(value: unknown, outside: Float32Array | undefined, dimensions: number): Field {
    if (value !== undefined && value !== null && outside !== undefined) {
      throw new BadValue('is in the line and in the file beside it');
    }
    if (outside === undefined && (value === undefined || value === null)) return null;
    const values = outside ?? toFloats(value);
    const bad = firstNotFinite(values);
    if (bad !== -1) throw new BadValue(`[${bad}] is NaN, infinite or beyond the range of float4`);
    this.checkDimensions(values.length, dimensions);
    return vectorField(values, dimensions);
  }

  private checkDimensions(given: number, wanted: number): void {
    if (given === 0) throw new BadValue('has no dimensions');
    if (given > wanted || (given < wanted && !this.rules.pad)) {
      const hint = given < wanted ? '; --pad fills up with zeros' : '';
      throw new BadValue(`has ${given} dimensions, the column has ${wanted}${hint}`);
    }
    this.fileDimensions ??= given;
    if (given !== this.fileDimensions) {
      throw new BadValue(`has ${given} dimensions, the ones before it in this file have ${this.fileDimensions}`);
    }
  }
}

/** Position of the first NaN or infinity, or -1. A loop: as a callback for each value it took a quarter of a load's own time. */
function firstNotFinite(values: Float32Array): number {
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    // A finite number less itself is 0; infinities and NaN give NaN.
    if (value - value !== 0) return i;
  }
  return -1;
}

function toFloats(value: unknown): Float32Array {
  if (!Array.isArray(value)) throw new BadValue(`is ${kindOf(value)}, not an array of numbers`);
  const floats = new Float32Array(value.length);
  for (let i = 0; i < floats.length; i++) {
    const element: unknown = value[i];
    if (typeof element !== 'number') throw new BadValue(`[${i}] is ${kindOf(element)}, not a number`);
    floats[i] = element;
  }
  return floats;
}

const EMBEDDING_OF_DOCUMENT = DOCUMENT_COLUMNS.findIndex((column) => column.type === 'vector');
const EMBEDDING_OF_STEP = STEP_COLUMNS.findIndex((column) => column.type === 'vector');

function hasZeroVector(fields: readonly Field[]): boolean {
  const field = fields[fields.length === DOCUMENT_COLUMNS.length ? EMBEDDING_OF_DOCUMENT : EMBEDDING_OF_STEP];
  // -0 is 80 00 00 00: the sign does not make it longer.
  return (
    field !== null &&
    field !== undefined &&
    field.subarray(4).every((byte, i) => byte === 0 || (i % 4 === 0 && byte === 0x80))
  );
}

/** Never quotes the line: its numbers are an embedding. */
function parseObject(bytes: Buffer): Record<string, unknown> | string {
  if (!isUtf8(bytes)) return 'is not UTF-8';
  const text = bytes.toString('utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    const word = /(?<=[[,:\s])(NaN|-?Infinity|None|nan|inf)(?=[\],}\s])/.exec(text)?.[0];
    return word === undefined ? 'is not JSON' : `is not JSON: ${word} is no JSON value (null is)`;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return `is ${kindOf(value)}, not a JSON object`;
  return value as Record<string, unknown>;
}
