/**
 * The configuration of the stack that a policy pack is run for. The engine tells it by the call ConfigureStack, of which the SDK
 * keeps the stack's tags alone; older engines put it into the environment. Where neither happened nothing is known, and the rules
 * guard the stack as production.
 */
import { runtime } from '@pulumi/pulumi';
import analyzer from '@pulumi/pulumi/proto/analyzer_pb';
import { PROJECT } from '../naming';
import { OperatorError } from '../ops/errors';
import { decodeRaw, parseSettings, type Settings } from '../settings';

interface Told {
  stack: string;
  config: ReadonlyMap<string, string>;
  secretKeys: readonly string[];
}

let told: Told = { stack: '', config: new Map(Object.entries(runtime.allConfig())), secretKeys: [] };
let settings: { of: Told; value: Settings | undefined } | undefined;

/** Listens to what the engine tells the SDK. Call it before the pack is served. */
export function listenToEngine(): void {
  const { prototype } = analyzer.AnalyzerStackConfigureRequest;
  const tagsOf = Object.getOwnPropertyDescriptor(prototype, 'getTagsMap')?.value as (
    this: analyzer.AnalyzerStackConfigureRequest,
    ...args: unknown[]
  ) => unknown;
  Object.defineProperty(prototype, 'getTagsMap', {
    configurable: true,
    writable: true,
    value(this: analyzer.AnalyzerStackConfigureRequest, ...args: unknown[]): unknown {
      told = {
        stack: this.getStack(),
        config: new Map(this.getConfigMap().toArray()),
        secretKeys: this.getConfigSecretKeysList(),
      };
      return tagsOf.apply(this, args);
    },
  });
}

/** The settings of the stack; undefined where nothing was told, or where they cannot be, which fails the program itself. */
export function settingsOfStack(): Settings | undefined {
  if (settings?.of !== told) settings = { of: told, value: parse(told) };
  return settings.value;
}

/** Name of the stack; '' where nothing was told. */
export function nameOfStack(): string {
  return told.stack.split('/').pop() ?? '';
}

function parse({ stack, config, secretKeys }: Told): Settings | undefined {
  if (config.size === 0) return undefined;
  const raw: Record<string, unknown> = {};
  for (const [key, value] of config) {
    const name = key.slice(PROJECT.length + 1);
    // No setting is a secret; one that is encrypted is refused by the program.
    if (key.startsWith(`${PROJECT}:`) && !secretKeys.includes(key)) raw[name] = decodeRaw(name, value);
  }
  try {
    return parseSettings(raw, { stack, project: PROJECT });
  } catch (error) {
    if (error instanceof OperatorError) return undefined;
    throw error;
  }
}
