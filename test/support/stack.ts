/** A stack of a test's own on the real engine: its own state folder, backend, passphrase and configuration file. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readRecord, stackLayout, type ServerRecord } from '../../infra/adapters/localServer/layout';
import { postmasterPid } from '../../infra/adapters/localServer/probe';
import { LocalCluster } from '../../infra/adapters/localServer/cluster';
import { ProcessRunner } from '../../infra/adapters/processRunner';
import { systemClock } from '../../infra/adapters/systemClock';
import type { CommandResult } from '../../infra/ops/ports';
import { Toolchain } from '../../scripts/toolchain/toolchain';
import { recordedProgress, testMachine, type TestMachine } from './machine';

/** Raw configuration of a stack: the value of each key of the project. */
export type RawStackConfig = Record<string, unknown>;

export const SMALL: RawStackConfig = {
  tier: 'local',
  protectData: false,
  workload: { documents: 5000, horizonMonths: 6, connections: 30 },
  local: { memoryMiB: 1024, sampleData: true },
};

/** One step of a preview or an update. */
export interface Step {
  op: string;
  urn: string;
  detailedDiff?: Record<string, unknown>;
}

/** One resource of an exported state. */
export interface StateResource {
  urn: string;
  type: string;
  id?: string;
  inputs?: Record<string, unknown>;
  outputs?: Record<string, unknown>;
}

export class TestStack {
  private constructor(
    readonly name: string,
    readonly machine: TestMachine,
    readonly toolchain: Toolchain,
    readonly configFile: string,
  ) {}

  static async create(
    name: string,
    config: RawStackConfig = SMALL,
    machine: TestMachine = testMachine(),
  ): Promise<TestStack> {
    const context = { ...machine.context, env: { ...machine.context.env, QBENCH_STATE_DIR: machine.context.stateDir } };
    const toolchain = await Toolchain.ensure(context, recordedProgress());
    await toolchain.ensureStack(name);
    const stack = new TestStack(name, machine, toolchain, join(toolchain.paths.config, `Pulumi.${name}.yaml`));
    stack.configure(config);
    return stack;
  }

  /** Replaces the configuration; the encryption salt stays. YAML takes JSON values as they are. */
  configure(config: RawStackConfig): void {
    const salt = readFileSync(this.configFile, 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('encryptionsalt:'));
    const lines = Object.entries(config).map(([key, value]) => `  qbench-postgres:${key}: ${JSON.stringify(value)}`);
    writeFileSync(this.configFile, [...salt, 'config:', ...lines, ''].join('\n'));
  }

  get env(): NodeJS.ProcessEnv {
    return this.toolchain.env;
  }

  /** Runs `pulumi VERB` on this stack, without a terminal. */
  pulumi(verb: string, ...args: string[]): Promise<CommandResult> {
    const takesConfig = ['up', 'preview', 'refresh', 'destroy'].includes(verb);
    const config = takesConfig ? ['--config-file', this.configFile, '--non-interactive', '--color', 'never'] : [];
    return this.toolchain.capture([verb, ...args, '--stack', this.name, ...config]);
  }

  up(...args: string[]): Promise<CommandResult> {
    return this.pulumi('up', '--yes', '--skip-preview', ...args);
  }

  destroy(): Promise<CommandResult> {
    return this.pulumi('destroy', '--yes', '--skip-preview');
  }

  /** Names of the operations the engine would carry out, by the URN's last part: {"schema-indexes": "update"}. */
  async planned(...args: string[]): Promise<Record<string, string>> {
    return Object.fromEntries(
      (await this.plannedSteps(...args)).map(({ op, urn }) => [urn.split('::').pop() ?? urn, op]),
    );
  }

  /** The steps that the engine would carry out. */
  async plannedSteps(...args: string[]): Promise<Step[]> {
    // The digest that --json prints otherwise panics on a first preview: CLI 3.250 meets a secret of a provider that is not
    // configured yet (display.ShowPreviewDigest). The stream of events does not.
    const runner = new ProcessRunner({ ...this.env, PULUMI_ENABLE_STREAMING_JSON_PREVIEW: 'true' });
    const { cli } = this.toolchain;
    const options = ['--stack', this.name, '--config-file', this.configFile, '--non-interactive'];
    const result = await runner.run(cli.file, [...cli.args, 'preview', '--json', ...args, ...options], {
      cwd: this.machine.context.checkout,
    });
    if (result.code !== 0) throw new Error(`preview failed: ${result.stdout}${result.stderr}`);
    const events = result.stdout.split('\n').filter((line) => line.startsWith('{'));
    const steps = events
      .map((line) => (JSON.parse(line) as { resourcePreEvent?: { metadata: Step } }).resourcePreEvent)
      .filter((event) => event !== undefined)
      .map(({ metadata }) => metadata);
    return steps.filter(({ op, urn }) => op !== 'same' && !urn.includes('pulumi:pulumi:Stack'));
  }

  async state(): Promise<StateResource[]> {
    const result = await this.pulumi('stack', 'export');
    const { deployment } = JSON.parse(result.stdout) as { deployment: { resources?: StateResource[] } };
    return deployment.resources ?? [];
  }

  async outputs(): Promise<Record<string, unknown>> {
    const result = await this.pulumi('stack', 'output', '--json', '--show-secrets');
    return JSON.parse(result.stdout) as Record<string, unknown>;
  }

  qbench(
    args: readonly string[],
    options: { stdin?: string; env?: Record<string, string> } = {},
  ): Promise<CommandResult> {
    const launcher = join(this.machine.context.checkout, 'scripts', 'qbench.mjs');
    return new ProcessRunner(this.env).run(process.execPath, [launcher, '--stack', this.name, ...args], options);
  }

  get record(): ServerRecord | undefined {
    return readRecord(stackLayout(this.machine.context, this.name));
  }

  /** Process id of the stack's postmaster, or undefined where none runs. */
  get serverPid(): number | undefined {
    return this.record === undefined ? undefined : postmasterPid(this.record.dataDir);
  }

  get serverLog(): string {
    const file = this.record?.logFile;
    return file !== undefined && existsSync(file) ? readFileSync(file, 'utf8') : '';
  }

  /** Leaves nothing behind, whatever state the test left the stack in. */
  async remove(): Promise<void> {
    await new LocalCluster(this.machine.context, this.name, systemClock, recordedProgress()).destroy();
    this.machine.remove();
  }
}

/** Fails with what the CLI printed when it did not end well. */
export function expectSuccess(result: CommandResult): CommandResult {
  if (result.code !== 0) throw new Error(`exit code ${result.code}\n${result.stdout}\n${result.stderr}`);
  return result;
}
