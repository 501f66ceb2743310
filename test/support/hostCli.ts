/** `qbench` of a stack whose host is a guest: what AWS carries for it is stood in for, and what the host does is real. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { caParameterName, PROJECT, TAGS } from '../../infra/naming';
import type { CommandResult } from '../../infra/ops/ports';
import type { Guest } from './guest';
import type { HostStage } from './hostStage';
import { INSTANCE } from './lambdaHost';
import { runQbench } from './qbenchCli';
import { writeSessionPlugin } from './sessionPlugin';
import type { SsmExecutor } from './ssmExecutor';
import { SsmServer } from './ssmServer';

/** Settings of the stack, as its file has them. */
const SETTINGS = { tier: 'ec2', aws: { region: 'eu-central-1' }, owner: 'tests' };
/** Where a restored copy listens. */
const COPY_PORT = 5433;
const COMMAND_MS = 10 * 60_000;

/** What the agent of SSM does with a command: root's shell of the guest runs it from a file of its own. */
export function guestExecutor(guest: Guest): SsmExecutor {
  const script = 'f=$(mktemp) && cat >"$f" && chmod 700 "$f" && "$f"; code=$?; rm -f "$f"; exit "$code"';
  return (stdin) => guest.run(script, { stdin, timeoutMs: COMMAND_MS });
}

/** A stand-in of SSM that knows the guest alone. */
export function ssmOf(guest: Guest): Promise<SsmServer> {
  return SsmServer.start({ executor: guestExecutor(guest), instances: [{ id: INSTANCE, tags: {} }] });
}

export class HostCli {
  private constructor(
    private readonly stack: string,
    private readonly env: Record<string, string>,
  ) {}

  /** Makes the stack known to the stand-in of SSM, with the guest as its host and ways to its ports. */
  static async of(stage: HostStage, guest: Guest, ssm: SsmServer): Promise<HostCli> {
    const { stack } = stage.input;
    const state = join(stage.dir, 'state');
    const config = join(state, 'pulumi', 'config');
    mkdirSync(config, { recursive: true });
    const lines = Object.entries(SETTINGS).map(([name, value]) => `  ${PROJECT}:${name}: ${JSON.stringify(value)}`);
    writeFileSync(join(config, `Pulumi.${stack}.yaml`), `config:\n${lines.join('\n')}\n`);
    const bin = join(state, 'bin');
    writeSessionPlugin(bin);
    ssm.parameters[caParameterName(stack)] = stage.authority;
    const [instance] = ssm.instances;
    if (instance === undefined) throw new Error('the stand-in of SSM has no host');
    instance.tags = { [TAGS.project]: PROJECT, [TAGS.stack]: stack };
    instance.ports = {
      5432: { host: '127.0.0.1', port: guest.port },
      [COPY_PORT]: { host: '127.0.0.1', port: await guest.forward(COPY_PORT) },
    };
    return new HostCli(stack, {
      ...ssm.env,
      QBENCH_STATE_DIR: state,
      PATH: `${bin}${delimiter}${process.env['PATH'] ?? ''}`,
    });
  }

  run(...args: readonly string[]): Promise<CommandResult> {
    return runQbench('', [...args, '--stack', this.stack], { env: this.env });
  }
}
