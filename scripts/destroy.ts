/** `npm run destroy`: `pulumi destroy` of the stack, and then whatever a run that was killed left outside the state. */
import { existsSync } from 'node:fs';
import { LocalCluster } from '../infra/adapters/localServer/cluster';
import { readRecord, stackLayout } from '../infra/adapters/localServer/layout';
import { systemClock } from '../infra/adapters/systemClock';
import { machineContext } from './support/context';
import { runMain } from './support/main';
import { createProgress } from './support/progress';
import { splitStack } from './support/stackArgument';
import { stackSettings } from './support/stackSettings';
import { stackFile } from './toolchain/stackFile';
import { Toolchain } from './toolchain/toolchain';

runMain(async () => {
  const context = machineContext(process.env);
  const progress = createProgress(process.stderr);
  const toolchain = await Toolchain.ensure(context, progress);
  const { stack, rest } = splitStack(process.argv.slice(2), process.env);
  const file = stackFile(context, toolchain.paths, stack).copy;
  if (!existsSync(file) && toolchain.backend.own) {
    progress.note(`stack ${stack} does not exist here: nothing to destroy`);
    return 0;
  }
  const code = await toolchain.run(['destroy', '--stack', stack, ...rest]);
  const record = readRecord(stackLayout(context, stack));
  // A first `up` that was killed may have started a server which no state knows of. What the state knew has removed its
  // own record by now. Protected data is never taken on suspicion: the state may lie in another backend.
  if (code === 0 && record !== undefined) {
    if (protectsData(context.checkout, stack))
      progress.note(`a server that this state does not know is left, since its data is protected: ${record.dataDir}`);
    else {
      await new LocalCluster(context, stack, systemClock, progress).destroy();
      progress.note('removed the server of an interrupted run');
    }
  }
  return code;
});

/** Whether the stack's data is protected, as its file stands now: it is, unless the file says otherwise. */
function protectsData(checkout: string, stack: string): boolean {
  return stackSettings(checkout, stack)?.protectData ?? true;
}
