/** Where the state goes and what encrypts its secrets: the user's choice where he has made one, else the checkout's own. */
import { randomBytes } from 'node:crypto';
import { existsSync, linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { MachineContext } from '../../infra/adapters/localServer/layout';
import type { ToolchainPaths } from './paths';

export interface Backend {
  /** Variables to add to the environment of the CLI. */
  env: Record<string, string>;
  /** True where the state lies in this checkout's own folder. */
  own: boolean;
  /** True where the passphrase was made by us. */
  ownPassphrase: boolean;
  label: string;
}

/** The backend that `pulumi login` wrote down, or undefined where nobody has logged in. */
function loggedIn(context: MachineContext): string | undefined {
  const home = context.env['PULUMI_HOME'] ?? join(context.home, '.pulumi');
  const file = join(home, 'credentials.json');
  if (!existsSync(file)) return undefined;
  try {
    const { current } = JSON.parse(readFileSync(file, 'utf8')) as { current?: string };
    return current === '' ? undefined : current;
  } catch {
    return undefined;
  }
}

/** Of two first runs at once both use the one that came first, and neither ever reads half of it. */
function makePassphrase(file: string): void {
  const staging = `${file}.${process.pid}`;
  writeFileSync(staging, `${randomBytes(24).toString('base64url')}\n`, { mode: 0o600 });
  try {
    linkSync(staging, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(staging);
  }
}

export function chooseBackend(context: MachineContext, paths: ToolchainPaths): Backend {
  const { env } = context;
  const added: Record<string, string> = {};
  const chosen =
    env['PULUMI_BACKEND_URL'] ??
    (env['PULUMI_ACCESS_TOKEN'] === undefined ? loggedIn(context) : 'https://api.pulumi.com');
  const own = chosen === undefined || chosen === '';
  // Said again even where the user logged in: the stand-ins run with another PULUMI_HOME, which knows no login.
  added['PULUMI_BACKEND_URL'] = own ? pathToFileURL(paths.backend).href : chosen;
  const hasPassphrase =
    env['PULUMI_CONFIG_PASSPHRASE'] !== undefined || env['PULUMI_CONFIG_PASSPHRASE_FILE'] !== undefined;
  const ownPassphrase = !hasPassphrase && (own || !added['PULUMI_BACKEND_URL'].startsWith('https://'));
  if (ownPassphrase) {
    if (!existsSync(paths.passphrase)) makePassphrase(paths.passphrase);
    added['PULUMI_CONFIG_PASSPHRASE_FILE'] = paths.passphrase;
  }
  return {
    env: added,
    own,
    ownPassphrase,
    label: own ? 'a local folder of this checkout' : added['PULUMI_BACKEND_URL'],
  };
}
