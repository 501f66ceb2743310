/**
 * Schedules as EventBridge Scheduler writes them: `cron(minutes hours day-of-month month day-of-week year)` and
 * `rate(value unit)`. https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
 */
import type { Check } from './values';

/** A cron expression taken apart. A day field that does not restrict, or that needs a calendar (L, W, #), is undefined. */
export interface Cron {
  minutes: readonly number[];
  hours: readonly number[];
  daysOfMonth: readonly number[] | undefined;
  months: readonly number[];
  /** 0 is Sunday, as in Date. */
  daysOfWeek: readonly number[] | undefined;
}

interface FieldRule {
  label: string;
  first: number;
  last: number;
  names?: readonly string[];
  /** Forms beside numbers, names, lists, ranges and steps. */
  special?: RegExp;
}

const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const DAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];

const FIELDS = [
  { label: 'minutes', first: 0, last: 59 },
  { label: 'hours', first: 0, last: 23 },
  { label: 'day of month', first: 1, last: 31, special: /^(\?|L|LW|([1-9]|[12]\d|3[01])W)$/ },
  { label: 'month', first: 1, last: 12, names: MONTHS },
  {
    label: 'day of week',
    first: 1,
    last: 7,
    names: DAYS,
    special: /^(\?|([1-7]|SUN|MON|TUE|WED|THU|FRI|SAT)?L|([1-7]|SUN|MON|TUE|WED|THU|FRI|SAT)#[1-5])$/,
  },
  { label: 'year', first: 1970, last: 2199 },
] as const satisfies readonly FieldRule[];

/** The values of one field, undefined for a special form, or what is wrong. */
function parseField(text: string, rule: FieldRule): number[] | undefined | string {
  if (rule.special?.test(text) === true) return undefined;
  const number = (word: string): number => {
    const named = rule.names?.indexOf(word) ?? -1;
    if (named !== -1) return named + 1;
    return /^\d{1,4}$/.test(word) ? Number(word) : Number.NaN;
  };
  const values = new Set<number>();
  for (const part of text.split(',')) {
    const [range = '', step, ...rest] = part.split('/');
    const bounds = range.split('-');
    const from = range === '*' ? rule.first : number(bounds[0] ?? '');
    const to =
      range === '*' || (step !== undefined && bounds.length === 1) ? rule.last : number(bounds[1] ?? bounds[0] ?? '');
    const every = step === undefined ? 1 : number(step);
    const wrong =
      rest.length > 0 || bounds.length > 2 || !(from >= rule.first) || !(to <= rule.last) || from > to || !(every >= 1);
    if (wrong) return `has a wrong ${rule.label} field, which takes ${String(rule.first)} to ${String(rule.last)}`;
    for (let value = from; value <= to; value += every) values.add(value);
  }
  return [...values].sort((a, b) => a - b);
}

/** Takes a `cron(...)` apart. @returns the fields, or what is wrong as the end of a sentence */
export function parseCron(text: string): Cron | string {
  const inner = /^cron\((.*)\)$/s.exec(text)?.[1];
  if (inner === undefined) return 'is no cron(...) expression';
  const fields = inner.split(' ');
  if (fields.length === 7) return 'has seven fields; seconds cannot be given, the finest step is a minute';
  if (fields.length !== FIELDS.length)
    return `has ${String(fields.length)} fields, not six (minutes hours day-of-month month day-of-week year)`;
  const parsed = FIELDS.map((rule, i) => parseField(fields[i] ?? '', rule));
  const wrong = parsed.find((field) => typeof field === 'string');
  if (typeof wrong === 'string') return wrong;
  const unset = [fields[2], fields[4]].filter((field) => field === '?').length;
  if (unset === 0) return 'gives both the day of month and the day of week; exactly one of them must be ?';
  if (unset === 2) return 'gives neither the day of month nor the day of week; exactly one of them must be ?';
  const [minutes, hours, daysOfMonth, months, daysOfWeek] = parsed as (number[] | undefined)[];
  return {
    minutes: minutes ?? [],
    hours: hours ?? [],
    daysOfMonth,
    months: months ?? [],
    daysOfWeek: daysOfWeek?.map((day) => day - 1),
  };
}

/** Takes a `rate(...)` apart. @returns the minutes between two runs, or what is wrong */
function parseRateMinutes(text: string): number | string {
  const parts = /^rate\((\d{1,5}) (minute|hour|day)(s?)\)$/.exec(text);
  if (parts === null)
    return /second/.test(text) ? 'is finer than a minute' : 'is no rate(...) of minutes, hours or days';
  const value = Number(parts[1]);
  if (value === 0) return 'never runs';
  return value * { minute: 1, hour: 60, day: 24 * 60 }[parts[2] as 'minute' | 'hour' | 'day'];
}

/** What a person who writes a crontab line probably meant. */
function fromCrontab(text: string): string | undefined {
  const bare = text
    .trim()
    .replace(/^cron\((.*)\)$/s, '$1')
    .trim();
  const fields = bare.split(/\s+/);
  if (fields.length === 6) return `cron(${fields.join(' ')})`;
  if (fields.length !== 5) return undefined;
  const [minutes = '', hours = '', dayOfMonth = '', month = '', dayOfWeek = ''] = fields;
  if (dayOfWeek.includes('/')) return undefined;
  // crontab counts Sunday as 0 or 7, EventBridge as 1: names mean the same in both.
  const named = dayOfWeek.replaceAll(/\d/g, (digit) => DAYS[Number(digit) % 7] ?? digit);
  const days = named === '*' ? `${dayOfMonth} ${month} ?` : `? ${month} ${named}`;
  return `cron(${minutes} ${hours} ${days} *)`;
}

function withMeant(text: string, problem: string): string {
  const meant = fromCrontab(text);
  if (meant === undefined || meant === text || typeof parseCron(meant) === 'string') return problem;
  return `${problem}; did you mean "${meant}"?`;
}

/** When a backup starts: a cron expression that runs at most once an hour. */
export const backupSchedule: Check = (text) => {
  const cron = parseCron(text);
  if (typeof cron === 'string') return withMeant(text, cron);
  return cron.minutes.length > 1 ? 'starts more than one backup an hour' : undefined;
};

/** When the monitor runs: any cron or rate expression. */
export const monitorSchedule: Check = (text) => {
  const rate = parseRateMinutes(text);
  if (typeof rate === 'number') return undefined;
  if (text.startsWith('rate')) return rate;
  const cron = parseCron(text);
  return typeof cron === 'string' ? withMeant(text, cron) : undefined;
};

/** Whether both expressions start something at one minute of some day. Calendar forms (L, W, #) count as any day. */
export function collide(a: Cron, b: Cron): boolean {
  const meet = (x: readonly number[] | undefined, y: readonly number[] | undefined): boolean =>
    x === undefined || y === undefined || x.some((value) => y.includes(value));
  return (
    meet(a.minutes, b.minutes) &&
    meet(a.hours, b.hours) &&
    meet(a.months, b.months) &&
    meet(a.daysOfMonth, b.daysOfMonth) &&
    meet(a.daysOfWeek, b.daysOfWeek)
  );
}

/**
 * Minutes of the UTC week (Sunday 00:00 is 0) at which the expression starts something, for both the winter and the
 * summer offset of the time zone.
 */
export function utcMinutesOfWeek(cron: Cron, timeZone: string): number[] {
  const minutes = new Set<number>();
  for (const season of [Date.UTC(2026, 0, 15), Date.UTC(2026, 6, 15)]) {
    const offset = offsetMinutes(season, timeZone);
    for (const day of cron.daysOfWeek ?? [0, 1, 2, 3, 4, 5, 6]) {
      for (const hour of cron.hours) {
        for (const minute of cron.minutes) {
          const local = (day * 24 + hour) * 60 + minute;
          minutes.add((local - offset + 7 * 24 * 60) % (7 * 24 * 60));
        }
      }
    }
  }
  return [...minutes];
}

const WEEK_MINUTES = 7 * 24 * 60;

/** The longest time between two runs of an expression, in minutes, in a week like any other; a week where it needs a calendar. */
export function longestGapMinutes(expression: string): number {
  const rate = parseRateMinutes(expression);
  if (typeof rate === 'number') return rate;
  const cron = parseCron(expression);
  if (typeof cron === 'string') return WEEK_MINUTES;
  const times = utcMinutesOfWeek(cron, 'Etc/UTC').sort((a, b) => a - b);
  const gaps = times.map((time, index) => (times[index + 1] ?? (times[0] ?? 0) + WEEK_MINUTES) - time);
  return Math.max(...gaps);
}

function offsetMinutes(at: number, timeZone: string): number {
  const parts = new Intl.DateTimeFormat('en', { timeZone, timeZoneName: 'longOffset' }).formatToParts(at);
  const name = parts.find((part) => part.type === 'timeZoneName')?.value ?? '';
  const offset = /^GMT([+-])(\d\d):(\d\d)/.exec(name);
  if (offset === null) return 0;
  return (offset[1] === '-' ? -1 : 1) * (Number(offset[2]) * 60 + Number(offset[3]));
}
