/** One run of the CLI on a stack of this checkout whose output is read, with the stack's own configuration. */
import { existsSync } from 'node:fs';
import { ProcessRunner } from '../../infra/adapters/processRunner';
import type { CommandResult } from '../../infra/ops/ports';
import { pushStackFile, stackFile } from '../toolchain/stackFile';
import type { Toolchain } from '../toolchain/toolchain';

/**
 * @param args verb and options, without the stack
 * @param takesConfig whether the verb knows `--config-file`
 */
export function runOnStack(
  toolchain: Toolchain,
  stack: string,
  args: readonly string[],
  takesConfig: boolean,
): Promise<CommandResult> {
  const file = stackFile(toolchain.context, toolchain.paths, stack);
  const config = takesConfig && existsSync(file.copy) ? ['--config-file', file.copy] : [];
  if (config.length > 0) pushStackFile(file);
  const runner = new ProcessRunner({ ...toolchain.env, PULUMI_ENABLE_STREAMING_JSON_PREVIEW: 'true' });
  const all = [...toolchain.cli.args, ...args, '--stack', stack, '--non-interactive', '--color', 'never', ...config];
  return runner.run(toolchain.cli.file, all, { cwd: toolchain.context.checkout });
}
