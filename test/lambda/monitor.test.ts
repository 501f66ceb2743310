/**
 * The monitor Lambda from its zip in a process of its own, its command really run by a shell against a real PostgreSQL. Proves what
 * snapshots, late and lost ones too, are told as; not that CloudWatch takes it.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import type { Session } from '../../infra/ops/ports';
import { fillClustered } from '../support/clusteredRows';
import { ended, LambdaHost, metricsOf, type LambdaHostOptions } from '../support/lambdaHost';
import { must } from '../support/must';
import { asSuperuser, databaseAt } from '../support/server';
import type { RecordedCommand } from '../support/ssmServer';
import { createTestDatabase, type TestDatabase } from '../support/template';

const server = inject('server');
const HOUR_MS = 3_600_000;
let database: TestDatabase;
let host: LambdaHost;
let api: Server;

beforeAll(async () => {
  database = await createTestDatabase(server);
  await asSuperuser(server, database.name, (session) => fillClustered(session, { documents: 40, drawn: 16 }));
  api = createServer((request, response) => {
    response.statusCode = request.url === '/healthz' ? 200 : 500;
    response.end('answer');
  });
  await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  api.close();
  await database.drop();
});

function startHost(options: LambdaHostOptions = {}): Promise<LambdaHost> {
  return LambdaHost.start({
    server: { port: server.port, socketDirectory: server.socketDir, mount: '/', database: database.name },
    programs: { psql: `#!/bin/bash\nexec '${server.binDir}/psql' "$@"\n`, ...options.programs },
    ...options,
  });
}

beforeEach(async () => {
  host = await startHost();
});
afterEach(() => host.stop());

const last = (): RecordedCommand => must(host.commands('monitor').at(-1));

/** One whole round: asked for, taken, told. */
async function round(comparisons = 0): Promise<ReturnType<LambdaHost['invoke']>> {
  const asked = await host.invoke('monitor', { kind: 'snapshot', comparisons });
  expect(asked.error).toBeUndefined();
  await host.settled();
  return host.invoke('monitor', ended(last()));
}

function longAgo(command: RecordedCommand, ms: number): void {
  command.requestedAt = new Date(command.requestedAt.getTime() - ms);
}

/** An output as if the host had begun it at that time. The snapshot in it keeps its own. */
function atTime(output: string, at: Date): string {
  return output.replace(/^at .*$/m, `at ${at.getTime() / 1000}`).replace(/^snapshot (.*)$/m, (_, packed: string) => {
    const snapshot = JSON.parse(gunzipSync(Buffer.from(packed, 'base64')).toString()) as { at: string };
    const moved = JSON.stringify({ ...snapshot, at: at.toISOString() });
    return `snapshot ${gzipSync(moved).toString('base64')}`;
  });
}

describe('a snapshot', () => {
  it('comes back as metrics under the one dimension of the stack, at the time it was taken', async () => {
    const told = await round(2);
    expect(told.error).toBeUndefined();
    const metrics = metricsOf(told);
    expect(metrics).toMatchObject({
      DatabaseUnreachable: 0,
      MonitorHeartbeat: 1,
      MissingEmbeddings: 0,
      SearchErrors: 0,
    });
    expect(metrics['DatabaseSize']).toBeGreaterThan(1_000_000);
    expect(metrics['Connections']).toBeGreaterThanOrEqual(0);
    expect(metrics['DiskUsed']).toBeGreaterThan(0);
    const lines = told.lines.map(
      (line) => JSON.parse(line) as { _aws?: { CloudWatchMetrics: { Dimensions: string[][] }[] } },
    );
    for (const { _aws: about } of lines) {
      if (about !== undefined) expect(about.CloudWatchMetrics[0]?.Dimensions).toEqual([['stack']]);
    }
    expect(told.lines.join('\n')).not.toContain('Case 1');
  });

  it('that comes twice or an hour late says the same of its own time', async () => {
    await round();
    const command = last();
    const first = metricsOf(await host.invoke('monitor', ended(command)));
    const again = metricsOf(await host.invoke('monitor', ended(command)));
    expect(again).toEqual(first);
    expect(host.commands('monitor')).toHaveLength(1);
  });

  it('is compared with earlier ones, which SSM remembers: counters with the one before, sizes with one of days ago', async () => {
    const first = metricsOf(await round());
    expect(first).not.toHaveProperty('RequestedCheckpoints');
    expect(first).not.toHaveProperty('DiskDaysLeft');
    const earlier = last();
    longAgo(earlier, 23.5 * HOUR_MS);
    earlier.stdout = atTime(earlier.stdout, earlier.requestedAt);
    expect(metricsOf(await round())).toHaveProperty('DiskDaysLeft');
    longAgo(last(), 300_000);
    expect(metricsOf(await round())).toMatchObject({ RequestedCheckpoints: expect.any(Number) as number });
  });

  it('is not asked for while one is still on its way', async () => {
    await host.stop();
    host = await startHost({ programs: { psql: '#!/bin/bash\nsleep 2\nexit 1\n' } });
    await host.invoke('monitor', { kind: 'snapshot' });
    const second = await host.invoke('monitor', { kind: 'snapshot' });
    expect(second.result).toMatchObject({ why: expect.stringContaining('still running') as string });
    expect(host.commands('monitor')).toHaveLength(1);
  });

  it('names what is beyond a level, from the settings, in the log', async () => {
    await host.stop();
    host = await startHost({ overrides: { databaseSize: { warning: 1 } } });
    const told = await round();
    expect(told.result).toMatchObject({ findings: expect.arrayContaining(['databaseSize warning']) as string[] });
    expect(told.lines.join('\n')).toContain('docs/runbooks/space.md#databasesize');
  });

  it('asks the application too', async () => {
    await host.stop();
    host = await startHost({ apiUrl: `http://127.0.0.1:${(api.address() as AddressInfo).port}` });
    expect(metricsOf(await round())).toMatchObject({ ApiUnreachable: 1 });
  });
});

