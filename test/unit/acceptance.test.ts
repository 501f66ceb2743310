/** The checks of `qbench acceptance` against an account that is made up: each passes on a right stack and fails on what it is for. */
import { describe, expect, it } from 'vitest';
import { CHECKS, runChecks, type AcceptanceInput } from '../../infra/ops/acceptance/checks';
import type { CommandRunner, Database } from '../../infra/ops/ports';

const answers = (stdout: string, code = 0): CommandRunner => ({
  run: () => Promise.resolve({ code, stdout, stderr: code === 0 ? '' : 'ERROR: [082]: WAL segment was not archived' }),
});

function databaseWith(invalid: number): Database {
  const rows = [{ name: 'qbench_app', invalid }];
  const session = { query: () => Promise.resolve({ rows, rowCount: 1 }), close: () => Promise.resolve() };
  return { label: 'made up', connect: () => Promise.resolve(session as never) };
}

const disk = { id: 'vol-1', encrypted: true, type: 'gp3' };
const GOOD: AcceptanceInput = {
  account: {
    host: () => Promise.resolve({ instanceId: 'i-1', online: true, agentVersion: '3.3' }),
    volumes: () => Promise.resolve([disk, { ...disk, id: 'vol-2' }]),
    inbound: () => Promise.resolve([]),
    metadataToken: () => Promise.resolve('required'),
    backupObjects: () => Promise.resolve(['trial/backup/qbench/latest']),
    bucketPrivate: () => Promise.resolve(true),
  },
  root: answers('state=ready\nstep=\n'),
  postgres: answers(''),
  database: databaseWith(0),
  verifiedTls: () => Promise.resolve('TLSv1.3'),
  clearTextRefused: () => Promise.resolve(true),
  allowedSources: 0,
  stack: 'trial',
};

async function failing(change: Partial<AcceptanceInput>): Promise<string[]> {
  const results = await runChecks({ ...GOOD, ...change }, () => undefined);
  expect(results).toHaveLength(CHECKS.length);
  return results.filter(({ passed }) => !passed).map(({ name, saw }) => `${name}: ${saw}`);
}

const account = (change: Partial<AcceptanceInput['account']>): Partial<AcceptanceInput> => ({
  account: { ...GOOD.account, ...change },
});

describe('the checks', () => {
  it('pass on a stack that is right, each told as it comes', async () => {
    const told: string[] = [];
    await runChecks(GOOD, ({ name }) => void told.push(name));
    expect(told).toEqual(CHECKS.map(({ name }) => name));
    expect(await failing({})).toEqual([]);
  });

  it.each<[string, Partial<AcceptanceInput>, RegExp]>([
    [
      'a host that is lost',
      account({ host: () => Promise.resolve({ instanceId: 'i-1', online: false, agentVersion: '' }) }),
      /^host online: i-1/,
    ],
    [
      'a failed setup',
      { root: answers('state=failed\nstep=40-packages\n') },
      /^setup done: state=failed step=40-packages/,
    ],
    [
      'a disk in clear',
      account({ volumes: () => Promise.resolve([disk, { ...disk, encrypted: false }]) }),
      /^disks encrypted: .*NOT/,
    ],
    ['a disk that is missing', account({ volumes: () => Promise.resolve([disk]) }), /^disks encrypted/],
    [
      'somebody let in',
      account({ inbound: () => Promise.resolve(['5432 from 0.0.0.0/0']) }),
      /^nobody let in: 5432 from/,
    ],
    ['IMDSv1', account({ metadataToken: () => Promise.resolve('optional') }), /^metadata by token/],
    [
      'a wrong certificate',
      { verifiedTls: () => Promise.reject(new Error('self-signed')) },
      /^TLS verified: self-signed/,
    ],
    ['sessions in clear', { clearTextRefused: () => Promise.resolve(false) }, /^clear text refused/],
    ['an invalid index', { database: databaseWith(1) }, /^database usable: .*1 invalid/],
    [
      'WAL that does not arrive',
      { postgres: answers('', 82) },
      /^backup lands in the bucket: pgbackrest ended with 82: ERROR/,
    ],
    [
      'an empty bucket',
      account({ backupObjects: () => Promise.resolve([]) }),
      /^backup lands in the bucket: no object/,
    ],
    ['a public bucket', account({ bucketPrivate: () => Promise.resolve(false) }), /^bucket private: NOT/],
  ])('find %s, and nothing else', async (_, change, expected) => {
    const found = await failing(change);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(expected);
  });

  it('say what each proves', () => {
    expect(CHECKS.every(({ proves }) => proves.length > 20)).toBe(true);
  });
});
