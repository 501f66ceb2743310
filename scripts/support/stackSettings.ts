/** The settings of a stack as its file says, for verbs that work without the Pulumi engine. */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { PROJECT } from '../../infra/naming';
import { messageOf, UsageError } from '../../infra/ops/errors';
import { THRESHOLD_NAMES } from '../../infra/ops/thresholds';
import { decodeRaw, parseSettings, type Settings } from '../../infra/settings';

// A dependency of @pulumi/pulumi, which reads the same files with it; it brings no types.
const yaml = createRequire(__filename)('js-yaml') as { load(text: string): unknown };

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseYaml(file: string): unknown {
  try {
    return yaml.load(readFileSync(file, 'utf8'));
  } catch (error) {
    const problem = messageOf(error).split('\n', 1)[0] ?? '';
    throw new UsageError(`${file} is not YAML: ${problem}`, { next: 'correct that line', cause: error });
  }
}

/** The file that holds a stack's settings: the checkout's, else the one of a test stack among the state. */
export function settingsFile(
  checkout: string,
  stack: string,
  stateDir = process.env['QBENCH_STATE_DIR'],
): string | undefined {
  const state = stateDir === undefined || stateDir === '' ? join(checkout, '.qbench') : stateDir;
  const name = `Pulumi.${stack}.yaml`;
  return [join(checkout, name), join(state, 'pulumi', 'config', name)].find((file) => existsSync(file));
}

/**
 * Settings of a stack; undefined where neither this checkout nor its state has a file of it.
 * @throws SettingsError that lists every mistake of the file
 */
export function stackSettings(checkout: string, stack: string, stateDir?: string): Settings | undefined {
  const file = settingsFile(checkout, stack, stateDir);
  return file === undefined ? undefined : settingsOf(file, stack, checkout);
}

/** @throws SettingsError that lists every mistake of the file */
function settingsOf(file: string, stack: string, checkout: string): Settings {
  return judgedSettings(rawConfigOf(file), stack, checkout);
}

/** Value of each key of the project in a stack file, without the namespace. @throws UsageError where it is no YAML */
export function rawConfigOf(file: string): Record<string, unknown> {
  const parsed = parseYaml(file);
  const config = isRecord(parsed) && isRecord(parsed['config']) ? parsed['config'] : {};
  const raw: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(config)) {
    if (!key.startsWith(`${PROJECT}:`)) continue;
    const name = key.slice(PROJECT.length + 1);
    raw[name] = typeof value === 'string' ? decodeRaw(name, value) : value;
  }
  return raw;
}

/** @throws SettingsError that lists every mistake */
export function judgedSettings(raw: Record<string, unknown>, stack: string, checkout: string): Settings {
  return parseSettings(raw, { stack, project: PROJECT, checkout, thresholdNames: THRESHOLD_NAMES });
}
