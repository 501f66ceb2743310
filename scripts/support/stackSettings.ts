/** The settings of a stack as its file says, for verbs that work without the Pulumi engine. */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { messageOf, UsageError } from '../../infra/ops/errors';
import { THRESHOLD_NAMES } from '../../infra/ops/thresholds';
import { decodeRaw, parseSettings, type Settings } from '../../infra/settings';

const PROJECT = 'qbench-postgres';

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

/**
 * Settings of a stack; undefined where this checkout has no file of it.
 * @throws SettingsError that lists every mistake of the file
 */
export function stackSettings(checkout: string, stack: string): Settings | undefined {
  const file = join(checkout, `Pulumi.${stack}.yaml`);
  if (!existsSync(file)) return undefined;
  const parsed = parseYaml(file);
  const config = isRecord(parsed) && isRecord(parsed['config']) ? parsed['config'] : {};
  const raw: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(config)) {
    if (!key.startsWith(`${PROJECT}:`)) continue;
    const name = key.slice(PROJECT.length + 1);
    raw[name] = typeof value === 'string' ? decodeRaw(name, value) : value;
  }
  return parseSettings(raw, { stack, project: PROJECT, checkout, thresholdNames: THRESHOLD_NAMES });
}
