/** Backup and restore through our verbs beside the bare programs, and what archiving one WAL segment costs. */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DATABASE_NAME } from '../../infra/naming';
import type { BackupSet } from '../../infra/ops/backup/engine';
import { recordedProgress } from '../support/machine';
import { startBackedUp } from '../support/nativeBackups';
import { asSuperuser } from '../support/server';
import { fillBytes } from './filler';
import { alternate, median, ratios, secondsOf, summary } from './statistics';
import type { Bench, BenchContext, Row } from './types';

const DATABASE_MIB = 1024;
const ROUNDS = 5;
const SEGMENTS = 8;

async function measure(context: BenchContext): Promise<Row[]> {
  const starting = startBackedUp();
  context.cleanup(async () => (await starting).stop());
  const stack = await starting;
  const { server, stackDir } = stack;
  await asSuperuser(server, DATABASE_NAME, (session) => fillBytes(session, DATABASE_MIB));
  const scratch = join(stackDir, 'bench');
  const engine = stack.engine({ repositoryDir: stack.repositoryDir });
  const { runner } = engine.parts;
  const run = async (program: string, ...args: string[]): Promise<void> => {
    const file = program.startsWith('/') ? program : join(server.binDir, program);
    const result = await runner.run(file, args, { cwd: '/' });
    if (result.code !== 0) throw new Error(`${program}: ${result.stderr}`);
  };
  mkdirSync(scratch, { recursive: true, mode: 0o700 });
  engine.repository.own(scratch);
  // WAL is kept from the first backup on; what filling it left to archive is not part of any figure.
  await engine.backup({ type: 'full' }, recordedProgress());
  await engine.check();
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
    await stack.sql("SELECT pg_catalog.pg_logical_emit_message(false, 'bench', repeat(md5(random()::text), 400000))");
    const { segment } = await engine.check();
    const copy = join(scratch, segment);
    await run(script, 'get', segment, copy);
    rmSync(join(stack.repositoryDir, 'wal', `${segment}.gz`));
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
