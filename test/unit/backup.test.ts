/** What the backup operations decide, from facts alone: labels, times, windows, retention, and what pgBackRest's answers mean. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cappedCommand } from '../../infra/adapters/backup/recovery';
import { archiveCommand, shellQuote } from '../../infra/adapters/backup/native/walScript';
import { segmentsOf } from '../../infra/adapters/backup/pgbackrest/archive';
import { readInfo } from '../../infra/adapters/backup/pgbackrest/infoJson';
import { readVerify } from '../../infra/adapters/backup/pgbackrest/verify';
import type { BackupSet, RepositoryState } from '../../infra/ops/backup/engine';
import { lastProven, parseEvidence } from '../../infra/ops/backup/evidence';
import { backupMetrics } from '../../infra/ops/backup/info';
import { fullOfLabel, isLabel, nextLabel, typeOfLabel } from '../../infra/ops/backup/label';
import { parseRecoveryTime } from '../../infra/ops/backup/recoveryTime';
import { planRetention } from '../../infra/ops/backup/retention';
import {
  archiveState,
  segmentBefore,
  segmentName,
  segmentNumber,
  type ArchivedSegment,
} from '../../infra/ops/backup/wal';
import { goodBackups, planRestore, recoveryWindows } from '../../infra/ops/backup/window';

const DAY = 86_400_000;
const at = (day: number): Date => new Date(Date.UTC(2026, 0, 1) + day * DAY);

/** Commits of the last moments may be in the next segment. */
const before = (time: Date): Date => new Date(time.getTime() - 100);

/** A backup of this day whose WAL is the segment of that number. */
function backup(day: number, type: BackupSet['type'] = 'full', needs: string[] = [], damage?: string): BackupSet {
  const full = needs[0];
  return {
    name: nextLabel(type, full, at(day), []),
    type,
    needs,
    startedAt: at(day),
    stoppedAt: at(day),
    startWal: segmentName(1, day),
    stopWal: segmentName(1, day),
    databaseBytes: 10,
    storedBytes: 10,
    ...(damage === undefined ? {} : { damage }),
  };
}

function wal(days: readonly number[], timeline = 1): ArchivedSegment[] {
  return days.map((day) => ({ name: segmentName(timeline, day), archivedAt: at(day), storedBytes: 1 }));
}

function repository(backups: BackupSet[], days: readonly number[]): RepositoryState {
  return {
    engine: 'native',
    repository: '/backups',
    systemIdentifier: '1',
    postgresVersion: '18',
    backups,
    archive: archiveState(wal(days)),
    archiver: undefined,
    running: undefined,
    retentionDays: 7,
  };
}

describe('labels', () => {
  it('name type and full backup', () => {
    const full = nextLabel('full', undefined, new Date('2026-11-22T20:45:12Z'), []);
    expect(full).toBe('20261122-204512F');
    expect(nextLabel('diff', full, new Date('2026-11-23T02:00:00Z'), [full])).toBe('20261122-204512F_20261123-020000D');
    expect(typeOfLabel(`${full}_20261123-020000I`)).toBe('incr');
    expect(fullOfLabel(`${full}_20261123-020000I`)).toBe(full);
    for (const text of ['latest', '../20261122-204512F', '20261122-204512F/..', '20261122-204512'])
      expect(isLabel(text)).toBe(false);
  });

  it('grow also where the clock was set back', () => {
    const existing = ['20261122-204512F', '20261122-204512F_20261123-020000D'];
    expect(nextLabel('full', undefined, new Date('2020-01-01T00:00:00Z'), existing)).toBe('20261123-020001F');
  });
});

describe('times', () => {
  it.each([
    ['2026-11-22T20:45:00Z', '2026-11-22 20:45:00.000000+00'],
    ['2026-11-22 21:45:00.123456+01:00', '2026-11-22 20:45:00.123456+00'],
    ['2026-11-22 15:15:00-0530', '2026-11-22 20:45:00.000000+00'],
    ['2026-11-22 20:45 UTC', '2026-11-22 20:45:00.000000+00'],
  ])('%s is %s', (given, text) => {
    expect(parseRecoveryTime(given, 'w').text).toBe(text);
  });

  it.each([
    '',
    'now',
    '2026-11-22',
    '2026-13-01T00:00:00Z',
    '2026-02-29T00:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01T00:00:00+19:00',
    '2026-11-22 20:45:00 Europe/Berlin',
  ])('"%s" is refused', (given) => {
    expect(() => parseRecoveryTime(given, 'w')).toThrow(/--to/);
  });

  it('without a zone is refused, with what to write', () => {
    expect(() => parseRecoveryTime('2026-11-22 20:45:00', 'w')).toThrow(/no zone/);
  });
});

