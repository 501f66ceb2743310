/**
 * The machine that the program runs on: facts of it for the local tier, a port of it that leads to a database elsewhere, and the
 * zips of the Lambdas, which are built on it. With `config.ts` the only reader of process.env here.
 */
import { homedir, tmpdir } from 'node:os';
import { dirname, relative } from 'node:path';
import { keptEvidence } from './adapters/keptEvidence';
import { lambdaCode, type LambdaCode, type LambdaName } from './adapters/lambda/code';
import { lastGoodParameters, MACHINE_PARAMETERS } from './adapters/localServer/configuration';
import { stackLayout, type MachineContext } from './adapters/localServer/layout';
import type { StackAccess, StackPlace } from './adapters/aws/stackAccess';
import { probeLocalServer, type LocalServerProbe } from './adapters/localServer/probe';

export interface ServerProbe extends LocalServerProbe {
  /** postgresql.conf as the server last took it, without the lines of this machine; undefined where there is none, or where it is not ours to read. */
  parameters: Readonly<Record<string, string>> | undefined;
  /** Backup repository of the stack, unless a setting names another folder. */
  repositoryDir: string;
}

/** Whether the stack's server is alive, from its files: a preview opens no connection. */
export function probeServer(stack: string): ServerProbe {
  const context: MachineContext = {
    checkout: dirname(__dirname),
    stateDir: process.env['QBENCH_STATE_DIR'],
    cacheDir: process.env['QBENCH_CACHE_DIR'],
    home: homedir(),
    tmp: tmpdir(),
    uid: process.getuid?.() ?? -1,
    env: process.env,
  };
  const { dir, repositoryDir } = stackLayout(context, stack);
  return { ...probeLocalServer(context, stack), parameters: parametersInForce(dir), repositoryDir };
}

/** What `qbench info` or `qbench drill` last saw of the stack's backups; undefined where neither was run in this checkout. */
export function keptEvidenceOf(stack: string): string | undefined {
  return keptEvidence({ checkout: dirname(__dirname), stateDir: process.env['QBENCH_STATE_DIR'] }, stack);
}

/**
 * The code of a Lambda. The path is relative, so that the state says the same for every clone; the engine reads it from the folder
 * that the program runs in.
 */
export async function lambdaZip(name: LambdaName): Promise<LambdaCode> {
  const code = await lambdaCode(name, dirname(__dirname));
  return { ...code, zip: relative(process.cwd(), code.zip) };
}

function parametersInForce(dir: string): Readonly<Record<string, string>> | undefined {
  try {
    const all = Object.entries(lastGoodParameters(dir) ?? {});
    const planned = all.filter(([name]) => !MACHINE_PARAMETERS.some((machine) => machine === name));
    return planned.length === 0 ? undefined : Object.fromEntries(planned);
  } catch {
    // Another user's server: what its change needs is then told when it is made.
    return undefined;
  }
}

/**
 * Listens on a port of this machine that leads to the database of a stack in AWS. Nothing is loaded, asked or opened before the
 * first connection; the port closes with the process. Where somebody listens already (`qbench tunnel`), his port is used.
 * @param failed told why a connection found no way
 */
export async function openWayToDatabase(
  place: StackPlace,
  port: number,
  failed: (message: string) => void,
): Promise<void> {
  const { openGateway } = await import('./adapters/databaseGateway');
  let way: Promise<StackAccess> | undefined;
  const open = async (): Promise<StackAccess> => {
    const [{ StackAccess: Access }, { systemClock }] = await Promise.all([
      import('./adapters/aws/stackAccess'),
      import('./adapters/systemClock'),
    ]);
    const access = new Access(place, systemClock, process.env);
    process.once('exit', () => access.close());
    return access;
  };
  try {
    await openGateway({ port, failed, server: async () => (await (way ??= open())).server() });
  } catch (error) {
    const { code } = ((error as Error).cause ?? {}) as { code?: string };
    if (code !== 'EADDRINUSE') throw error;
  }
}
