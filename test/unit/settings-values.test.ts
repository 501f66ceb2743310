import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  backupSchedule,
  collide,
  monitorSchedule,
  parseCron,
  utcMinutesOfWeek,
  type Cron,
} from '../../infra/settings/schedule';
import { editDistance, nearest } from '../../infra/settings/suggest';
import {
  clientCidr,
  dailyWindow,
  overlap,
  parseDailyWindow,
  parseWeeklyWindow,
  weeklyWindow,
} from '../../infra/settings/values';

describe('ranges of addresses', () => {
  const ipv4 = fc.tuple(fc.integer({ min: 0, max: 0xffff_ffff }), fc.integer({ min: 17, max: 32 }));
  const dotted = (value: number): string => [24, 16, 8, 0].map((shift) => String((value >>> shift) & 255)).join('.');

  it('are taken exactly where no host bit is set', () => {
    fc.assert(
      fc.property(ipv4, ([value, prefix]) => {
        const network = prefix === 32 ? value : Number(BigInt(value) & ~((1n << BigInt(32 - prefix)) - 1n));
        expect(clientCidr(`${dotted(network)}/${String(prefix)}`)).toBeUndefined();
        expect(clientCidr(`${dotted(value)}/${String(prefix)}`) === undefined).toBe(value === network);
      }),
    );
  });

  it.each(['2001:db8:1234::/48', 'fd00::/64', '::1/128', '2001:db8:0:0:1::/80'])('take IPv6: %s', (text) => {
    expect(clientCidr(text)).toBeUndefined();
  });

  it.each(['2001:db8::/32', '::/0', 'fe80::1%eth0/128', '1::2::3/64', '10.0.0.0/24/8', ' 10.0.0.0/24', '10.0.0.0/-1'])(
    'refuse %s',
    (text) => {
      expect(clientCidr(text)).toBeTypeOf('string');
    },
  );
});

describe('schedules', () => {
  const fields = (text: string): Cron => {
    const cron = parseCron(text);
    if (typeof cron === 'string') throw new Error(cron);
    return cron;
  };

  it('read lists, ranges, steps and names as EventBridge does', () => {
    expect(fields('cron(0/20 8-10 ? JAN,MAR MON-WED *)')).toEqual({
      minutes: [0, 20, 40],
      hours: [8, 9, 10],
      daysOfMonth: undefined,
      months: [1, 3],
      daysOfWeek: [1, 2, 3],
    });
  });

  it.each([
    'cron(0 2 L * ? *)',
    'cron(0 2 ? * 6L *)',
    'cron(0 2 ? * MON#2 *)',
    'cron(0 2 15W * ? *)',
    'cron(0 2 1 * ? 2030)',
  ])('take %s', (text) => {
    expect(backupSchedule(text)).toBeUndefined();
  });

  it.each([
    'cron(60 2 * * ? *)',
    'cron(5-1 2 * * ? *)',
    'cron(0/0 2 * * ? *)',
    'cron(0 2 0 * ? *)',
    'cron(0 2 * 13 ? *)',
    'cron(0 2 ? * 8 *)',
    'cron(0 2 ? * FRY *)',
    'cron( 0 2 * * ? *)',
    'cron()',
    '@daily',
    '',
  ])('refuse %s', (text) => {
    expect(backupSchedule(text)).toBeTypeOf('string');
  });

  it('may be any rate of minutes, hours or days for the monitor', () => {
    for (const text of ['rate(1 minute)', 'rate(5 minutes)', 'rate(2 hours)', 'cron(0/5 * * * ? *)'])
      expect(monitorSchedule(text)).toBeUndefined();
    for (const text of ['rate(5)', 'rate(-1 minutes)', 'rate(5 fortnights)', 'every 5 minutes'])
      expect(monitorSchedule(text)).toBeTypeOf('string');
  });

  it('collide where they can start in one minute', () => {
    const weekly = fields('cron(0 2 ? * SUN *)');
    expect(collide(weekly, fields('cron(0 2 ? * MON-SAT *)'))).toBe(false);
    expect(collide(weekly, fields('cron(30 2 * * ? *)'))).toBe(false);
    expect(collide(weekly, fields('cron(0 2 * * ? *)'))).toBe(true);
    // The 1st can be a Sunday.
    expect(collide(weekly, fields('cron(0 2 1 * ? *)'))).toBe(true);
  });

  it('are turned into UTC for both seasons, across the end of the week', () => {
    const hour = 60;
    expect(utcMinutesOfWeek(fields('cron(0 1 ? * SUN *)'), 'Etc/UTC')).toEqual([hour]);
    // 01:00 on Sunday in Berlin is Sunday 00:00 UTC in winter and Saturday 23:00 UTC in summer.
    expect(utcMinutesOfWeek(fields('cron(0 1 ? * SUN *)'), 'Europe/Berlin').sort((a, b) => a - b)).toEqual([
      0,
      7 * 24 * hour - hour,
    ]);
    expect(utcMinutesOfWeek(fields('cron(0 1 ? * SUN *)'), 'Asia/Kolkata')).toEqual([7 * 24 * hour - 4.5 * hour]);
  });
});

describe('windows', () => {
  it('may pass the end of the week, and still meet what begins it', () => {
    const late = parseWeeklyWindow('sat:23:30-sun:00:30');
    const early = parseDailyWindow('00:00-01:00')?.[0];
    expect(late !== undefined && early !== undefined && overlap(late, early)).toBe(true);
  });

  it('that only touch do not overlap', () => {
    const [a, b] = [parseWeeklyWindow('sun:04:00-sun:05:00'), parseWeeklyWindow('sun:05:00-sun:06:00')];
    expect(a !== undefined && b !== undefined && overlap(a, b)).toBe(false);
  });

  it.each([
    'sun:04:00-sun:04:29',
    'sun:04:00-tue:04:00',
    'SUN:04:00-SUN:05:00',
    'sun:24:00-mon:01:00',
    'sun:4:00-sun:5:00',
  ])('refuse %s', (text) => {
    expect(weeklyWindow(text)).toBeTypeOf('string');
  });

  it.each(['01:00-01:10', '25:00-26:00', '01:00', '01:00-02:00-03:00'])('refuse %s as a daily window', (text) => {
    expect(dailyWindow(text)).toBeTypeOf('string');
  });
});

describe('suggestions', () => {
  it('measure a distance: 0 only for the same word, the same both ways, never more than the longer word', () => {
    const word = fc.string({ maxLength: 12 });
    fc.assert(
      fc.property(word, word, (a, b) => {
        const distance = editDistance(a, b);
        expect(distance === 0).toBe(a === b);
        expect(distance).toBe(editDistance(b, a));
        expect(distance).toBeGreaterThanOrEqual(Math.abs(a.length - b.length));
        expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length));
      }),
    );
  });

  it('count a swap of neighbours as one slip', () => {
    expect(editDistance('teir', 'tier')).toBe(1);
  });

  it('are given for a slip and not for another word', () => {
    expect(nearest('efConstuction', ['efConstruction', 'efSearch'])).toBe('efConstruction');
    expect(nearest('ef_construction', ['efConstruction', 'efSearch'])).toBe('efConstruction');
    expect(nearest('banana', ['efConstruction', 'efSearch', 'm'])).toBeUndefined();
    expect(nearest('', ['m'])).toBeUndefined();
    expect(nearest('x'.repeat(100_000), ['efConstruction'])).toBeUndefined();
  });
});
