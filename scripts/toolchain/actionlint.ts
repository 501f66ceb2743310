/** actionlint, which judges the workflows: the one on PATH, else built once from its Go module and cached outside the checkout. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDir, type MachineContext } from '../../infra/adapters/localServer/layout';
import { ProcessRunner } from '../../infra/adapters/processRunner';
import { messageOf } from '../../infra/ops/errors';
import { onPath } from './pulumiCli';

const VERSION = 'v1.7.12';
const MODULE = 'github.com/rhysd/actionlint/cmd/actionlint';
const BUILD_MS = 3 * 60_000;

/** @returns its path, or why it cannot be had */
export async function findActionlint(context: MachineContext): Promise<{ file: string } | { why: string }> {
  const installed = onPath('actionlint', context.env, [context.checkout])[0];
  if (installed !== undefined) return { file: installed };
  const dir = join(cacheDir(context), `actionlint-${VERSION}-${process.platform}-${process.arch}`);
  const file = join(dir, 'actionlint');
  if (existsSync(file)) return { file };
  const go = onPath('go', context.env, [])[0];
  if (go === undefined) return { why: 'actionlint is not installed, nor is Go to build it' };
  try {
    mkdirSync(dir, { recursive: true, mode: 0o755 });
    const runner = new ProcessRunner({ ...context.env, GOBIN: dir, GOFLAGS: '', CGO_ENABLED: '0' });
    const built = await runner.run(go, ['install', `${MODULE}@${VERSION}`], { timeoutMs: BUILD_MS });
    if (built.code === 0) return { file };
    return { why: `actionlint could not be built: ${built.stderr.trim().split('\n').pop() ?? ''}` };
  } catch (error) {
    return { why: `actionlint could not be built: ${messageOf(error)}` };
  }
}
