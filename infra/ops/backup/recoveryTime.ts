/** Reading the time of a point-in-time recovery. A time without its zone means another moment to everybody who reads it. */
import { UsageError } from '../errors';

/** A moment, to the microsecond that PostgreSQL counts in. */
export interface RecoveryTime {
  /** "2026-11-22 20:45:00.123456+00", as recovery_target_time takes it. */
  text: string;
  /** Rounded down to the millisecond. */
  date: Date;
}

const FORM = /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?\s*(Z|UTC|[+-]\d\d(?::?\d\d)?)?$/i;
const ALLOWED =
  'latest, the name of a backup, or a time with its zone, such as 2026-11-22T20:45:00Z or 2026-11-22 21:45:00+01:00';

/**
 * @param text what a person gave
 * @param window words for the recovery window, told with every refusal
 * @throws UsageError for anything else, for a time that no calendar has, and for one without a zone
 */
export function parseRecoveryTime(text: string, window: string): RecoveryTime {
  const match = FORM.exec(text.trim());
  if (match === null) throw new UsageError(`--to "${text}" is no time`, { allowed: ALLOWED, next: window });
  const [, year, month, day, hour, minute, second = '00', fraction = '', zone] = match;
  if (zone === undefined) {
    throw new UsageError(`--to "${text}" has no zone: it means another moment in every country`, {
      allowed: `the same with its offset: "${text.trim()}Z" for UTC, or +01:00`,
      next: window,
    });
  }
  const fields = [year, month, day, hour, minute, second].map(Number);
  const [y = 0, mo = 0, d = 0, h = 0, mi = 0, s = 0] = fields;
  const local = new Date(Date.UTC(y, mo - 1, d, h, mi, s));
  const offset = offsetMinutes(zone);
  const exists =
    local.getUTCFullYear() === y &&
    local.getUTCMonth() === mo - 1 &&
    local.getUTCDate() === d &&
    h < 24 &&
    mi < 60 &&
    s < 60;
  if (!exists || offset === undefined) {
    throw new UsageError(`--to "${text}" is not in the calendar`, { allowed: ALLOWED, next: window });
  }
  const micros = fraction.padEnd(6, '0');
  const date = new Date(local.getTime() - offset * 60_000 + Number(micros.slice(0, 3)));
  return { text: `${date.toISOString().slice(0, 19).replace('T', ' ')}.${micros}+00`, date };
}

/** Minutes east of Greenwich; undefined beyond what any place uses. */
function offsetMinutes(zone: string): number | undefined {
  if (/^(Z|UTC)$/i.test(zone)) return 0;
  const [, sign, hours, minutes = '0'] = /^([+-])(\d\d):?(\d\d)?$/.exec(zone) ?? [];
  const total = Number(hours) * 60 + Number(minutes);
  return Number(minutes) > 59 || total > 14 * 60 ? undefined : sign === '-' ? -total : total;
}
