/** What a plugin gives to the server: its resource types as tables and the few functions that act. */
import type { CheckFailure, ResourceSpec } from './spec';
import type { PlainProperties, Properties } from './values';

/** What a resource may use while it acts. */
export interface Operation {
  readonly urn: string;
  /** The resource's name: the last part of the URN. */
  readonly name: string;
  /** Aborted when the engine cancels or is gone. */
  readonly signal: AbortSignal;
  /** Shows a line in the engine's status column of this resource. */
  log(line: string): void;
}

export interface Created {
  readonly id: string;
  readonly outputs: PlainProperties;
}

export interface ReadResult extends Created {
  /** Inputs as the state should have them after an import or a refresh. */
  readonly inputs: PlainProperties;
}

/** One resource type. All properties are known and without secrets; `inputs` keeps what was secret for those who must mask it. */
export interface ResourceType {
  readonly spec: ResourceSpec;
  create(inputs: PlainProperties, operation: Operation, raw: Properties): Promise<Created>;
  /**
   * @param state the outputs in the state; empty on an import
   * @returns undefined when the resource is gone
   */
  read(
    id: string,
    state: PlainProperties,
    inputs: PlainProperties,
    operation: Operation,
  ): Promise<ReadResult | undefined>;
  update(
    id: string,
    state: PlainProperties,
    inputs: PlainProperties,
    operation: Operation,
    raw: Properties,
  ): Promise<PlainProperties>;
  /** Succeeds when the resource is already gone. */
  delete(id: string, state: PlainProperties, operation: Operation, raw: Properties): Promise<void>;
}

export interface ProviderPlugin {
  readonly name: string;
  /** The version of the real plugin whose behaviour this one has. */
  readonly version: string;
  /** The provider's own configuration. */
  readonly config: ResourceSpec;
  readonly resources: Readonly<Record<string, ResourceType>>;
  /** @throws Error when the configuration cannot be used; opens no connection */
  configure(config: PlainProperties): void;
  /** Functions by token; they open nothing. @default none */
  readonly functions?: Readonly<Record<string, (inputs: PlainProperties) => PlainProperties>>;
  /** Config values arrive as text; gives the value itself. @default none */
  readonly parseConfig?: (news: Properties) => { config: Properties; failures: CheckFailure[] };
}

/**
 * The resource exists, but not all of its work was done: the engine keeps it in the state and tries again with the next
 * update.
 */
export class PartialFailure extends Error {
  constructor(
    message: string,
    readonly id: string,
    readonly outputs: PlainProperties,
  ) {
    super(message);
    this.name = 'PartialFailure';
  }
}