describe('WAL', () => {
  it('is named as the server names it', () => {
    expect(segmentName(1, 0x1_0000_0000 / 0x100_0000 - 1)).toBe('0000000100000000000000FF');
    expect(segmentBefore(1, '1/0')).toBe('0000000100000000000000FF');
    expect(segmentBefore(1, '1/1')).toBe('000000010000000100000000');
    fc.assert(
      fc.property(
        fc.nat(),
        fc.integer({ min: 1, max: 99 }),
        (n, timeline) => segmentNumber(segmentName(timeline, n)) === n,
      ),
    );
  });

  it('tells the gaps, also where a timeline forked', () => {
    expect(archiveState(wal([1, 2, 5, 6])).gaps).toEqual([
      { from: segmentName(1, 3), to: segmentName(1, 4), after: at(2) },
    ]);
    // 7 and 8 of the first timeline were given up when the second forked at 6.
    const forked = archiveState([...wal([4, 5, 6, 7, 8]), ...wal([6, 7], 2)]);
    expect(forked).toMatchObject({ first: segmentName(1, 4), last: segmentName(2, 7), gaps: [], segments: 7 });
  });
});

describe('the recovery window', () => {
  const full = backup(1);
  it('ends at the first gap and begins again at the next backup', () => {
    const second = backup(6);
    const state = repository([full, second], [1, 2, 3, 5, 6, 7]);
    expect(recoveryWindows(state)).toEqual([
      { from: at(1), to: before(at(3)) },
      { from: at(6), to: before(at(7)) },
    ]);
    expect(() => planRestore(state, at(4).toISOString(), at(9))).toThrow(/gap/);
    expect(planRestore(state, at(2.5).toISOString(), at(9)).backup.name).toBe(full.name);
    expect(planRestore(state, 'latest', at(9)).backup.name).toBe(second.name);
    expect(() => planRestore(state, at(8).toISOString(), at(9))).toThrow(/not in the repository yet/);
  });

  it('counts on no damaged backup, nor on one that needs it, and offers the one before', () => {
    const damaged = backup(3, 'full', [], 'damaged files: base/1/2');
    const dependent = backup(4, 'incr', [damaged.name]);
    const state = repository([full, damaged, dependent], [1, 2, 3, 4, 5]);
    expect(goodBackups(state)).toEqual([full]);
    expect(planRestore(state, 'latest', at(9)).backup).toBe(full);
    const refusal = (): unknown => planRestore(state, dependent.name, at(9));
    expect(refusal).toThrow(/is damaged/);
    try {
      refusal();
    } catch (error) {
      expect((error as { next: string }).next).toContain(`--to ${full.name}`);
    }
  });
});

describe('retention', () => {
  it('keeps what any moment of the last days needs', () => {
    const fulls = [1, 8, 15].map((day) => backup(day));
    const diff = backup(4, 'diff', [fulls[0]?.name ?? '']);
    const state = repository(
      [fulls[0], diff, fulls[1], fulls[2]].filter((each) => each !== undefined),
      [],
    );
    expect(planRetention(state, 7, at(15.5))).toEqual({
      remove: [diff.name, fulls[0]?.name],
      keepWalFrom: segmentName(1, 8),
    });
    expect(planRetention(state, 7, at(14)).remove).toEqual([]);
  });

  it('never removes the last good full backup or what it needs, whatever is there', () => {
    const sets = fc.array(fc.tuple(fc.integer({ min: 1, max: 60 }), fc.boolean()), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(sets, fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 500 }), (drawn, days, now) => {
        const unique = [...new Map(drawn).entries()].sort(([a], [b]) => a - b);
        const state = repository(
          unique.map(([day, good]) => backup(day, 'full', [], good ? undefined : 'damaged')),
          [],
        );
        const plan = planRetention(state, days, at(60 + now));
        const last = goodBackups(state).at(-1);
        if (last === undefined) return plan.remove.length === 0;
        const kept = segmentNumber(plan.keepWalFrom ?? '') <= segmentNumber(last.startWal);
        return !plan.remove.includes(last.name) && kept;
      }),
    );
  });
});

