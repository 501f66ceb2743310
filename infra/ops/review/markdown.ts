/** The report as Markdown for a comment of a pull request: the important first, and never longer than such a comment may be. */
import { formatBytes, formatSeconds } from '../../capacity/units';
import { costText, type Cost } from './cost';
import type { CapacityFigure, Report, ReportedChange } from './report';

/** Longest text of the report, in characters; GitHub refuses comments of more than 65,536. */
export const LONGEST_REPORT = 65_000;

/** Longest text of one cell or item. */
const LONGEST_ITEM = 400;
const MOST_DETAILS = 6;

/** Room for each section but the changes, which get what is left. */
const ROOM = { errors: 8_000, gate: 7_000, policies: 7_000, advisories: 5_000, rest: 4_000 } as const;

function clip(text: string, longest = LONGEST_ITEM): string {
  return text.length > longest ? `${text.slice(0, longest - 3)}...` : text;
}

/** Text from outside, so that it can neither end its cell nor call anybody by name. */
function plain(text: string): string {
  return clip(text.replaceAll(/\s+/g, ' ').trim())
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('|', '\\|')
    .replaceAll('@', '&#64;')
    .replaceAll('`', "'");
}

function code(text: string): string {
  return `\`${clip(text.replaceAll(/\s+/g, ' '), 120).replaceAll('`', "'").replaceAll('|', '\\|')}\``;
}

/** As many of the lines as there is room for, and how many are left out. */
function fit(lines: readonly string[], room: number, leftOut: (count: number) => string): string[] {
  const kept: string[] = [];
  let left = room;
  for (const line of lines) {
    if (line.length + 1 > left) return [...kept, leftOut(lines.length - kept.length)];
    kept.push(line);
    left -= line.length + 1;
  }
  return kept;
}

function section(title: string, lines: readonly string[], room: number): string[] {
  if (lines.length === 0) return [];
  return [`### ${title}`, '', ...fit(lines, room, (count) => `- and ${count} more`), ''];
}

const MARKS = { 'loses data': '🛑', replaces: '🔁', restart: '⏸️', slow: '🐢', safe: '✅' } as const;
const OPERATIONS: Readonly<Record<ReportedChange['operation'], string>> = {
  create: 'made',
  update: 'changed',
  replace: 'replaced',
  delete: 'deleted',
  import: 'imported',
  read: 'read',
  same: 'kept',
};

function shortType(type: string): string {
  const [namespace = '', , name = ''] = type.split(':');
  return `${namespace} ${name}`;
}

function row({ risk, operation, name, type, reason, details }: ReportedChange): string {
  const shown = details.slice(0, MOST_DETAILS).map(code);
  const more = details.length > MOST_DETAILS ? [`and ${details.length - MOST_DETAILS} more`] : [];
  const what = [...shown, ...more].join(', ');
  return `| ${MARKS[risk]} ${risk} | ${OPERATIONS[operation]} | ${code(name)} (${plain(shortType(type))}) | ${plain(reason)}${what === '' ? '' : `<br>${what}`} |`;
}

const TABLE = ['| risk | is | resource | why |', '|---|---|---|---|'];

function changes(report: Report, room: number): string[] {
  const { changes: all, omittedChanges } = report;
  if (all.length === 0) {
    const none = report.complete ? 'Nothing changes.' : 'The preview ended before it told of any.';
    return ['### Changes', '', none, ''];
  }
  const grave = all.filter(({ risk }) => risk !== 'safe');
  const harmless = all.filter(({ risk }) => risk === 'safe');
  const heads = 400;
  const first = fit(
    grave.map(row),
    room - heads,
    (count) => `\n${count} more changes that are not safe do not fit here.`,
  );
  const used = first.reduce((sum, line) => sum + line.length + 1, 0);
  const second = fit(
    harmless.map(row),
    room - heads - used - 1_500,
    (count) => `\n${count} more safe changes do not fit here: ${kinds(harmless.slice(-count))}.`,
  );
  return [
    `### Changes`,
    '',
    ...(grave.length > 0 ? [...TABLE, ...first, ''] : []),
    ...(harmless.length > 0
      ? [
          `<details><summary>${harmless.length + omittedChanges} safe changes</summary>`,
          '',
          ...TABLE,
          ...second,
          '',
          '</details>',
          '',
        ]
      : []),
  ];
}

