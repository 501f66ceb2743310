/** Stacks whose database is in AWS: which these are, and the way to them. */
import type { StackAccess, StackPlace } from '../../infra/adapters/aws/stackAccess';
import type { MachineContext } from '../../infra/adapters/localServer/layout';
import { systemClock } from '../../infra/adapters/systemClock';
import { ENDPOINT_VARIABLE } from '../../infra/naming';
import { OperatorError, UsageError } from '../../infra/ops/errors';
import type { Ec2Settings, Settings } from '../../infra/settings';
import { toolchainPaths } from '../toolchain/paths';
import type { CliContext } from './context';
import { stackSettings } from './stackSettings';

/** Settings of a stack: of its file in the checkout, else of the copy that the toolchain keeps. */
function settingsOf(stack: string, machine: MachineContext): Settings | undefined {
  return stackSettings(machine.checkout, stack) ?? stackSettings(toolchainPaths(machine).config, stack);
}

/** Settings of a stack of tier ec2; undefined for others. */
export function cloudSettings(stack: string, machine: MachineContext): Ec2Settings | undefined {
  const settings = settingsOf(stack, machine);
  return settings?.tier === 'ec2' ? settings : undefined;
}

/** Where the database of a stack is, as the program that calls this says; undefined where no program does. */
function placeFromProgram(stack: string, env: NodeJS.ProcessEnv): StackPlace | undefined {
  const text = env[ENDPOINT_VARIABLE];
  if (text === undefined || text === '') return undefined;
  try {
    return { ...(JSON.parse(text) as Omit<StackPlace, 'stack'>), stack };
  } catch (error) {
    throw new UsageError(`${ENDPOINT_VARIABLE} is not JSON`, { cause: error });
  }
}

/** The place of a stack's database in AWS; undefined for stacks of other tiers and for those that nothing is known of. */
export function cloudPlace(stack: string, env: NodeJS.ProcessEnv, machine: MachineContext): StackPlace | undefined {
  const told = placeFromProgram(stack, env);
  if (told !== undefined) return told;
  const settings = cloudSettings(stack, machine);
  if (settings === undefined) return undefined;
  return { stack, region: settings.aws.region, access: settings.access, port: settings.ec2.port };
}

const opened = new Map<string, Promise<StackAccess>>();

/** The way to a stack in AWS: one for the whole run, closed with it. The SDK is loaded only here. */
export function accessTo(place: StackPlace, env: NodeJS.ProcessEnv): Promise<StackAccess> {
  const open = async (): Promise<StackAccess> => {
    const { StackAccess: Access } = await import('../../infra/adapters/aws/stackAccess');
    const access = new Access(place, systemClock, env);
    process.once('exit', () => access.close());
    return access;
  };
  const known = opened.get(place.stack) ?? open();
  opened.set(place.stack, known);
  return known;
}

/**
 * The way to the host of a stack.
 * @throws OperatorError where the stack has no host in AWS
 */
export async function hostAccess(context: CliContext, stack: string): Promise<StackAccess> {
  const place = cloudPlace(stack, context.env, context.machine);
  if (place === undefined) {
    throw new OperatorError(`stack "${stack}" has no host in AWS`, {
      allowed: 'stacks whose settings say tier: ec2',
      next: 'choose one with --stack; qbench server works on a server of this machine',
    });
  }
  return accessTo(place, context.env);
}
