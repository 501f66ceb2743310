/**
 * The local tier on the real engine: preview, up, refresh, destroy by hand do what a Pulumi user expects. Proves it with
 * whichever plugins this machine has: the official ones, or the offline stand-ins.
 */
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectSuccess, SMALL, TestStack } from '../support/stack';

let stack: TestStack;

beforeAll(async () => {
  stack = await TestStack.create('life');
});

afterAll(async () => {
  await stack.remove();
});

function portAnswers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

describe('a stack of the local tier', () => {
  it('previews before anything exists, without a server and without a connection', async () => {
    const planned = await stack.planned();
    expect(planned['local-server']).toBe('create');
    expect(planned['schema-indexes']).toBe('create');
    expect(stack.record).toBeUndefined();
  });

  it('names the settings that do nothing on its tier, and refuses a tier that is not there before it asks for its settings', async () => {
    stack.configure({ ...SMALL, aws: { region: 'eu-central-1' }, ec2: { volumeGiB: 100 } });
    const warned = expectSuccess(await stack.pulumi('preview'));
    expect(warned.stdout).toContain('on tier local these settings have no effect: aws.region, ec2.volumeGiB;');
    stack.configure({ ...SMALL, tier: 'aurora' });
    const refused = await stack.pulumi('preview');
    expect(refused.code).not.toBe(0);
    expect(refused.stdout).toMatch(
      /tier "aurora" is not part of this version\s+allowed: local, ec2\s+next: +pulumi config set tier/,
    );
    expect(refused.stdout).not.toMatch(/aws\.region|owner/);
    stack.configure(SMALL);
    expect(expectSuccess(await stack.pulumi('preview')).stdout).not.toContain('have no effect');
  });

  it('comes up with every output, the corpus loaded and the indexes valid', async () => {
    expectSuccess(await stack.up());
    const outputs = await stack.outputs();
    expect(Object.keys(outputs).sort()).toEqual(
      [
        'backupRepository',
        'capacity',
        'connectCommand',
        'dashboardUrl',
        'database',
        'databaseUrl',
        'endpoint',
        'port',
        'tier',
      ].sort(),
    );
    expect(outputs).toMatchObject({
      tier: 'local',
      endpoint: '127.0.0.1',
      database: 'mlb_qbench',
      port: stack.record?.port,
    });
    const health = await stack.qbench(['health', '--json']);
    expect(health.code, health.stdout + health.stderr).toBe(0);
  });

  it('serves the application by the connection string of its output', async () => {
    const { databaseUrl } = await stack.outputs();
    const search = await stack.qbench(['search', '--json', '--limit', '3', '--demo-query', '1', '--use-index'], {
      env: { DATABASE_URL: String(databaseUrl) },
    });
    expect(search.code, search.stderr).toBe(0);
    expect(JSON.parse(search.stdout)).toMatchObject({ index: 'idx_test_documents_embedding' });
  });

  it('shows no change in a second preview and makes none in a second up', async () => {
    expectSuccess(await stack.pulumi('preview', '--expect-no-changes'));
    const again = expectSuccess(await stack.up('--expect-no-changes'));
    expect(again.stdout).toMatch(/\d+ unchanged/);
  });

  it('shows no change after a refresh', async () => {
    expectSuccess(await stack.pulumi('refresh', '--yes', '--skip-preview', '--expect-no-changes'));
    expectSuccess(await stack.pulumi('preview', '--expect-no-changes'));
  });

  it('shows a changed connection limit as one update of one role', async () => {
    stack.configure({ ...SMALL, database: { connectionLimits: { readonly: 7 } } });
    expect(await stack.planned()).toEqual({ 'roles-readonly-role': 'update' });
    expectSuccess(await stack.up());
    stack.configure(SMALL);
    expectSuccess(await stack.up());
  });

  it('previews with the server down, and says that up will start it', async () => {
    expectSuccess(await stack.qbench(['server', 'stop']));
    expect(await stack.planned()).toEqual({ 'local-server': 'update' });
    expectSuccess(await stack.up());
    expect(stack.serverPid).toBeDefined();
    expectSuccess(await stack.pulumi('preview', '--expect-no-changes'));
  });

  it('destroys with the server already gone, and leaves no process, no port and no data', async () => {
    const record = stack.record;
    const pid = stack.serverPid;
    if (record === undefined || pid === undefined) throw new Error('the stack has no server');
    process.kill(pid, 'SIGKILL');
    expectSuccess(await stack.destroy());
    expect(stack.serverPid).toBeUndefined();
    expect(await portAnswers(record.port)).toBe(false);
    expect(existsSync(record.dataDir)).toBe(false);
    expect(existsSync(record.socketDir)).toBe(false);
    expect(stack.record).toBeUndefined();
    expect((await stack.state()).filter(({ type }) => type !== 'pulumi:pulumi:Stack')).toEqual([]);
    expectSuccess(await stack.destroy());
  });
});
