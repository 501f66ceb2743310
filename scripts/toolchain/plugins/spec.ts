/** What a resource type takes and gives, as data: the table from which check, diff, preview and the schema follow. */
import type { Plain, PlainProperties } from './values';

export type PropertyType = 'string' | 'boolean' | 'integer' | 'number' | 'list' | 'set' | 'map' | 'object' | 'any';

export interface PropertySpec {
  readonly type: PropertyType;
  /** An input that must be given. @default false */
  readonly required?: true;
  /** Only an output: never an input. @default false */
  readonly outputOnly?: true;
  /** Left out by the user, it is what the server says, and that is no change. @default false */
  readonly computed?: true;
  /** Written into the inputs when left out, and listed in `__defaults` as the real provider does. */
  readonly default?: Plain;
  /** A change replaces the resource. @default false */
  readonly replaces?: true;
  /** The output is always secret. @default false */
  readonly secret?: true;
  /** The only values that are allowed. */
  readonly oneOf?: readonly string[];
  /** The smallest integer that is allowed. */
  readonly minimum?: number;
  /** Why a property of the real provider is refused here, and what to use instead. */
  readonly refused?: string;
}

export interface ResourceSpec {
  readonly properties: Readonly<Record<string, PropertySpec>>;
  /** The real provider lists the defaults it filled in under `__defaults`. @default false */
  readonly listsDefaults?: true;
  /**
   * What new inputs are compared with: the inputs of last time, or the outputs in the state (which a refresh brings in
   * line with the server, so that drift is a difference).
   */
  readonly comparedWith: 'inputs' | 'outputs';
  /** Outputs that any change makes unknown in a preview. @default none */
  readonly unknownOnUpdate?: readonly string[];
  /** Whether a replacement must delete the old one first because the two cannot exist side by side. */
  readonly deleteBeforeReplace?: (old: PlainProperties, next: PlainProperties) => boolean;
  /**
   * Rules across properties; gives the property and what is wrong with it. `inputs` has only what is known already,
   * `given` the names of all that were given.
   */
  readonly rules?: (inputs: PlainProperties, given: ReadonlySet<string>) => readonly CheckFailure[];
}

export interface CheckFailure {
  readonly property: string;
  readonly reason: string;
}

/** The value an omitted property of this type has in the state. */
export function zeroOf(spec: PropertySpec): Plain {
  if (spec.default !== undefined) return spec.default;
  switch (spec.type) {
    case 'boolean':
      return false;
    case 'integer':
    case 'number':
      return 0;
    case 'string':
      return '';
    default:
      return null;
  }
}

/** The Pulumi schema of a package, as `pulumi import` reads it. */
export function schemaJson(name: string, version: string, resources: Readonly<Record<string, ResourceSpec>>): string {
  const typeOf = (spec: PropertySpec): object => {
    if (spec.type === 'list' || spec.type === 'set') return { type: 'array', items: { type: 'string' } };
    if (spec.type === 'map') return { type: 'object', additionalProperties: { type: 'string' } };
    return spec.type === 'any' ? { $ref: 'pulumi.json#/Any' } : { type: spec.type };
  };
  const entries = Object.entries(resources).map(([token, resource]): [string, object] => {
    const properties = Object.entries(resource.properties).filter(([, spec]) => spec.refused === undefined);
    const inputs = properties.filter(([, spec]) => spec.outputOnly === undefined);
    return [
      token,
      {
        properties: Object.fromEntries(
          properties.map(([key, spec]) => [key, { ...typeOf(spec), secret: spec.secret === true }]),
        ),
        inputProperties: Object.fromEntries(inputs.map(([key, spec]) => [key, typeOf(spec)])),
        requiredInputs: inputs.filter(([, spec]) => spec.required).map(([key]) => key),
      },
    ];
  });
  return JSON.stringify({ name, version, resources: Object.fromEntries(entries), language: { nodejs: {} } });
}
