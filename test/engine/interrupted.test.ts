/**
 * `pulumi up` that is cut off, and a server that is killed: the next `up` converges, no server is orphaned, no acknowledged
 * row is lost. Real signals to the real CLI.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSession } from '../../infra/adapters/postgresDatabase';
import { DATABASE_NAME, ROLE_NAMES } from '../../infra/naming';
import { removeStaleLocks } from '../../scripts/toolchain/toolchain';
import { upUntil } from '../support/interrupt';
import { eventually, postmastersBelow, processesNaming } from '../support/processes';
import { expectSuccess, TestStack } from '../support/stack';

let stack: TestStack;
let stateDir: string;

beforeEach(async () => {
  stack = await TestStack.create('cut');
  stateDir = stack.machine.context.stateDir ?? '';
});

afterEach(async () => {
  await stack.remove();
});

async function expectConverged(): Promise<void> {
  expectSuccess(await stack.up());
  expect(postmastersBelow(stateDir)).toHaveLength(1);
  expectSuccess(await stack.pulumi('preview', '--expect-no-changes'));
  const health = await stack.qbench(['health', '--json']);
  expect(health.code, health.stdout + health.stderr).toBe(0);
}

async function expectNothingLeft(): Promise<void> {
  expectSuccess(await stack.destroy());
  expect(postmastersBelow(stateDir)).toEqual([]);
  await eventually('plugins of this stack ended', () => processesNaming(stateDir).length === 0);
}

describe('pulumi up that is interrupted', () => {
  it('by SIGINT while the server is made: says so, and the next up converges', async () => {
    const run = await upUntil(stack, /local-server creating/);
    run.child.kill('SIGINT');
    expect(await run.ended).not.toBe(0);
    await expectConverged();
    await expectNothingLeft();
  });

  it.each([
    ['the server is made', /local-server creating/],
    ['migrations run', /schema-migrations creating/],
    ['indexes are built', /schema-indexes creating/],
  ])('by SIGKILL while %s: the next up converges, and destroy leaves nothing', async (_, marker) => {
    const run = await upUntil(stack, marker);
    run.child.kill('SIGKILL');
    await run.ended;
    // A killed CLI cannot take its lock back; every run of ours looks for such locks first.
    expect(removeStaleLocks(stack.toolchain.paths.backend)).toHaveLength(1);
    await eventually('plugins of the killed run ended', () =>
      processesNaming(stateDir).every(({ command }) => /(bin\/postgres -D|^postgres: )/.test(command)),
    );
    await expectConverged();
    await expectNothingLeft();
  });
});

describe('a server that is killed under load', () => {
  it('loses no acknowledged row, and up heals it', async () => {
    expectSuccess(await stack.up());
    const record = stack.record;
    const pid = stack.serverPid;
    if (record === undefined || pid === undefined) throw new Error('the stack has no server');
    const address = { host: record.socketDir, port: record.port, database: DATABASE_NAME, user: ROLE_NAMES.app };
    const acknowledged: number[] = [];
    const writer = async (first: number): Promise<void> => {
      const session = await openSession(address);
      for (let id = first; ; id += 4) {
        await session.query('INSERT INTO test_documents (test_case_id, uid, title) VALUES ($1, $2, $3)', [
          id,
          `load-${id}`,
          `load ${id}`,
        ]);
        acknowledged.push(id);
      }
    };
    const writers = [0, 1, 2, 3].map((offset) => writer(10_000_000 + offset).catch(() => undefined));
    await eventually('some rows written', () => acknowledged.length > 200);
    process.kill(pid, 'SIGKILL');
    await Promise.all(writers);

    expect(await stack.planned()).toEqual({ 'local-server': 'update' });
    expectSuccess(await stack.up());
    const session = await openSession(address);
    // Gone again: rows without an embedding would be a warning of `health`.
    const { rows } = await session.query<{ id: number }>(
      'DELETE FROM test_documents WHERE test_case_id BETWEEN 10000000 AND 20000000 RETURNING test_case_id AS id',
    );
    await session.close();
    const present = new Set(rows.map(({ id }) => id));
    expect(acknowledged.filter((id) => !present.has(id))).toEqual([]);
    await expectConverged();
    await expectNothingLeft();
  });
});
