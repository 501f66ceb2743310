/** Backup and restore through our verbs beside the bare programs, and what archiving one WAL segment costs. */
import { mkdirSync, rmSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { NativeEngine } from '../../infra/adapters/backup/native/engine';
import { serverUser } from '../../infra/adapters/localServer/identity';
import { findFreePort } from '../../infra/adapters/localServer/port';
import { openSession } from '../../infra/adapters/postgresDatabase';
import { ProcessRunner } from '../../infra/adapters/processRunner';
import { systemClock } from '../../infra/adapters/systemClock';
import type { BackupSet } from '../../infra/ops/backup/engine';
import { recordedProgress } from '../support/machine';
import { addressOf } from '../support/server';
import { alternate, median, ratios, secondsOf, summary } from './statistics';
import type { Bench, BenchContext, Row } from './types';

const ROUNDS = 3;
const SEGMENTS = 8;

async function measure(context: BenchContext): Promise<Row[]> {
  const stage = await context.stage();
  const { server } = stage;
  const user = serverUser();
  const runner = new ProcessRunner({ PATH: process.env['PATH'], LC_ALL: 'C' }, user.identity);
  const stackDir = dirname(server.dataDir);
  const scratch = join(stackDir, 'bench-backup');
  const run = async (program: string, ...args: string[]): Promise<void> => {
    const result = await runner.run(program.startsWith('/') ? program : join(server.binDir, program), args, {
      cwd: '/',
    });
    if (result.code !== 0) throw new Error(`${program}: ${result.stderr}`);
  };
  const engine = new NativeEngine({
    repositoryDir: join(scratch, 'repository'),
    retentionDays: 7,
    stackDir,
    binDir: server.binDir,
    dataDir: server.dataDir,
    socketDir: server.socketDir,
    port: server.port,
    user,
    operators: [...new Set([userInfo().username, user.name])],
    tmp: '/tmp',
    runner,
    clock: systemClock,
    connect: () => openSession(addressOf(server, 'postgres')),
    freePort: () => findFreePort('00000e00', new Set([server.port])),
  });
  mkdirSync(scratch, { recursive: true, mode: 0o700 });
  engine.repository.own(scratch);
  const sets: BackupSet[] = [];
  const bare = (round: number): string => join(scratch, `bare-${round}`);
  const taking = await alternate(ROUNDS, {
    ours: async () => secondsOf(async () => void sets.push(await engine.backup({ type: 'full' }, recordedProgress()))),
    bare: async (round) =>
      secondsOf(() =>
        run(
          'pg_basebackup',
          '-D',
          bare(round),
          '-h',
          server.socketDir,
          '-p',
          String(server.port),
          '-U',
          'postgres',
          '-X',
          'stream',
          '-c',
          'fast',
        ),
      ),
  });
  const bytes = sets[0]?.storedBytes ?? 0;
  const restoring = await alternate(ROUNDS, {
    ours: async (round) => {
      const target = join(scratch, `restored-${round}`);
      const restored = await engine.restore(
        {
          backup: sets[0]?.name ?? '',
          point: { kind: 'backup' },
          target,
          inPlace: false,
          lastWal: undefined,
          keepRunning: false,
        },
        recordedProgress(),
      );
      await engine.discard(restored);
      return restored.copySeconds;
    },
    bare: async (round) => {
      const target = join(scratch, `copied-${round}`);
      const seconds = await secondsOf(async () => {
        await run('pg_verifybackup', '-q', bare(0));
        await run('pg_combinebackup', bare(0), '-o', target);
      });
      rmSync(target, { recursive: true });
      return seconds;
    },
  });
  const script = join(stackDir, 'qbench-wal');
  const pushes: number[] = [];
  for (let i = 0; i < SEGMENTS; i++) {
    await stage.session.query(
      "SELECT pg_catalog.pg_logical_emit_message(false, 'bench', repeat(md5(random()::text), 400000))",
    );
    const { segment } = await engine.check();
    const copy = join(scratch, segment);
    await run(script, 'get', segment, copy);
    rmSync(join(scratch, 'repository', 'wal', `${segment}.gz`));
    pushes.push(await secondsOf(() => run(script, 'push', copy, segment)));
  }
  rmSync(scratch, { recursive: true, force: true });
  const mib = (bytes / 1024 ** 2).toFixed(0);
  const throughput = (ours: readonly number[], theirs: readonly number[]): ReturnType<typeof summary> =>
    summary(ratios(theirs, ours));
  return [
    {
      name: '`qbench backup --type full` / bare pg_basebackup, throughput',
      ...throughput(taking.ours, taking.bare),
      unit: '',
      target: { atLeast: 0.95 },
      note: `${mib} MiB, ${ROUNDS} rounds in turn; bare ${median(taking.bare).toFixed(1)} s`,
    },
    {
      name: '`qbench restore` / bare pg_verifybackup and pg_combinebackup, throughput',
      ...throughput(restoring.ours, restoring.bare),
      unit: '',
      target: { atLeast: 0.95 },
      note: `the same backup, without replaying WAL; bare ${median(restoring.bare).toFixed(1)} s`,
    },
    {
      name: 'archive push of a WAL segment',
      ...summary(pushes.map((seconds) => seconds * 1000)),
      unit: 'ms',
      note: `16 MiB, gzip -1, synced; ${SEGMENTS} segments`,
    },
  ];
}

export const backupBench: Bench = {
  name: 'backup',
  about: 'backup, restore and archiving beside the bare programs',
  run: measure,
};
