/** The recording `aws` plugin: for tests only. It gives ids and ARNs of the right shape and reaches nothing. */
import type { ProviderPlugin, ResourceType } from '../provider';
import type { PropertySpec, PropertyType, ResourceSpec } from '../spec';
import { textOf, type Plain, type PlainProperties, type Properties, type Value } from '../values';
import { RecordedAccount } from './account';
import { awsFunctions } from './functions';
import { ACCOUNT_ID } from './ids';
import { AWS_TYPES, type AwsType } from './types';

/** A table's row as the shared checks and diffs read it. */
export function specOf(type: AwsType): ResourceSpec {
  const properties: Record<string, PropertySpec> = {};
  for (const [name, kind] of Object.entries(type.inputs)) {
    const required = kind.endsWith('!');
    properties[name] = {
      type: (required ? kind.slice(0, -1) : kind) as PropertyType,
      ...(required ? { required: true as const } : {}),
      ...(type.replaces.includes(name) ? { replaces: true as const } : {}),
    };
  }
  for (const name of Object.keys(type.outputs)) properties[name] ??= { type: 'string', outputOnly: true };
  return { properties, comparedWith: 'inputs' };
}

function resource(token: string, type: AwsType, account: RecordedAccount): ResourceType {
  const outputs = (id: string, inputs: PlainProperties): PlainProperties => ({
    ...inputs,
    ...Object.fromEntries(Object.entries(type.outputs).map(([name, make]) => [name, make(id, inputs)])),
  });
  const unique = (from: PlainProperties): string | undefined =>
    type.unique === undefined ? undefined : (from[type.unique] as string | undefined);
  const tagged = (id: string, from: PlainProperties): void => {
    const { arn, tags } = from;
    const within = ['vpcId', 'securityGroupId'].flatMap((key) => (typeof from[key] === 'string' ? [from[key]] : []));
    if (typeof arn === 'string' && tags !== undefined) account.tag(id, { arn, tags, within });
  };
  const keep = (inputs: PlainProperties): void => {
    if (token !== 'aws:secretsmanager/secretVersion:SecretVersion') return;
    account.keepSecret(textOf(inputs, 'secretId'), textOf(inputs, 'secretString'));
  };
  return {
    spec: specOf(type),
    create: (inputs, { name, urn }) => {
      keep(inputs);
      const value = unique(inputs);
      if (value !== undefined) account.claim(token, value, urn);
      const id = type.id(inputs);
      account.write({ op: 'create', type: token, name, id });
      const made = outputs(id, inputs);
      tagged(id, made);
      return Promise.resolve({ id, outputs: made });
    },
    // The state is all there is: nothing drifts.
    read: (id, state, inputs) => Promise.resolve({ id, outputs: state, inputs }),
    update: (id, state, inputs, { name }) => {
      const [before, after] = [Number(state['size']), Number(inputs['size'])];
      if (token === 'aws:ebs/volume:Volume' && after < before) {
        throw new Error(`volume ${id} has ${before} GiB and cannot shrink to ${after}`);
      }
      keep(inputs);
      account.write({ op: 'update', type: token, name, id });
      // What AWS decided at the creation stays as it is.
      const kept = Object.fromEntries(Object.keys(type.outputs).map((key) => [key, state[key] as Plain]));
      tagged(id, { ...inputs, ...kept });
      return Promise.resolve({ ...inputs, ...kept });
    },
    delete: (id, state, { name }) => {
      const value = unique(state);
      if (value !== undefined) account.release(token, value);
      account.write({ op: 'delete', type: token, name, id });
      account.untag(id);
      return Promise.resolve();
    },
  };
}

const config: ResourceSpec = {
  comparedWith: 'inputs',
  properties: {
    region: { type: 'string', required: true, replaces: true },
    allowedAccountIds: { type: 'list' },
    ignoreTags: { type: 'object' },
    skipCredentialsValidation: { type: 'boolean' },
    skipRegionValidation: { type: 'boolean' },
  },
};

/** A provider's configuration arrives as text: JSON of everything that is no string. */
function parseConfig(news: Properties): { config: Properties; failures: [] } {
  const parse = (key: string, value: Value): Value => {
    if (typeof value !== 'string' || config.properties[key]?.type === 'string') return value;
    return JSON.parse(value) as Value;
  };
  const parsed = Object.entries(news).map(([key, value]) => [
    key,
    key in config.properties ? parse(key, value) : value,
  ]);
  return { config: Object.fromEntries(parsed) as Properties, failures: [] };
}

/**
 * @param folder where names and the journal are kept; undefined keeps none
 */
export function awsPlugin(folder: string | undefined): ProviderPlugin {
  const account = new RecordedAccount(folder);
  return {
    name: 'aws',
    version: '7.48.0',
    config,
    resources: Object.fromEntries(
      Object.entries(AWS_TYPES).map(([token, type]) => [token, resource(token, type, account)]),
    ),
    parseConfig,
    configure: ({ allowedAccountIds }) => {
      const allowed = allowedAccountIds as readonly string[] | undefined;
      if (allowed !== undefined && !allowed.includes(ACCOUNT_ID)) {
        throw new Error(`AWS account ID not allowed: ${ACCOUNT_ID}`);
      }
    },
    functions: awsFunctions(() => account.imageId),
  };
}
