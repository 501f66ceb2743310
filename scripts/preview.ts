/** `npm run preview`: what `npm run up` would change. Makes the (empty) stack where it is missing, and nothing else. */
import { machineContext } from './support/context';
import { runMain } from './support/main';
import { createProgress } from './support/progress';
import { splitStack } from './support/stackArgument';
import { Toolchain } from './toolchain/toolchain';

runMain(async () => {
  const { stack, rest } = splitStack(process.argv.slice(2), process.env);
  const toolchain = await Toolchain.ensure(machineContext(process.env), createProgress(process.stderr));
  await toolchain.ensureStack(stack);
  return toolchain.run(['preview', '--stack', stack, ...rest]);
});
