/**
 * Finds the Pulumi CLI, or builds it: the user's on PATH, else the npm package `pulumi` (which downloads the official
 * one), else a build from its public Go module, pinned in `cli/go.mod` and cached outside the checkout.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { delimiter, join } from 'node:path';
import { withLock } from '../../infra/adapters/localServer/lock';
import { cacheDir, type MachineContext } from '../../infra/adapters/localServer/layout';
import { ProcessRunner } from '../../infra/adapters/processRunner';
import { systemClock } from '../../infra/adapters/systemClock';
import { OperatorError } from '../../infra/ops/errors';
import type { ProgressSink } from '../../infra/ops/ports';

/** Version of the Go module that is built; newer ones need modules that no proxy serves. */
const BUILT_VERSION = 'v3.250.0';
const GO_PACKAGE = 'github.com/pulumi/pulumi/pkg/v3/cmd/pulumi';
/** Packages that `go build -v` names for a build from nothing; only for the ETA. */
const GO_PACKAGE_COUNT = 1_650;
const BUILD_WAIT_MS = 20 * 60_000;
const VERSION_TIMEOUT_MS = 5 * 60_000;
/** Oldest CLI that knows what `Pulumi.yaml` of this project says. */
const OLDEST_MINOR = 200;

export interface PulumiCli {
  /** Program, and the arguments that go before Pulumi's own. */
  file: string;
  args: string[];
  version: string;
  from: 'path' | 'npm' | 'built';
}

interface Attempt {
  what: string;
  why: string;
}

