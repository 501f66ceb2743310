/**
 * The operations CLI. Wiring only: which verb was asked for, what it may use, and how its end becomes an exit code.
 * Exit codes: 0 done; 1 failed; 2 wrong usage or input; 130 interrupted. `health` uses 0, 1 and 2 as ok, warning, critical.
 */
import { Command, CommanderError } from 'commander';
import { EXIT_INTERRUPTED, OperatorError } from '../infra/ops/errors';
import { VERBS } from './commands/registry';
import { createContext, type CliContext } from './support/context';
import { closest } from './support/suggest';

const EXIT_USAGE = 2;

async function buildProgram(args: readonly string[], context: CliContext): Promise<Command> {
  const program = new Command('qbench')
    .description('Operates PostgreSQL + pgvector for QBench: the same verbs against every tier.')
    .option('-s, --stack <name>', 'stack to work on', context.defaultStack)
    .showSuggestionAfterError(true)
    .showHelpAfterError('(qbench --help lists the verbs, qbench VERB --help their options)')
    .exitOverride()
    .configureOutput({ writeOut: (text) => context.write(text), writeErr: (text) => context.writeError(text) });
  const wanted = args.find((arg, index) => !arg.startsWith('-') && !['-s', '--stack'].includes(args[index - 1] ?? ''));
  const asked = wanted === 'help' ? args[args.indexOf('help') + 1] : wanted;
  for (const verb of VERBS) {
    // Only the verb that was asked for is loaded; the others are a line of the help.
    if (verb.name === asked) (await verb.load()).register(program, context);
    else program.command(verb.name).description(verb.summary);
  }
  for (const command of program.commands) inherit(command);
  if (asked !== undefined && !VERBS.some((verb) => verb.name === asked)) {
    const suggestion = closest(
      asked,
      VERBS.map((verb) => verb.name),
    );
    throw new CommanderError(
      EXIT_USAGE,
      'qbench.unknownVerb',
      `"${asked}" is not a verb of qbench${suggestion === undefined ? '' : `; did you mean "${suggestion}"?`} (qbench --help lists them)`,
    );
  }
  return program;
}

function inherit(command: Command): void {
  command.exitOverride();
  for (const child of command.commands) inherit(child);
}

async function main(): Promise<number> {
  const args = process.argv.slice(2);
  const context = createContext(process);
  try {
    const program = await buildProgram(args, context);
    if (args.length === 0) {
      context.writeError(program.helpInformation());
      return EXIT_USAGE;
    }
    await program.parseAsync(args, { from: 'user' });
    return context.exitCode;
  } catch (error) {
    if (context.signal.aborted) return EXIT_INTERRUPTED;
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return 0;
      if (error.code === 'qbench.unknownVerb') context.writeError(`qbench: ${error.message}\n`);
      return EXIT_USAGE;
    }
    if (error instanceof OperatorError) {
      context.writeError(`qbench: ${error.toLines().join('\n')}\n`);
      return error.exitCode;
    }
    context.writeError(`qbench: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return 1;
  } finally {
    context.dispose();
  }
}

void main().then((code) => {
  process.exitCode = code;
  // A database or a timer that a library forgot must not keep the prompt from coming back.
  process.stdout.write('', () => process.exit(code));
});
