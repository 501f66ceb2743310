/** Mocks of the engine for tier ec2, from the recording plugin's own table: inputs are checked as it would check them. */
import * as pulumi from '@pulumi/pulumi';
import { deployEc2 } from '../../infra/tiers/ec2';
import type { TierOutputs } from '../../infra/tiers/outputs';
import { parseSettings, type Ec2Settings } from '../../infra/settings';
import { specOf } from '../../scripts/toolchain/plugins/aws';
import { awsFunctions } from '../../scripts/toolchain/plugins/aws/functions';
import { AWS_TYPES } from '../../scripts/toolchain/plugins/aws/types';
import { checkInputs } from '../../scripts/toolchain/plugins/check';
import { propertiesFromWire, toPlain, type PlainProperties } from '../../scripts/toolchain/plugins/values';
import type { Declared } from './mocks';

export const CANARY = 'canary-Zm9yIHRoZSB0ZXN0cw';

const OTHERS: Readonly<Record<string, Record<string, unknown>>> = {
  'random:index/randomPassword:RandomPassword': { result: CANARY },
  'random:index/randomBytes:RandomBytes': { base64: Buffer.alloc(16, 7).toString('base64') },
  'pulumi:providers:aws': {},
  'pulumi:providers:postgresql': {},
  'command:local:Command': { stdout: '' },
};

export interface Ec2Program {
  declared: Declared[];
  outputs: TierOutputs;
  readonly named: (name: string) => Declared;
  readonly ofType: (type: string) => Declared[];
}

/** Declares tier ec2 of a raw configuration, as stack `mocked`. */
export async function declareEc2(raw: Record<string, unknown>): Promise<Ec2Program> {
  const declared: Declared[] = [];
  const functions = awsFunctions(() => 'ami-0123456789abcdef0');
  await pulumi.runtime.setMocks(
    {
      newResource: ({ type, name, inputs }) => {
        // Mocks are told secrets too; that the state hides them the engine test proves.
        const given = toPlain(propertiesFromWire(inputs as object));
        declared.push({ type, name, inputs: given });
        const known = AWS_TYPES[type];
        if (known === undefined) {
          const outputs = OTHERS[type];
          if (outputs === undefined && !/^(qbench|postgresql):/.test(type))
            throw new Error(`unforeseen resource type ${type}`);
          return { id: `${name}-id`, state: { ...given, ...outputs } };
        }
        const [failure] = checkInputs(type, specOf(known), given).failures;
        if (failure !== undefined) throw new Error(failure.reason);
        const id = known.id(given);
        const outputs = Object.entries(known.outputs).map(([key, make]) => [key, make(id, given)]);
        return { id, state: { ...given, ...(Object.fromEntries(outputs) as object) } };
      },
      call: ({ token, inputs }) => {
        const called = functions[token];
        if (called === undefined) throw new Error(`unforeseen function call ${token}`);
        return called(inputs as PlainProperties);
      },
    },
    'qbench-postgres',
    'mocked',
    false,
  );
  const settings = parseSettings(raw, { stack: 'mocked', project: 'qbench-postgres' }) as Ec2Settings;
  const outputs = await deployEc2(settings, 'mocked');
  await pulumi.runtime.disconnect();
  const named = (name: string): Declared => {
    const found = declared.find((resource) => resource.name === name);
    if (found === undefined)
      throw new Error(`${name} is not declared; declared are ${declared.map((r) => r.name).join(', ')}`);
    return found;
  };
  return { declared, outputs, named, ofType: (type) => declared.filter((resource) => resource.type === type) };
}
