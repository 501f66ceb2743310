/**
 * `npm run up`: from nothing to a running, loaded, searchable database. Finds or builds the CLI, makes the stack where it is
 * missing, runs `pulumi up`, and shows how to connect and one search.
 */
import { createContext } from './support/context';
import { machineContext } from './support/context';
import { createProgress } from './support/progress';
import { OperatorError } from '../infra/ops/errors';
import { Toolchain } from './toolchain/toolchain';

async function main(): Promise<number> {
  const toolchain = await Toolchain.ensure(machineContext(process.env), createProgress(process.stderr));
  const stack = 'dev';
  await toolchain.ensureStack(stack);
  return await toolchain.run(['up', '--stack', stack, '--yes', '--skip-preview', ...process.argv.slice(2)]);
}

void main().then((code) => (process.exitCode = code));
