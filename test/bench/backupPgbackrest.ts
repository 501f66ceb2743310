/** Backup and restore by the pgbackrest engine, as tier `ec2` has it, beside pgBackRest called by hand with the same configuration. */
import type { BackupSet } from '../../infra/ops/backup/engine';
import { noChroot } from '../support/debianChroot';
import { recordedProgress } from '../support/machine';
import { startPgbackrestCluster } from '../support/pgbackrestCluster';
import { fillBytes } from './filler';
import { alternate, median, ratios, secondsOf, summary } from './statistics';
import type { Bench, BenchContext, Row } from './types';

const DATABASE_MIB = 1024;
const ROUNDS = 5;

async function measure(context: BenchContext): Promise<Row[]> {
  const reason = noChroot();
  if (reason !== undefined) throw new Error(`not here: ${reason}`);
  const starting = startPgbackrestCluster();
  context.cleanup(async () => (await starting).stop());
  const { engine, path, connect, pgbackrest, asPostgres } = await starting;
  const session = await connect();
  await fillBytes(session, DATABASE_MIB);
  await session.close();
  await engine.check();
  const sets: BackupSet[] = [];
  const taking = await alternate(ROUNDS, {
    ours: () => secondsOf(async () => void sets.push(await engine.backup({ type: 'full' }, recordedProgress()))),
    bare: () => secondsOf(() => pgbackrest('backup', '--type=full', '--no-expire-auto')),
  });
  const name = sets[0]?.name ?? '';
  const restoring = await alternate(ROUNDS, {
    ours: async (round) => {
      const target = path(`restored-${round}`);
      const request = { backup: name, point: { kind: 'backup' }, target, inPlace: false } as const;
      const restored = await engine.restore({ ...request, lastWal: undefined, keepRunning: false }, recordedProgress());
      await engine.discard(restored);
      return restored.copySeconds;
    },
    bare: async (round) => {
      const target = path('copies', `bare-${round}`);
      const seconds = await secondsOf(() => pgbackrest('restore', `--set=${name}`, `--pg1-path=${target}`));
      await asPostgres('rm', '-rf', target);
      return seconds;
    },
  });
  const conditions = `${DATABASE_MIB} MiB that do not compress, ${ROUNDS} rounds in turn, a folder as repository, encrypted`;
  return [
    {
      name: '`qbench backup --type full` on tier ec2 / bare pgbackrest, throughput',
      ...summary(ratios(taking.bare, taking.ours)),
      unit: '',
      target: { atLeast: 0.95 },
      note: `${conditions}; bare ${median(taking.bare).toFixed(1)} s`,
    },
    {
      name: '`qbench restore` on tier ec2 / bare pgbackrest, throughput',
      ...summary(ratios(restoring.bare, restoring.ours)),
      unit: '',
      target: { atLeast: 0.95 },
      note: `the same backup, without replaying WAL; bare ${median(restoring.bare).toFixed(1)} s`,
    },
  ];
}

export const backupPgbackrestBench: Bench = {
  name: 'backup-pgbackrest',
  about: 'the same of tier ec2 beside bare pgbackrest; needs root, mmdebstrap and a Debian package source',
  run: measure,
};
