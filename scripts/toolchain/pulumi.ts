/** `pulumi` with this checkout's toolchain: `npm run pulumi -- ...`, or `.qbench/bin/pulumi ...` by hand. */
import { machineContext } from '../support/context';
import { runMain } from '../support/main';
import { createProgress } from '../support/progress';
import { Toolchain } from './toolchain';

runMain(async () => {
  const toolchain = await Toolchain.ensure(machineContext(process.env), createProgress(process.stderr));
  return toolchain.run(process.argv.slice(2));
});
