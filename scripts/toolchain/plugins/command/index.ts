/** The `command` plugin: `command:local:Command`, as version 1.2.1 of the real one behaves. */
import { randomBytes } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import type { Operation, ProviderPlugin, ResourceType } from '../provider';
import type { ResourceSpec } from '../spec';
import {
  ARCHIVE_SIGNATURE,
  ASSET_SIGNATURE,
  secretTexts,
  SIGNATURE_KEY,
  textOf,
  type Plain,
  type PlainProperties,
  type Properties,
} from '../values';
import { matchFiles } from './glob';
import { goQuote, runScript } from './run';

/** Shorter secrets are not masked in texts: masking "1" would destroy every line and hide nothing. */
const SHORTEST_MASKED_SECRET = 4;

const spec: ResourceSpec = {
  comparedWith: 'inputs',
  // any input may change what a script prints
  unknownOnUpdate: ['stdout', 'stderr'],
  properties: {
    create: { type: 'string' },
    update: { type: 'string' },
    delete: { type: 'string' },
    environment: { type: 'map' },
    stdin: { type: 'string' },
    dir: { type: 'string' },
    interpreter: { type: 'list' },
    triggers: { type: 'any', replaces: true },
    logging: { type: 'string', oneOf: ['stdout', 'stderr', 'stdoutAndStderr', 'none'] },
    addPreviousOutputInEnv: { type: 'boolean' },
    assetPaths: { type: 'list' },
    archivePaths: { type: 'list' },
    stdout: { type: 'string', outputOnly: true },
    stderr: { type: 'string', outputOnly: true },
    assets: { type: 'any', outputOnly: true },
    archive: { type: 'any', outputOnly: true },
  },
};

const INPUTS = Object.keys(spec.properties).filter((key) => spec.properties[key]?.outputOnly !== true);

function inputsOf(properties: PlainProperties): PlainProperties {
  return Object.fromEntries(Object.entries(properties).filter(([key]) => INPUTS.includes(key)));
}

/**
 * Runs one script of a command and gives its outputs.
 * @param previous outputs of the last run, for PULUMI_COMMAND_STDOUT and PULUMI_COMMAND_STDERR
 * @param raw the same inputs with their secrets, which are masked in what is shown
 * @throws Error with the text of the real plugin: how it ended, the script, and below both streams
 */
async function run(
  script: string,
  inputs: PlainProperties,
  previous: PlainProperties,
  operation: Operation,
  raw: Properties,
): Promise<PlainProperties> {
  const directory = directoryOf(inputs);
  if (!existsSync(directory) || !statSync(directory).isDirectory()) {
    throw new Error(`chdir ${directory}: no such file or directory: running ${goQuote(mask(script, raw))}:\n`);
  }
  const environment: NodeJS.ProcessEnv = {
    ...process.env,
    ...(inputs['environment'] as Record<string, string> | undefined),
  };
  if (inputs['addPreviousOutputInEnv'] !== false) {
    if (textOf(previous, 'stdout') !== '') environment['PULUMI_COMMAND_STDOUT'] = textOf(previous, 'stdout');
    if (textOf(previous, 'stderr') !== '') environment['PULUMI_COMMAND_STDERR'] = textOf(previous, 'stderr');
  }
  const logging = (inputs['logging'] as string | undefined) ?? 'stdoutAndStderr';
  const interpreter = (inputs['interpreter'] ?? []) as readonly string[];
  const result = await runScript({
    script,
    interpreter: interpreter.length > 0 ? interpreter : ['/bin/sh', '-c'],
    directory,
    environment,
    stdin: (inputs['stdin'] as string | undefined) ?? '',
    onLine: (stream, line) => {
      if (logging === 'stdoutAndStderr' || logging === stream) operation.log(mask(line, raw));
    },
    signal: operation.signal,
  });
  if (result.failure !== undefined) {
    throw new Error(`${result.failure}: running ${goQuote(mask(script, raw))}:\n${mask(result.both, raw)}`);
  }
  const outputs: PlainProperties = {
    stdout: result.stdout.replace(/\n$/, ''),
    stderr: result.stderr.replace(/\n$/, ''),
  };
  if (inputs['assetPaths'] !== undefined) outputs['assets'] = filesAsAssets(directory, inputs['assetPaths']);
  if (inputs['archivePaths'] !== undefined) {
    outputs['archive'] = {
      [SIGNATURE_KEY]: ARCHIVE_SIGNATURE,
      assets: filesAsAssets(directory, inputs['archivePaths']),
    };
  }
  return outputs;
}

function filesAsAssets(directory: string, patterns: Plain): Record<string, Plain> {
  const files = matchFiles(directory, patterns as readonly string[]);
  return Object.fromEntries(
    files.map((file) => [file, { [SIGNATURE_KEY]: ASSET_SIGNATURE, path: pathOf(directory, file) }]),
  );
}

/**
 * The outputs of the last run. The engine sends assets and archives without their contents, that is without their paths,
 * which the state must keep: they are found again by name.
 */
function lastOutputs(state: PlainProperties): PlainProperties {
  const directory = directoryOf(state);
  const outputs: PlainProperties = { stdout: state['stdout'] ?? '', stderr: state['stderr'] ?? '' };
  const { assets, archive } = state as Record<string, Record<string, PlainProperties> | undefined>;
  if (assets !== undefined) {
    const named = Object.entries(assets).map(([file, asset]) => [file, { ...asset, path: pathOf(directory, file) }]);
    outputs['assets'] = Object.fromEntries(named) as PlainProperties;
  }
  if (archive !== undefined) {
    outputs['archive'] = { ...archive, assets: filesAsAssets(directory, state['archivePaths'] ?? []) };
  }
  return outputs;
}

function directoryOf(inputs: PlainProperties): string {
  return (inputs['dir'] as string | undefined) ?? process.cwd();
}

function pathOf(directory: string, file: string): string {
  return isAbsolute(file) ? file : join(directory, file);
}

/** The text with every secret input in it replaced. */
function mask(text: string, raw: Properties): string {
  return Object.values(raw)
    .flatMap((value) => secretTexts(value))
    .filter((secret) => secret.length >= SHORTEST_MASKED_SECRET)
    .sort((a, b) => b.length - a.length)
    .reduce((masked, secret) => masked.replaceAll(secret, '[secret]'), text);
}

const command: ResourceType = {
  spec,

  async create(inputs, operation, raw) {
    const id = `${operation.name}${randomBytes(4).toString('hex')}`;
    const script = inputs['create'] as string | undefined;
    const outputs = script === undefined ? { stdout: '', stderr: '' } : await run(script, inputs, {}, operation, raw);
    return { id, outputs: { ...inputs, ...outputs } };
  },

  read(id, state, inputs) {
    // there is nothing to look at: a command is what it printed when it ran
    return Promise.resolve({ id, outputs: { ...state, ...lastOutputs(state) }, inputs });
  },

  async update(_id, state, inputs, operation, raw) {
    const previous = lastOutputs(state);
    const script = (inputs['update'] ?? inputs['create']) as string | undefined;
    const outputs = script === undefined ? {} : await run(script, inputs, previous, operation, raw);
    return { ...inputs, ...previous, ...outputs };
  },

  async delete(_id, state, operation, raw) {
    const script = state['delete'] as string | undefined;
    if (script !== undefined) await run(script, inputsOf(state), state, operation, raw);
  },
};

export const commandPlugin: ProviderPlugin = {
  name: 'command',
  version: '1.2.1',
  config: { comparedWith: 'inputs', properties: {} },
  resources: { 'command:local:Command': command },
  configure: () => undefined,
};
