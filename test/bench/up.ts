/** `npm run up` from nothing, once its downloads are there, and once more with nothing to change. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { LocalCluster } from '../../infra/adapters/localServer/cluster';
import { systemClock } from '../../infra/adapters/systemClock';
import { CHECKOUT, testMachine } from '../support/machine';
import { run } from './programs';
import { secondsOf, summary } from './statistics';
import type { Bench, BenchContext, Row } from './types';

const ROUNDS = 2;
const NO_OPS = 3;

/** One machine state of its own: stack dev of nothing, its own backend and passphrase. @returns seconds of the first and of the later runs */
async function once(context: BenchContext): Promise<{ up: number; noOp: number[] }> {
  const { signal } = context;
  const machine = testMachine();
  const { stateDir } = machine.context;
  const cluster = new LocalCluster({ ...machine.context }, 'dev', systemClock, context.progress);
  const undone = context.cleanup(async () => {
    await cluster.destroy();
    machine.remove();
  });
  const backend = join(stateDir ?? '', 'backend');
  mkdirSync(backend);
  const env = {
    QBENCH_STATE_DIR: stateDir ?? '',
    QBENCH_STACK: 'dev',
    PULUMI_BACKEND_URL: pathToFileURL(backend).href,
    PULUMI_CONFIG_PASSPHRASE: 'a stack that lives for a minute',
    DATABASE_URL: '',
  };
  const command = (verb: string, ...args: string[]): Promise<unknown> =>
    run(process.execPath, [join(CHECKOUT, 'scripts', 'bootstrap.mjs'), verb, ...args], { env, signal, cwd: CHECKOUT });
  try {
    const up = await secondsOf(() => command('up'));
    const noOp: number[] = [];
    for (let i = 0; i < NO_OPS; i++) noOp.push(await secondsOf(() => command('up')));
    return { up, noOp };
  } finally {
    await undone();
  }
}

async function measure(context: BenchContext): Promise<Row[]> {
  const runs: Awaited<ReturnType<typeof once>>[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    context.progress.update({
      phase: 'npm run up, from nothing and again',
      done: round,
      total: ROUNDS,
      unit: 'rounds',
    });
    runs.push(await once(context));
  }
  return [
    {
      name: '`npm run up` from nothing',
      ...summary(runs.map(({ up }) => up)),
      unit: 's',
      note: 'after installs: CLI, server programs and node_modules are there; ends with the demo corpus loaded and one search shown',
    },
    {
      name: '`npm run up` with nothing to change',
      ...summary(runs.flatMap(({ noOp }) => noOp)),
      unit: 's',
      note: 'the same command again, its search included',
    },
  ];
}

export const upBench: Bench = {
  name: 'up',
  about: '`npm run up` from nothing after installs, and with nothing to change',
  run: measure,
};
