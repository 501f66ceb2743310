/** `qbench github`: what the workflows say on GitHub. On a laptop it prints what it would say. */
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import type { Command } from 'commander';
import { GitHub } from '../../infra/adapters/github';
import { messageOf, UsageError } from '../../infra/ops/errors';
import { workflowRoles, type WorkflowRole } from '../../infra/ops/review/workflowRoles';
import { stackOf, type CliContext } from '../support/context';

const KIND = /^[a-z][a-z0-9-]{0,39}$/;

export function register(program: Command, context: CliContext): void {
  const github = program
    .command('github')
    .description('one comment on a pull request, or one issue, edited and never repeated; the roles of the workflows');

  github
    .command('comment [file]')
    .description('the comment of a kind on a pull request, from a file or standard input')
    .requiredOption('--pull <number>', 'number of the pull request')
    .requiredOption('--kind <kind>', 'tells it from other comments: preview')
    .action(async (file: string | undefined, options: { pull: string; kind: string }) => {
      const pull = Number(options.pull);
      if (!Number.isInteger(pull) || pull < 1) throw new UsageError(`--pull ${options.pull}`, { allowed: 'a number' });
      checkKind(options.kind);
      const body = await bodyOf(file, context);
      const place = placeOf(context);
      if (place === undefined) {
        context.write(body);
        return;
      }
      context.write(`comment ${await new GitHub(place).comment(pull, options.kind, body)}\n`);
    });

  github
    .command('issue [file]')
    .description('the open issue of a kind, from a file or standard input; with --close, its end')
    .requiredOption('--kind <kind>', 'tells it from other issues: drift')
    .option('--title <title>', 'title of the issue')
    .option('--close', 'closes it, if it is open')
    .action(async (file: string | undefined, options: { kind: string; title?: string; close?: boolean }) => {
      checkKind(options.kind);
      const place = placeOf(context);
      if (options.close === true) {
        const closed = place === undefined ? undefined : await new GitHub(place).closeIssue(options.kind);
        context.write(closed === undefined ? 'no such issue is open\n' : `closed #${closed}\n`);
        return;
      }
      if (options.title === undefined) throw new UsageError('--title is missing', { allowed: '--title, or --close' });
      const body = await bodyOf(file, context);
      if (place === undefined) {
        context.write(`${options.title}\n\n${body}`);
        return;
      }
      context.write(`issue #${await new GitHub(place).openIssue(options.kind, options.title, body)}\n`);
    });

  github
    .command('roles')
    .description('the IAM roles that the workflows take on: who may, and what it lets them do')
    .requiredOption('--repository <owner/name>', 'on GitHub')
    .requiredOption('--account <id>', 'of AWS')
    .requiredOption('--region <region>', 'of AWS')
    .requiredOption('--state-bucket <bucket>', 'of PULUMI_BACKEND_URL, s3://BUCKET')
    .option('--json', 'as JSON')
    .action((options: RoleOptions, command: Command) => {
      const { repository, account: accountId, region, stateBucket } = options;
      const wrong = Object.entries(ROLE_VALUES).filter(([name, { pattern }]) => !pattern.test(options[name as Named]));
      if (wrong.length > 0) {
        throw new UsageError(wrong.map(([name, { flag }]) => `${flag} "${options[name as Named]}"`).join(', '), {
          allowed: wrong.map(([, { flag, allowed }]) => `${flag}: ${allowed}`).join('; '),
        });
      }
      const roles = workflowRoles({ repository, accountId, region, stateBucket, stack: stackOf(command) });
      if (options.json === true) context.json(roles);
      else context.write(roles.map(roleText).join('\n'));
    });
}

type Named = 'repository' | 'account' | 'region' | 'stateBucket';
type RoleOptions = Record<Named, string> & { json?: boolean };

const ROLE_VALUES: Readonly<Record<Named, { flag: string; pattern: RegExp; allowed: string }>> = {
  repository: { flag: '--repository', pattern: /^[\w.-]+\/[\w.-]+$/, allowed: 'owner/name' },
  account: { flag: '--account', pattern: /^\d{12}$/, allowed: 'twelve digits' },
  region: { flag: '--region', pattern: /^[a-z]{2}(-[a-z]+)+-\d$/, allowed: 'such as eu-central-1' },
  stateBucket: {
    flag: '--state-bucket',
    pattern: /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/,
    allowed: 'the name of a bucket',
  },
};

function roleText({ variable, about, trust, policy, managedPolicyArns }: WorkflowRole): string {
  const json = (value: object): string => JSON.stringify(value, null, 2);
  const attached = managedPolicyArns.length === 0 ? 'none' : managedPolicyArns.join(', ');
  return `## ${variable}: ${about}\n\ntrust policy:\n${json(trust)}\n\npolicy:\n${json(policy)}\n\nmanaged policies: ${attached}\n`;
}

function checkKind(kind: string): void {
  if (!KIND.test(kind)) throw new UsageError(`--kind ${kind}`, { allowed: 'small letters, digits and hyphens' });
}

async function bodyOf(file: string | undefined, context: CliContext): Promise<string> {
  if (file === undefined || file === '-') return text(context.stdin);
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new UsageError(`${file} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

/** Undefined on a laptop: what would be said is then printed. */
function placeOf({ env }: CliContext): { apiUrl: string; repository: string; token: string } | undefined {
  const [token, repository] = [env['GITHUB_TOKEN'], env['GITHUB_REPOSITORY']];
  if (token === undefined || repository === undefined) return undefined;
  return { token, repository, apiUrl: env['GITHUB_API_URL'] ?? 'https://api.github.com' };
}
