/** `qbench host`: the machine of a stack in AWS, through SSM. */
import { Option, type Command } from 'commander';
import { runInteractive } from '../../infra/adapters/interactiveProcess';
import { OperatorError, UsageError } from '../../infra/ops/errors';
import type { CommandResult } from '../../infra/ops/ports';
import { HOST_REFUSED_FILE, HOST_STATUS_FILE } from '../../infra/postgres/hostPaths';
import { hostAccess } from '../support/cloud';
import { confirm } from '../support/confirm';
import { stackOf, type CliContext } from '../support/context';

/** What reads each log, as a script for the host; `$1` is the number of lines. */
const LOGS: Readonly<Record<string, string>> = {
  setup: 'journalctl --unit qbench-setup.service --no-pager --output short-iso --lines "$1"',
  health: 'journalctl --unit qbench-health.service --no-pager --output short-iso --lines "$1"',
  agent: 'journalctl --unit amazon-ssm-agent.service --no-pager --output short-iso --lines "$1"',
  server: 'cd /var/log/postgresql && file=$(ls -t postgresql*.log | head -n 1) && tail -n "$1" "$file"',
  backup: 'cd /var/log/pgbackrest && file=$(ls -t *.log | head -n 1) && tail -n "$1" "$file"',
};

/** The setup may install packages and wait for a volume. */
const SETUP_MS = 30 * 60_000;
const RESTART_MS = 10 * 60_000;

/** The setup too: while it fails, it would start the server again a minute later. */
const STOP = [
  'set -e',
  '. /etc/qbench/host.env',
  '. /usr/local/lib/qbench/common.sh',
  'systemctl stop qbench-setup.service "$QB_UNIT"',
  "set_status stopped '' 'by qbench host stop'",
].join('\n');

const RESTART = [
  '. /etc/qbench/host.env',
  'systemctl restart "postgresql@$QB_MAJOR-main.service" || { journalctl --unit "postgresql@$QB_MAJOR-main.service" --no-pager --output cat --lines 5 >&2; exit 1; }',
  'for second in $(seq 120); do',
  '  if runuser -u postgres -- pg_isready --quiet --port "$QB_PORT"; then',
  // After a stop the setup waits too: what it says and does comes back with the server.
  '    systemctl is-active --quiet qbench-setup.service || systemctl start --no-block qbench-setup.service',
  '    exit 0',
  '  fi',
  '  sleep 1',
  'done',
  'echo "the server takes no connections yet" >&2',
  'exit 1',
].join('\n');

export function register(program: Command, context: CliContext): void {
  const host = program.command('host').description('the host of a stack in AWS, through SSM');
  const run = async (command: Command, script: string, args: string[], timeoutMs: number): Promise<CommandResult> => {
    const runner = await (await hostAccess(context, stackOf(command))).runner();
    return runner.run('bash', ['-c', script, 'bash', ...args], { timeoutMs, signal: context.signal });
  };

  const agree = (command: Command, yes: boolean | undefined, what: string): Promise<void> => {
    const stack = stackOf(command);
    return confirm(context, yes === true, stack, `The server of stack ${stack} ${what}`);
  };

  host
    .command('status')
    .description('how the setup of the host went, as it says itself')
    .option('--json', 'as JSON')
    .action(async (options: { json?: boolean }, command: Command) => {
      const access = await hostAccess(context, stackOf(command));
      const { instanceId, agentVersion } = await access.host();
      const told = parseStatus(
        mustSucceed(await run(command, `cat ${HOST_STATUS_FILE}`, [], 60_000), 'reading the status'),
      );
      if (options.json === true) context.json({ instanceId, agentVersion, ...told });
      else {
        const { state = 'unknown', step = '', reason = '', at = '-' } = told;
        const words = `${state}${step === '' ? '' : ` in ${step}`}${reason === '' ? '' : `: ${reason}`}`;
        context.write(`host ${instanceId}: ${words} (${at})\n`);
      }
      if (told['state'] !== 'ready') context.exitCode = 1;
    });

  host
    .command('shell')
    .description('a shell on the host (Session Manager; recorded by AWS)')
    .action(async (_: unknown, command: Command) => {
      const call = await (await hostAccess(context, stackOf(command))).shell();
      context.exitCode = await runInteractive(call.file, call.args, call.env);
    });

  host
    .command('logs')
    .description('the last lines of a log of the host')
    .argument('[log]', Object.keys(LOGS).join(', '), 'setup')
    .option('-n, --lines <count>', 'how many', '100')
    .action(async (log: string, options: { lines: string }, command: Command) => {
      const script = LOGS[log];
      if (script === undefined)
        throw new UsageError(`"${log}" is no log of a host`, { allowed: Object.keys(LOGS).join(', ') });
      if (!/^[1-9]\d{0,5}$/.test(options.lines))
        throw new UsageError(`--lines ${options.lines}`, { allowed: 'a whole number from 1 to 999999' });
      context.write(mustSucceed(await run(command, script, [options.lines], 60_000), `reading the log of ${log}`));
    });

  host
    .command('apply')
    .description(
      'lets the host set itself up again as its files say; restarts the server only where a parameter needs it',
    )
    .action(async (_: unknown, command: Command) => {
      // A person asks: what was refused before is tried once more.
      const script = `rm -f ${HOST_REFUSED_FILE}; systemctl restart qbench-setup.service; code=$?; cat ${HOST_STATUS_FILE}; exit "$code"`;
      const { code, stdout, stderr } = await run(command, script, [], SETUP_MS);
      const told = parseStatus(stdout);
      if (code !== 0 || told['state'] !== 'ready') {
        throw new OperatorError(
          `the setup failed${told['step'] === undefined || told['step'] === '' ? '' : ` in ${told['step']}`}: ${told['reason'] ?? stderr.trim()}`,
          { next: 'qbench host logs setup shows all of it' },
        );
      }
      context.write('the host is as its files say\n');
    });

  host
    .command('restart')
    .description('restarts the PostgreSQL server of the host; sessions are cut')
    .addOption(new Option('--yes', 'without asking'))
    .action(async (options: { yes?: boolean }, command: Command) => {
      await agree(command, options.yes, 'restarts: every session is cut.');
      mustSucceed(await run(command, RESTART, [], RESTART_MS), 'restarting the server');
      context.write('restarted; the server takes connections\n');
    });

  host
    .command('stop')
    .description('stops the PostgreSQL server of the host, to restore in its place; host apply starts it')
    .addOption(new Option('--yes', 'without asking'))
    .action(async (options: { yes?: boolean }, command: Command) => {
      await agree(command, options.yes, 'stops: every session is cut, and none begins until it is started.');
      mustSucceed(await run(command, STOP, [], RESTART_MS), 'stopping the server');
      context.write('stopped; qbench host apply starts it\n');
    });
}

function mustSucceed({ code, stdout, stderr }: CommandResult, what: string): string {
  if (code !== 0) {
    throw new OperatorError(
      `${what} failed on the host (exit code ${code}): ${stderr.trim().split('\n').at(-1) ?? ''}`,
      {
        next: 'qbench host logs setup, or qbench host shell',
      },
    );
  }
  return stdout;
}

/** The lines `key=value` of the status file. */
function parseStatus(text: string): Record<string, string | undefined> {
  const lines = text.split('\n').filter((line) => line.includes('='));
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
}
