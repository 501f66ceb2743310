/** What is loaded: a JSON Lines file (plain or gzip) or standard input, and the embeddings that may lie beside it. */
import { createHash } from 'node:crypto';
import { closeSync, createReadStream, existsSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { OperatorError, UsageError } from '../errors';
import { decodeFloat16 } from './float16';
import { splitLines } from './lines';

/** The optional `NAME.manifest.json` beside a pair of files. */
export interface PairManifest {
  /** Dimensions of every row of NAME.f16 (and of NAME.steps.f16). */
  dimensions: number;
  /** The embeddings are meant to be filled up with zeros. */
  pad: boolean;
}

export interface LoadInput {
  /** File name without its folder, for people. */
  name: string;
  /** SHA-256 of everything that is loaded; undefined for standard input, which cannot be read again. */
  identity: string | undefined;
  totalBytes: number | undefined;
  /** Bytes of the source read so far. */
  bytesRead(): number;
  /** The text, unpacked. Broken gzip is an OperatorError. */
  text(signal: AbortSignal): AsyncIterable<Buffer>;
  /** Embeddings of documents, one for each line that is not blank; `steps` one for each step, in order. */
  embeddings?: { documents: VectorFile; steps?: VectorFile };
  manifest?: PairManifest;
  close(): void;
}

const GZIP_MAGIC = [0x1f, 0x8b];
const READ_BYTES = 4 * 1024 * 1024;

/** Rows of little-endian float16, read one after the other. */
export class VectorFile {
  private readonly handle: number;
  private buffer: Buffer = Buffer.alloc(0);
  private position = 0;

  constructor(
    private readonly path: string,
    readonly dimensions: number,
  ) {
    this.handle = openSync(path, 'r');
  }

  /** @throws OperatorError at the end of the file */
  next(): Float32Array {
    const need = this.dimensions * 2;
    if (this.buffer.length - this.position < need) {
      const rest = this.buffer.subarray(this.position);
      const fresh = Buffer.allocUnsafe(Math.max(need, READ_BYTES));
      rest.copy(fresh);
      const got = readSync(this.handle, fresh, rest.length, fresh.length - rest.length, null);
      this.buffer = fresh.subarray(0, rest.length + got);
      this.position = 0;
      if (this.buffer.length < need) {
        throw new OperatorError(`${basename(this.path)} ends before the last row that needs an embedding`, {
          exitCode: 2,
        });
      }
    }
    this.position += need;
    return decodeFloat16(this.buffer.subarray(this.position - need, this.position));
  }

  close(): void {
    closeSync(this.handle);
  }
}

/** Standard input as an input: no identity, so an interrupted load of it begins anew. */
export function inputOfStream(stream: Readable, name = 'standard input'): LoadInput {
  let read = 0;
  return {
    name,
    identity: undefined,
    totalBytes: undefined,
    bytesRead: () => read,
    text: (signal) =>
      unpack(
        counted(stream, (bytes) => (read += bytes), signal),
        name,
        signal,
      ),
    close: () => undefined,
  };
}

/**
 * Opens a file for loading.
 * @param path NAME.jsonl or NAME.jsonl.gz; or NAME.f16, which means the NAME.jsonl[.gz] beside it
 * @throws UsageError for a file that is not there, is a folder or is empty, and for embeddings whose size does not fit the lines
 */
export async function openInput(path: string): Promise<LoadInput> {
  const file = path.endsWith('.f16') ? textBeside(path) : path;
  const bytes = sizeOf(file);
  const name = basename(file);
  const stem = join(dirname(file), name.replace(/\.jsonl?(\.gz)?$/, ''));
  const manifestFile = `${stem}.manifest.json`;
  const documentsFile = `${stem}.f16`;
  const paired = stem !== file && existsSync(documentsFile);
  const manifest = paired && existsSync(manifestFile) ? readManifest(manifestFile) : undefined;
  const stepsFile = `${stem}.steps.f16`;
  const files = [file, ...(paired ? [documentsFile] : []), ...(paired && existsSync(stepsFile) ? [stepsFile] : [])];

  let read = 0;
  const input: LoadInput = {
    name,
    identity: await sha256(files),
    totalBytes: bytes,
    bytesRead: () => read,
    text: (signal) =>
      unpack(
        counted(createReadStream(file), (count) => (read += count), signal),
        name,
        signal,
      ),
    ...(manifest === undefined ? {} : { manifest }),
    close: () => {
      input.embeddings?.documents.close();
      input.embeddings?.steps?.close();
    },
  };
  if (paired) {
    const dimensions = await pairDimensions(input, documentsFile, manifest);
    read = 0;
    input.embeddings = {
      documents: new VectorFile(documentsFile, dimensions),
      ...(existsSync(stepsFile) ? { steps: new VectorFile(stepsFile, dimensions) } : {}),
    };
  }
  return input;
}

function textBeside(path: string): string {
  const stem = path.replace(/\.f16$/, '');
  const found = [`${stem}.jsonl.gz`, `${stem}.jsonl`].find(existsSync);
  if (found === undefined) {
    throw new UsageError(`${basename(path)} has no text beside it`, {
      allowed: `${basename(stem)}.jsonl.gz or ${basename(stem)}.jsonl in the same folder`,
    });
  }
  return found;
}

function sizeOf(file: string): number {
  if (!existsSync(file)) throw new UsageError(`there is no file ${file}`);
  const stat = statSync(file);
  if (stat.isDirectory())
    throw new UsageError(`${file} is a folder`, {
      allowed: 'a .jsonl, .jsonl.gz or .f16 file, or - for standard input',
    });
  if (stat.isFile() && stat.size === 0) throw new UsageError(`${file} is empty`);
  return stat.size;
}

function readManifest(file: string): PairManifest {
  const { dimensions, pad } = JSON.parse(readFileSync(file, 'utf8')) as Partial<PairManifest>;
  if (!Number.isInteger(dimensions) || (dimensions as number) < 1 || typeof pad !== 'boolean') {
    throw new UsageError(`${basename(file)} does not say what its embeddings are`, {
      allowed: '{ "dimensions": 384, "pad": true }',
    });
  }
  return { dimensions: dimensions as number, pad };
}

/** Every line has one row of embeddings, so size and number of lines give the dimensions; a manifest may give them too. */
async function pairDimensions(input: LoadInput, file: string, manifest: PairManifest | undefined): Promise<number> {
  let rows = 0;
  for await (const lines of splitLines(input.text(new AbortController().signal))) {
    rows += lines.filter(({ bytes }) => bytes === undefined || !isBlank(bytes)).length;
  }
  const bytes = statSync(file).size;
  const dimensions = manifest?.dimensions ?? bytes / 2 / rows;
  if (rows === 0 || !Number.isInteger(dimensions) || dimensions < 1 || dimensions * 2 * rows !== bytes) {
    throw new UsageError(`${basename(file)} has ${bytes} bytes, which do not fit the ${rows} lines of ${input.name}`, {
      allowed:
        manifest === undefined
          ? 'two bytes for each value, the same number of values for each line'
          : `${manifest.dimensions * 2 * rows} bytes`,
    });
  }
  return dimensions;
}

export function isBlank(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x09);
}

