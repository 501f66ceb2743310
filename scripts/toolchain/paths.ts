/** Where the toolchain keeps what belongs to this checkout alone. Everything below is closed to other users. */
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { MachineContext } from '../../infra/adapters/localServer/layout';

export interface ToolchainPaths {
  dir: string;
  /** PULUMI_HOME while the stand-ins are in use: they must never end up in the user's own plugin cache. */
  home: string;
  /** The local file backend, where the user has no backend of his own. */
  backend: string;
  passphrase: string;
  /** Stack files with their encryption salt, by which the tracked ones stay as they are. */
  config: string;
  /** Wrappers named as the engine looks for them on PATH. */
  plugins: string;
  /** A `pulumi` that knows all of the above and a `qbench`, for use by hand. */
  bin: string;
  /** What was chosen, so that the next run need not look again. */
  choice: string;
}

export function toolchainPaths(context: MachineContext): ToolchainPaths {
  const state = context.stateDir ?? join(context.checkout, '.qbench');
  const dir = join(state, 'pulumi');
  return {
    dir,
    home: join(dir, 'home'),
    backend: join(dir, 'backend'),
    passphrase: join(dir, 'passphrase'),
    config: join(dir, 'config'),
    plugins: join(dir, 'plugins'),
    bin: join(state, 'bin'),
    choice: join(dir, 'toolchain.json'),
  };
}

export function makePaths(paths: ToolchainPaths): void {
  for (const dir of [paths.dir, paths.home, paths.backend, paths.config, paths.plugins, paths.bin]) {
    mkdirSync(dir, { recursive: true, mode: 0o755 });
  }
  chmodSync(paths.dir, 0o700);
}
