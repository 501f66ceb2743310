/**
 * `npm run bench`: measures this checkout on this machine and prints one Markdown table. The benchmarks are test code (test/bench), so
 * they run in a process of their own; `npm run bench -- --help` lists the arguments.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { CHECKOUT } from './support/context';
import { runMain } from './support/main';

runMain(async () => {
  const main = join(CHECKOUT, 'test', 'bench', 'main.ts');
  const child = spawn(
    process.execPath,
    ['--require', join(CHECKOUT, 'infra', 'register.cjs'), main, ...process.argv.slice(2)],
    {
      cwd: CHECKOUT,
      stdio: 'inherit',
    },
  );
  // A terminal has given its Ctrl-C to the child already, which stops its servers before it ends.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => (process.stdin.isTTY ? undefined : child.kill(signal)));
  }
  return new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 130));
  });
});
