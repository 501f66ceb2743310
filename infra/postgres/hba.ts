/** pg_hba.conf and pg_ident.conf: who may log in to what, from where, and how. No trust, no md5, no superuser from a network. */
import { isIPv4, isIPv6 } from 'node:net';

/** Map of pg_ident.conf that lets the operators of the machine be any role on the socket. */
const OPERATORS = 'operators';

export interface HbaLine {
  type: 'local' | 'host' | 'hostssl';
  database: string;
  user: string;
  /** CIDR; absent on the socket. */
  address?: string;
  method: 'peer' | 'scram-sha-256';
  options?: string;
}

export interface AuthenticationFiles {
  hba: string;
  ident: string;
}

export interface HostHbaInput {
  /** The application's database. */
  database: string;
  /** Roles that may come over the network; never the superuser. */
  networkRoles: readonly string[];
  superuser: string;
  /** Role that makes roles and the database; from the host itself (and through a tunnel) always, from the ranges where `overNetwork`. */
  administrator: { role: string; overNetwork: boolean };
  /** Ranges that may connect. */
  cidrs: readonly string[];
  /** Users of the host's operating system that may be any role on the socket. */
  operators: readonly string[];
}

/** Shortest prefixes taken: wider ranges are no longer "named clients" (security check 5). */
const SHORTEST_PREFIX = { 4: 16, 6: 32 } as const;

/**
 * The local tier: passwords by TCP from this machine alone; on the socket the kernel says who is there. Without TLS,
 * because the fetched build has none and nothing leaves the machine.
 * @param operators users of this machine that may be any role on the socket
 */
export function localAuthentication(operators: readonly string[]): AuthenticationFiles {
  const lines: HbaLine[] = [];
  for (const database of ['all', 'replication']) {
    lines.push({ type: 'local', database, user: 'all', method: 'peer', options: `map=${OPERATORS}` });
    for (const address of ['127.0.0.1/32', '::1/128']) {
      lines.push({ type: 'host', database, user: 'all', address, method: 'scram-sha-256' });
    }
  }
  return { hba: renderHba(lines), ident: renderIdent(operators) };
}

/**
 * A host of its own: TLS and SCRAM for each named role from each named range; peer on the socket; the superuser on the
 * host itself only, which is also where a tunnel through SSM comes out.
 * @throws RangeError for a range that is none, is too wide, or a role that must not come over the network
 */
export function hostAuthentication(input: HostHbaInput): AuthenticationFiles {
  const { database, networkRoles, superuser, administrator, cidrs, operators } = input;
  if (networkRoles.includes(superuser))
    throw new RangeError(`the superuser "${superuser}" must not log in over the network`);
  if (administrator.role === superuser)
    throw new RangeError(`the superuser "${superuser}" must not log in over the network`);
  const lines: HbaLine[] = [];
  const administers = (address: string): HbaLine => ({
    type: 'hostssl',
    // `postgres` is where it makes the other one from.
    database: `postgres,${name(database)}`,
    user: name(administrator.role),
    address,
    method: 'scram-sha-256',
  });
  for (const target of ['all', 'replication']) {
    lines.push({ type: 'local', database: target, user: 'all', method: 'peer', options: `map=${OPERATORS}` });
  }
  for (const address of ['127.0.0.1/32', '::1/128']) {
    lines.push({ type: 'hostssl', database: 'all', user: name(superuser), address, method: 'scram-sha-256' });
    lines.push(administers(address));
    for (const role of networkRoles) {
      lines.push({ type: 'hostssl', database: name(database), user: name(role), address, method: 'scram-sha-256' });
    }
  }
  for (const cidr of cidrs) {
    assertNarrow(cidr);
    if (administrator.overNetwork) lines.push(administers(cidr));
    for (const role of networkRoles) {
      lines.push({
        type: 'hostssl',
        database: name(database),
        user: name(role),
        address: cidr,
        method: 'scram-sha-256',
      });
    }
  }
  return { hba: renderHba(lines), ident: renderIdent(operators) };
}

/** Quoted, so that a role or database called `all` is no keyword. */
function name(plain: string): string {
  if (plain === '' || /["\x00-\x1f\x7f]/.test(plain))
    throw new RangeError(`${JSON.stringify(plain)} cannot be named in pg_hba.conf`);
  return `"${plain}"`;
}

/** @throws RangeError for anything but a CIDR narrow enough to name somebody */
function assertNarrow(cidr: string): void {
  const [address = '', prefix = '', ...rest] = cidr.split('/');
  const family = isIPv4(address) ? 4 : isIPv6(address) ? 6 : undefined;
  const bits = /^\d{1,3}$/.test(prefix) ? Number(prefix) : -1;
  if (
    family === undefined ||
    rest.length > 0 ||
    bits < 0 ||
    bits > (family === 4 ? 32 : 128) ||
    address.includes('%')
  ) {
    throw new RangeError(`"${cidr}" is no range of addresses such as 10.64.0.0/20`);
  }
  if (bits < SHORTEST_PREFIX[family]) {
    throw new RangeError(`"${cidr}" is too wide to let in; at most /${SHORTEST_PREFIX[family]}`);
  }
}

function renderHba(lines: readonly HbaLine[]): string {
  const rows = [
    ['# TYPE', 'DATABASE', 'USER', 'ADDRESS', 'METHOD'],
    ...lines.map((line) => [
      line.type,
      line.database,
      line.user,
      line.address ?? '',
      line.options === undefined ? line.method : `${line.method} ${line.options}`,
    ]),
  ];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const text = rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '));
  return `${text.map((line) => line.trimEnd()).join('\n')}\n`;
}

function renderIdent(operators: readonly string[]): string {
  const lines = operators.map((operator) => {
    // A slash would begin a regular expression.
    if (operator.startsWith('/')) throw new RangeError(`"${operator}" is no name of a user`);
    return `${OPERATORS}  ${name(operator)}  all`;
  });
  return ['# MAPNAME  SYSTEM-USERNAME  PG-USERNAME', ...lines, ''].join('\n');
}
