/** What the Lambdas weigh: their zips, building them, finding them unchanged, and loading each in a Node process of its own. */
import { cpSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { LAMBDA_NAMES, lambdaCode } from '../../infra/adapters/lambda/code';
import { LambdaProcess } from '../../infra/adapters/lambda/process';
import { packPlan } from '../../infra/ops/hostMonitor/packing';
import { CHECKOUT } from '../support/machine';
import { summary } from './statistics';
import type { Bench, BenchContext, Row } from './types';

const ROUNDS = 7;

/** Enough for a handler to be loaded; it is called with an event that it refuses before it asks AWS for anything. */
const ENVIRONMENT = {
  AWS_REGION: 'eu-central-1',
  QBENCH_STACK: 'bench',
  QBENCH_INSTANCE_ID: 'i-0123456789abcdef0',
  QBENCH_DOCUMENT: 'bench',
  QBENCH_PLAN: packPlan({
    planned: { clientConnections: 1, diskBytes: 1, databaseBytes: 1, parameters: {} },
    overrides: {},
    apiUrl: '',
  }),
};

const timed = async (work: () => Promise<unknown>): Promise<number> => {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
};

async function measure({ scratch, signal }: BenchContext): Promise<Row[]> {
  const copy = join(scratch, 'lambda');
  mkdirSync(copy);
  for (const name of ['infra', 'package.json', 'package-lock.json', 'tsconfig.json']) {
    cpSync(join(CHECKOUT, name), join(copy, name), { recursive: true });
  }
  symlinkSync(join(CHECKOUT, 'node_modules'), join(copy, 'node_modules'));
  const rows: Row[] = [];
  const both = async (): Promise<void> => {
    for (const name of LAMBDA_NAMES) await lambdaCode(name, copy);
  };
  const [built, found]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    signal.throwIfAborted();
    rmSync(join(copy, '.qbench'), { recursive: true, force: true });
    built.push(await timed(both));
    found.push(await timed(both));
  }
  rows.push(
    { name: 'lambda: both zips built', ...summary(built), unit: 'ms', note: `esbuild and zip; ${ROUNDS} runs` },
    {
      name: 'lambda: both zips found unchanged',
      ...summary(found),
      unit: 'ms',
      target: { atMost: 50 },
      note: `what a preview without a change spends on them; ${ROUNDS} runs`,
    },
  );
  for (const name of LAMBDA_NAMES) {
    const { zip, bytes } = await lambdaCode(name, copy);
    const load: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      signal.throwIfAborted();
      const running = await LambdaProcess.start(zip, ENVIRONMENT);
      try {
        load.push((await running.invoke({})).loadMs);
      } finally {
        await running.stop();
      }
    }
    rows.push(
      { name: `lambda ${name}: zip`, value: bytes / 1024, unit: 'KiB', note: 'with the AWS SDK' },
      {
        name: `lambda ${name}: module load`,
        ...summary(load),
        unit: 'ms',
        note: `import of the module; ${ROUNDS} processes`,
      },
    );
  }
  return rows;
}

export const lambdaBench: Bench = {
  name: 'lambda',
  about: 'zips of the Lambdas: size, building, and the time to load each',
  run: measure,
};