/** Programs called `name` on PATH, leaving out those of npm packages and those this project puts there itself. */
export function onPath(name: string, env: NodeJS.ProcessEnv, leaveOut: readonly string[]): string[] {
  const own = (dir: string): boolean =>
    dir === '' || /[\\/]node_modules[\\/]/.test(dir) || leaveOut.some((root) => dir.startsWith(root));
  const dirs = (env['PATH'] ?? '').split(delimiter).filter((dir) => !own(dir));
  return dirs.map((dir) => join(dir, name)).filter((file) => isExecutable(file));
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function tryCli(
  candidate: Omit<PulumiCli, 'version'>,
  context: MachineContext,
  attempts: Attempt[],
): Promise<PulumiCli | undefined> {
  const what = `${candidate.from}: ${candidate.file}`;
  try {
    const runner = new ProcessRunner(context.env);
    const result = await runner.run(candidate.file, [...candidate.args, 'version'], {
      timeoutMs: VERSION_TIMEOUT_MS,
      env: { PULUMI_SKIP_UPDATE_CHECK: 'true' },
    });
    const version = /v(\d+)\.(\d+)\.\d+\S*/.exec(result.stdout);
    if (result.code !== 0 || version === null) {
      attempts.push({
        what,
        why: (result.stderr || result.stdout).trim().split('\n').pop() ?? `exit code ${result.code}`,
      });
      return undefined;
    }
    if (version[1] !== '3' || Number(version[2]) < OLDEST_MINOR) {
      attempts.push({ what, why: `${version[0]} is too old; v3.${OLDEST_MINOR}.0 or newer is needed` });
      return undefined;
    }
    return { ...candidate, version: version[0] };
  } catch (error) {
    attempts.push({ what, why: String(error) });
    return undefined;
  }
}

/**
 * @param preferBuilt a CLI built earlier is taken before npm's is asked again, which would try a download each time
 * @throws OperatorError listing everything that was tried
 */
export async function findPulumi(
  context: MachineContext,
  progress: ProgressSink,
  preferBuilt: boolean,
): Promise<PulumiCli> {
  const attempts: Attempt[] = [];
  const candidates = onPath('pulumi', context.env, [context.checkout]);
  for (const file of candidates.slice(0, 1)) {
    const found = await tryCli({ file, args: [], from: 'path' }, context, attempts);
    if (found !== undefined) return found;
  }
  if (candidates.length === 0) attempts.push({ what: 'path', why: 'no program "pulumi" on PATH' });
  const built = join(builtDir(context), 'pulumi');
  if (preferBuilt && existsSync(built)) {
    const found = await tryCli({ file: built, args: [], from: 'built' }, context, attempts);
    if (found !== undefined) return found;
  }
  const launcher = join(context.checkout, 'node_modules', 'pulumi', 'run.js');
  if (existsSync(launcher)) {
    progress.update({ phase: 'asking npm’s pulumi package for the CLI' });
    const found = await tryCli({ file: process.execPath, args: [launcher], from: 'npm' }, context, attempts);
    if (found !== undefined) return found;
  }
  try {
    await buildPulumi(context, progress);
    const found = await tryCli({ file: built, args: [], from: 'built' }, context, attempts);
    if (found !== undefined) return found;
  } catch (error) {
    attempts.push({
      what: `built: ${GO_PACKAGE}@${BUILT_VERSION}`,
      why: error instanceof Error ? error.message : String(error),
    });
  }
  const tried = attempts.map(({ what, why }) => `\n    ${what}: ${why}`).join('');
  throw new OperatorError(`no Pulumi CLI could be found or built; tried${tried}`, {
    next: 'install Pulumi (https://www.pulumi.com/docs/install/) or Go >= 1.25, then run this again',
  });
}

/** Folder of the built CLI, named after everything that decides its bytes. */
function builtDir(context: MachineContext): string {
  const pins = ['go.mod', 'go.sum'].map((name) => readFileSync(join(__dirname, 'cli', name)));
  const id = createHash('sha256').update(Buffer.concat(pins)).digest('hex').slice(0, 12);
  return join(cacheDir(context), `pulumi-${BUILT_VERSION}-${process.platform}-${process.arch}-${id}`);
}

async function buildPulumi(context: MachineContext, progress: ProgressSink): Promise<void> {
  const go = onPath('go', context.env, [])[0];
  if (go === undefined) throw new OperatorError('no program "go" on PATH');
  const dir = builtDir(context);
  // Looked for before anything is written: the cache may be another user's, and only readable.
  if (existsSync(join(dir, 'pulumi'))) return;
  mkdirSync(cacheDir(context), { recursive: true, mode: 0o755 });
  await withLock(`${dir}.lock`, BUILD_WAIT_MS, systemClock, async () => {
    if (existsSync(join(dir, 'pulumi'))) return;
    const staging = mkdtempSync(join(cacheDir(context), 'building-'));
    try {
      for (const name of ['go.mod', 'go.sum']) copyFileSync(join(__dirname, 'cli', name), join(staging, name));
      await goBuild(go, staging, context, progress);
      mkdirSync(dir, { recursive: true, mode: 0o755 });
      renameSync(join(staging, 'pulumi'), join(dir, 'pulumi'));
    } finally {
      rmSync(staging, { recursive: true, force: true });
    }
  });
}

function goBuild(go: string, dir: string, context: MachineContext, progress: ProgressSink): Promise<void> {
  const phase = `building the Pulumi CLI ${BUILT_VERSION} with Go (once; about 4 minutes on 2 cores)`;
  progress.update({ phase });
  const ldflags = `-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=${BUILT_VERSION}`;
  const args = ['build', '-v', '-trimpath', '-ldflags', ldflags, '-o', join(dir, 'pulumi'), GO_PACKAGE];
  // -mod=readonly: what go.sum does not vouch for is not built.
  const child = spawn(go, args, {
    cwd: dir,
    env: { ...context.env, CGO_ENABLED: '0', GOFLAGS: '-mod=readonly -buildvcs=false' },
  });
  const started = performance.now();
  let done = 0;
  let tail = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    tail = (tail + text).slice(-2_000);
    done += text.split('\n').filter((line) => line !== '' && !line.startsWith('go: ')).length;
    const seconds = (performance.now() - started) / 1_000;
    const total = Math.max(GO_PACKAGE_COUNT, done);
    const etaSeconds = done < 20 ? undefined : (seconds / done) * (total - done);
    progress.update({ phase, done, total, unit: 'packages', ...(etaSeconds === undefined ? {} : { etaSeconds }) });
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) =>
      code === 0
        ? resolve()
        : reject(new OperatorError(`go build failed: ${tail.trim().split('\n').slice(-3).join(' / ')}`)),
    );
  });
}
