/** The sweep: every test stack is judged, those whose time is over are destroyed one after the other, and each end is proven. */
import { messageOf } from '../errors';
import type { ProgressSink } from '../ports';
import type { TeardownProof } from './leftovers';
import { judge, type Moment, type StackFacts, type Verdict } from './lifetime';

export interface SweepPort {
  /** Every stack that says that it is a test stack. */
  facts(): Promise<readonly StackFacts[]>;
  /** The facts of one stack at this moment; undefined where it is gone. */
  factsOf(name: string): Promise<StackFacts | undefined>;
  destroy(name: string): Promise<TeardownProof>;
  now(): Moment;
}

export interface SweptStack extends Verdict {
  name: string;
  /** Undefined where it was kept, or in a dry run. */
  proof?: TeardownProof;
  /** Why its destruction failed. */
  error?: string;
}

export interface SweepReport {
  dryRun: boolean;
  stacks: readonly SweptStack[];
  /** No destruction failed, and nothing is left of what was swept. */
  clean: boolean;
}

export async function sweep(port: SweepPort, dryRun: boolean, progress: ProgressSink): Promise<SweepReport> {
  const judged = (await port.facts()).map((facts) => ({ name: facts.name, ...judge(facts, port.now()) }));
  const stacks: SweptStack[] = [];
  for (const found of judged) {
    if (!found.sweep || dryRun) stacks.push(found);
    else stacks.push(await take(port, found.name, found, progress));
  }
  const clean = stacks.every(({ error, proof }) => error === undefined && proof?.gone !== false);
  return { dryRun, stacks, clean };
}

async function take(port: SweepPort, name: string, first: Verdict, progress: ProgressSink): Promise<SweptStack> {
  // Others were destroyed since it was judged, which takes minutes: somebody may have come.
  const facts = await port.factsOf(name);
  const verdict = facts === undefined ? first : judge(facts, port.now());
  if (!verdict.sweep) return { name, ...verdict };
  progress.update({ phase: `sweeping stack ${name}: ${verdict.reason}` });
  try {
    return { name, ...verdict, proof: await port.destroy(name) };
  } catch (error) {
    return { name, ...verdict, error: messageOf(error) };
  }
}
