/** Test stacks: one made with its sample data and destroyed with the proof, and ten at once on this machine. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LocalCluster } from '../../infra/adapters/localServer/cluster';
import { systemClock } from '../../infra/adapters/systemClock';
import { CHECKOUT, testMachine } from '../support/machine';
import { processesNaming } from '../support/processes';
import { peakWhile } from './processMemory';
import { run } from './programs';
import { secondsOf, summary } from './statistics';
import type { Bench, BenchContext, Row } from './types';

const ROUNDS = 2;
const AT_ONCE = 10;
const LOOK_MS = 1_000;
const MIB = 1024 * 1024;

/** Memory of every process that works on a folder of state; pages that several share are shared out among them (Pss). */
function memoryBytes(stateDir: string): number | undefined {
  let kib = 0;
  for (const { pid } of processesNaming(stateDir)) {
    try {
      kib += Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0);
    } catch {
      // It ended meanwhile.
    }
  }
  return kib === 0 ? undefined : kib * 1024;
}

async function measure(context: BenchContext): Promise<Row[]> {
  const { signal } = context;
  const machine = testMachine();
  const stateDir = machine.context.stateDir ?? '';
  const names = Array.from({ length: AT_ONCE }, (_, i) => `bench-${i}`);
  const undone = context.cleanup(async () => {
    for (const name of names) await new LocalCluster(machine.context, name, systemClock, context.progress).destroy();
    machine.remove();
  });
  const env = { QBENCH_STATE_DIR: stateDir, DATABASE_URL: '' };
  const stack = (...args: string[]): Promise<unknown> =>
    run(process.execPath, [join(CHECKOUT, 'scripts', 'qbench.mjs'), 'stack', ...args], { env, signal, cwd: CHECKOUT });
  const create = (name: string): Promise<unknown> => stack('create', name);
  const destroy = (name: string): Promise<unknown> => stack('destroy', name, '--yes');
  try {
    const [creates, destroys]: [number[], number[]] = [[], []];
    for (let round = 0; round < ROUNDS; round++) {
      context.progress.update({ phase: 'one test stack', done: round, total: ROUNDS, unit: 'rounds' });
      creates.push(await secondsOf(() => create('bench-0')));
      destroys.push(await secondsOf(() => destroy('bench-0')));
    }
    context.progress.update({ phase: `${AT_ONCE} test stacks at once` });
    const look = (): number | undefined => memoryBytes(stateDir);
    const up = await peakWhile(look, LOOK_MS, () => secondsOf(() => Promise.all(names.map(create))));
    const serving = look() ?? 0;
    const down = await peakWhile(look, LOOK_MS, () => secondsOf(() => Promise.all(names.map(destroy))));
    const one = summary(creates).value;
    return [
      {
        name: 'a seeded test stack, made',
        ...summary(creates),
        unit: 's',
        note: '`qbench stack create`: server, roles, migrations, demo corpus, index',
      },
      {
        name: 'the same, destroyed',
        ...summary(destroys),
        unit: 's',
        note: '`qbench stack destroy`, with the proof that nothing is left',
      },
      {
        name: `${AT_ONCE} test stacks at once, made`,
        value: up.result,
        unit: 's',
        note: `${(up.result / one).toFixed(1)} times one`,
      },
      {
        name: `${AT_ONCE} test stacks at once, destroyed`,
        value: down.result,
        unit: 's',
        note: 'all at once, each with its proof',
      },
      {
        name: `${AT_ONCE} test stacks, most memory while made`,
        value: (up.peak ?? 0) / MIB,
        unit: 'MiB',
        note: 'Pss of engines, plugins and servers together',
      },
      {
        name: `${AT_ONCE} test stacks, memory while they serve`,
        value: serving / MIB,
        unit: 'MiB',
        note: 'Pss of ten servers with the demo corpus',
      },
    ];
  } finally {
    await undone();
  }
}

export const stacksBench: Bench = {
  name: 'stacks',
  about: 'test stacks made and destroyed: one, and ten at once with their memory',
  run: measure,
};
