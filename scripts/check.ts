/** `npm run check`: everything that can be judged without running the product. */
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { MachineContext } from '../infra/adapters/localServer/layout';
import { CHECKOUT, machineContext } from './support/context';
import { findActionlint } from './toolchain/actionlint';

export interface Check {
  name: string;
  /** Program of node_modules/.bin, and its arguments. */
  command: readonly [program: string, ...args: string[]];
  /** The program is one of this machine's. Where it is missing the check is skipped, and says so. */
  system?: true;
  /** Finds the program, or makes it; where neither can be done the check is skipped with the reason. */
  find?: (context: MachineContext) => Promise<{ file: string } | { why: string }>;
}

export type Verdict = 'passed' | 'failed' | 'skipped';

const migrations = readdirSync(join(CHECKOUT, 'sql', 'migrations'))
  .filter((name) => name.endsWith('.sql'))
  .map((name) => join('sql', 'migrations', name));

export const CHECKS: readonly Check[] = [
  { name: 'types', command: ['tsc', '--project', '.', '--noEmit'] },
  { name: 'lint', command: ['eslint', '.', '--max-warnings', '0'] },
  { name: 'format', command: ['prettier', '--check', '--log-level', 'warn', '.'] },
  { name: 'migrations', command: ['squawk', ...migrations] },
  { name: 'shell', command: ['shellcheck', '.ci/run'], system: true },
  { name: 'workflows', command: ['actionlint'], find: findActionlint },
];

/** Runs one check, its output shown. */
export async function runCheck(check: Check): Promise<Verdict> {
  const [program, ...args] = check.command;
  const found = await check.find?.(machineContext(process.env));
  if (found !== undefined && 'why' in found) {
    process.stdout.write(`skipped ${check.name}: ${found.why}\n`);
    return 'skipped';
  }
  const file = found?.file ?? (check.system === true ? program : join(CHECKOUT, 'node_modules', '.bin', program));
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd: CHECKOUT, stdio: ['ignore', 'inherit', 'inherit'] });
    child.on('error', (error: NodeJS.ErrnoException) => {
      if (check.system === true && error.code === 'ENOENT') {
        process.stdout.write(`skipped ${check.name}: ${program} is not installed\n`);
        resolve('skipped');
      } else reject(error);
    });
    child.on('close', (code) => {
      // A program that could not be started has been judged by its error.
      if (code !== null && code < 0) return;
      process.stdout.write(`${code === 0 ? 'ok     ' : 'FAILED '} ${check.name}\n`);
      resolve(code === 0 ? 'passed' : 'failed');
    });
  });
}

if (require.main === module) {
  void (async () => {
    for (const check of CHECKS) if ((await runCheck(check)) === 'failed') process.exitCode = 1;
  })();
}
