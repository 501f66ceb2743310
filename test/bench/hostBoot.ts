/** What the first boot of a host takes, by phase, and a WAL segment's way into the repository. Emulated: for comparison with itself only. */
import { USER_DATA_MAX_BYTES, userDataBase64 } from '../../infra/postgres/cloudInit';
import { until } from '../support/guest';
import { HostStage, noHostsBecause } from '../support/hostStage';
import { HOST_32_GIB } from '../support/hostScripts';
import type { Bench, BenchContext, Row } from './types';

const SEGMENTS = 5;
const WAIT_MS = 120_000;

async function measure(context: BenchContext): Promise<Row[]> {
  const bytes = Buffer.from(userDataBase64(HOST_32_GIB), 'base64').length;
  const size: Row = {
    name: 'user data of a host',
    value: bytes,
    unit: 'bytes',
    target: { atMost: USER_DATA_MAX_BYTES },
    note: 'gzip, as EC2 takes it; 32 GiB, PGDG',
  };
  const reason = await noHostsBecause();
  if (reason !== undefined) {
    context.progress.note(`no host is booted: ${reason}`);
    return [size];
  }
  const stage = await HostStage.open();
  const close = context.cleanup(() => stage.close());
  const started = performance.now();
  const seconds = (): number => (performance.now() - started) / 1000;
  context.progress.update({ phase: 'booting a host' });
  const host = await stage.boot({ disks: [stage.volume('data')] });
  await host.run('true');
  const system = seconds();
  await host.reaches('ready');
  const ready = seconds();
  const steps = [...host.console().matchAll(/qbench: (\d\d-[a-z]+) took (\d+) s/g)];
  const note = 'emulated processor, packages preinstalled, empty volume';
  const rows: Row[] = [
    size,
    { name: 'host: power on to ready', value: ready, unit: 's', note },
    { name: 'host: power on to the first process', value: system, unit: 's', note },
    ...steps.map(([, step = '', taken = '0']) => ({ name: `host: ${step}`, value: Number(taken), unit: 's', note })),
  ];
  const pushing = performance.now();
  for (let i = 0; i < SEGMENTS; i++) {
    await host.sql(
      `CREATE TABLE segment_${i} AS SELECT pg_catalog.repeat('x', 500) FROM pg_catalog.generate_series(1, 1000)`,
    );
    const segment = await host.sql('SELECT pg_catalog.pg_walfile_name(pg_catalog.pg_switch_wal())');
    await until(`${segment} is archived`, WAIT_MS, async () => {
      return (await host.sql('SELECT last_archived_wal FROM pg_catalog.pg_stat_archiver')) >= segment;
    });
  }
  rows.push({
    name: 'host: WAL segment into S3',
    value: (performance.now() - pushing) / 1000 / SEGMENTS,
    unit: 's',
    note: `mean of ${SEGMENTS}, from the switch until pg_stat_archiver says so, asked twice a second`,
  });
  await close();
  return rows;
}

export const hostBootBench: Bench = {
  name: 'host-boot',
  about: 'first boot of an ec2 host by phase, size of its user data, archiving of a WAL segment',
  run: measure,
};
