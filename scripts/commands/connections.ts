/** `qbench connections`: who is connected, who holds up whom, and the end of forgotten transactions. */
import type { Command } from 'commander';
import { OperatorError, UsageError } from '../../infra/ops/errors';
import { amountOf } from '../../infra/ops/monitoring/amount';
import { endIdleInTransaction, idleInTransaction } from '../../infra/ops/monitoring/idleSessions';
import type { Snapshot } from '../../infra/ops/monitoring/snapshot';
import { confirm } from '../support/confirm';
import type { CliContext } from '../support/context';
import { withSnapshot } from '../support/monitoring';
import { table } from '../support/output';

interface Flags {
  terminateIdleInTransaction?: string;
  yes?: boolean;
  json?: boolean;
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, min: 60, h: 3600, d: 86_400 };

/** @returns seconds of "90s", "30m", "1h", "2d" */
function parseAge(text: string): number {
  const [, digits = '', unit = ''] = /^(\d+)\s*([a-z]+)$/.exec(text.trim()) ?? [];
  const factor = UNITS[unit];
  if (factor === undefined || Number(digits) === 0) {
    throw new UsageError(`--terminate-idle-in-transaction ${text}`, {
      allowed: 'a whole number from 1 with its unit: 90s, 30m, 1h, 2d',
    });
  }
  return Number(digits) * factor;
}

export function register(program: Command, context: CliContext): void {
  program
    .command('connections')
    .description('connections by role and state against their limits, long transactions, who waits for whom')
    .option('--terminate-idle-in-transaction <age>', 'ends sessions idle in a transaction for longer: 30m, 1h')
    .option('-y, --yes', 'without asking')
    .option('--json', 'as JSON')
    .action(async (flags: Flags, command: Command) => {
      if (flags.terminateIdleInTransaction === undefined) {
        await withSnapshot(context, command, ({ sessions }) => {
          if (flags.json === true) context.json(sessions);
          else context.write(forPeople(sessions));
        });
        return;
      }
      await terminate(context, command, flags, parseAge(flags.terminateIdleInTransaction));
    });
}

async function terminate(context: CliContext, command: Command, flags: Flags, seconds: number): Promise<void> {
  const database = context.database(command);
  const found = await idleInTransaction(database, seconds);
  if (found.length === 0) {
    if (flags.json === true) context.json({ ended: [] });
    else context.write(`no session has been idle in a transaction for ${amountOf(seconds, 'Seconds')}\n`);
    return;
  }
  const lines = found.map(
    (each) =>
      `  pid ${each.pid}, ${each.role}, ${each.application}, ${each.client}: ${amountOf(each.seconds, 'Seconds')}`,
  );
  await confirm(
    context,
    flags.yes === true,
    'terminate',
    `${found.length} sessions are ended and their transactions rolled back:\n${lines.join('\n')}`,
  );
  const ended = await endIdleInTransaction(database, found, seconds);
  if (flags.json === true) context.json({ ended });
  else context.write(`${ended.length} of ${found.length} ended: pid ${ended.join(', ')}\n`);
  const left = found.filter(({ pid }) => !ended.includes(pid));
  if (left.length > 0)
    throw new OperatorError(`not ended: pid ${left.map(({ pid }) => pid).join(', ')}; they went on in the meantime`);
}

function forPeople(sessions: Snapshot['sessions']): string {
  const seconds = (value: number): string => amountOf(value, 'Seconds');
  const parts = [
    `${sessions.used} of ${sessions.limit} connections, ${sessions.reserved} of them reserved; ${sessions.active} active, ` +
      `${sessions.idleInTransaction} idle in transaction, ${sessions.waiting} waiting for locks\n`,
    table(
      ['role', 'state', 'connections'],
      sessions.by.map(({ role, state, count }) => [role ?? '-', state, count]),
      [2],
    ),
  ];
  if (sessions.roles.length > 0) {
    const rows = sessions.roles.map(({ role, used, limit }) => [
      role,
      used,
      limit,
      `${Math.round((100 * used) / limit)} %`,
    ]);
    parts.push(table(['role', 'used', 'limit', 'share'], rows, [1, 2, 3]));
  }
  const longest = [
    ['transaction', sessions.longestTransaction],
    ['statement', sessions.longestQuery],
    ['idle in transaction', sessions.longestIdleInTransaction],
  ] as const;
  const rows = longest.flatMap(([what, fact]) =>
    fact === null ? [] : [[what, fact.pid, fact.role ?? '-', fact.application, seconds(fact.seconds)]],
  );
  if (rows.length > 0) parts.push(table(['longest', 'pid', 'role', 'application', 'for'], rows, [1, 4]));
  if (sessions.blocked.length > 0) {
    parts.push(
      table(
        ['waiting pid', 'role', 'application', 'for', 'blocked by'],
        sessions.blocked.map((each) => [
          each.pid,
          each.role ?? '-',
          each.application,
          seconds(each.seconds),
          each.blockedBy.join(', '),
        ]),
        [0, 3],
      ),
      table(
        ['blocking pid', 'role', 'application', 'state', 'transaction', 'blocks'],
        sessions.blockers.map((each) => [
          each.pid,
          each.role ?? '-',
          each.application,
          each.state ?? '-',
          seconds(each.seconds),
          each.blocks,
        ]),
        [0, 4, 5],
      ),
    );
  }
  return parts.join('\n');
}
