/** What a command line of Pulumi says, as its CLI reads it. */

/** Options of every command that stand alone; of the others the next word is the value, unless it was joined by `=`. */
const ALONE = new Set([
  '--disable-integrity-checking',
  '--emoji',
  '-e',
  '--fully-qualify-stack-names',
  '-Q',
  '--help',
  '-h',
  '--logflow',
  '--logtostderr',
  '--non-interactive',
]);

/** The command: "up" of `pulumi -C infra up --yes`, "config" of `pulumi config set greeting up`. Undefined where there is none. */
export function commandOf(args: readonly string[]): string | undefined {
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? '';
    if (!arg.startsWith('-')) return arg;
    // Options before the command are read as those of the root; one whose value is missing has none.
    if (!arg.includes('=') && !ALONE.has(arg)) i++;
  }
  return undefined;
}
