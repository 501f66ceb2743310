/** From what a resource did to what the state keeps: secrets put back, and what a preview can say already. */
import type { ResourceSpec } from './spec';
import { zeroOf } from './spec';
import {
  hasSecret,
  sameValue,
  Secret,
  toPlain,
  Unknown,
  type PlainProperties,
  type Properties,
  type Value,
} from './values';

/**
 * Outputs with their secrets: an output that mirrors an input is as secret as the input, one that the table calls secret
 * always is. (What else is secret the program says with additionalSecretOutputs; the engine applies that.)
 */
export function withSecrets(spec: ResourceSpec, inputs: Properties, outputs: PlainProperties | Properties): Properties {
  const result: Properties = {};
  for (const [key, value] of Object.entries(outputs) as [string, Value][]) {
    const input = inputs[key];
    let kept = value;
    if (input !== undefined && hasSecret(input)) kept = sameValue(input, value) ? input : new Secret(value);
    if (spec.properties[key]?.secret && !(kept instanceof Secret)) kept = new Secret(kept);
    result[key] = kept;
  }
  return result;
}

/** What a preview of a creation knows: inputs and defaults; everything the server decides is unknown. */
export function previewOfCreate(spec: ResourceSpec, inputs: Properties): Properties {
  const outputs: Properties = {};
  for (const [key, property] of Object.entries(spec.properties)) {
    if (property.refused !== undefined) continue;
    const input = inputs[key];
    if (input !== undefined) outputs[key] = input;
    else if (property.outputOnly || property.computed) outputs[key] = Unknown.instance;
    else if (spec.comparedWith === 'outputs') outputs[key] = zeroOf(property);
  }
  return withSecrets(spec, inputs, outputs);
}

/** What a preview of an update knows: the new inputs, and the old outputs as far as the change leaves them. */
export function previewOfUpdate(spec: ResourceSpec, state: Properties, inputs: Properties): Properties {
  const outputs: Properties = { ...state };
  for (const [key, property] of Object.entries(spec.properties)) {
    if (property.outputOnly || property.refused !== undefined) continue;
    const input = inputs[key];
    if (input !== undefined) outputs[key] = input;
    else if (property.computed) continue;
    else if (spec.comparedWith === 'outputs') outputs[key] = zeroOf(property);
    else Reflect.deleteProperty(outputs, key);
  }
  for (const key of spec.unknownOnUpdate ?? []) outputs[key] = Unknown.instance;
  return withSecrets(spec, inputs, outputs);
}

/** The properties without the bookkeeping keys of the bridge, for a resource to work with. */
export function working(properties: Properties): PlainProperties {
  const { __defaults: _defaults, __pulumi_raw_state_delta: _delta, ...rest } = properties;
  return toPlain(rest);
}
