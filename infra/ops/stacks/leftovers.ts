/** The proof that a stack is gone: every place that could hold something of it is asked, and a place that cannot be asked is told. */
import { messageOf } from '../errors';

export type RemainderKind =
  'process' | 'port' | 'folder' | 'shared memory' | 'Pulumi state' | 'stack file' | 'cloud resource' | 'not looked at';

/** One thing that is left of a stack. */
export interface Remainder {
  kind: RemainderKind;
  /** Enough to find it: a path, "pid 12 (postgres)", an ARN. */
  what: string;
}

/** A place where something of a stack may be left. */
export interface Place {
  /** What is looked for: "processes of its server". */
  name: string;
  look(): Promise<readonly Remainder[]> | readonly Remainder[];
}

export interface TeardownProof {
  stack: string;
  /** Nothing is left, and every place was looked at. */
  gone: boolean;
  lookedAt: readonly string[];
  left: readonly Remainder[];
}

export async function proveGone(stack: string, places: readonly Place[]): Promise<TeardownProof> {
  const left: Remainder[] = [];
  for (const place of places) {
    try {
      left.push(...(await place.look()));
    } catch (error) {
      left.push({ kind: 'not looked at', what: `${place.name}: ${messageOf(error)}` });
    }
  }
  return { stack, gone: left.length === 0, lookedAt: places.map(({ name }) => name), left };
}
