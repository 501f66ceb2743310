/** What monitoring costs the server: a snapshot and a round of probes beside `select 1`, and the share of a core of one round in five minutes. */
import { readFileSync } from 'node:fs';
import { openSession } from '../../infra/adapters/postgresDatabase';
import { ROLE_NAMES } from '../../infra/naming';
import { readProbe } from '../../infra/ops/monitoring/probe';
import { readSnapshot } from '../../infra/ops/monitoring/snapshot';
import type { Session } from '../../infra/ops/ports';
import { addressOf } from '../support/server';
import { applyDocumentIndex } from './indexes';
import { benchPlan, type Stage } from './stage';
import { summary } from './statistics';
import type { Bench, BenchContext, Row } from './types';

const ROUNDS = 15;
const ROUND_SECONDS = 300;
/** USER_HZ of Linux, which /proc counts in on every architecture. */
const TICKS_PER_SECOND = 100;

/** Processor time of a backend so far, in milliseconds; NaN where /proc does not tell. */
function processorMs(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_SECOND;
  } catch {
    return Number.NaN;
  }
}

const open = (stage: Stage): Promise<Session> =>
  openSession(addressOf(stage.server, stage.database.name, ROLE_NAMES.monitor));

/** Milliseconds of each run, seen from here, after one that warms up. */
async function timed(work: () => Promise<unknown>): Promise<number[]> {
  await work();
  const times: number[] = [];
  for (let i = 0; i < ROUNDS; i++) {
    const begun = performance.now();
    await work();
    times.push(performance.now() - begun);
  }
  return times;
}

/** Processor time in the server of one round as `qbench monitor` makes it, a new session each time, in milliseconds. */
async function roundCost(stage: Stage): Promise<number> {
  let total = 0;
  for (let i = 0; i < ROUNDS; i++) {
    const session = await open(stage);
    try {
      await readSnapshot(session);
      await readProbe(session);
      total += processorMs(session.backendPid);
    } finally {
      await session.close();
    }
  }
  return total / ROUNDS;
}

async function measure(context: BenchContext): Promise<Row[]> {
  const corpus = context.corpus();
  const stage = await context.stage();
  await applyDocumentIndex(context, stage, benchPlan(corpus.rows, { profile: 'speed' }));
  const session = await open(stage);
  const rows = corpus.rows.toLocaleString('en');
  try {
    const one = summary(await timed(() => session.query('SELECT 1')));
    const snapshot = summary(await timed(() => readSnapshot(session)));
    const probe = summary(await timed(() => readProbe(session)));
    const cost = await roundCost(stage);
    return [
      { name: 'select 1', ...one, unit: 'ms', note: `the monitor role over the socket, ${ROUNDS} runs` },
      {
        name: 'snapshot',
        ...snapshot,
        unit: 'ms',
        target: { atMost: 1000 },
        note: `qbench.snapshot() on ${rows} rows`,
      },
      {
        name: 'round of probes',
        ...probe,
        unit: 'ms',
        note: `20 searches by the index with stored rows, on ${rows} rows`,
      },
      {
        name: 'monitoring every 5 minutes, share of one core',
        value: (100 * cost) / (ROUND_SECONDS * 1000),
        unit: '%',
        target: { atMost: 0.1 },
        note: `${Math.round(cost)} ms of the backend's processor time a round: new session, snapshot, probes`,
      },
    ];
  } finally {
    await session.close();
  }
}

export const monitoringBench: Bench = {
  name: 'monitoring',
  about: 'what a snapshot and a round of probes cost the server',
  run: measure,
};
