/** The Pulumi toolchain of this checkout: a CLI, plugins, a backend, and one way to run them. */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { MachineContext } from '../../infra/adapters/localServer/layout';
import { processRuns } from '../../infra/adapters/processLife';
import { ProcessRunner } from '../../infra/adapters/processRunner';
import { OperatorError } from '../../infra/ops/errors';
import type { CommandResult, ProgressSink } from '../../infra/ops/ports';
import { chooseBackend, type Backend } from './backend';
import { commandOf } from './cliArguments';
import { makePaths, toolchainPaths, type ToolchainPaths } from './paths';
import {
  choosePlugins,
  describePlugins,
  nodeScript,
  ownNode,
  shellQuote,
  writeExecutable,
  writeWrappers,
  type PluginChoice,
} from './plugins';
import { findPulumi, type PulumiCli } from './pulumiCli';
import { policyPackArguments } from './policyPack';
import { initApart, pullStackFile, pushStackFile, stackFile } from './stackFile';

/** Commands of the CLI that read the stack's configuration and take `--config-file`. */
const READS_CONFIG = new Set([
  'up',
  'update',
  'preview',
  'pre',
  'refresh',
  'destroy',
  'down',
  'dn',
  'config',
  'watch',
  'import',
]);

interface Choice {
  cli: PulumiCli;
  plugins: PluginChoice;
  /** QBENCH_PLUGINS at the time; another value makes the choice void. */
  forced: string | null;
  /** Milliseconds since 1970. Stand-ins are chosen anew after a day: by then there may be a network. */
  at: number;
}

export class Toolchain {
  private constructor(
    readonly context: MachineContext,
    readonly paths: ToolchainPaths,
    readonly cli: PulumiCli,
    readonly plugins: PluginChoice,
    readonly backend: Backend,
  ) {}

  /** Finds or makes all of it. Quick when it was done before. */
  static async ensure(context: MachineContext, progress: ProgressSink): Promise<Toolchain> {
    const paths = toolchainPaths(context);
    makePaths(paths);
    const forced = context.env['QBENCH_PLUGINS'] ?? null;
    const remembered = readChoice(paths);
    let choice = remembered !== undefined && stillGood(remembered, forced) ? remembered : undefined;
    if (choice === undefined) {
      const cli = await findPulumi(context, progress, remembered?.cli.from === 'built');
      choice = { cli, plugins: await choosePlugins(cli, context, progress), forced, at: Date.now() };
      writeFileSync(paths.choice, `${JSON.stringify(choice, null, 2)}\n`);
    }
    writeWrappers(choice.plugins, context, paths);
    writeExecutable(
      join(paths.bin, 'pulumi'),
      nodeScript(context, join(context.checkout, 'scripts', 'toolchain', 'pulumi.ts')),
    );
    // By hand, without npm: it only has to find its Node.
    const qbench = join(context.checkout, 'scripts', 'qbench.mjs');
    writeExecutable(
      join(paths.bin, 'qbench'),
      `#!/bin/sh\nexec ${shellQuote(ownNode(context))} ${shellQuote(qbench)} "$@"\n`,
    );
    return new Toolchain(context, paths, choice.cli, choice.plugins, chooseBackend(context, paths));
  }

  /** Environment of the CLI: the checkout's own Node first on PATH, then the stand-ins if any. */
  get env(): NodeJS.ProcessEnv {
    const { context, paths } = this;
    const offline = describePlugins(this.plugins) !== undefined;
    const path = [
      join(context.checkout, 'node_modules', 'node', 'bin'),
      ...(offline ? [paths.plugins] : []),
      context.env['PATH'] ?? '',
    ].join(delimiter);
    return {
      ...context.env,
      ...this.backend.env,
      PATH: path,
      PULUMI_SKIP_UPDATE_CHECK: 'true',
      ...(offline ? { PULUMI_HOME: paths.home, PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: 'true' } : {}),
      // With another PULUMI_HOME the CLI would not find the login of the user whose backend it is.
      ...(offline && !this.backend.own
        ? { PULUMI_CREDENTIALS_PATH: context.env['PULUMI_HOME'] ?? join(context.home, '.pulumi') }
        : {}),
    };
  }

  /** Runs the CLI to its end and returns what it printed. */
  capture(args: readonly string[], cwd: string = this.context.checkout): Promise<CommandResult> {
    return new ProcessRunner(this.env).run(this.cli.file, [...this.cli.args, ...args], { cwd });
  }