describe('a fault', () => {
  it('of the database, which is down, is an answer', async () => {
    await host.stop();
    host = await startHost({
      server: { port: 1, socketDirectory: server.socketDir, mount: '/', database: database.name },
    });
    const told = await round();
    expect(metricsOf(told)).toMatchObject({ DatabaseUnreachable: 1, MonitorHeartbeat: 1 });
    expect(told.result).toMatchObject({
      findings: expect.arrayContaining(['databaseUnreachable critical']) as string[],
    });
  });

  it('of the application, which holds every connection, does not keep the monitor out', async () => {
    const sessions: Session[] = [];
    try {
      // Readers as well, where a role has a limit of its own.
      let refused = '';
      for (const role of ['app', 'readonly', 'owner'] as const) {
        try {
          for (;;) sessions.push(await databaseAt(server, database.name).connect({ role }));
        } catch (error) {
          refused = String(error);
        }
      }
      expect(refused).toMatch(/connection|slot|clients/);
      const told = metricsOf(await round());
      expect(told).toMatchObject({ DatabaseUnreachable: 0 });
      expect(told['Connections']).toBeGreaterThanOrEqual(sessions.length);
    } finally {
      for (const session of sessions) await session.close();
    }
  });

  it('of the host’s clock is told, and the snapshot keeps a time that can be', async () => {
    await round();
    const command = last();
    command.stdout = command.stdout.replace(/^at .*$/m, `at ${Date.now() / 1000 + 3600}`);
    const told = await host.invoke('monitor', ended(command));
    expect(metricsOf(told)['ClockSkewSeconds']).toBeGreaterThan(3500);
    const times = told.lines.flatMap((line) => {
      const { _aws: about } = JSON.parse(line) as { _aws?: { Timestamp: number } };
      return about === undefined ? [] : [about.Timestamp];
    });
    expect(Math.max(...times)).toBeLessThanOrEqual(Date.now());
  });

  it('of the host, which is away or cuts its answer off, is told as what it is', async () => {
    await round();
    const command = last();
    command.stdout = command.stdout.replace(/^snapshot .*$/m, 'snapshot H4sIAAAA');
    expect(metricsOf(await host.invoke('monitor', ended(command)))).toMatchObject({ DatabaseUnreachable: 1 });
    must(host.ssm.instances[0]).ping = 'ConnectionLost';
    await host.invoke('monitor', { kind: 'snapshot' });
    const told = await host.invoke('monitor', ended(last()));
    expect(metricsOf(told)).toEqual({ MonitorFailures: 1 });
    expect(told.lines.join('\n')).toContain('DeliveryTimedOut');
  });

  it('of an event that is none of its own is refused with what is', async () => {
    for (const event of [
      {},
      { kind: 'snapshot', comparisons: 1000 },
      { kind: 'slot', type: 'full', at: '2026-01-01' },
    ]) {
      expect((await host.invoke('monitor', event)).error?.message).toContain('none of the monitor');
    }
    expect(host.commands('monitor')).toEqual([]);
  });
});