describe('the shell', () => {
  it('gets paths as they are', () => {
    expect(shellQuote("it's")).toBe(`'it'\\''s'`);
    expect(archiveCommand("/a b/100%/q'x")).toBe(`'/a b/100%%/q'\\''x' push "%p" "%f"`);
    expect(cappedCommand('get "%f"', '0000000100000000000000A0')).toMatch(
      /^case "%f" in .* = "00000000000000A0" \] \|\| exit 1 ;; esac; get "%f"$/,
    );
  });
});

describe("pgBackRest's answers", () => {
  const info = [
    {
      name: 'qbench',
      status: { code: 0, message: 'ok', lock: { backup: { held: true, size: 100, 'size-cplt': 40 } } },
      db: [{ id: 1, 'system-id': 7568392834502389123, version: '18' }],
      archive: [{ id: '18-1', min: '1', max: '2' }],
      backup: [
        {
          label: '20261122-204512F',
          reference: null,
          timestamp: { start: 1_795_380_312, stop: 1_795_380_320 },
          archive: { start: segmentName(1, 3), stop: segmentName(1, 4) },
          error: true,
          info: { size: 1000, repository: { delta: 300 } },
        },
      ],
    },
  ];

  it('keep every digit of the system identifier, errors and progress', () => {
    const text = JSON.stringify(info).replace(/"system-id":\d+/, '"system-id":7568392834502389123');
    const read = readInfo(text, 'qbench');
    expect(read).toMatchObject({
      systemIdentifier: '7568392834502389123',
      postgresVersion: '18',
      archiveId: '18-1',
      running: { doneBytes: 40, totalBytes: 100 },
    });
    expect(read.backups[0]).toMatchObject({
      type: 'full',
      storedBytes: 300,
      damage: expect.stringContaining('pages') as string,
    });
    expect(() => readInfo('[]', 'qbench')).toThrow(/no stanza "qbench"/);
  });

  it('list segments, and nothing else, as the archive', () => {
    const listing = {
      '0000000100000000': { type: 'path' },
      '0000000100000000/000000010000000000000003-0123456789012345678901234567890123456789.zst': {
        type: 'file',
        size: 5,
        time: 1,
      },
      '0000000100000000/000000010000000000000004.partial-0123456789012345678901234567890123456789.zst': {
        type: 'file',
        size: 5,
        time: 1,
      },
      '00000002.history': { type: 'file', size: 5, time: 1 },
    };
    expect(segmentsOf(JSON.stringify(listing))).toEqual([
      { name: segmentName(1, 3), archivedAt: new Date(1000), storedBytes: 5 },
    ]);
  });

  it('name a backup that verify calls invalid', () => {
    const stdout =
      'stanza: qbench\nstatus: error\n  archiveId: 18-1, total WAL checked: 4, total valid WAL: 4\n  backup: 20261122-204512F, status: invalid, total files checked: 9, total valid files: 8\n    missing: 0, checksum invalid: 1, size invalid: 0, other: 0\n';
    const report = readVerify({ code: 0, stdout, stderr: '' }, 7);
    expect(report).toMatchObject({ backups: 1, segments: 4, damages: [{ where: '20261122-204512F' }] });
    const told = `P00   INFO: ${stdout}`;
    expect(readVerify({ code: 0, stdout: `${told}${stdout}`, stderr: '' }, 7)).toEqual(report);
  });
});

describe('evidence', () => {
  it('counts only a restore that was proven, and gives its age', () => {
    const record = (finishedAt: string, passed: boolean): string =>
      JSON.stringify({ version: 1, finishedAt, passed, checks: [] });
    const records = [record(at(1).toISOString(), true), record(at(2).toISOString(), false), 'half a rec'].flatMap(
      parseEvidence,
    );
    expect(records).toHaveLength(2);
    const proven = lastProven(records);
    expect(proven?.finishedAt).toBe(at(1).toISOString());
    const state = repository([backup(1), backup(2, 'full', [], 'damaged')], [1, 2]);
    expect(backupMetrics(state, proven, at(3))).toMatchObject({
      provenRestoreAgeSeconds: (2 * DAY) / 1000,
      backupAgeSeconds: (2 * DAY) / 1000,
      goodBackups: 1,
      damagedBackups: 1,
      walGaps: 0,
    });
  });
});