  /**
   * Runs the CLI without a terminal and hands over each line as it comes. An abort ends it as Ctrl-C would: it finishes what it
   * has begun.
   * @returns its exit code, and its last lines
   */
  async follow(
    args: readonly string[],
    onLine: (line: string) => void,
    signal?: AbortSignal,
  ): Promise<{ code: number; tail: string[] }> {
    if (this.backend.own) removeStaleLocks(this.paths.backend);
    const child = spawn(this.cli.file, [...this.cli.args, ...args, '--non-interactive', '--color', 'never'], {
      cwd: this.context.checkout,
      env: this.env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let tail: string[] = [];
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        if (line.trim() === '') return;
        tail = [...tail, line].slice(-40);
        onLine(line);
      });
    }
    const stop = (): void => void child.kill('SIGINT');
    signal?.addEventListener('abort', stop, { once: true });
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code) => {
        signal?.removeEventListener('abort', stop);
        resolve({ code: code ?? 130, tail });
      });
    });
  }

  /**
   * Runs the CLI with this process's own streams, and its stack file kept clean.
   * @returns its exit code
   */
  async run(args: readonly string[]): Promise<number> {
    const stack = await this.stackFor(args);
    const managed = stack === undefined ? undefined : stackFile(this.context, this.paths, stack);
    const full = [...args, ...policyPackArguments(this.context.checkout, stack, args)];
    if (managed !== undefined && existsSync(managed.copy) && !args.some((arg) => arg.startsWith('--config-file'))) {
      pushStackFile(managed);
      full.push('--config-file', managed.copy);
      if (!hasStack(args)) full.push('--stack', stack as string);
    }
    if (this.backend.own) removeStaleLocks(this.paths.backend);
    try {
      return await this.spawnInherited(full);
    } finally {
      if (managed !== undefined) pullStackFile(managed);
    }
  }

  /** Stacks of this project in the backend. @param more options of `pulumi stack ls` */
  async stacks(...more: string[]): Promise<{ name: string; lastUpdate?: string; resourceCount?: number }[]> {
    const listed = await this.capture(['stack', 'ls', '--json', ...more]);
    if (listed.code !== 0) throw new OperatorError(`the Pulumi backend does not answer: ${listed.stderr.trim()}`);
    const found = JSON.parse(listed.stdout) as { name: string; lastUpdate?: string; resourceCount?: number }[];
    return found.map((entry) => ({ ...entry, name: entry.name.split('/').pop() ?? entry.name }));
  }

  /**
   * Makes the stack where it does not exist and selects it.
   * @param select false leaves the selected stack of this checkout as it is
   * @returns true where it was made
   */
  async ensureStack(stack: string, select = true): Promise<boolean> {
    const file = stackFile(this.context, this.paths, stack);
    const exists = (await this.stacks()).some(({ name }) => name === stack);
    if (!exists) {
      await initApart(this.context, file, stack, async (dir) => {
        const made = await this.capture(
          ['stack', 'init', stack, '--non-interactive', ...(select ? [] : ['--no-select'])],
          dir,
        );
        if (made.code !== 0) throw new OperatorError(`pulumi stack init ${stack} failed: ${made.stderr.trim()}`);
      });
    }
    if (!select) return !exists;
    const selected = await this.capture(['stack', 'select', stack, '--non-interactive']);
    if (selected.code !== 0) throw new OperatorError(`pulumi stack select ${stack} failed: ${selected.stderr.trim()}`);
    return !exists;
  }

  private async stackFor(args: readonly string[]): Promise<string | undefined> {
    if (!READS_CONFIG.has(commandOf(args) ?? '') || args.includes('--help') || args.includes('-h')) return undefined;
    const index = args.findIndex((arg) => arg === '--stack' || arg === '-s');
    if (index >= 0) return args[index + 1];
    const joined = args.find((arg) => arg.startsWith('--stack='));
    if (joined !== undefined) return joined.slice('--stack='.length);
    const selected = await this.capture(['stack', '--show-name']);
    return selected.code === 0 ? selected.stdout.trim() : undefined;
  }

  private spawnInherited(args: readonly string[]): Promise<number> {
    const child = spawn(this.cli.file, [...this.cli.args, ...args], {
      cwd: this.context.checkout,
      env: this.env,
      stdio: 'inherit',
    });
    // A terminal has already given its Ctrl-C to the child; a second one would make the CLI give up its clean end.
    const forward = (signal: NodeJS.Signals): void => {
      if (!process.stdin.isTTY) child.kill(signal);
    };
    process.on('SIGINT', forward).on('SIGTERM', forward);
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code) => {
        process.off('SIGINT', forward).off('SIGTERM', forward);
        resolve(code ?? 130);
      });
    });
  }
}

function hasStack(args: readonly string[]): boolean {
  return args.some((arg) => arg === '--stack' || arg === '-s' || arg.startsWith('--stack='));
}

const STAND_INS_KEPT_MS = 24 * 3_600_000;

function stillGood(choice: Choice, forced: string | null): boolean {
  if (choice.forced !== forced || !existsSync(choice.cli.file)) return false;
  return describePlugins(choice.plugins) === undefined || Date.now() - choice.at < STAND_INS_KEPT_MS;
}

function readChoice(paths: ToolchainPaths): Choice | undefined {
  if (!existsSync(paths.choice)) return undefined;
  try {
    return JSON.parse(readFileSync(paths.choice, 'utf8')) as Choice;
  } catch {
    return undefined;
  }
}

/**
 * Removes locks of our own file backend whose process on this machine is gone: a CLI that was killed cannot do it, and
 * `pulumi cancel` would be one more thing to know.
 */
export function removeStaleLocks(backend: string): string[] {
  const root = join(backend, '.pulumi', 'locks');
  if (!existsSync(root)) return [];
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.json'));
  return files.filter((name) => {
    const file = join(root, name);
    const lock = readLock(file);
    if (lock?.pid === undefined || lock.hostname !== hostname() || processRuns(lock.pid)) return false;
    rmSync(file, { force: true });
    return true;
  });
}

/** @returns undefined where its run has just given it back */
function readLock(file: string): { pid?: number; hostname?: string } | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as { pid?: number; hostname?: string };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
