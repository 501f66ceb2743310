/** What a drill publishes for the previews of pull requests: with the real SDK, against the stand-in of Parameter Store. Not proven: rights. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { StackAccess } from '../../infra/adapters/aws/stackAccess';
import { systemClock } from '../../infra/adapters/systemClock';
import type { BackupInfo } from '../../infra/ops/backup/info';
import { publicEvidence, readBackupEvidence } from '../../infra/ops/review/backupEvidence';
import { SsmServer } from '../support/ssmServer';

let server: SsmServer;
let access: StackAccess;

beforeAll(async () => {
  server = await SsmServer.start({ executor: () => Promise.reject(new Error('no command is run')) });
  for (const [name, value] of Object.entries(server.env)) vi.stubEnv(name, value);
  const place = { stack: 'prod', region: 'eu-central-1', access: 'tunnel', port: 5432 } as const;
  access = new StackAccess(place, systemClock, process.env);
});
afterAll(async () => {
  access.close();
  vi.unstubAllEnvs();
  await server.stop();
});

/** Of a year of daily backups, the newest of which was restored. */
function info(): { stack: string } & BackupInfo {
  const backups = Array.from({ length: 365 }, (_, i) => ({
    name: `20261122-020000F_${String(20_000_000 + i)}-020000D`,
    ...(i === 360 ? { damage: 'pages of the server are damaged'.repeat(20) } : {}),
  }));
  const lastProvenRestore = { backup: backups.at(-1)?.name, passed: true, finishedAt: '2026-11-22T04:00:00.000Z' };
  const told = { stack: 'prod', repository: 'host i-0', backups, lastProvenRestore };
  return told as unknown as { stack: string } & BackupInfo;
}

describe('the evidence of a drill', () => {
  it('is not there before the first one, which is said with what makes it', async () => {
    await expect(access.publishedEvidence()).rejects.toMatchObject({
      message: 'no evidence of backups of stack prod was published',
      next: expect.stringContaining('qbench drill --stack prod') as string,
    });
  });

  it('fits a parameter, and says as much as the gate reads', async () => {
    const whole = info();
    await access.publishEvidence(JSON.stringify(publicEvidence(whole)));
    const published = await access.publishedEvidence();
    expect(published.length).toBeLessThan(4_096);
    expect(readBackupEvidence(published)).toEqual(readBackupEvidence(JSON.stringify(whole)));
    expect(published).toContain('"damage":"damaged"');
    expect(server.calls).toEqual(['GetParameter', 'PutParameter', 'GetParameter']);
  });
});
