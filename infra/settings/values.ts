/**
 * Kinds of text that a setting can hold. A check returns what is wrong with a text, as the end of a sentence that begins
 * with the text ("is ..."), or undefined where nothing is.
 */
import { isIPv4, isIPv6 } from 'node:net';
import { nearest } from './suggest';

export type Check = (text: string) => string | undefined;

/** Widest range that may connect to a server: the policy pack refuses a /16 and wider. */
const WIDEST_PREFIX = { ipv4: 17, ipv6: 48 } as const;

const CONTROL = /[\u0000-\u001f\u007f]/;

/** Whether the text holds a control character, a line end among them. */
export function hasControlCharacter(text: string): boolean {
  return CONTROL.test(text);
}

/** A check by pattern. */
export function matches(pattern: RegExp, problem: string): Check {
  return (text) => (pattern.test(text) ? undefined : problem);
}

interface Cidr {
  version: 4 | 6;
  prefix: number;
  address: bigint;
}

function addressOf(text: string): { version: 4 | 6; value: bigint } | undefined {
  if (isIPv4(text)) return { version: 4, value: text.split('.').reduce((sum, part) => (sum << 8n) | BigInt(part), 0n) };
  if (!isIPv6(text) || text.includes('%') || text.includes('.')) return undefined;
  const [head = '', tail] = text.split('::');
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const before = groups(head);
  const after = groups(tail ?? '');
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0');
  const all = [...before, ...zeros, ...after];
  return { version: 6, value: all.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n) };
}

function parseCidr(text: string): Cidr | string {
  const parts = /^([^/]+)\/(\d{1,3})$/.exec(text);
  if (parts === null) return 'is not a range: an address, a slash and the number of its fixed bits';
  const address = addressOf(parts[1] ?? '');
  if (address === undefined) return 'does not begin with an IPv4 or IPv6 address';
  const bits = address.version === 4 ? 32 : 128;
  const prefix = Number(parts[2]);
  if (prefix > bits) return `has more than ${String(bits)} fixed bits`;
  if ((address.value & ((1n << BigInt(bits - prefix)) - 1n)) !== 0n)
    return 'has host bits set: it names an address inside the range';
  return { version: address.version, prefix, address: address.value };
}

/** A range that may connect: narrow, exact, never the whole Internet. */
export const clientCidr: Check = (text) => {
  const cidr = parseCidr(text);
  if (typeof cidr === 'string') return cidr;
  if (cidr.prefix === 0) return 'is the whole Internet';
  const widest = cidr.version === 4 ? WIDEST_PREFIX.ipv4 : WIDEST_PREFIX.ipv6;
  return cidr.prefix < widest ? `is wider than /${String(widest)}` : undefined;
};

const PRIVATE_RANGES = [
  { address: 10n << 24n, prefix: 8 },
  { address: (172n << 24n) | (16n << 16n), prefix: 12 },
  { address: (192n << 24n) | (168n << 16n), prefix: 16 },
];

/** The range of a VPC: private IPv4 between /16 and /24, room for four subnets. */
export const vpcCidr: Check = (text) => {
  const cidr = parseCidr(text);
  if (typeof cidr === 'string') return cidr;
  if (cidr.version !== 4) return 'is not IPv4';
  if (cidr.prefix < 16 || cidr.prefix > 24) return 'is not between /16 and /24';
  const inside = PRIVATE_RANGES.some(
    ({ address, prefix }) => cidr.address >> BigInt(32 - prefix) === address >> BigInt(32 - prefix),
  );
  return inside ? undefined : 'is not a private range (RFC 1918)';
};

/** An absolute path of a folder, as it is: nothing expands `~` or variables in a setting. */
export const absolutePath: Check = (text) => {
  if (text.startsWith('~')) return 'begins with ~, which nothing expands here; write the whole path';
  if (!/^(\/|[A-Za-z]:[\\/])/.test(text)) return 'is relative';
  if (hasControlCharacter(text)) return 'holds a control character';
  if (text.includes('$') || text.includes("'")) return 'holds $ or a quote, which PostgreSQL commands cannot take';
  if (text.split(/[\\/]/).includes('..')) return 'goes through ..';
  return text === '/' ? 'is the root of the file system' : undefined;
};

/** An IANA time zone, letter for letter. */
export const timeZone: Check = (text) => {
  try {
    new Intl.DateTimeFormat('en', { timeZone: text });
    // Intl takes "utc", "europe/berlin" and "+02:00" too; EventBridge takes none of them.
    if (/^[A-Z][\w+-]*(\/[A-Z][\w+-]*)*$/.test(text)) return undefined;
  } catch {
    // Not known: said below.
  }
  const near = nearest(text, [...Intl.supportedValuesOf('timeZone'), 'UTC', 'Etc/UTC']);
  return `is no IANA time zone${near === undefined ? '' : `; did you mean "${near}"?`}`;
};

/** A mail address of the form that mail systems really deliver to. */
export const email: Check = (text) =>
  /^[\w.%+-]+@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,}$/.test(text) &&
  text.length <= 254 &&
  !text.includes('..')
    ? undefined
    : 'is no mail address';

