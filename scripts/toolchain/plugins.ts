/** Decides between the official plugins and this project's offline stand-ins, and puts the latter on PATH. */
import { chmodSync, existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { writeAtomically } from '../../infra/adapters/atomicFile';
import type { MachineContext } from '../../infra/adapters/localServer/layout';
import { ProcessRunner } from '../../infra/adapters/processRunner';
import { UsageError } from '../../infra/ops/errors';
import type { ProgressSink } from '../../infra/ops/ports';
import { onPath, type PulumiCli } from './pulumiCli';
import type { ToolchainPaths } from './paths';

/** Resource plugins that the local tier's program uses, as npm packages: the version there is the plugin's. */
const RESOURCE_PLUGINS = ['command', 'postgresql', 'random'] as const;
const INSTALL_TIMEOUT_MS = 5 * 60_000;

export type PluginSource = 'official' | 'offline';

export interface PluginChoice {
  /** Of the Node.js language host. */
  language: PluginSource;
  /** Of the resource plugins. */
  resources: PluginSource;
}

function versionOf(context: MachineContext, plugin: string): string {
  const file = join(context.checkout, 'node_modules', '@pulumi', plugin, 'package.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

/**
 * QBENCH_PLUGINS forces one: `official` or `offline`. Else the official ones are installed where that works.
 * @throws UsageError for another value of QBENCH_PLUGINS
 */
export async function choosePlugins(
  cli: PulumiCli,
  context: MachineContext,
  progress: ProgressSink,
): Promise<PluginChoice> {
  const forced = context.env['QBENCH_PLUGINS'];
  if (forced !== undefined && forced !== 'official' && forced !== 'offline') {
    throw new UsageError(`QBENCH_PLUGINS is "${forced}"`, { allowed: 'official, offline' });
  }
  if (forced !== undefined) return { language: forced, resources: forced };
  // A CLI that was downloaded brings its language host; one that was built alone does not.
  const beside = existsSync(join(dirname(cli.file), 'pulumi-language-nodejs'));
  const official =
    cli.from === 'npm' || beside || onPath('pulumi-language-nodejs', context.env, [context.checkout]).length > 0;
  if (!official) return { language: 'offline', resources: 'offline' };
  const runner = new ProcessRunner(context.env);
  for (const plugin of RESOURCE_PLUGINS) {
    const version = versionOf(context, plugin);
    progress.update({ phase: `installing the Pulumi plugin ${plugin} ${version}` });
    const args = [...cli.args, 'plugin', 'install', 'resource', plugin, version];
    const result = await runner.run(cli.file, args, { timeoutMs: INSTALL_TIMEOUT_MS });
    if (result.code !== 0) return { language: 'official', resources: 'offline' };
  }
  return { language: 'official', resources: 'official' };
}

/** One line for people, or undefined where everything is official. */
export function describePlugins(choice: PluginChoice): string | undefined {
  const standIns = [
    ...(choice.language === 'offline' ? ['the Node.js language host'] : []),
    ...(choice.resources === 'offline' ? [...RESOURCE_PLUGINS] : []),
  ];
  if (standIns.length === 0) return undefined;
  return `note: the official Pulumi plugins cannot be had here; offline stand-ins serve for ${standIns.join(', ')} (scripts/toolchain/README.md)`;
}

/** Writes the wrappers of the stand-ins that were chosen; the folder goes onto PATH. */
export function writeWrappers(choice: PluginChoice, context: MachineContext, paths: ToolchainPaths): void {
  const entries: [string, string][] = [];
  if (choice.language === 'offline') entries.push(['pulumi-language-nodejs', 'languageHost.ts']);
  if (choice.resources === 'offline') {
    for (const plugin of RESOURCE_PLUGINS)
      entries.push([`pulumi-resource-${plugin}`, join('plugins', 'bin', `${plugin}.ts`)]);
  }
  for (const [name, source] of entries) {
    const entry = join(context.checkout, 'scripts', 'toolchain', source);
    writeExecutable(join(paths.plugins, name), nodeScript(context, entry));
  }
}

/** A shell script that runs a TypeScript file of this checkout on the checkout's own Node. */
export function nodeScript(context: MachineContext, entry: string): string {
  const node = ownNode(context);
  const register = join(context.checkout, 'infra', 'register.cjs');
  return `#!/bin/sh\nexec ${shellQuote(node)} --require ${shellQuote(register)} ${shellQuote(entry)} "$@"\n`;
}

export function ownNode(context: MachineContext): string {
  const own = join(context.checkout, 'node_modules', 'node', 'bin', 'node');
  return existsSync(own) ? own : process.execPath;
}

export function writeExecutable(file: string, text: string): void {
  if (!existsSync(file) || readFileSync(file, 'utf8') !== text) {
    // In one step: another run may be starting it at this moment.
    writeAtomically(file, text, { mode: 0o755, concurrent: true });
  }
  chmodSync(file, 0o755);
}

export function shellQuote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
