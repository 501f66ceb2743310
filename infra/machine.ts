/** Facts of the machine that the program runs on, for the local tier. With `config.ts` the only reader of process.env here. */
import { homedir, tmpdir } from 'node:os';
import { dirname } from 'node:path';
import type { MachineContext } from './adapters/localServer/layout';
import { probeLocalServer, type LocalServerProbe } from './adapters/localServer/probe';

/** Whether the stack's server is alive, from its files: a preview opens no connection. */
export function probeServer(stack: string): LocalServerProbe {
  const context: MachineContext = {
    checkout: dirname(__dirname),
    stateDir: process.env['QBENCH_STATE_DIR'],
    cacheDir: process.env['QBENCH_CACHE_DIR'],
    home: homedir(),
    tmp: tmpdir(),
    uid: process.getuid?.() ?? -1,
    env: process.env,
  };
  return probeLocalServer(context, stack);
}
