/** `qbench acceptance`: what the tests of this project cannot prove without an account, proven on a stack that is up. */
import type { Command } from 'commander';
import { PostgresDatabase } from '../../infra/adapters/postgresDatabase';
import { OperatorError, UsageError } from '../../infra/ops/errors';
import { CHECKS, runChecks, type CheckResult } from '../../infra/ops/acceptance/checks';
import type { Ec2Settings } from '../../infra/settings';
import { cloudSettings, hostAccess } from '../support/cloud';
import { confirm } from '../support/confirm';
import { stackOf, type CliContext } from '../support/context';
import { table } from '../support/output';

const HELP = `
Needs an account, and a throwaway stack of tier ec2 that is up: ephemeral: true. It takes a full backup there; it changes nothing else.
After pulumi destroy, --gone proves that nothing with the tags of the stack is left.
Exit code 1 where a check failed.`;

export function register(program: Command, context: CliContext): void {
  program
    .command('acceptance')
    .description('proves on a throwaway stack in AWS what the tests cannot prove without an account')
    .option('--list', 'only names the checks and what each proves')
    .option('--gone', 'proves that a destroyed stack left nothing behind')
    .option('--yes', 'without asking')
    .option('--json', 'as JSON')
    .addHelpText('after', HELP)
    .action(async (options: { list?: boolean; gone?: boolean; yes?: boolean; json?: boolean }, command: Command) => {
      const json = options.json === true;
      if (options.list === true) {
        const checks = CHECKS.map(({ name, proves }) => ({ name, proves }));
        if (json) context.json(checks);
        else
          context.write(
            table(
              ['check', 'proves'],
              checks.map(({ name, proves }) => [name, proves]),
            ),
          );
        return;
      }
      const stack = stackOf(command);
      const settings = throwaway(cloudSettings(stack, context.machine), stack);
      const told = (result: CheckResult): void => {
        if (!json)
          context.write(
            `${result.passed ? 'ok  ' : 'FAIL'} ${result.name}: ${result.saw}\n     proves ${result.proves}\n`,
          );
      };
      const results =
        options.gone === true
          ? [await gone(settings.aws.region, stack)]
          : await prove(context, options.yes === true, settings, stack, told);
      if (options.gone === true) results.forEach(told);
      if (json) context.json(results);
      const failed = results.filter(({ passed }) => !passed).length;
      if (failed > 0) context.exitCode = 1;
      if (!json)
        context.write(
          failed === 0 ? `all ${results.length} checks passed\n` : `${failed} of ${results.length} checks failed\n`,
        );
    });
}

function throwaway(settings: Ec2Settings | undefined, stack: string): Ec2Settings {
  if (settings === undefined)
    throw new UsageError(`stack "${stack}" is not of tier ec2`, { next: 'name a throwaway stack in AWS with --stack' });
  if (!settings.ephemeral)
    throw new UsageError(`stack "${stack}" is not ephemeral`, {
      allowed: 'stacks with ephemeral: true, which may vanish',
      next: 'make one beside it: docs/cost.md, "Deploying"',
    });
  return settings;
}

async function prove(
  context: CliContext,
  yes: boolean,
  settings: Ec2Settings,
  stack: string,
  told: (result: CheckResult) => void,
): Promise<CheckResult[]> {
  await confirm(context, yes, stack, `A full backup of stack ${stack} is taken, and its account is asked about it.`);
  const access = await hostAccess(context, stack);
  const [{ accountView }, { connectVerified }, { taggedResources }] = await Promise.all([
    import('../../infra/adapters/aws/accountView'),
    import('../../infra/adapters/databaseGateway'),
    import('../../infra/adapters/aws/tagged'),
  ]);
  const { resources } = await taggedResources(settings.aws.region, stack);
  const bucket = resources
    .map(({ arn }) => /^arn:aws:s3:::([^/]+-backups-\d+)$/.exec(arn)?.[1])
    .find((name) => name !== undefined);
  if (bucket === undefined)
    throw new OperatorError(`no bucket of stack "${stack}" is found by its tags`, {
      next: `npm run pulumi -- up --stack ${stack}`,
    });
  const { allowedCidrs, allowedSecurityGroupIds } = settings.network;
  return runChecks(
    {
      account: accountView(access, bucket),
      root: await access.runner(),
      postgres: await access.runner('postgres'),
      database: new PostgresDatabase(`stack ${stack}`, ({ role = 'app' }) => access.address(role)),
      verifiedTls: async () => {
        const socket = await connectVerified(await access.server());
        const protocol = socket.getProtocol() ?? '';
        socket.destroy();
        return protocol;
      },
      clearTextRefused: () => access.clearTextRefused(),
      allowedSources: allowedCidrs.length + allowedSecurityGroupIds.length,
      stack,
    },
    told,
  );
}

/** Keys and secrets are deleted after a waiting time; everything else must be gone at once. */
async function gone(region: string, stack: string): Promise<CheckResult> {
  const { taggedResources } = await import('../../infra/adapters/aws/tagged');
  const { resources } = await taggedResources(region, stack);
  const left = resources.map(({ arn }) => arn).filter((arn) => !/^arn:aws:kms:/.test(arn));
  return {
    name: 'nothing left',
    proves: 'a destroy takes away everything that the stack made; a key waits for its deletion',
    passed: left.length === 0,
    saw: left.length === 0 ? 'nothing carries the tags of the stack' : left.join(', '),
  };
}
