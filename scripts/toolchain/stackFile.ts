/**
 * Keeps the tracked `Pulumi.<stack>.yaml` as it is. With the passphrase provider the CLI writes an `encryptionsalt`
 * into the stack's file, which would dirty the checkout, and, committed, would lock out everybody with another
 * passphrase. So the CLI is given a copy, by `--config-file`, that has the salt; what else it writes there (`pulumi
 * config set`) is carried back. A test stack has no tracked file at all: the copy is its only one.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MachineContext } from '../../infra/adapters/localServer/layout';
import type { ToolchainPaths } from './paths';

/** Top-level keys that the secrets provider writes and that stay out of the tracked file. */
const PRIVATE_KEY = /^(encryptionsalt|encryptedkey|secretsprovider):/;

export interface StackFile {
  tracked: string;
  copy: string;
}

export function stackFile(context: MachineContext, paths: ToolchainPaths, stack: string): StackFile {
  return {
    tracked: join(context.checkout, `Pulumi.${stack}.yaml`),
    copy: join(paths.config, `Pulumi.${stack}.yaml`),
  };
}

/** Whether the copy is the stack's only file, which is never carried into the checkout. */
function isPrivate(file: StackFile): boolean {
  return !existsSync(file.tracked) && /^\s*qbench-postgres:ephemeral:\s*'?true/m.test(read(file.copy));
}

/** Replaces what a test stack's own file says; its encryption salt stays. */
export function writePrivateFile(file: StackFile, text: string): void {
  const { hidden } = split(read(file.copy));
  writeFileSync(file.copy, [...hidden, ...split(text).visible].join('\n'), { mode: 0o600 });
}

function split(text: string): { visible: string[]; hidden: string[] } {
  const lines = text.split('\n');
  return {
    visible: lines.filter((line) => !PRIVATE_KEY.test(line)),
    hidden: lines.filter((line) => PRIVATE_KEY.test(line)),
  };
}

function read(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

/** Makes the copy say what the tracked file says, with the salt it had. */
export function pushStackFile(file: StackFile): void {
  if (isPrivate(file)) return;
  const { hidden } = split(read(file.copy));
  const { visible, hidden: tracked } = split(read(file.tracked));
  // A salt that somebody committed belongs to his passphrase and his state; ours goes before it.
  const salt = hidden.length > 0 ? hidden : tracked;
  writeFileSync(file.copy, [...salt, ...visible].join('\n'), { mode: 0o600 });
}

/** Carries what the CLI changed in the copy back to the tracked file, without the salt. */
export function pullStackFile(file: StackFile): void {
  if (!existsSync(file.copy) || isPrivate(file)) return;
  const { visible } = split(read(file.copy));
  const before = split(read(file.tracked)).visible.join('\n');
  const after = visible.join('\n');
  if (after.trim() !== before.trim()) writeFileSync(file.tracked, after);
}

/**
 * Takes the salt out of the file that `pulumi stack init` wrote in a folder of its own, where it could dirty nothing.
 * @param init runs `pulumi stack init` in the folder it is given
 */
export async function initApart(
  context: MachineContext,
  file: StackFile,
  stack: string,
  init: (dir: string) => Promise<void>,
): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'qbench-stack-'));
  try {
    const name = /^name:\s*(\S+)/m.exec(read(join(context.checkout, 'Pulumi.yaml')))?.[1] ?? '';
    writeFileSync(join(dir, 'Pulumi.yaml'), `name: ${name}\nruntime: nodejs\n`);
    await init(dir);
    const { hidden } = split(read(join(dir, `Pulumi.${stack}.yaml`)));
    const source = isPrivate(file) ? file.copy : file.tracked;
    writeFileSync(file.copy, [...hidden, ...split(read(source)).visible].join('\n'), { mode: 0o600 });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
