/** The parameters that were asked for beside those that the server runs with. */
import type { Queryable } from '../ports';
import { sqlText } from '../sqlText';

export type ParameterStanding = 'equal' | 'differs' | 'pending restart';

export interface ParameterState {
  name: string;
  /** As asked for; undefined for what only the server says. */
  wanted: string;
  /** As the server has it, with its unit; undefined where the server does not know the name. */
  live: string | undefined;
  standing: ParameterStanding;
  /** Where the live value came from, in the words of pg_settings.source. */
  source: string | undefined;
}

interface LiveRow {
  name: string;
  value: string;
  unit: string;
  context: string;
  source: string;
  pendingRestart: boolean;
}

/**
 * Reads the wanted parameters back.
 * @param session a superuser's: other roles are not shown every parameter
 * @param wanted name to value as written in postgresql.conf
 * @param same whether two values of a parameter mean the same, whatever their units
 */
export async function readParameters(
  session: Queryable,
  wanted: Readonly<Record<string, string>>,
  same: (name: string, a: string, b: string) => boolean,
): Promise<ParameterState[]> {
  const { rows } = await session.query<LiveRow>(sqlText('queries/parameters-live'));
  const live = new Map(rows.map((row) => [row.name, row]));
  return Object.entries(wanted).map(([name, value]) => {
    const row = live.get(name);
    const equal = row !== undefined && same(name, value, row.value);
    return {
      name,
      wanted: value,
      live: row === undefined ? undefined : withUnit(row.value, row.unit),
      standing: equal ? 'equal' : row?.pendingRestart === true ? 'pending restart' : 'differs',
      source: row?.source,
    };
  });
}

/** "16384 x 8kB" reads badly: amounts are shown in the largest unit that keeps them whole. */
function withUnit(value: string, unit: string): string {
  const amount = Number(value);
  if (unit === '' || !Number.isInteger(amount) || amount <= 0) return value;
  const kib = { B: 1 / 1024, kB: 1, '8kB': 8, MB: 1024 }[unit];
  if (kib === undefined) return `${value}${unit}`;
  const total = amount * kib;
  for (const [name, size] of [
    ['GB', 1024 ** 2],
    ['MB', 1024],
    ['kB', 1],
  ] as const) {
    if (total % size === 0) return `${total / size}${name}`;
  }
  return `${value}${unit}`;
}