async function sha256(files: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const file of files) {
    hash.update(`${basename(file)}\0`);
    for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  }
  return hash.digest('hex');
}

async function* counted(source: Readable, count: (bytes: number) => void, signal: AbortSignal): AsyncGenerator<Buffer> {
  // A source that gives nothing (a pipe nobody writes to) must not keep an interrupted load from ending.
  const stop = (): void => void source.destroy(signal.reason as Error);
  signal.addEventListener('abort', stop);
  try {
    for await (const chunk of source) {
      count((chunk as Buffer).length);
      yield chunk as Buffer;
    }
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** Unpacks gzip where the first bytes say it is gzip, whatever the file is called. */
async function* unpack(source: AsyncGenerator<Buffer>, name: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  const first = await source.next();
  if (first.done === true) return;
  const head = first.value;
  async function* whole(): AsyncGenerator<Buffer> {
    yield head;
    yield* source;
  }
  if (head[0] !== GZIP_MAGIC[0] || head[1] !== GZIP_MAGIC[1]) {
    yield* whole();
    return;
  }
  const gunzip = createGunzip({ chunkSize: 256 * 1024 });
  const fed = feed(whole(), gunzip);
  try {
    for await (const chunk of gunzip) yield chunk as Buffer;
    await fed;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (signal.aborted || !['Z_BUF_ERROR', 'Z_DATA_ERROR'].includes(code ?? '')) throw error;
    const what =
      code === 'Z_BUF_ERROR' ? 'is cut off: its gzip data ends too early' : 'is broken: its gzip data is damaged';
    throw new OperatorError(`${name} ${what}`, {
      next: `gzip --test ${name}, and copy or make the file again`,
      cause: error,
    });
  } finally {
    gunzip.destroy();
  }
}

async function feed(source: AsyncGenerator<Buffer>, sink: ReturnType<typeof createGunzip>): Promise<void> {
  try {
    for await (const chunk of source) {
      if (sink.destroyed) return;
      if (!sink.write(chunk)) await new Promise<void>((resolve) => sink.once('drain', resolve).once('close', resolve));
    }
    sink.end();
  } catch (error) {
    sink.destroy(error as Error);
  }
}
