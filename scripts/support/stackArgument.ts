/** Takes `--stack NAME`, `-s NAME` or `--stack=NAME` out of arguments that otherwise go to the CLI as they are. */
export function splitStack(args: readonly string[], env: NodeJS.ProcessEnv): { stack: string; rest: string[] } {
  let stack = env['QBENCH_STACK'] ?? 'dev';
  const rest: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? '';
    const next = args[i + 1];
    if ((arg === '--stack' || arg === '-s') && next !== undefined) {
      stack = next;
      i++;
    } else if (arg.startsWith('--stack=')) stack = arg.slice('--stack='.length);
    else rest.push(arg);
  }
  return { stack, rest };
}
