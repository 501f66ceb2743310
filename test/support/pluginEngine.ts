/**
 * The real Pulumi engine with the offline plugins on PATH: an inline program of the Automation API, a file backend and a
 * PULUMI_HOME of the test's own. Proves what the engine makes of the plugins' answers, not what the real plugins answer.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { LocalWorkspace, PulumiCommand, type EngineEvent, type PulumiFn, type Stack } from '@pulumi/pulumi/automation';
import { findPulumi } from '../../scripts/toolchain/pulumiCli';
import { recordedProgress, testMachine } from './machine';

const ROOT = resolve(import.meta.dirname, '../..');
const PLUGINS = join(ROOT, 'scripts/toolchain/plugins/bin');
export const PASSPHRASE = 'a passphrase of the tests';

/** One resource as the state has it. */
export interface StateResource {
  urn: string;
  type: string;
  id: string;
  inputs: Record<string, unknown>;
  outputs: Record<string, unknown>;
  additionalSecretOutputs?: string[];
}

/** What the engine did, or would do, to one resource. */
export interface Step {
  op: string;
  type: string;
  name: string;
  /** Property path to kind, such as `privileges[1]` to `delete`. */
  detailed: Record<string, string>;
}

export interface Run {
  steps: Step[];
  /** All that the CLI printed. */
  text: string;
  /** The message, when the run failed. */
  error: string | undefined;
  changed: number;
}

export class PluginEngine {
  private constructor(
    readonly folder: string,
    private readonly stack: Stack,
    private program: PulumiFn,
  ) {}

  /** A stack of its own in a temp folder, with wrappers of the offline plugins first on PATH. */
  static async create(): Promise<PluginEngine> {
    const folder = mkdtempSync(join(tmpdir(), 'plugin-engine-'));
    const [bin, work, backend] = ['bin', 'work', 'backend'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    for (const path of [bin, work, backend]) mkdirSync(path);
    const machine = testMachine();
    // The one that `npm run up` would find or build.
    const cli = await findPulumi(machine.context, recordedProgress(), true);
    machine.remove();
    const command = [cli.file, ...cli.args].map((word) => `"${word}"`).join(' ');
    writeFileSync(join(bin, 'pulumi'), `#!/bin/sh\nexec ${command} "$@"\n`);
    chmodSync(join(bin, 'pulumi'), 0o755);
    for (const name of ['command', 'random', 'postgresql']) {
      const wrapper = join(bin, `pulumi-resource-${name}`);
      const register = join(ROOT, 'infra/register.cjs');
      const entry = join(PLUGINS, `${name}.ts`);
      writeFileSync(wrapper, `#!/bin/sh\nexec "${process.execPath}" --require "${register}" "${entry}" "$@"\n`);
      chmodSync(wrapper, 0o755);
    }
    let current: PulumiFn = () => Promise.resolve();
    const stack = await LocalWorkspace.createOrSelectStack(
      { stackName: 'test', projectName: 'plugins', program: () => current() },
      {
        workDir: work,
        pulumiHome: join(folder, 'home'),
        pulumiCommand: await PulumiCommand.get({ root: folder }),
        envVars: {
          PATH: `${bin}${delimiter}${process.env['PATH'] ?? ''}`,
          PULUMI_BACKEND_URL: `file://${backend}`,
          PULUMI_CONFIG_PASSPHRASE: PASSPHRASE,
          PULUMI_SKIP_UPDATE_CHECK: 'true',
          PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: 'true',
        },
      },
    );
    const engine = new PluginEngine(folder, stack, current);
    Object.defineProperty(engine, 'program', { set: (program: PulumiFn) => (current = program), get: () => current });
    return engine;
  }

  /** Where the commands of the program run. */
  get work(): string {
    return join(this.folder, 'work');
  }

  up(program: PulumiFn, onOutput?: (text: string) => void): Promise<Run> {
    return this.run(
      program,
      async (options) => (await this.stack.up({ ...options, continueOnError: false })).summary,
      onOutput,
    );
  }

  preview(program: PulumiFn): Promise<Run> {
    return this.run(program, async (options) => this.stack.preview(options));
  }

  refresh(program: PulumiFn): Promise<Run> {
    return this.run(program, async (options) => this.stack.refresh(options));
  }

  destroy(): Promise<Run> {
    return this.run(this.program, async (options) => this.stack.destroy(options));
  }

  cancel(): Promise<void> {
    return this.stack.cancel();
  }

  /** The state as it is stored: secrets are ciphertext. */
  async state(): Promise<StateResource[]> {
    const file = join(this.folder, 'backend/.pulumi/stacks/plugins/test.json');
    const stored = JSON.parse(await readFile(file, 'utf8')) as {
      checkpoint: { latest?: { resources?: StateResource[] } };
    };
    return stored.checkpoint.latest?.resources ?? [];
  }

  /** The resources of the state without the stack and the providers. */
  async resources(): Promise<StateResource[]> {
    return (await this.state()).filter(({ type }) => !type.startsWith('pulumi:'));
  }

  /** One output with its secrets decrypted, from the stack's outputs. */
  async output(name: string): Promise<unknown> {
    return (await this.stack.outputs())[name]?.value as unknown;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async run(
    program: PulumiFn,
    act: (options: {
      onOutput: (text: string) => void;
      onEvent: (event: EngineEvent) => void;
      color: 'never';
    }) => Promise<unknown>,
    onOutput?: (text: string) => void,
  ): Promise<Run> {
    this.program = program;
    const steps: Step[] = [];
    let text = '';
    let error: string | undefined;
    let changed = 0;
    const onEvent = (event: EngineEvent): void => {
      const metadata = event.resourcePreEvent?.metadata;
      if (metadata !== undefined && metadata.op !== 'same' && metadata.type !== 'pulumi:pulumi:Stack') {
        const detailed = Object.entries(metadata.detailedDiff ?? {}).map(([path, { diffKind }]) => [path, diffKind]);
        steps.push({
          op: metadata.op,
          type: metadata.type,
          name: metadata.urn.split('::').pop() ?? '',
          detailed: Object.fromEntries(detailed) as Record<string, string>,
        });
      }
      const diagnostic = event.diagnosticEvent;
      // the engine hands debug lines to us that it shows to nobody
      if (diagnostic !== undefined && (diagnostic.severity as string) !== 'debug') text += diagnostic.message;
      const changes = event.summaryEvent?.resourceChanges ?? {};
      for (const [op, count] of Object.entries(changes)) if (op !== 'same') changed += count;
    };
    try {
      await act({
        color: 'never',
        onEvent,
        onOutput: (part) => {
          text += part;
          onOutput?.(part);
        },
      });
    } catch (thrown) {
      error = thrown instanceof Error ? thrown.message : String(thrown);
      text += error;
    }
    return { steps, text, error, changed };
  }
}

const SIGNATURE = '4dabf18193072939515e22adb298388d';
const MARKS: Record<string, string> = {
  '1b47061264138c4ac30d75fd1eb44270': '<secret>',
  c44067f5952c0a294b673a41bacd8c17: '<asset>',
  '0def7320c3a5731c473e5ecbe6d01bc7': '<archive>',
};

/** A value of the state with secrets, assets and archives replaced by marks, as the recorded state has them. */
export function marked(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(marked);
  if (typeof value !== 'object' || value === null) return value;
  const object = value as Record<string, unknown>;
  const signature = object[SIGNATURE];
  if (typeof signature === 'string') return MARKS[signature] ?? signature;
  return Object.fromEntries(Object.entries(object).map(([key, item]) => [key, marked(item)]));
}
