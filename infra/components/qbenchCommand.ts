/** How the program calls the operations CLI: desired state in on standard input, JSON out, its change visible in a preview. */
import { local, types } from '@pulumi/command';
import { jsonStringify, type CustomResourceOptions, type Input, type Output } from '@pulumi/pulumi';
import { ENDPOINT_VARIABLE } from '../naming';

/**
 * Commands run in the program's folder (`infra`), on whichever machine the program runs: so they name the CLI relative to
 * it, and no path of one machine becomes a change on another.
 */
const CLI = 'node ../scripts/qbench.mjs';

export interface QbenchCommandArgs {
  /** Stack whose server and database the verb works on. */
  stack: string;
  /** Verb and options that make reality match the desired state; also run when it changes. Must be idempotent. */
  apply: string;
  /** Verb that undoes it; must succeed when there is nothing left. @default nothing is run */
  destroy?: string;
  /** Sent as JSON on standard input to both. No secrets: it is shown in previews. */
  desired: Input<unknown>;
  /** Where the database is when it is not on this machine, as JSON; no secret. It stands in the command, for everybody to see. */
  endpoint?: string;
  /** Environment that may be secret. Its presence silences the command's output and makes it secret. */
  secrets?: Record<string, Input<string>>;
}

/**
 * Changes always run `apply` as an update. Triggers are never used: they replace, and a replacement runs the old `destroy`
 * after the new `apply`.
 */
export function qbenchCommand(name: string, args: QbenchCommandArgs, options: CustomResourceOptions): local.Command {
  const endpoint = args.endpoint === undefined ? '' : `${ENDPOINT_VARIABLE}='${args.endpoint}' `;
  const cli = `${endpoint}${CLI} --stack ${args.stack}`;
  const run = `${cli} ${args.apply}`;
  const secret = args.secrets !== undefined;
  return new local.Command(
    name,
    {
      create: run,
      update: run,
      ...(args.destroy === undefined ? {} : { delete: `${cli} ${args.destroy}` }),
      stdin: jsonStringify(args.desired),
      // Progress goes to standard error; standard output is the answer, and nobody's but the program's.
      logging: secret ? types.enums.local.Logging.None : types.enums.local.Logging.Stderr,
      ...(args.secrets === undefined ? {} : { environment: args.secrets }),
    },
    secret ? { ...options, additionalSecretOutputs: ['stdout', 'stderr'] } : options,
  );
}

/** The JSON answer of a command. */
export function answerOf<T>(command: local.Command): Output<T> {
  return command.stdout.apply((text) => JSON.parse(text) as T);
}
