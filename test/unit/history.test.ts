/** The history, the pure half: what the updates of a backend say of who changed what. */
import { describe, expect, it } from 'vitest';
import { inOrder, updatesAsHistory } from '../../infra/ops/history/history';

const update = (startTime: string, change: object = {}) => ({
  kind: 'update',
  startTime,
  result: 'succeeded',
  environment: { 'git.author': 'Ada', 'git.head': '0123456789abcdef', 'git.dirty': 'true' },
  config: { 'qbench-postgres:tier': { value: 'local', secret: false } },
  resourceChanges: { same: 26 },
  ...change,
});

describe('the updates of a backend', () => {
  it('tell who, what, and which settings differ from the update before; secrets are not shown', () => {
    const history = updatesAsHistory([
      update('2026-03-02T10:00:00Z', {
        resourceChanges: { same: 20, update: 2, create: 1 },
        config: {
          'qbench-postgres:tier': { value: 'local', secret: false },
          'qbench-postgres:ttlHours': { value: '48', secret: false },
          'other:key': { value: 'v1:xyz', secret: true },
        },
      }),
      update('2026-03-01T10:00:00Z'),
      update('2026-03-03T10:00:00.500Z', {
        kind: 'destroy',
        result: 'failed',
        resourceChanges: { delete: 3 },
        environment: {},
      }),
    ]);
    expect(history.map(({ at, who, what }) => [at, who, what])).toEqual([
      ['2026-03-01T10:00:00Z', 'Ada at 01234567 with changes', 'update succeeded: nothing changed'],
      ['2026-03-02T10:00:00Z', 'Ada at 01234567 with changes', 'update succeeded: 2 updated, 1 created'],
      ['2026-03-03T10:00:00Z', '-', 'destroy failed: 3 deleted'],
    ]);
    expect(history[1]?.settings).toEqual(['other:key: none -> (secret)', 'ttlHours: none -> 48']);
    expect(history[2]?.settings).toEqual([]);
  });

  it('are put in order with what the database remembers', () => {
    const entry = (at: string) => ({ at, source: 'load' as const, who: '-', what: at, settings: [] });
    const mixed = [entry('2026-03-02T00:00:00Z'), entry('2026-03-01T23:59:59Z')];
    expect(inOrder(mixed).map(({ at }) => at)).toEqual(['2026-03-01T23:59:59Z', '2026-03-02T00:00:00Z']);
  });
});
