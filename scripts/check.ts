/** `npm run check`: everything that can be judged without running the product. */
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { CHECKOUT } from './support/context';

export interface Check {
  name: string;
  /** Program of node_modules/.bin, and its arguments. */
  command: readonly [program: string, ...args: string[]];
}

const migrations = readdirSync(join(CHECKOUT, 'sql', 'migrations'))
  .filter((name) => name.endsWith('.sql'))
  .map((name) => join('sql', 'migrations', name));

export const CHECKS: readonly Check[] = [
  { name: 'types', command: ['tsc', '--project', '.', '--noEmit'] },
  { name: 'lint', command: ['eslint', '.', '--max-warnings', '0'] },
  { name: 'format', command: ['prettier', '--check', '--log-level', 'warn', '.'] },
  { name: 'migrations', command: ['squawk', ...migrations] },
];

/** Runs one check, its output shown. @returns its exit code */
export function runCheck(check: Check): Promise<number> {
  const [program, ...args] = check.command;
  const file = join(CHECKOUT, 'node_modules', '.bin', program);
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd: CHECKOUT, stdio: ['ignore', 'inherit', 'inherit'] });
    child.on('error', reject);
    child.on('close', (code) => {
      process.stdout.write(`${code === 0 ? 'ok    ' : 'FAILED'} ${check.name}\n`);
      resolve(code ?? 1);
    });
  });
}

if (require.main === module) {
  void (async () => {
    for (const check of CHECKS) if ((await runCheck(check)) !== 0) process.exitCode = 1;
  })();
}
