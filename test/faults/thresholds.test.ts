/**
 * Every threshold fires when what it watches happens on a real server, and clears when that is over. One server for all; a case leaves
 * nothing behind for the next one.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Finding } from '../../infra/ops/monitoring/judge';
import { THRESHOLD_NAMES } from '../../infra/ops/thresholds';
import { DOCUMENTS, ThresholdBench } from '../support/thresholdBench';
import { CASE_NAMES, caseOf } from '../support/thresholdCases';

let bench: ThresholdBench;
beforeAll(async () => {
  bench = await ThresholdBench.start();
});
afterAll(() => bench.stop());

const PATIENCE = { timeout: 30_000, interval: 200 };

it('has a case for every threshold', () => {
  expect([...CASE_NAMES].sort()).toEqual([...THRESHOLD_NAMES].sort());
});

it('still gets in when clients hold every connection, and says so', async () => {
  for (;;) {
    const refused = await bench.session().then(
      () => false,
      (error: unknown) => /remaining connection slots are reserved/.test(String(error)),
    );
    if (refused) break;
  }
  const findings = await bench.look({ planned: { clientConnections: 100 } });
  expect(findings.map(({ name, severity }) => [name, severity])).toContainEqual(['connections', 'critical']);
  expect(findings.map(({ name }) => name)).not.toContain('databaseUnreachable');
  await bench.closeAll();
});

it('is not held up by a table that somebody keeps for himself: it tells what the catalogue knows', async () => {
  const owner = await bench.session('owner');
  await owner.query('BEGIN; LOCK TABLE test_documents IN ACCESS EXCLUSIVE MODE');
  const { tables, indexes, elapsedMs } = await bench.snapshot();
  await bench.closeAll();
  expect(tables.map(({ name, locked }) => [name, locked])).toEqual([
    ['test_documents', true],
    ['test_steps', false],
  ]);
  expect(tables[0]?.rows).toBe(DOCUMENTS);
  expect(indexes.length).toBeGreaterThan(10);
  expect(elapsedMs).toBeLessThan(10_000);
});

describe.each(CASE_NAMES)('%s', (name) => {
  const { look = () => ({}), lookFired, fire, clear, again, after, severity = 'warning', detail } = caseOf(name);
  const of = (findings: readonly Finding[]): Finding | undefined => findings.find((each) => each.name === name);

  it('is silent, fires, and clears', async () => {
    const calm = look(bench);
    // The first look has nothing to compare with.
    await bench.look(calm);
    expect(of(await bench.look(calm))).toBeUndefined();

    let found: Finding | undefined;
    try {
      await fire?.(bench);
      const tense = lookFired === undefined ? calm : await lookFired(bench);
      await expect
        .poll(async () => {
          await again?.(bench);
          found = of(await bench.look(tense));
          return found?.severity;
        }, PATIENCE)
        .toBe(severity);
      if (detail !== undefined) expect(found?.detail).toMatch(detail);
    } finally {
      await clear?.(bench);
      await bench.closeAll();
    }
    await expect
      .poll(async () => {
        await after?.(bench);
        return of(await bench.look(calm));
      }, PATIENCE)
      .toBeUndefined();
    bench.memory = { sizes: [] };
  });
});