/** "460 aws SecurityGroupIngressRule changed, ..." */
function kinds(some: readonly ReportedChange[]): string {
  const counts = new Map<string, number>();
  for (const { type, operation } of some) {
    const kind = `${plain(shortType(type))} ${OPERATIONS[operation]}`;
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  const sorted = [...counts].sort(([, a], [, b]) => b - a).slice(0, 10);
  return sorted.map(([kind, count]) => `${count} ${kind}`).join(', ');
}

function gate({ gate: { passed, blocked, allowed, backup } }: Report): string[] {
  if (blocked.length + allowed.length === 0) return [];
  return [
    passed ? 'Passed: everything that is destroyed was named.' : '**Refused.**',
    ...blocked.map(
      ({ name, why }) =>
        `- 🛑 ${code(name)}: ${plain(why)}. To allow it: add ${code(name)} to allowDestroy, or the label ${code(`allow-destroy:${name}`)}`,
    ),
    ...allowed.map(
      ({ name, why, allowedBy }) => `- ${code(name)}: ${plain(why)} (allowed by ${plain(allowedBy ?? '')})`,
    ),
    ...(backup === undefined ? [] : [`- backup: ${backup.fresh ? 'fresh' : '🛑 not fresh'}: ${plain(backup.why)}`]),
  ];
}

function amount(value: number | undefined, unit: CapacityFigure['unit']): string {
  if (value === undefined) return 'unknown';
  if (unit === 'bytes') return formatBytes(value);
  if (unit === 'MiB') return formatBytes(value * 1024 * 1024);
  return value.toLocaleString('en-US');
}

function capacity({ capacity: { fits, figures, problems } }: Report): string[] {
  const told = figures.filter(({ before, after }) => before !== undefined || after !== undefined);
  const verdict = fits === undefined ? 'unknown' : fits ? 'fits its host' : '🛑 does not fit its host';
  return [
    `The changed stack: ${verdict}.`,
    ...problems.map((problem) => `- ${plain(problem)}`),
    ...(told.length === 0
      ? []
      : [
          '',
          '| | before | after |',
          '|---|---:|---:|',
          ...told.map(
            ({ name, unit, before, after }) => `| ${name} | ${amount(before, unit)} | ${amount(after, unit)} |`,
          ),
        ]),
  ];
}

function signed(usd: number): string {
  return `${usd < 0 ? '-' : '+'}${Math.abs(usd).toFixed(2)} USD`;
}

function cost({ cost: { before, after, changeUsdPerMonth, note, budget } }: Report): string[] {
  const side = (given: Cost | undefined): string => (given === undefined ? 'unknown' : plain(costText(given)));
  const changed = changeUsdPerMonth === undefined ? 'unknown' : signed(changeUsdPerMonth);
  const region = after?.region ?? before?.region;
  const dearest = (after?.items ?? []).filter(({ usdPerMonth }) => usdPerMonth !== undefined).slice(0, 10);
  const asOf = after?.pricesAsOf ?? before?.pricesAsOf;
  return [
    '| a month | before | after | change |',
    '|---|---|---|---:|',
    `| all resources | ${side(before)} | ${side(after)} | ${changed} |`,
    ...dearest.map(({ name, usdPerMonth, basis }) => {
      const was = before?.items.find((item) => item.name === name)?.usdPerMonth;
      return `| ${code(name)}: ${plain(basis)} | ${was === undefined ? '' : was.toFixed(2)} | ${(usdPerMonth ?? 0).toFixed(2)} | |`;
    }),
    '',
    ...(asOf === undefined
      ? []
      : [
          `List prices${region === undefined ? '' : ` of ${plain(region)}`} as of ${asOf}; taxes, discounts and traffic are not in them.`,
        ]),
    ...(note === undefined ? [] : [plain(note)]),
    ...(budget === undefined ? [] : ['', budgetText(budget)]),
  ];
}

function budgetText({ usdPerMonth, exceeded }: NonNullable<Report['cost']['budget']>): string {
  const budget = `the budget of ${usdPerMonth.toFixed(2)} USD a month`;
  if (exceeded === undefined) return `Whether it stays below ${budget} is not known.`;
  return exceeded ? `🛑 **Above ${budget}.**` : `Below ${budget}.`;
}

/** Most resources that are named for one message of a policy. */
const MOST_NAMED = 12;

/** Each message once, with the resources that it is about. */
function policies(report: Report, level: 'mandatory' | 'advisory'): string[] {
  const groups = new Map<string, { policy: string; message: string; resources: string[] }>();
  for (const { policy, message, resource } of report.policies.filter((verdict) => verdict.level === level)) {
    const key = `${policy} ${message}`;
    const group = groups.get(key) ?? { policy, message, resources: [] };
    groups.set(key, group);
    if (resource !== undefined) group.resources.push(resource);
  }
  return [...groups.values()].map(({ policy, message, resources }) => {
    const named = resources.slice(0, MOST_NAMED).map(code).join(' ');
    const more = resources.length > MOST_NAMED ? ` and ${resources.length - MOST_NAMED} more` : '';
    return `- ${code(policy)}${named === '' ? '' : ` ${named}${more}`}: ${plain(message)}`;
  });
}

function restarts({ parameters }: Report): string[] {
  return [...parameters]
    .sort((a, b) => Number(b.needs === 'restart') - Number(a.needs === 'restart'))
    .map(
      ({ name, before, after, needs }) =>
        `- ${code(`${name}: ${before ?? 'default'} -> ${after ?? 'default'}`)} needs a ${needs}`,
    );
}

function rebuilds({ rebuilds: all }: Report): string[] {
  return all.map(({ index, table, why, estimatedSeconds, errorFactor, rows }) => {
    const time =
      estimatedSeconds === undefined
        ? 'time not known'
        : `about ${formatSeconds(estimatedSeconds)} for ${(rows ?? 0).toLocaleString('en-US')} rows; may be ${errorFactor ?? 2} times more or less`;
    return `- ${code(index)} on ${code(table)}: ${plain(why)}; ${time}`;
  });
}

function migrations({ migrations: all }: Report): string[] {
  return all.map(({ file, drops, unjudged }) => {
    if (unjudged !== undefined) return `- 🛑 ${code(file)}: not judged, ${plain(unjudged)}`;
    return drops.length === 0 ? `- ${code(file)}` : `- 🛑 ${code(file)} drops ${plain(drops.join(', '))}`;
  });
}

function headline({
  stack,
  tier,
  environment,
  risk,
  counts,
  complete,
  gate: { passed },
  policies: verdicts,
}: Report): string[] {
  const refused = verdicts.filter(({ level }) => level === 'mandatory').length;
  const said = Object.entries(counts).map(([what, count]) => `${count} ${plain(what)}`);
  return [
    `## Preview of stack ${code(stack)}: ${complete ? `${MARKS[risk]} ${risk}` : '🛑 failed'}`,
    '',
    `Tier ${plain(tier)}, environment ${plain(environment)}: ${said.length === 0 ? 'no resource' : said.join(', ')}. ` +
      `Gate: ${passed ? 'passed' : '🛑 **refused**'}. Policies: ${refused === 0 ? 'no violation that stops it' : `🛑 **${refused} mandatory violated**`}.` +
      (complete ? '' : ' 🛑 **The preview failed; changes may be missing.**'),
    '',
  ];
}

/**
 * @param longest characters; what does not fit is counted, the least important first
 */
export function reportMarkdown(report: Report, longest: number = LONGEST_REPORT): string {
  const before = [
    ...headline(report),
    ...section(
      'Errors',
      report.errors.map((error) => `- ${plain(error)}`),
      ROOM.errors,
    ),
    ...section('What is destroyed', gate(report), ROOM.gate),
    ...section('Policies that stop it', policies(report, 'mandatory'), ROOM.policies),
  ];
  const after = [
    ...section('Parameters of PostgreSQL', restarts(report), ROOM.rest),
    ...section('Indexes that are built', rebuilds(report), ROOM.rest),
    ...section('Migrations', migrations(report), ROOM.rest),
    ...section('Capacity', capacity(report), ROOM.rest),
    ...section('Cost', cost(report), ROOM.rest),
    ...section('Policies that advise', policies(report, 'advisory'), ROOM.advisories),
    ...section(
      'Warnings',
      report.warnings.map((warning) => `- ${plain(warning)}`),
      ROOM.rest,
    ),
  ];
  const length = (lines: readonly string[]): number => lines.reduce((sum, line) => sum + line.length + 1, 0);
  const lines = [...before, ...changes(report, longest - length(before) - length(after)), ...after];
  return `${lines.join('\n').trimEnd()}\n`;
}

/** The report as JSON of at most so many characters: the safest changes go first. */
export function reportJson(report: Report, longest: number = LONGEST_REPORT): string {
  const print = (some: Report): string => `${JSON.stringify(some, null, 1)}\n`;
  const whole = print(report);
  if (whole.length <= longest) return whole;
  const short = { ...report, errors: report.errors.slice(0, 20).map((error) => clip(error)), warnings: [] };
  let [fits, most] = [0, report.changes.length];
  const cut = (count: number): Report => ({
    ...short,
    policies: short.policies.slice(0, 50).map((verdict) => ({ ...verdict, message: clip(verdict.message) })),
    parameters: short.parameters.slice(0, 50),
    gate: { ...short.gate, blocked: short.gate.blocked.slice(0, 40), allowed: short.gate.allowed.slice(0, 20) },
    cost: { ...short.cost, before: brief(short.cost.before), after: brief(short.cost.after) },
    changes: report.changes
      .slice(0, count)
      .map((change) => ({ ...change, reason: clip(change.reason), details: change.details.slice(0, MOST_DETAILS) })),
    omittedChanges: report.changes.length - count,
  });
  while (fits < most) {
    const middle = Math.ceil((fits + most) / 2);
    if (print(cut(middle)).length <= longest) fits = middle;
    else most = middle - 1;
  }
  return print(cut(fits));
}

function brief(cost: Cost | undefined): Cost | undefined {
  return cost === undefined
    ? undefined
    : { ...cost, items: cost.items.slice(0, 20), unknown: cost.unknown.slice(0, 20) };
}
