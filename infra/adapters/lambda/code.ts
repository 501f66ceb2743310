/**
 * The code of a Lambda as a zip: bundled by esbuild, the same bytes for the same sources on every machine, and kept beside its
 * digests so that a preview in which nothing changed reads a few files and builds nothing.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { OperatorError, messageOf } from '../../ops/errors';
import { writeAtomically } from '../atomicFile';

/** The Lambdas of this project: each is `infra/lambda/<name>.ts`, which exports `handler`. */
export const LAMBDA_NAMES = ['backup', 'monitor'] as const;
export type LambdaName = (typeof LAMBDA_NAMES)[number];

/** One built Lambda. */
export interface LambdaCode {
  /** Absolute path of the zip; its name follows from its content. */
  zip: string;
  /** SHA-256 of the zip in base64, as AWS Lambda gives it (CodeSha256). */
  sha256: string;
  /** Bytes of the zip. */
  bytes: number;
}

interface Manifest {
  /** What besides the sources decides the bytes: versions of every dependency, and these options. */
  builder: string;
  /** SHA-256 of each source of ours, by its path in the checkout. */
  sources: Record<string, string>;
  zip: string;
  sha256: string;
  bytes: number;
}

/** File of the zip that the runtime loads, as `index.handler`. */
export const LAMBDA_MODULE = 'index.mjs';

const OPTIONS = {
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  mainFields: ['module', 'main'],
  minify: true,
  // Names stay in stack traces and in what the logger says of an error.
  keepNames: true,
  legalComments: 'none',
  charset: 'utf8',
  // Some dependencies are CommonJS and ask for built-in modules at run time; of our own some name files that a Lambda never reads.
  banner: {
    js: "import{createRequire as _cr}from'node:module';const require=_cr(import.meta.url),__dirname=import.meta.dirname;",
  },
} as const;

/**
 * The zip of a Lambda, built only where a source, a dependency or an option changed since the last time.
 * @param checkout root of the checkout; zips and manifests are kept in its `.qbench/lambda`
 * @throws OperatorError with esbuild's words where a source cannot be bundled
 */
export async function lambdaCode(name: LambdaName, checkout: string): Promise<LambdaCode> {
  const folder = join(checkout, '.qbench', 'lambda');
  const file = join(folder, `${name}.json`);
  const builder = builderOf(checkout);
  const known = readManifest(file);
  if (known !== undefined && upToDate(known, builder, checkout, folder)) return codeOf(known, folder);

  const { bundle, sources } = await bundleOf(name, checkout);
  const zip = await zipOf(bundle);
  const digest = createHash('sha256').update(zip).digest();
  const manifest: Manifest = {
    builder,
    sources,
    zip: `${name}-${digest.toString('hex').slice(0, 16)}.zip`,
    sha256: digest.toString('base64'),
    bytes: zip.byteLength,
  };
  mkdirSync(folder, { recursive: true });
  // Two previews may build the same zip at the same time.
  writeAtomically(join(folder, manifest.zip), zip, { concurrent: true });
  writeAtomically(file, JSON.stringify(manifest, null, 2), { concurrent: true });
  return codeOf(manifest, folder);
}

const codeOf = ({ zip, sha256, bytes }: Manifest, folder: string): LambdaCode => ({
  zip: join(folder, zip),
  sha256,
  bytes,
});

function builderOf(checkout: string): string {
  return digestOf(JSON.stringify(OPTIONS), readFileSync(join(checkout, 'package-lock.json')));
}

function readManifest(file: string): Manifest | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Manifest;
  } catch {
    // Not there, or cut off by a full disk: it is made again.
    return undefined;
  }
}

function upToDate(known: Manifest, builder: string, checkout: string, folder: string): boolean {
  if (known.builder !== builder || !existsSync(join(folder, known.zip))) return false;
  return Object.entries(known.sources).every(([source, digest]) => {
    const path = join(checkout, source);
    return existsSync(path) && digestOf(readFileSync(path)) === digest;
  });
}

/** Bundles the handler; `sources` has what is ours of its inputs, the rest follows from the lock file. */
async function bundleOf(
  name: LambdaName,
  checkout: string,
): Promise<{ bundle: Uint8Array; sources: Record<string, string> }> {
  // Loaded only when something is to be built: a preview without changes starts no compiler.
  const { build } = await import('esbuild');
  try {
    const { outputFiles, metafile } = await build({
      ...OPTIONS,
      mainFields: [...OPTIONS.mainFields],
      absWorkingDir: checkout,
      entryPoints: [join('infra', 'lambda', `${name}.ts`)],
      outfile: LAMBDA_MODULE,
      write: false,
      metafile: true,
      logLevel: 'silent',
    });
    const ours = Object.keys(metafile.inputs).filter((path) => !path.includes('node_modules/'));
    const sources = ours.sort().map((path) => [path, digestOf(readFileSync(join(checkout, path)))]);
    return { bundle: outputFiles[0]?.contents ?? new Uint8Array(), sources: Object.fromEntries(sources) as never };
  } catch (error) {
    throw new OperatorError(`the Lambda "${name}" cannot be bundled: ${messageOf(error)}`, {
      next: `npm run check shows what is wrong with infra/lambda/${name}.ts`,
      cause: error,
    });
  }
}

/** One file, one date: nothing but its content decides the bytes. */
async function zipOf(bundle: Uint8Array): Promise<Uint8Array> {
  const { zipSync } = await import('fflate');
  // A zip keeps local time: midnight of whichever zone this machine is in gives the same bytes everywhere.
  const mtime = new Date(1980, 0, 1);
  return zipSync({ [LAMBDA_MODULE]: bundle }, { level: 9, mtime });
}

function digestOf(...parts: (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}
