/** The only reader of Pulumi's configuration: it hands one raw object to `settings.ts`, which judges it. */
import { dirname } from 'node:path';
import { getProject, getStack, runtime } from '@pulumi/pulumi';
import { THRESHOLD_NAMES } from './ops/thresholds';
import { decodeRaw, type SettingsContext } from './settings';

/** Raw configuration of the running stack, and what `parseSettings` wants to know beside it. */
export interface RawConfig {
  raw: Record<string, unknown>;
  context: SettingsContext & { secretKeys: readonly string[] };
}

// Not in the SDK's types. Without it an encrypted value could not be told from a plain one, and would reach the state in clear.
const { isConfigSecret } = runtime as unknown as { isConfigSecret: (fullKey: string) => boolean };

/**
 * Every key of the project's namespace, declared or not, so that a misspelt one is found. No setting is a secret;
 * encrypted keys are only named, for `parseSettings` to refuse.
 */
export function readConfig(): RawConfig {
  const project = getProject();
  const raw: Record<string, unknown> = {};
  const secretKeys: string[] = [];
  const foreignKeys: string[] = [];
  for (const [fullKey, value] of Object.entries(runtime.allConfig())) {
    const [namespace, name = ''] = fullKey.split(/:(.*)/s);
    if (namespace !== project) {
      foreignKeys.push(fullKey);
      continue;
    }
    const secret = isConfigSecret(fullKey);
    if (secret) secretKeys.push(name);
    raw[name] = secret ? undefined : decodeRaw(name, value);
  }
  const checkout = dirname(__dirname);
  return {
    raw,
    context: { stack: getStack(), project, secretKeys, foreignKeys, thresholdNames: THRESHOLD_NAMES, checkout },
  };
}