/** An http or https URL without user, password, query or fragment. */
export const baseUrl: Check = (text) => {
  if (!URL.canParse(text) || hasControlCharacter(text)) return 'is no URL';
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return 'is no http or https URL';
  if (url.username !== '' || url.password !== '')
    return 'carries a user or a password, and settings are readable by all who see the stack';
  return url.search === '' && url.hash === '' ? undefined : 'has a query or a fragment';
};

export interface Arn {
  service: string;
  region: string;
  accountId: string;
  resource: string;
}

/** The parts of an ARN, or undefined where the text is none. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html */
export function parseArn(text: string): Arn | undefined {
  const parts = /^arn:aws(?:-cn|-us-gov)?:([a-z0-9-]+):([a-z0-9-]*):(\d{12}):([\w/.:*-]+)$/.exec(text);
  if (parts === null) return undefined;
  const [, service = '', region = '', accountId = '', resource = ''] = parts;
  return { service, region, accountId, resource };
}

/** An ARN of one kind of resource. */
export function arnOf(service: string, resource: RegExp): Check {
  return (text) => {
    const arn = parseArn(text);
    if (arn === undefined) return 'is no ARN';
    return arn.service === service && resource.test(arn.resource) ? undefined : `is no ARN of ${service}`;
  };
}

const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const DAY_MINUTES = 24 * 60;
const WEEK_MINUTES = 7 * DAY_MINUTES;

/** Minutes of the week, from Sunday 00:00 UTC, that a window covers; `end` may pass the end of the week. */
export interface Window {
  start: number;
  end: number;
}

function minutesOf(text: string): number | undefined {
  const parts = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(text);
  return parts === null ? undefined : Number(parts[1]) * 60 + Number(parts[2]);
}

/** Parses `ddd:hh:mm-ddd:hh:mm`, as RDS writes a weekly window. Undefined where it is none. */
export function parseWeeklyWindow(text: string): Window | undefined {
  const parts = /^([a-z]{3}):(\d\d:\d\d)-([a-z]{3}):(\d\d:\d\d)$/.exec(text);
  if (parts === null) return undefined;
  const at = (day: string | undefined, time: string | undefined): number | undefined => {
    const index = DAYS.indexOf(day ?? '');
    const minutes = minutesOf(time ?? '');
    return index === -1 || minutes === undefined ? undefined : index * DAY_MINUTES + minutes;
  };
  const start = at(parts[1], parts[2]);
  const end = at(parts[3], parts[4]);
  if (start === undefined || end === undefined) return undefined;
  return { start, end: end <= start ? end + WEEK_MINUTES : end };
}

/** Parses `hh:mm-hh:mm`, as RDS writes a daily window: seven windows, one a day. Undefined where it is none. */
export function parseDailyWindow(text: string): Window[] | undefined {
  const [from, to, ...rest] = text.split('-').map(minutesOf);
  if (from === undefined || to === undefined || rest.length > 0) return undefined;
  const end = to <= from ? to + DAY_MINUTES : to;
  return DAYS.map((_, day) => ({ start: day * DAY_MINUTES + from, end: day * DAY_MINUTES + end }));
}

/** Whether two windows of a week share a minute. */
export function overlap(a: Window, b: Window): boolean {
  return [-WEEK_MINUTES, 0, WEEK_MINUTES].some((shift) => a.start < b.end + shift && b.start + shift < a.end);
}

/** Whether `minute` of the week lies in the window. */
export function covers(window: Window, minute: number): boolean {
  return overlap(window, { start: minute, end: minute + 1 });
}

function windowCheck(parse: (text: string) => readonly Window[] | undefined, example: string): Check {
  return (text) => {
    const first = parse(text)?.[0];
    if (first === undefined) return `is no window such as ${example}`;
    const minutes = first.end - first.start;
    // https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_UpgradeDBInstance.Maintenance.html
    if (minutes < 30) return 'is shorter than 30 minutes';
    return minutes > DAY_MINUTES ? 'is longer than a day' : undefined;
  };
}

/** A weekly window of at least 30 minutes. */
export const weeklyWindow = windowCheck((text) => {
  const window = parseWeeklyWindow(text);
  return window === undefined ? undefined : [window];
}, 'sun:04:00-sun:05:00');

/** A daily window of at least 30 minutes. */
export const dailyWindow = windowCheck(parseDailyWindow, '01:00-02:00');

/** A moment in UTC, to the second. */
export function moment(text: string): string | undefined {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(text)) return 'is no moment in UTC';
  return Number.isNaN(Date.parse(text)) ? 'is no moment of the calendar' : undefined;
}

/** An exception from a rule of the policy pack: rule, resource or *, last day, reason. */
export const POLICY_EXCEPTION = /^([a-z0-9-]{1,60}) (\S{1,200}) until (\d{4}-\d{2}-\d{2}): (\S.{7,300})$/;

/** Checks the form of an exception, and that its last day is one. */
export function policyException(line: string): string | undefined {
  const day = POLICY_EXCEPTION.exec(line)?.[3];
  if (day === undefined) return 'is not of the form RULE RESOURCE until YYYY-MM-DD: reason';
  const date = new Date(`${day}T00:00:00Z`);
  return Number.isNaN(date.getTime()) || !date.toISOString().startsWith(day)
    ? `names a day that there is not: ${day}`
    : undefined;
}
